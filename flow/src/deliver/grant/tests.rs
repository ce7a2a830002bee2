use std::sync::Arc;

use stadtbus_contracts::Mode;
use stadtbus_event::Event;

use super::*;
use crate::deliver::{
    testing::{Act, Receiver, Seen, door},
    webhook::{Webhook, WebhookTarget},
};

const SOON: Duration = Duration::from_secs(10);

fn token(name: &str, lasts: u32) -> Act {
    Act::status(
        200,
        "content-type: application/json\r\n",
        &format!(
            "{{\"access_token\": \"{name}\", \"token_type\": \"bearer\", \"expires_in\": {lasts}, \"x\": 1}}"
        ),
    )
}

async fn deliver(receiver: &Receiver, grant: &Arc<Grant>) -> Outcome {
    let event = Event::builder("1", "urn:x", "de.x.y.v1").build().unwrap();
    let target = WebhookTarget::build(&receiver.url(), Mode::Structured, SOON, &[])
        .unwrap()
        .granted(Arc::clone(grant));
    Webhook::new(door()).deliver(&target, &event, "1", 1, None).await
}

fn grant(giver: &Receiver) -> Arc<Grant> {
    Arc::new(Grant::new(&giver.url(), "amt 37", "pässwort", Some("a b")).unwrap())
}

fn shown(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|one| one.header("authorization").unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn one_token_for_all_until_it_runs_out() {
    let giver = Receiver::start(|n| match n {
        // Too short to be used twice.
        0 => token("t-0", 5),
        n => token(&format!("t-{n}"), 3600),
    })
    .await;
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let grant = grant(&giver);
    for _ in 0..4 {
        assert_eq!(deliver(&receiver, &grant).await.code(), None);
    }
    assert_eq!(
        shown(&receiver.seen()),
        ["Bearer t-0", "Bearer t-1", "Bearer t-1", "Bearer t-1"]
    );
    let asked = giver.seen();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].body, b"grant_type=client_credentials&scope=a%20b");
    assert_eq!(
        asked[0].header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let client = format!("Basic {}", STANDARD.encode("amt%2037:p%C3%A4sswort"));
    assert_eq!(asked[0].header("authorization"), Some(client.as_str()));
    assert!(!format!("{grant:?}").contains("t-1"));
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_replaced_once() {
    let giver = Receiver::start(|n| token(&format!("t-{n}"), 3600)).await;
    let receiver = Receiver::start(|n| match n {
        0 => Act::status(200, "", ""),
        1 => Act::status(401, "", ""),
        2 => Act::status(200, "", ""),
        _ => Act::status(401, "", ""),
    })
    .await;
    let grant = grant(&giver);
    assert_eq!(deliver(&receiver, &grant).await.code(), None);
    assert_eq!(deliver(&receiver, &grant).await.code(), None);
    assert_eq!(
        shown(&receiver.seen()),
        ["Bearer t-0", "Bearer t-0", "Bearer t-1"]
    );
    assert_eq!(deliver(&receiver, &grant).await.code(), Some("SB-3001"));
    assert_eq!(receiver.seen().len(), 5, "once, and not again and again");
    assert_eq!(giver.seen().len(), 3);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let long = format!(
        "{{\"access_token\":\"{}\",\"token_type\":\"Bearer\"}}",
        "x".repeat(9000)
    );
    let answers = [
        Act::status(
            400,
            "",
            "{\"error\":\"invalid_client\",\"access_token\":\"geheim\"}",
        ),
        Act::status(302, "location: /\r\n", ""),
        Act::status(500, "", ""),
        Act::status(200, "", "geheim"),
        Act::status(200, "", "{\"access_token\":\"geheim\",\"token_type\":\"mac\"}"),
        Act::status(
            200,
            "",
            "{\"access_token\":\"ge heim\",\"token_type\":\"Bearer\"}",
        ),
        Act::status(
            200,
            "",
            "{\"access_token\":\"geheim\\r\\nx: 1\",\"token_type\":\"Bearer\"}",
        ),
        Act::status(200, "", "{\"access_token\":\"\",\"token_type\":\"Bearer\"}"),
        Act::status(200, "", &long),
        Act::AnswerAndClose(b"geheim".to_vec()),
        Act::Endless(b"HTTP/1.1 200 X\r\n\r\n".to_vec(), b"geheim ".repeat(1000)),
    ];
    for act in answers {
        let giver = Receiver::start(move |_| act.clone()).await;
        let outcome = deliver(&receiver, &grant(&giver)).await;
        assert_eq!(outcome.code(), Some("SB-3032"), "{outcome:?}");
        assert!(matches!(outcome, Outcome::Retry { .. }));
        assert!(!format!("{outcome:?}").contains("heim"), "{outcome:?}");
    }
    // The way to it is no other than the way to a receiver.
    for (place, code) in [
        ("http://169.254.169.254/token", "SB-3006"),
        ("http://10.1.2.3:8080/token", "SB-3006"),
    ] {
        let grant = Arc::new(Grant::new(place, "a", "b", None).unwrap());
        assert_eq!(deliver(&receiver, &grant).await.code(), Some(code), "{place}");
    }
    assert_eq!(
        Grant::new("ftp://x", "a", "b", None).unwrap_err().code(),
        "SB-5005"
    );
    assert_eq!(receiver.seen().len(), 0);
}
