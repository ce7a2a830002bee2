//! A receiver that fails again and again is left alone, its owner hears of it, and no event uses its attempts up on it. The same
//! of a plugin: what it would fail at waits, and nobody else's events do.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Failure, Receiver, Reply, eventually};

use crate::city::{CityFolder, PURPOSE};
use crate::plugins::moody_city;
use crate::support::{
    LATER, SOON, changed, dead_letters, event, list, notices, publish, recipient, sender, take, world_with,
};

const NOTICE: &str = "de.stadtbus.subscription.breaker.v1";

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
  "required": ["subscription", "partner", "state", "failures", "since"],
  "properties": {
    "subscription": {"type": "string"}, "partner": {"type": "string"}, "state": {"enum": ["open", "closed"]},
    "failures": {"type": "integer"}, "since": {"type": "string"}, "of": {"enum": ["receiver", "plugin"]}
  }
}"#;

/// So long that nothing is tried while a test looks.
fn patient() -> BusOptions {
    BusOptions {
        extra_config:
            "[limits]\nbreaker_failures_max = 4\nbreaker_delay_ms = 2000\nbreaker_delay_ms_max = 2000\n"
                .to_owned(),
        ..BusOptions::default()
    }
}

#[tokio::test]
async fn a_receiver_in_trouble_is_left_alone_and_its_owner_is_told() {
    let receiver = Receiver::start().await.unwrap();
    receiver.set_steady(Reply::Status(503));
    let city = CityFolder::new();
    notices(&city, NOTICE, SCHEMA);
    let quick = "concurrency: 2, attempts_max: 6, first_delay_ms: 10, delay_ms_max: 20, timeout_ms: 5000";
    city.webhook("amt-hook", &receiver.url("/h"), quick);
    city.subscribe_as("amt", "amt-sicherung", NOTICE, PURPOSE, "sink: {pull: {}}");
    let world = world_with(&city, patient()).await;
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

#[tokio::test]
async fn a_plugin_in_trouble_is_left_alone_in_its_subscription_only() {
    let city = moody_city().await;
    notices(&city, NOTICE, SCHEMA);
    city.subscribe_as("amt", "amt-sicherung", NOTICE, PURPOSE, "sink: {pull: {}}");
    let world = world_with(&city, patient()).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let status = || async {
        let shown = sender.get("/v1/subscriptions/werk-ableitung").await.unwrap();
        shown.expect(200).unwrap().json()["status"].clone()
    };
    for n in 0..4 {
        let id = format!("p-{n}");
        let data = json!({"nr": "zaehler-7", "wert": n, "text": "trap"});
        publish(&sender, &changed(event(&id, n), "data", data)).await;
        dead_letters(&sender, "werk-ableitung", usize::try_from(n).unwrap() + 1).await;
    }
    let opened = take(&amt, "amt-sicherung", 1, SOON).await.remove(0)["data"].clone();
    assert_eq!(
        (&opened["state"], &opened["of"], &opened["subscription"]),
        (&json!("open"), &json!("plugin"), &json!("werk-ableitung")),
        "{opened}"
    );
    let standing = status().await;
    assert_eq!(
        (&standing["plugin_breaker"]["code"], &standing["breaker"]),
        (&json!("SB-4113"), &Value::Null),
        "{standing}"
    );
    let metrics = world.bus.client("").get("/metrics").await.unwrap().text();
    for line in [
        "stadtbus_subscription_plugin_breaker_open{subscription=\"werk-ableitung\"} 1",
        "stadtbus_plugin_calls_total{plugin=\"werk/launisch\",outcome=\"SB-4103\"} 4",
        "stadtbus_plugin_call_duration_seconds_count{plugin=\"werk/launisch\"} 4",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }

    // Others get theirs meanwhile, and nothing becomes a dead letter any more.
    for n in 4..12 {
        publish(&sender, &event(&format!("p-{n}"), n)).await;
    }
    take(&amt, "amt-alles", 12, SOON).await;
    assert_eq!(status().await["plugin_breaker"]["code"], json!("SB-4113"));
    let closed = take(&amt, "amt-sicherung", 1, LATER).await.remove(0);
    assert_eq!(closed["data"]["state"], json!("closed"), "{closed}");
    take(&amt, "amt-folgen", 8, LATER).await;
    dead_letters(&sender, "werk-ableitung", 4).await;
    assert_eq!(status().await["plugin_breaker"], Value::Null);
}

/// What a dead letter says of the plugin: where it failed, and at which input.
#[tokio::test]
async fn a_dead_letter_names_the_place_in_the_plugin_and_its_input() {
    let world = world_with(&moody_city().await, BusOptions::default()).await;
    let sender = sender(&world).await;
    let data = json!({"nr": "zaehler-7", "wert": 1, "text": "trap"});
    publish(&sender, &changed(event("b-1", 1), "data", data)).await;
    dead_letters(&sender, "werk-ableitung", 1).await;
    let letters = list(&sender.get("/v1/dead-letters").await.unwrap());
    let path = format!("/v1/dead-letters/{}", letters[0]["dead_letter"]);
    let letter = sender.get(&path).await.unwrap().expect(200).unwrap().json();
    let backtrace = letter["attempts"][0]["backtrace"].as_str().unwrap();
    assert!(
        backtrace.contains("Plugin as stadtbus_plugin::Transform>::transform"),
        "{backtrace}"
    );
    assert_eq!(letter["input_sha256"].as_str().unwrap().len(), 64, "{letter}");
}
