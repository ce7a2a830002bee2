//! Receivers that are slow, dead, mistaken or hostile.

use std::time::Instant;

use super::*;
use crate::deliver::testing::eventually;

#[tokio::test]
async fn an_answer_that_is_none_is_told_apart() {
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let endless = Act::Endless(b"HTTP/1.1 200 X\r\n".to_vec(), b"x-a: 1\r\n".repeat(1000));
    let wide = format!(
        "HTTP/1.1 200 X\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
        "x".repeat(100_000)
    );
    for (name, act, code) in [
        (
            "another protocol",
            Act::AnswerAndClose(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
            "SB-3007",
        ),
        ("noise", Act::AnswerAndClose(vec![0xff; 400]), "SB-3007"),
        (
            "no status",
            Act::AnswerAndClose(b"HTTP/1.1 abc X\r\n\r\n".to_vec()),
            "SB-3007",
        ),
        ("too many fields", Act::status(200, &many, ""), "SB-3007"),
        ("fields without end", endless, "SB-3007"),
        (
            "too wide a field",
            Act::AnswerAndClose(wide.into_bytes()),
            "SB-3007",
        ),
        (
            "two lengths",
            Act::status(200, "content-length: 7\r\n", ""),
            "SB-3007",
        ),
        (
            "switching",
            Act::AnswerAndClose(b"HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec()),
            "SB-3007",
        ),
        (
            "head cut off",
            Act::AnswerAndClose(b"HTTP/1.1 200 OK\r\ncont".to_vec()),
            "SB-3003",
        ),
        ("closed at once", Act::AnswerAndClose(Vec::new()), "SB-3003"),
    ] {
        let (attempt, receiver) = one(act, SOON).await;
        assert_eq!(attempt.outcome.code(), Some(code), "{name}: {attempt:?}");
        assert!(matches!(attempt.outcome, Outcome::Retry { .. }), "{name}");
        assert_eq!(
            receiver.seen().len(),
            1,
            "{name}: on a connection of its own nothing is repeated"
        );
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_costs_its_own_time_only() {
    let brief = Duration::from_millis(300);
    let drip = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
    let provisional = b"HTTP/1.1 102 Processing\r\n\r\n".to_vec();
    let go_on = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    for (name, act) in [
        ("no answer", Act::Hang),
        ("a head drop by drop", Act::Drip(drip)),
        ("provisional answers for ever", Act::Drip(provisional)),
        ("one 100 and nothing more", Act::Answer(go_on.clone())),
        (
            "100 after 100, as fast as they go",
            Act::Endless(go_on.clone(), go_on.repeat(1000)),
        ),
    ] {
        let start = Instant::now();
        let (attempt, _receiver) = one(act, brief).await;
        assert_eq!(attempt.outcome.code(), Some("SB-3004"), "{name}: {attempt:?}");
        assert!(start.elapsed() >= brief, "{name}");
    }
}

#[tokio::test]
async fn what_follows_the_status_cannot_change_it_nor_hold_it_up() {
    let head = |status: u16, length: u64| {
        format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n").into_bytes()
    };
    let chunked = b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let gibibyte = 1 << 30;
    for (name, act, status) in [
        ("a body that does not come", Act::Answer(head(200, 10)), 200),
        (
            "a body cut off",
            Act::AnswerAndClose([head(200, 10), b"abc".to_vec()].concat()),
            200,
        ),
        (
            "a gibibyte",
            Act::Endless(head(200, gibibyte), vec![b'x'; 65_536]),
            200,
        ),
        (
            "a gibibyte of error",
            Act::Endless(head(500, gibibyte), vec![b'x'; 65_536]),
            500,
        ),
        (
            "a body without length",
            Act::Endless(b"HTTP/1.1 200 X\r\n\r\n".to_vec(), vec![b'x'; 65_536]),
            200,
        ),
        (
            "chunks without end",
            Act::Endless(chunked.clone(), b"1\r\nx\r\n".repeat(1000)),
            200,
        ),
        (
            "one chunk with a name without end",
            Act::Endless([&chunked[..], b"1;"].concat(), vec![b'a'; 65_536]),
            200,
        ),
        (
            "trailers without end",
            Act::Endless([&chunked[..], b"0\r\n"].concat(), b"x-a: 1\r\n".repeat(1000)),
            200,
        ),
        ("a body drop by drop", Act::Drip(head(200, 1_000_000)), 200),
        ("an error drop by drop", Act::Drip(head(500, 1_000_000)), 500),
        (
            "chunks that are none",
            Act::AnswerAndClose([chunked, b"zz\r\n".to_vec()].concat()),
            200,
        ),
    ] {
        let (attempt, receiver) = one(act, SOON).await;
        assert_eq!(attempt.status, Some(status), "{name}: {attempt:?}");
        assert_eq!(
            matches!(attempt.outcome, Outcome::Delivered { .. }),
            status == 200,
            "{name}"
        );
        assert!(attempt.excerpt.is_none_or(|text| text.len() <= 1024), "{name}");
        // What the system's buffers took, and not the rest.
        assert!(
            receiver.sent_bytes() < 64 << 20,
            "{name}: {} bytes",
            receiver.sent_bytes()
        );
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_nobodys_failure() {
    // Each connection takes one request, answers as if it would go on, and closes.
    let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    let receiver = Receiver::start(move |_| Act::AnswerAndClose(ok.clone())).await;
    let (webhook, target) = (Webhook::new(door()), target(&receiver, Mode::Binary, SOON));
    for attempt in 1..=50 {
        let outcome = webhook.deliver(&target, &event(), ID, attempt, None).await;
        assert_eq!(outcome, Outcome::Delivered { status: 200 }, "attempt {attempt}");
    }
    assert_eq!(receiver.seen().len(), 50);

    // Closed the moment the second request is on its way: it is sent again, once, on a new connection.
    let receiver = Receiver::start(|n| match n {
        1 => Act::AnswerAndClose(Vec::new()),
        _ => Act::status(200, "", ""),
    })
    .await;
    let target = self::target(&receiver, Mode::Binary, SOON);
    for attempt in 1..=2 {
        let outcome = webhook.deliver(&target, &event(), ID, attempt, None).await;
        assert_eq!(outcome, Outcome::Delivered { status: 200 }, "attempt {attempt}");
    }
    let seen = receiver.seen();
    assert_eq!(
        seen.iter().map(|one| one.connection).collect::<Vec<_>>(),
        [0, 0, 1]
    );
    assert_eq!(seen[1].body, seen[2].body);
    assert_eq!(seen[1].header("webhook-id"), seen[2].header("webhook-id"));
}

#[tokio::test]
async fn nobody_there_is_tried_again_later() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let target = target(&receiver, Mode::Structured, SOON);
    let webhook = Webhook::new(door());
    let address = receiver.address;
    drop(receiver);
    // The port is free once the listener is gone.
    eventually("the port is closed", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
    let attempt = webhook.attempt(&target, &event(), ID, 1, None).await;
    assert_eq!((attempt.outcome.code(), attempt.status), (Some("SB-3003"), None));
    assert!(
        !format!("{attempt:?}").contains("127.0.0.1"),
        "no address is told: {attempt:?}"
    );
}

/// A body that would be a gibibyte if somebody unpacked it: nobody does, and what is kept of it is what came.
#[tokio::test]
async fn a_packed_answer_stays_packed() {
    // The beginning of what `gzip` makes of very many zeros; the rest is more of the same.
    let bomb = [
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xec, 0xc1][..],
        &[1; 100_000][..],
    ]
    .concat();
    for status in [200, 500] {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            bomb.len()
        );
        let (attempt, receiver) = one(Act::Answer([head.into_bytes(), bomb.clone()].concat()), SOON).await;
        assert_eq!(attempt.status, Some(status));
        assert_eq!(
            matches!(attempt.outcome, Outcome::Delivered { .. }),
            status == 200
        );
        assert!(attempt.excerpt.is_none_or(|text| text.len() <= 1024));
        assert_eq!(
            receiver.seen()[0].header("accept-encoding"),
            None,
            "nobody asked for it"
        );
    }
}

/// Redirects of every kind, with and without a place to go to, in chains and in circles: asked once, followed nowhere.
#[tokio::test]
async fn no_redirect_of_any_kind_is_followed() {
    let decoy = Receiver::start(|_| Act::status(200, "", "")).await;
    for status in 300..=308 {
        for place in [
            decoy.url(),
            "/events".to_owned(),
            "//127.0.0.1/".to_owned(),
            "\u{1}".to_owned(),
        ] {
            let headers = format!("location: {place}\r\nrefresh: 0; url={place}\r\n");
            let (attempt, receiver) = one(Act::status(status, &headers, ""), SOON).await;
            assert_eq!(attempt.outcome.code(), Some("SB-3007"), "{status} {place:?}");
            assert_eq!(receiver.seen().len(), 1, "{status} {place:?}");
        }
    }
    assert_eq!(decoy.connections(), 0);
}
