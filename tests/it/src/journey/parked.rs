//! The way of an event whose key is parked, and of one that waits behind it: told alike before and after a restart.

use serde_json::{Value, json};
use stadtbus_harness::{Client, Failure, Receiver, Reply, eventually};

use super::{states, traced};
use crate::city::{CityFolder, QUICK};
use crate::support::{LATER, event, publish, sender, world};

const STOPPED: &str = "its key is parked until somebody decides (stadtbus parked list amt-folge)";
const BEHIND: &str = "stands behind an earlier event of its key, which is parked";

/// Waits until an event is parked and the last line of its journey says so in these words.
async fn parked(client: &Client, id: &str, words: &str) -> Value {
    eventually(LATER, &format!("{id} is parked"), || async {
        let journey = client.journey("werk", id).await?.expect(200)?.json();
        let last = journey["steps"].as_array().and_then(|steps| steps.last());
        let detail = last.and_then(|step| step["detail"].as_str()).unwrap_or_default();
        if states(&journey)["amt-folge"] == "parked" && detail.contains(words) {
            Ok(journey)
        } else {
            Err(Failure::new(journey.to_string()))
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn where_is_my_parked_event() {
    let receiver = Receiver::start().await.unwrap();
    receiver.set_steady(Reply::Status(503));
    let city = CityFolder::new();
    let sink = format!("sink: {{webhook: {{url: \"{}\"}}}}", receiver.url("/folge"));
    city.subscribe(
        "amt-folge",
        &format!("{sink}\norder: {{by: /nr}}\ndelivery: {{{QUICK}}}"),
    );
    let mut world = world(&city).await;
    let publisher = sender(&world).await;
    for (id, wert) in [("stockt", 1), ("dahinter", 2)] {
        publish(&publisher, &event(id, wert)).await;
    }
    let first = parked(&publisher, "stockt", STOPPED).await;
    let behind = parked(&publisher, "dahinter", BEHIND).await;
    let attempts = |journey: &Value| journey["subscriptions"][0]["attempts"].clone();
    assert_eq!(
        (attempts(&first), attempts(&behind)),
        (json!(3), Value::Null),
        "each its own"
    );
    for id in ["stockt", "dahinter"] {
        traced(&world, &publisher, id).await;
    }

    // What a flush had not come to is recorded at the latest when the process ends.
    world.bus.stop().await.unwrap();
    world.bus.start_again().await.unwrap();
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    for (id, before, words) in [("stockt", first, STOPPED), ("dahinter", behind, BEHIND)] {
        assert_eq!(parked(&publisher, id, words).await, before);
    }
}
