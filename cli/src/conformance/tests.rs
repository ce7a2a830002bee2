#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::cases::{self, Case, Expect, Takes};
use super::judge::{self, Verdict};
use super::message::{self, Payload, Plain};
use crate::client::wire::Received;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use std::collections::BTreeSet;

fn plain() -> Plain {
    Plain {
        source: "urn:test:suite".into(),
        ty: "test.v1".into(),
        data: r#"{"a":1}"#.into(),
        dataschema: "https://example.org/s".into(),
        run: "run".into(),
    }
}

fn case(name: &str) -> Case {
    let all = cases::all().unwrap();
    all.into_iter().find(|case| case.case == name).unwrap()
}

fn text(message: &message::Message) -> String {
    String::from_utf8_lossy(&message.body).into_owned()
}

#[test]
fn every_case_is_whole_and_named_once() {
    let all = cases::all().unwrap();
    let names: BTreeSet<_> = all.iter().map(|case| case.case.as_str()).collect();
    assert_eq!(names.len(), all.len(), "a name twice");
    let known = include_str!("../../../tests/conformance/requirements.json");
    for case in &all {
        let name = &case.case;
        assert!(
            !case.de.is_empty() && !case.en.is_empty() && !case.covers.is_empty(),
            "{name}"
        );
        for id in &case.covers {
            assert!(
                known.contains(&format!("\"id\": \"{id}\"")),
                "{name}: {id} is no requirement"
            );
        }
        let message = plain().message(case);
        assert!(!text(&message).contains("${"), "{name}: {}", text(&message));
        // What is to be accepted must be understood here, or nothing could be compared.
        if case.expect == Expect::Accepted && name != "json-3-batch-empty" {
            assert!(!message.events.is_empty(), "{name}: {}", text(&message));
        }
        for event in &message.events {
            assert!(event.id.starts_with("run-"), "{name}: {}", event.id);
        }
        for (header, _) in &message.headers {
            assert!(
                http::HeaderName::try_from(header.as_str()).is_ok(),
                "{name}: {header:?}"
            );
        }
        // The suite's own data is an object, so a case with other data says so.
        let own = message.events.iter().any(|event| match &event.data {
            Payload::Json(value, _) => value.get("a").is_none(),
            Payload::None | Payload::Bytes(_) => true,
        });
        assert!(!own || case.needs != Takes::Given, "{name}");
    }
    assert!(
        all.iter().take(3).all(|case| case.baseline),
        "baselines come first"
    );
}

#[test]
fn a_case_becomes_the_request_it_describes() {
    let twice = plain().message(&case("core-4-id-twice"));
    assert_eq!(
        text(&twice),
        r#"{"specversion":"1.0","id":"run-core-4-id-twice","source":"urn:test:suite","type":"test.v1","datacontenttype":"application/json","data":{"a":1},"id":"other"}"#
    );
    let binary = plain().message(&case("core-4-binary-extension-twice"));
    let extensions: Vec<_> = binary
        .headers
        .iter()
        .filter(|(name, _)| name == "ce-suiteext")
        .collect();
    assert_eq!(extensions.len(), 2);
    let bytes = plain().message(&case("json-3-not-utf-8"));
    assert!(bytes.body.contains(&0xff) && std::str::from_utf8(&bytes.body).is_err());
    let batch = plain().message(&case("json-3-batch-two"));
    let ids: Vec<_> = batch.events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, ["run-json-3-batch-two-1", "run-json-3-batch-two-2"]);
    let quoted = plain().message(&case("http-4-quoted-escapes"));
    assert_eq!(
        quoted.events[0].attributes["subject"].as_deref(),
        Some(r#"a "b" \c"#)
    );
    let large = plain().message(&case("core-9-64-kib-structured"));
    assert!(
        (65_000..65_536).contains(&large.body.len()),
        "{}",
        large.body.len()
    );
}

fn answered(status: u16, headers: &[(&'static str, &'static str)]) -> Received {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, value.parse().unwrap());
    }
    Received {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: Bytes::new(),
    }
}

#[test]
fn answers_are_judged_by_what_they_say() {
    use Verdict::{Fail, NotTestable, Pass};
    for (name, status, expected) in [
        ("core-1-structured", 202, None),
        ("core-1-structured", 400, Some(Fail)),
        ("core-1-structured", 301, Some(Fail)),
        ("core-1-structured", 500, Some(Fail)),
        ("core-1-structured", 401, Some(NotTestable)),
        ("core-1-structured", 503, Some(NotTestable)),
        ("core-9-64-kib-binary", 413, Some(Fail)),
        ("core-2-without-id", 400, Some(Pass)),
        ("core-2-without-id", 422, Some(Pass)),
        ("core-2-without-id", 200, Some(Fail)),
        ("core-2-without-id", 500, Some(Fail)),
        ("core-2-without-id", 302, Some(Fail)),
        ("core-2-without-id", 403, Some(NotTestable)),
        ("core-2-without-id", 429, Some(NotTestable)),
        ("http-7-unknown-format", 415, Some(Pass)),
        ("http-7-unknown-format", 202, None),
        ("hook-6-unknown-format", 400, Some(Fail)),
        ("hook-6-unknown-format", 415, Some(Pass)),
        ("hook-3-status", 206, Some(Fail)),
        ("hook-7-wrong", 401, Some(Pass)),
        ("hook-7-wrong", 202, Some(Fail)),
        ("safe-1-deep-data", 400, Some(Pass)),
        ("safe-1-deep-data", 500, Some(Fail)),
        ("hook-8-consent", 200, Some(Fail)),
    ] {
        let found = judge::answer(&case(name), &answered(status, &[]));
        assert_eq!(found.map(|finding| finding.verdict), expected, "{name} {status}");
    }
    let origin = ("webhook-allowed-origin", "suite.conformance.example");
    for (name, headers, expected) in [
        ("hook-8-consent", vec![origin], Pass),
        ("hook-8-consent", vec![("webhook-allowed-origin", "*")], Pass),
        (
            "hook-8-consent",
            vec![("webhook-allowed-origin", "other.example")],
            Fail,
        ),
        (
            "hook-8-consent",
            vec![origin, ("webhook-allowed-rate", "0")],
            Fail,
        ),
        ("hook-8-consent-rate", vec![origin], Fail),
        (
            "hook-8-consent-rate",
            vec![origin, ("webhook-allowed-rate", "60")],
            Pass,
        ),
        ("hook-8-allow", vec![("allow", "GET, POST")], Pass),
        ("hook-8-allow", vec![("allow", "GET")], Fail),
    ] {
        let found = judge::answer(&case(name), &answered(200, &headers)).unwrap();
        assert_eq!(found.verdict, expected, "{name} {headers:?}");
    }
    let challenge = answered(401, &[("www-authenticate", "Digest realm=x")]);
    assert_eq!(
        judge::answer(&case("hook-7-none"), &challenge).unwrap().verdict,
        Fail
    );
}

#[test]
fn what_comes_back_is_compared_by_meaning_or_by_spelling() {
    let sent = |members: &str| {
        let text = format!(r#"{{"specversion":"1.0","id":"1","source":"a","type":"t"{members}}}"#);
        message::read(text.as_bytes()).unwrap()
    };
    // (sent, came back, the same in meaning, the same in spelling)
    for (one, other, meaning, spelling) in [
        ("", "", true, true),
        ("", r#","more":"x""#, true, true),
        (r#","x":"1""#, "", false, false),
        (r#","x":1"#, r#","x":"1""#, true, true),
        (r#","x":1"#, r#","x":"2""#, false, false),
        (r#","x":null"#, "", true, true),
        (r#","x":null"#, r#","x":"1""#, false, false),
        (
            r#","time":"2026-01-01T01:00:00+01:00""#,
            r#","time":"2026-01-01T00:00:00Z""#,
            true,
            false,
        ),
        (
            r#","time":"2026-01-01T00:00:00.5Z""#,
            r#","time":"2026-01-01T00:00:00Z""#,
            false,
            false,
        ),
        (r#","data":1.0e2"#, r#","data":100"#, true, false),
        (
            r#","data":{"a":1,"b":2}"#,
            r#","data":{"b":2,"a":1}"#,
            true,
            false,
        ),
        (r#","data":{"a":1}"#, r#","data":{"a":1,"b":2}"#, false, false),
        (r#","data":"{}""#, r#","data":{}"#, false, false),
        (r#","data":null"#, "", false, false),
        (
            r#","datacontenttype":"text/plain","data":"a""#,
            r#","datacontenttype":"text/plain","data_base64":"YQ==""#,
            true,
            true,
        ),
        (
            r#","data_base64":"AP8=""#,
            r#","data_base64":"AP4=""#,
            false,
            false,
        ),
    ] {
        let (sent, came) = (sent(one), sent(other));
        let same = |exact| judge::differences(&sent, &came, exact).is_empty();
        assert_eq!((same(false), same(true)), (meaning, spelling), "{one} -> {other}");
    }
}
