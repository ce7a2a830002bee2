//! Receivers that play with the connection: they answer before they are asked, twice, in another tongue, or never listen.

use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// As large as an event may be: more than the buffers of a connection that nobody reads would take at once.
fn large() -> Event {
    Event::builder(
        "gross",
        "urn:krefeld:ngn:leitwarte",
        "de.krefeld.swk.outage.reported.v1",
    )
    .datacontenttype("text/plain")
    .data(Bytes::from(vec![b'x'; 900 << 10]))
    .build()
    .unwrap()
}

#[tokio::test]
async fn a_second_answer_is_none_to_the_next_delivery() {
    let refused = Act::status(400, "", "");
    let receiver = Receiver::start(move |n| match n {
        0 => Act::Answer([OK, OK].concat()),
        _ => refused.clone(),
    })
    .await;
    let (webhook, target) = (Webhook::new(door()), target(&receiver, Mode::Binary, SOON));
    let first = webhook.deliver(&target, &event(), ID, 1, None).await;
    assert_eq!(first, Outcome::Delivered { status: 200 });
    let second = webhook.deliver(&target, &event(), ID, 2, None).await;
    assert_eq!(second.code(), Some("SB-3001"), "its own answer counts");
    let connections: Vec<_> = receiver.seen().iter().map(|one| one.connection).collect();
    assert_eq!(connections, [0, 1], "what said too much is not used again");
}

#[tokio::test]
async fn who_wants_to_be_left_is_left() {
    let close = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec();
    let receiver = Receiver::start(move |_| Act::Answer(close.clone())).await;
    let (webhook, target) = (Webhook::new(door()), target(&receiver, Mode::Binary, SOON));
    for attempt in 1..=3 {
        let outcome = webhook.deliver(&target, &event(), ID, attempt, None).await;
        assert_eq!(outcome, Outcome::Delivered { status: 200 });
    }
    let connections: Vec<_> = receiver.seen().iter().map(|one| one.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
}

/// Whether that counts as an answer depends on who was quicker; it costs one attempt either way, and means no more than it says.
#[tokio::test]
async fn what_is_answered_before_it_is_asked_is_one_attempt() {
    for status in [200, 410, 503] {
        let receiver = Receiver::start_with(
            |_| Act::Hang,
            move |mut stream: TcpStream| async move {
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await?;
                Err::<TcpStream, std::io::Error>(std::io::ErrorKind::ConnectionAborted.into())
            },
        )
        .await;
        let target = target(&receiver, Mode::Binary, SOON);
        let attempt = Webhook::new(door()).attempt(&target, &large(), ID, 1, None).await;
        assert!(attempt.status.is_none_or(|told| told == status), "{attempt:?}");
        assert_eq!(receiver.connections(), 1, "{attempt:?}");
    }
}

#[tokio::test]
async fn who_never_listens_costs_its_own_time_only() {
    let brief = Duration::from_millis(300);
    let receiver = Receiver::start_with(
        |_| Act::Hang,
        |stream: TcpStream| async move {
            let _held = stream;
            std::future::pending::<std::io::Result<TcpStream>>().await
        },
    )
    .await;
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{}/events", receiver.address);
        let target = WebhookTarget::build(&url, Mode::Structured, brief, &[]).unwrap();
        let start = Instant::now();
        let attempt = Webhook::new(door()).attempt(&target, &large(), ID, 1, None).await;
        assert_eq!(attempt.outcome.code(), Some("SB-3004"), "{scheme}: {attempt:?}");
        assert!(start.elapsed() >= brief, "{scheme}");
    }
}

#[tokio::test]
async fn nothing_of_an_answer_is_carried_into_the_next_request() {
    let asks = "www-authenticate: Basic realm=\"x\"\r\nset-cookie: a=b\r\nalt-svc: h2=\":1\"\r\n";
    let asks = Act::status(401, asks, "");
    let receiver = Receiver::start(move |_| asks.clone()).await;
    let (webhook, target) = (Webhook::new(door()), target(&receiver, Mode::Binary, SOON));
    for attempt in 1..=2 {
        let outcome = webhook.deliver(&target, &event(), ID, attempt, None).await;
        assert_eq!(outcome.code(), Some("SB-3001"));
    }
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2, "nothing is repeated for who wants to know more");
    assert_eq!(seen[1].header("cookie"), None);
    assert_eq!(seen[1].header("authorization"), Some("Bearer r"));
}

#[tokio::test]
async fn an_answer_in_another_tongue_is_told_apart() {
    for (name, answer, code) in [
        ("HTTP/1.0", &b"HTTP/1.0 200 OK\r\n\r\n"[..], None),
        (
            "HTTP/2 unasked",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            Some("SB-3007"),
        ),
        ("HTTP/0.9", b"<html>ja</html>", Some("SB-3007")),
        ("a request", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", Some("SB-3007")),
        ("TLS", b"\x16\x03\x01\x00\x05hello", Some("SB-3007")),
        (
            "a negative length",
            b"HTTP/1.1 200 X\r\ncontent-length: -1\r\n\r\n",
            Some("SB-3007"),
        ),
        (
            "a length without end",
            b"HTTP/1.1 200 X\r\ncontent-length: 99999999999999999999999\r\n\r\n",
            Some("SB-3007"),
        ),
        (
            "NUL in a field",
            b"HTTP/1.1 200 X\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
            Some("SB-3007"),
        ),
        (
            "a folded field",
            b"HTTP/1.1 200 X\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n",
            Some("SB-3007"),
        ),
        (
            "a status of four digits",
            b"HTTP/1.1 2000 X\r\ncontent-length: 0\r\n\r\n",
            Some("SB-3007"),
        ),
        (
            "a status that is none",
            b"HTTP/1.1 000 X\r\ncontent-length: 0\r\n\r\n",
            Some("SB-3007"),
        ),
    ] {
        let (attempt, receiver) = one(Act::AnswerAndClose(answer.to_vec()), SOON).await;
        assert_eq!(attempt.outcome.code(), code, "{name}: {attempt:?}");
        assert_eq!(receiver.connections(), 1, "{name}");
    }
}
