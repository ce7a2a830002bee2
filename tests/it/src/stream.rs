//! The live stream (SSE), and the tap for those who look after it.

use serde_json::json;
use stadtbus_harness::{Failure, eventually};

use crate::city::{CityFolder, TYPE};
use crate::support::{LATER, SOON, changed, event, list, publish, recipient, sender, world};

#[tokio::test]
async fn a_stream_shows_events_as_they_come_and_goes_on_after_the_last_seen() {
    let city = CityFolder::new();
    city.subscribe("amt-strom", "sink: {sse: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let path = "/v1/subscriptions/amt-strom/stream";
    let mut stream = amt.stream(path, None).await.unwrap();
    let receipt = publish(&sender, &event("st-1", 1)).await;
    publish(&sender, &event("st-2", 2)).await;
    let first = stream.next(SOON).await.unwrap();
    assert_eq!(first.event, TYPE);
    assert_eq!(
        first.id,
        format!("{}:{}", receipt["log"].as_str().unwrap(), receipt["position"])
    );
    assert_eq!(first.json()["data"], event("st-1", 1)["data"]);
    assert_eq!(stream.next(SOON).await.unwrap().json()["id"], json!("st-2"));
    drop(stream);

    // What was written to the stream is settled; a new one goes on behind it.
    publish(&sender, &event("st-3", 3)).await;
    let mut again = amt.stream(path, Some(&first.id)).await.unwrap();
    let mut next = again.next(SOON).await.unwrap().json()["id"].clone();
    if next == json!("st-2") {
        next = again.next(SOON).await.unwrap().json()["id"].clone();
    }
    assert_eq!(next, json!("st-3"));
}

#[tokio::test]
async fn what_breaks_its_connection_as_often_as_it_may_be_tried_is_a_dead_letter() {
    let city = CityFolder::new();
    city.subscribe("amt-strom", "sink: {sse: {}}\ndelivery: {attempts_max: 1}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    // More than the connection takes without being read.
    let long = "z".repeat(50_000);
    for n in 0..100 {
        publish(
            &sender,
            &changed(event(&format!("br-{n}"), n), "note", json!(long)),
        )
        .await;
    }
    let stream = amt
        .stream("/v1/subscriptions/amt-strom/stream", None)
        .await
        .unwrap();
    drop(stream);
    let letter = eventually(LATER, "a dead letter", || async {
        let answer = amt
            .get("/v1/dead-letters?subscription=amt-strom")
            .await?
            .expect(200)?;
        list(&answer)
            .first()
            .cloned()
            .ok_or_else(|| Failure::new(answer.text()))
    })
    .await
    .unwrap();
    assert!(letter.to_string().contains("SB-3008"), "{letter}");
}

#[tokio::test]
async fn the_tap_shows_metadata_and_data_only_to_the_entitled() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let operator = world.operator().await.unwrap();
    let mut tap = operator.stream("/v1/tap", None).await.unwrap();
    let sender = sender(&world).await;
    publish(&sender, &event("t-1", 4711)).await;
    let seen = tap.next(SOON).await.unwrap();
    assert!(seen.data.contains("t-1") && seen.data.contains(TYPE), "{seen:?}");
    assert!(
        !seen.data.contains("4711"),
        "the operator is not entitled to the data: {seen:?}"
    );
}
