//! The live stream (SSE), and the tap for those who look after it.

use serde_json::json;

use crate::city::{CityFolder, TYPE};
use crate::support::{SOON, event, publish, recipient, sender, world};

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
