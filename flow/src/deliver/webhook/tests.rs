use stadtbus_event::json;

use super::*;

mod handshake;
mod hostile;
mod wire;

use crate::deliver::testing::{Act, Receiver, Seen, door};

const ID: &str = "fb37.fb37-stromausfall.LOG_NGN.17";
const SOON: Duration = Duration::from_secs(10);
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn event() -> Event {
    Event::builder(
        "ä 1",
        "urn:krefeld:ngn:leitwarte",
        "de.krefeld.swk.outage.reported.v1",
    )
    .subject("stoerung/1")
    .datacontenttype("application/json")
    .data(Bytes::from_static(b"{\"kunden\": 31200, \"faktor\": 1.0e2}"))
    .build()
    .unwrap()
}

fn target(receiver: &Receiver, mode: Mode, timeout: Duration) -> WebhookTarget {
    WebhookTarget::build(
        &receiver.url(),
        mode,
        timeout,
        &[("x-auftrag", "7"), ("authorization", "Bearer r")],
    )
    .unwrap()
}

async fn one(act: Act, timeout: Duration) -> (Attempt, Receiver) {
    let receiver = Receiver::start(move |_| act.clone()).await;
    let target = target(&receiver, Mode::Structured, timeout);
    let attempt = Webhook::new(door()).attempt(&target, &event(), ID, 1, None).await;
    (attempt, receiver)
}

fn common(seen: &Seen, receiver: &Receiver, attempt: &str) {
    assert!(
        seen.head.starts_with("POST /events HTTP/1.1\r\n"),
        "{}",
        seen.head
    );
    assert_eq!(seen.header("host"), Some(receiver.address.to_string().as_str()));
    assert_eq!(seen.header("webhook-id"), Some(ID));
    assert_eq!(seen.header("stadtbus-attempt"), Some(attempt));
    assert_eq!(
        seen.header("user-agent"),
        Some(concat!("stadtbus/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(seen.header("traceparent"), Some(TRACE));
    assert_eq!(seen.header("x-auftrag"), Some("7"));
    assert_eq!(seen.header("authorization"), Some("Bearer r"));
}

/// HOOK-1: POST with a content type and a payload.
#[tokio::test]
async fn an_event_arrives_as_it_is_in_both_modes() {
    let receiver = Receiver::start(|_| Act::status(202, "", "")).await;
    let webhook = Webhook::new(door());
    let event = event();
    for (n, mode) in [(1, Mode::Structured), (2, Mode::Binary)] {
        let target = target(&receiver, mode, SOON);
        let outcome = webhook.deliver(&target, &event, ID, n, Some(TRACE)).await;
        assert_eq!(outcome, Outcome::Delivered { status: 202 });
    }
    let outcome = webhook
        .attempt_raw(
            &target(&receiver, Mode::Binary, SOON),
            &foreign(
                "text/csv; charset=utf-8",
                &[("x-kind", "stoerung"), ("Accept", "text/plain")],
            ),
            ID,
            3,
            Some(TRACE),
        )
        .await;
    assert_eq!(outcome.outcome, Outcome::Delivered { status: 202 });

    let seen = receiver.seen();
    common(&seen[0], &receiver, "1");
    assert_eq!(
        seen[0].header("content-type"),
        Some("application/cloudevents+json")
    );
    assert_eq!(json::parse(&Bytes::from(seen[0].body.clone())).unwrap(), event);
    common(&seen[1], &receiver, "2");
    assert_eq!(seen[1].header("content-type"), Some("application/json"));
    assert_eq!(seen[1].header("ce-id"), Some("%C3%A4%201"));
    assert_eq!(Some(&Bytes::from(seen[1].body.clone())), event.data());
    common(&seen[2], &receiver, "3");
    assert_eq!(seen[2].header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(seen[2].body, b"a;b\n");
    assert_eq!(seen[2].header("accept"), Some("text/plain"));
    assert!(
        seen[2].header("x-kind").is_some(),
        "what the plugin adds goes with it"
    );
    assert_eq!(receiver.connections(), 1, "one connection for all");
}

/// HOOK-2: no redirect is followed. HOOK-3: any 2xx is success. HOOK-4: 410 is the end. HOOK-5: `Retry-After` is read.
#[tokio::test]
async fn every_answer_has_its_outcome() {
    let secs = |s| Some(Duration::from_secs(s));
    for (status, headers, code, after) in [
        (200, "", None, None),
        (201, "", None, None),
        (204, "", None, None),
        (299, "", None, None),
        (301, "location: http://127.0.0.1:1/\r\n", Some("SB-3007"), None),
        (
            302,
            "location: http://169.254.169.254/\r\n",
            Some("SB-3007"),
            None,
        ),
        (307, "location: /elsewhere\r\n", Some("SB-3007"), None),
        (308, "location: /elsewhere\r\n", Some("SB-3007"), None),
        (400, "", Some("SB-3001"), None),
        (401, "www-authenticate: Basic\r\n", Some("SB-3001"), None),
        (404, "", Some("SB-3001"), None),
        (407, "proxy-authenticate: Basic\r\n", Some("SB-3001"), None),
        (408, "", Some("SB-3002"), None),
        (410, "", Some("SB-3005"), None),
        (413, "", Some("SB-3001"), None),
        (415, "", Some("SB-3001"), None),
        (425, "", Some("SB-3002"), None),
        (429, "retry-after: 17\r\n", Some("SB-3002"), secs(17)),
        (429, "retry-after: soon\r\n", Some("SB-3002"), None),
        (
            429,
            "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            Some("SB-3002"),
            secs(0),
        ),
        (500, "", Some("SB-3002"), None),
        (502, "", Some("SB-3002"), None),
        (503, "retry-after: 5\r\n", Some("SB-3002"), secs(5)),
        (600, "", Some("SB-3007"), None),
        (999, "", Some("SB-3007"), None),
    ] {
        let body = if status == 204 { "" } else { "ok, \u{1b}[2J\n so" };
        let (attempt, receiver) = one(Act::status(status, headers, body), SOON).await;
        assert_eq!(attempt.outcome.code(), code, "{status} {attempt:?}");
        assert_eq!(attempt.status, Some(status));
        assert_eq!(receiver.seen().len(), 1, "{status}: asked once, followed nowhere");
        let expected = (!(200..=299).contains(&status)).then_some("ok, [2J so");
        assert_eq!(attempt.excerpt.as_deref(), expected, "{status}");
        if let Outcome::Retry { after: found, .. } = attempt.outcome {
            assert_eq!(found, after, "{status} {headers}");
        }
    }
}

#[tokio::test]
async fn nothing_of_the_event_is_in_a_detail() {
    for act in [
        Act::status(400, "", "Unfall Musterstraße"),
        Act::status(503, "", "Unfall Musterstraße"),
        Act::Hang,
    ] {
        let (attempt, _receiver) = one(act, Duration::from_millis(300)).await;
        let text = format!("{:?}", attempt.outcome);
        for secret in ["Unfall", "31200", "stoerung/1", "ä 1", "Bearer r"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test]
async fn a_plugin_cannot_write_headers_of_its_own() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let target = target(&receiver, Mode::Structured, SOON);
    let webhook = Webhook::new(door());
    for made in [
        foreign("text/csv\r\nx-evil: 1", &[]),
        foreign("text/csv", &[("x-a", "1\r\nx-evil: 1")]),
        foreign("text/csv", &[("authorization", "Bearer x")]),
        foreign("text/csv", &[("Cookie", "a=b")]),
        foreign("text/csv", &[("connection", "close")]),
        foreign("text/csv", &[("content-length", "1")]),
        foreign("text/csv", &[("webhook-id", "1")]),
        foreign("text/csv", &[("", "1")]),
    ] {
        let outcome = webhook.attempt_raw(&target, &made, ID, 1, None).await.outcome;
        assert_eq!(outcome.code(), Some("SB-4107"), "{made:?}");
        assert!(matches!(outcome, Outcome::Refused { .. }) && receiver.seen().is_empty());
    }
}

/// Whoever ordered the subscription has the last word.
#[tokio::test]
async fn headers_of_a_subscription_go_before_those_of_a_plugin() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let own = [("x-kind", "own"), ("authorization", "Bearer r")];
    let target = WebhookTarget::build(&receiver.url(), Mode::Binary, SOON, &own).unwrap();
    let made = foreign("text/csv", &[("x-kind", "plugin"), ("x-more", "1")]);
    Webhook::new(door())
        .attempt_raw(&target, &made, ID, 1, None)
        .await;
    let seen = receiver.seen().remove(0);
    assert_eq!(seen.header("x-kind"), Some("own"));
    assert_eq!(seen.header("x-more"), Some("1"));
    assert_eq!(seen.header("authorization"), Some("Bearer r"));
}

fn foreign(content_type: &str, headers: &[(&str, &str)]) -> Foreign {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Foreign {
        content_type: content_type.to_owned(),
        headers: headers.iter().map(owned).collect(),
        body: "a;b\n".into(),
    }
}

#[test]
fn headers_of_a_subscription_stay_their_own() {
    let build = |headers: &[(&str, &str)]| {
        WebhookTarget::build("https://example.org/", Mode::Binary, SOON, headers)
            .map(|_| ())
            .map_err(|e| e.code())
    };
    for name in [
        "x-api-key",
        "Authorization",
        "cookie",
        "accept",
        "x-auftrag",
        "idempotency-key",
    ] {
        assert_eq!(build(&[(name, "geheim")]), Ok(()), "{name}");
    }
    for name in [
        "host",
        "Host",
        "content-type",
        "Content-Length",
        "content-encoding",
        "transfer-encoding",
        "te",
        "trailer",
        "connection",
        "keep-alive",
        "upgrade",
        "expect",
        "proxy-authorization",
        "Proxy-Connection",
        "ce-id",
        "CE-source",
        "webhook-id",
        "webhook-signature",
        "user-agent",
        "traceparent",
        "forwarded",
        "x-forwarded-for",
        "via",
        "stadtbus-attempt",
        "x-http-method-override",
        "",
        "x y",
        "x:y",
        "x\r\ny",
        "ä",
    ] {
        assert_eq!(build(&[(name, "1")]), Err("SB-5005"), "{name:?}");
    }
    for value in [
        "a\r\nhost: x",
        "a\nb",
        "a\rb",
        "a\0b",
        "\u{7f}",
        &"x".repeat(4097),
    ] {
        assert_eq!(build(&[("x-a", value)]), Err("SB-5005"), "{value:?}");
    }
    assert_eq!(build(&[("x-a", "1"), ("X-A", "2")]), Err("SB-5005"));
    let names: Vec<String> = (0..17).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(build(&many), Err("SB-5005"));
    assert_eq!(build(&many[..16]), Ok(()));
    let target =
        WebhookTarget::build("https://example.org/", Mode::Binary, SOON, &[("x-key", "geheim")]).unwrap();
    assert!(!format!("{target:?}").contains("geheim"));
}

#[test]
fn a_subscription_becomes_a_target() {
    let sink = stadtbus_contracts::Webhook {
        url: "https://example.org:8443/x".into(),
        mode: Mode::Binary,
        credential: None,
        handshake: Handshake::Off,
    };
    let delivery = Delivery {
        timeout_ms: 1234,
        ..Delivery::default()
    };
    let target = WebhookTarget::new(&sink, &delivery, None).unwrap();
    assert_eq!(
        (target.mode(), target.timeout()),
        (Mode::Binary, Duration::from_millis(1234))
    );
    assert_eq!(target.endpoint().uri().to_string(), "https://example.org:8443/x");
    let sink = stadtbus_contracts::Webhook {
        url: "https://user@example.org/".into(),
        mode: Mode::Binary,
        credential: None,
        handshake: Handshake::Off,
    };
    assert_eq!(
        WebhookTarget::new(&sink, &delivery, None).unwrap_err().code(),
        "SB-5005"
    );
}
