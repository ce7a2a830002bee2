//! Half one: what is taken, and what its receipt says (P3).

use serde_json::json;
use stadtbus_harness::Mode;

use crate::city::{CityFolder, SOURCE};
use crate::support::{SOON, changed, event, nothing_more, publish, recipient, sender, take, world};

#[tokio::test]
async fn every_mode_is_taken_and_arrives_as_it_was_sent() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);

    let binary = changed(event("b-1", 1), "subject", json!("Straße 7 \"süd\" 100%"));
    let receipt = sender
        .publish(&binary, Mode::Binary)
        .await
        .unwrap()
        .expect(202)
        .unwrap()
        .json()["receipt"]
        .clone();
    assert_eq!(
        (&receipt["id"], &receipt["source"], &receipt["partner"]),
        (&json!("b-1"), &json!(SOURCE), &json!("werk"))
    );
    assert_eq!(receipt["duplicate"], json!(false));
    assert!(
        receipt["position"].as_u64().is_some_and(|position| position >= 1),
        "{receipt}"
    );
    assert_eq!(receipt["sha256"].as_str().map(str::len), Some(64), "{receipt}");

    let structured = event("s-1", 2);
    publish(&sender, &structured).await;
    let answer = sender
        .publish_batch(&[event("k-1", 3), event("k-2", 4)])
        .await
        .unwrap()
        .expect(202)
        .unwrap()
        .json();
    let ids: Vec<_> = answer["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["receipt"]["id"].clone())
        .collect();
    assert_eq!(ids, [json!("k-1"), json!("k-2")]);

    let taken = take(&amt, "amt-alles", 4, SOON).await;
    for sent in [&binary, &structured, &event("k-1", 3), &event("k-2", 4)] {
        let arrived = taken
            .iter()
            .find(|one| one["id"] == sent["id"])
            .unwrap_or_else(|| panic!("{} is missing", sent["id"]));
        for (name, value) in sent.as_object().unwrap() {
            assert_eq!(&arrived[name], value, "{name} of {}", sent["id"]);
        }
    }
}

#[tokio::test]
async fn data_keeps_every_byte() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let receiver = stadtbus_harness::Receiver::start().await.unwrap();
    let url = receiver.url("/binaer");
    city.subscribe(
        "amt-binaer",
        &format!("sink: {{webhook: {{url: \"{url}\", mode: binary}}}}"),
    );
    let world = world(&city).await;
    // Order of keys, spaces, escapes and an integer beyond 2^53: what a parser would "repair".
    let data = r#"{ "wert" : 9007199254740993 ,"nr":"\u00e4\/ä" }"#;
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "roh-1"),
        ("ce-source", SOURCE),
        ("ce-type", crate::city::TYPE),
    ];
    let sender = sender(&world).await;
    sender
        .send("POST", "/v1/events", &headers, data.into())
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    let request = receiver.wait_for("/binaer", 1, SOON).await.unwrap().remove(0);
    assert_eq!(request.body, data.as_bytes());
    assert_eq!(request.header("ce-id"), "roh-1");
    assert_eq!(request.header("content-type"), "application/json");

    let amt = recipient(&world).await;
    let answer = amt
        .post(
            "/v1/subscriptions/amt-alles/receive",
            &json!({"max": 1, "wait_ms": 5000, "lease_ms": 30000}),
        )
        .await
        .unwrap();
    assert!(
        answer.text().contains(data),
        "the raw text of the data in {}",
        answer.text()
    );
}

#[tokio::test]
async fn a_repeat_gets_the_same_receipt_and_is_delivered_once() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let first = publish(&sender, &event("d-1", 1)).await;
    let again = publish(&sender, &event("d-1", 1)).await;
    assert_eq!(again["duplicate"], json!(true));
    for same in ["id", "source", "partner", "log", "position", "sha256"] {
        assert_eq!(again[same], first[same], "{same}");
    }
    let batch = sender
        .publish_batch(&[event("d-2", 2), event("d-1", 1), event("d-2", 2)])
        .await
        .unwrap();
    let duplicates: Vec<_> = batch.expect(202).unwrap().json()["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["receipt"]["duplicate"].clone())
        .collect();
    assert_eq!(duplicates, [json!(false), json!(true), json!(true)]);
    // The same id from another source of the partner is another event.
    let zweites = world.client("werk", "zweites", "publish").await.unwrap();
    let other = publish(
        &zweites,
        &changed(event("d-1", 3), "source", json!("urn:probe:werk:zweites")),
    )
    .await;
    assert_eq!(other["duplicate"], json!(false));
    let taken = take(&amt, "amt-alles", 3, SOON).await;
    assert_eq!(taken.len(), 3);
    nothing_more(&amt, "amt-alles").await;
}

#[tokio::test]
async fn a_batch_is_answered_event_by_event() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let mixed = [
        event("m-1", 1),
        changed(event("m-2", 2), "id", json!(null)),
        changed(event("m-3", 3), "data", json!({"nr": "x", "wert": "drei"})),
        changed(event("m-4", 4), "type", json!("de.probe.werk.unbekannt.v1")),
        changed(event("m-5", 5), "source", json!("urn:probe:fremd:sender")),
        event("m-6", 6),
    ];
    let answer = sender
        .publish_batch(&mixed)
        .await
        .unwrap()
        .expect(202)
        .unwrap()
        .json();
    let outcome: Vec<_> = answer["receipts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            one["receipt"]["id"]
                .as_str()
                .or(one["error"]["code"].as_str())
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    assert_eq!(
        outcome,
        ["m-1", "SB-1103", "SB-1203", "SB-1201", "SB-1306", "m-6"],
        "{answer}"
    );
    let taken = take(&amt, "amt-alles", 2, SOON).await;
    assert_eq!((&taken[0]["id"], &taken[1]["id"]), (&json!("m-1"), &json!("m-6")));
    nothing_more(&amt, "amt-alles").await;

    let none = sender.publish_batch(&mixed[2..5]).await.unwrap();
    assert_eq!(none.status, 422, "{}", none.text());
    let malformed = sender
        .publish_batch(&[json!({"id": "x"}), json!(7)])
        .await
        .unwrap();
    assert_eq!(malformed.status, 400, "{}", malformed.text());
}
