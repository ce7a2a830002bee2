#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::sse::{Message, Parser};
use super::*;

fn message(id: &str, event: &str, data: &str) -> Message {
    Message {
        id: id.to_owned(),
        event: event.to_owned(),
        data: data.to_owned(),
    }
}

#[test]
fn sse_is_read_the_same_however_it_is_cut() {
    let text = ": heartbeat\n\nid: LOG_NGN:7\nevent: de.krefeld.a.v1\ndata: {\"a\":\ndata:  1}\n\nretry: 5\n\n\
                data:ü\r\n\r\nid: 9\rdata\r\rdata: unfinished";
    let expected = [
        message("LOG_NGN:7", "de.krefeld.a.v1", "{\"a\":\n 1}"),
        message("", "", "ü"),
        message("9", "", ""),
    ];
    for cut in 1..text.len() {
        let mut parser = Parser::default();
        for piece in text.as_bytes().chunks(cut) {
            assert!(parser.feed(&Bytes::copy_from_slice(piece)));
        }
        let found: Vec<Message> = std::iter::from_fn(|| parser.take()).collect();
        assert_eq!(found, expected, "cut every {cut} bytes");
    }
}

#[test]
fn problems_become_failures_with_the_codes_exit() {
    let cases = [
        (
            422,
            r#"{"code":"SB-1203","detail":"is not a number","pointer":"/data/x"}"#,
            Some(("SB-1203", Exit::Refused)),
        ),
        (503, r#"{"code":"SB-1405"}"#, Some(("SB-1405", Exit::Unreachable))),
        (
            401,
            r#"{"code":"SB-1301","detail":"\u001b[31m"}"#,
            Some(("SB-1301", Exit::Refused)),
        ),
        (404, r#"{"code":"E404"}"#, None),
        (404, r#"{"code":"SB-12o3"}"#, None),
        (502, "<html>", None),
        (500, "[]", None),
    ];
    for (status, body, expected) in cases {
        let found = problem::failure(StatusCode::from_u16(status).unwrap(), None, body.as_bytes());
        let found = found.as_ref().map(|failure| (failure.code(), failure.exit()));
        assert_eq!(found, expected, "{status} {body}");
    }
    assert_eq!(problem::clean("a\u{1b}[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
}

#[test]
fn addresses_are_checked_and_paths_coded() {
    for bad in ["", "127.0.0.1:7700", "ftp://x", "http://", "not a url"] {
        assert_eq!(Client::new(bad, None).unwrap_err().code(), "SB-6002", "{bad:?}");
    }
    assert_eq!(
        Client::new("http://127.0.0.1:7700/", None).unwrap().server(),
        "http://127.0.0.1:7700"
    );
    assert!(Client::new("http://x", Some("a\nb")).is_err());
    assert_eq!(segment("a/b ü?"), "a%2Fb%20%C3%BC%3F");
    assert_eq!(
        query(&[
            ("a", None),
            ("b", Some("1&2".to_owned())),
            ("c", Some("x".to_owned()))
        ]),
        "?b=1%262&c=x"
    );
    assert_eq!(query(&[("a", None)]), "");
}
