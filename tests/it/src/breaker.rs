//! A receiver that fails again and again is left alone, its owner hears of it, and no event uses its attempts up on it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Failure, Receiver, Reply, eventually};

use crate::city::{CityFolder, PURPOSE};
use crate::support::{LATER, SOON, event, list, notices, publish, recipient, sender, take, world_with};

const NOTICE: &str = "de.stadtbus.subscription.breaker.v1";

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
  "required": ["subscription", "partner", "state", "failures", "since"],
  "properties": {
    "subscription": {"type": "string"}, "partner": {"type": "string"}, "state": {"enum": ["open", "closed"]},
    "failures": {"type": "integer"}, "since": {"type": "string"}
  }
}"#;

#[tokio::test]
async fn a_receiver_in_trouble_is_left_alone_and_its_owner_is_told() {
    let receiver = Receiver::start().await.unwrap();
    receiver.set_steady(Reply::Status(503));
    let city = CityFolder::new();
    notices(&city, NOTICE, SCHEMA);
    let quick = "concurrency: 2, attempts_max: 6, first_delay_ms: 10, delay_ms_max: 20, timeout_ms: 5000";
    city.webhook("amt-hook", &receiver.url("/h"), quick);
    city.subscribe_as("amt", "amt-sicherung", NOTICE, PURPOSE, "sink: {pull: {}}");
    // So long that nothing is tried while the test looks.
    let bus = BusOptions {
        extra_config:
            "[limits]\nbreaker_failures_max = 4\nbreaker_delay_ms = 2000\nbreaker_delay_ms_max = 2000\n"
                .to_owned(),
        ..BusOptions::default()
    };
    let world = world_with(&city, bus).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for n in 0..12 {
        publish(&sender, &event(&format!("h-{n}"), n)).await;
    }
    let opened = take(&amt, "amt-sicherung", 1, SOON).await;
    let told = |notice: &Value| {
        let data = &notice["data"];
        (
            data["subscription"].clone(),
            data["partner"].clone(),
            data["state"].clone(),
        )
    };
    assert_eq!(told(&opened[0]), (json!("amt-hook"), json!("amt"), json!("open")));
    let path = "/v1/subscriptions/amt-hook";
    let status = amt.get(path).await.unwrap().expect(200).unwrap().json()["status"].clone();
    assert_eq!(
        (&status["breaker"]["code"], &status["paused"]),
        (&json!("SB-3021"), &Value::Null),
        "{status}"
    );
    // Two were under way when the fourth failed.
    assert!(receiver.count() <= 6, "{} attempts", receiver.count());

    receiver.set_steady(Reply::Status(204));
    let closed = take(&amt, "amt-sicherung", 1, LATER).await;
    assert_eq!(told(&closed[0]).2, json!("closed"));
    eventually(LATER, "all twelve", || async {
        let came: BTreeSet<_> = receiver
            .requests()
            .iter()
            .map(stadtbus_harness::Request::event_id)
            .collect();
        if came.len() == 12 {
            Ok(())
        } else {
            Err(Failure::new(format!("{came:?}")))
        }
    })
    .await
    .unwrap();
    let letters = amt.get("/v1/dead-letters").await.unwrap().expect(200).unwrap();
    assert_eq!(list(&letters), Vec::<Value>::new());
    let status = amt.get(path).await.unwrap().expect(200).unwrap().json()["status"].clone();
    assert_eq!(status["breaker"], Value::Null);
}
