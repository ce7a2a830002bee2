//! Bad input is normal input: each gets its code, a sentence that helps and does not repeat the payload, and leaves nothing behind.

mod cases;

use bytes::Bytes;
use serde_json::json;
use stadtbus_harness::{Answer, Client};

use cases::{Case, cases};

use crate::city::CityFolder;
use crate::support::{event, recipient, sender, world};

/// A word that stands in every payload here and must stand in no answer.
const SECRET: &str = "Geheimwort-4711";

fn judge(case: &Case, answer: &Answer) -> Result<(), String> {
    let body = answer.json();
    let found = (answer.status, answer.code());
    if found != (case.status, case.code.to_owned()) {
        return Err(format!("{} {}: {}", found.0, found.1, answer.text()));
    }
    if case
        .pointer
        .is_some_and(|pointer| body["pointer"] != json!(pointer))
    {
        return Err(format!(
            "pointer {} instead of {:?}",
            body["pointer"], case.pointer
        ));
    }
    if !answer
        .header("content-type")
        .starts_with("application/problem+json")
    {
        return Err(format!("content type {:?}", answer.header("content-type")));
    }
    if body["detail"].as_str().is_none_or(|detail| detail.len() < 10) || body["status"] != json!(case.status)
    {
        return Err(format!("not a helpful problem: {body}"));
    }
    if answer.text().contains(SECRET) {
        return Err(format!("repeats the payload: {body}"));
    }
    Ok(())
}

async fn post(client: &Client, case: &Case) -> Answer {
    let mut headers: Vec<(&str, &str)> = case
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    if !case.content_type.is_empty() {
        headers.push(("content-type", case.content_type));
    }
    client
        .send("POST", "/v1/events", &headers, case.body.clone())
        .await
        .unwrap()
}

#[tokio::test]
async fn every_malformed_event_gets_its_code_and_leaves_nothing() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let sender = sender(&world).await;
    let mut wrong = Vec::new();
    for case in cases() {
        let answer = post(&sender, &case).await;
        if let Err(reason) = judge(&case, &answer) {
            wrong.push(format!("{}: {reason}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One good event is the whole log: nothing of the above was stored before it.
    let receipt = crate::support::publish(&sender, &event("gut", 1)).await;
    assert_eq!(receipt["position"], json!(1), "{receipt}");
    assert!(
        !world.bus.log_text().contains(SECRET),
        "the log repeats a payload"
    );
}

#[tokio::test]
async fn limits_of_the_request_are_answered() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let sender = sender(&world).await;
    let large = Bytes::from(vec![b'x'; (8 << 20) + 1]);
    let answer = sender
        .send(
            "POST",
            "/v1/events",
            &[("content-type", "application/cloudevents+json")],
            large,
        )
        .await;
    // A server may close while the body is still being sent; an answer, if it is seen, is this one.
    if let Ok(answer) = answer {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "SB-1401"),
            "{}",
            answer.text()
        );
    }
    let many: Vec<_> = (0..1001).map(|n| event(&format!("v-{n}"), n)).collect();
    let answer = sender.publish_batch(&many).await.unwrap();
    assert_eq!(answer.code(), "SB-1403", "{}", answer.text());
    let long = "x".repeat(600 * 1024);
    let answer = sender
        .send("POST", "/v1/events", &[("x-lang", &long)], Bytes::new())
        .await;
    assert!(
        answer.map_or(true, |answer| answer.status == 431),
        "headers too large"
    );
    crate::support::publish(&sender, &event("danach", 1)).await;
}

#[tokio::test]
async fn unknown_names_and_wrong_calls_are_told() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    city.subscribe("amt-strom", "sink: {sse: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let receive = json!({"max": 1});
    let invented = [json!({"handle": "erfunden"})];
    let mut wrong = Vec::new();
    for (name, answer, status, code) in [
        (
            "unknown route",
            sender
                .ingest("gibt-es-nicht", "application/json", "{}")
                .await
                .unwrap(),
            404,
            "SB-2002",
        ),
        (
            "unknown subscription",
            amt.post("/v1/subscriptions/amt-nichts/receive", &receive)
                .await
                .unwrap(),
            404,
            "SB-2001",
        ),
        (
            "pull from a stream",
            amt.post("/v1/subscriptions/amt-strom/receive", &receive)
                .await
                .unwrap(),
            409,
            "SB-2007",
        ),
        (
            "unknown event",
            amt.journey("werk", "nie-gesehen").await.unwrap(),
            404,
            "SB-2005",
        ),
        (
            "receive without JSON",
            amt.send(
                "POST",
                "/v1/subscriptions/amt-alles/receive",
                &[],
                Bytes::from_static(b"{"),
            )
            .await
            .unwrap(),
            400,
            "SB-1102",
        ),
    ] {
        if (answer.status, answer.code().as_str()) != (status, code) {
            wrong.push(format!("{name}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let answer = amt
        .settle("amt-alles", "acknowledge", &invented, json!({}))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(answer.json(), json!({"settled": 0, "unknown": ["erfunden"]}));
}
