//! A full store is an answer, not a silence; and it is over when there is room again.

use std::collections::BTreeSet;

use serde_json::json;
use stadtbus_harness::{BusOptions, Failure, Mode, eventually};

use crate::city::CityFolder;
use crate::support::{LATER, changed, event, publish, recipient, sender, take, world_with};

#[tokio::test]
async fn a_full_log_is_refused_with_retry_after_and_recovers() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let small = BusOptions {
        extra_config: "[limits]\nlog_bytes_max = 1048576\n".to_owned(),
        ..BusOptions::default()
    };
    let mut world = world_with(&city, small).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let large = |n: i64| {
        changed(
            event(&format!("v-{n}"), n),
            "data",
            json!({"nr": "x", "wert": n, "text": "x".repeat(100_000)}),
        )
    };
    let mut accepted = BTreeSet::new();
    let mut refused = None;
    for n in 0..40 {
        let answer = sender.publish(&large(n), Mode::Structured).await.unwrap();
        match answer.status {
            202 => drop(accepted.insert(format!("v-{n}"))),
            _ => {
                refused = Some(answer);
                break;
            }
        }
    }
    let refused = refused.expect("1 MiB takes no 40 events of 100 kB");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "SB-1502"),
        "{}",
        refused.text()
    );
    assert!(
        refused
            .header("retry-after")
            .parse::<u32>()
            .is_ok_and(|seconds| seconds >= 1),
        "{:?}",
        refused.headers
    );
    assert!(!accepted.is_empty());

    // What was accepted is still worked off while the log is full.
    let taken = take(&amt, "amt-alles", accepted.len(), LATER).await;
    let taken: BTreeSet<_> = taken
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(taken, accepted);

    world.bus.stop().await.unwrap();
    world.bus.options_mut().extra_config = "[limits]\nlog_bytes_max = 67108864\n".to_owned();
    world.bus.start_again().await.unwrap();
    eventually(LATER, "accepting again", || async {
        sender
            .publish(&large(100), Mode::Structured)
            .await?
            .expect(202)
            .map_err(|failure| Failure::new(failure.to_string()))
    })
    .await
    .unwrap();
    publish(&sender, &event("danach", 1)).await;
    take(&amt, "amt-alles", 2, LATER).await;
}

#[tokio::test]
async fn a_broker_that_does_not_sync_is_refused() {
    let city = CityFolder::new();
    let options = stadtbus_harness::WorldOptions {
        nats: stadtbus_harness::NatsOptions {
            sync_always: false,
            ..stadtbus_harness::NatsOptions::default()
        },
        city: Some(city.path()),
        ..stadtbus_harness::WorldOptions::default()
    };
    let failure = stadtbus_harness::World::start(options.clone())
        .await
        .unwrap_err()
        .to_string();
    assert!(failure.contains("SB-1004"), "{failure}");

    let mut degraded = options;
    degraded.bus.env = vec![("STADTBUS_BROKER_DURABILITY".to_owned(), "degraded".to_owned())];
    let world = stadtbus_harness::World::start(degraded).await.unwrap();
    let status = world
        .operator()
        .await
        .unwrap()
        .get("/v1/status")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .text();
    assert!(
        status.contains("\"durable\":false"),
        "visible wherever one looks: {status}"
    );
}
