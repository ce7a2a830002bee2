//! Whatever dies, nothing that was answered 202 is lost (P1, P9).

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Client, Mode, World};

use crate::city::CityFolder;
use crate::support::{LATER, event, publish, recipient, sender, take, world};

async fn one_pull() -> (World, CityFolder) {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    (world(&city).await, city)
}

/// Publishes `from..to` by several callers at once, each until it is refused or the connection breaks; the ids answered 202.
async fn publish_until_it_breaks(sender: &Client, from: i64, to: i64) -> BTreeSet<String> {
    let callers = (0..8).map(|caller| {
        let sender = sender.clone().with_deadline(Duration::from_secs(5));
        async move {
            let mut accepted = Vec::new();
            for n in (from..to).filter(|n| n % 8 == caller) {
                let id = format!("k-{n}");
                match sender.publish(&event(&id, n), Mode::Structured).await {
                    Ok(answer) if answer.status == 202 => accepted.push(id),
                    Ok(_) | Err(_) => break,
                }
            }
            accepted
        }
    });
    futures_util::stream::StreamExt::collect::<Vec<_>>(futures_util::stream::FuturesUnordered::from_iter(
        callers,
    ))
    .await
    .into_iter()
    .flatten()
    .collect()
}

/// Takes until every id of `expected` has come at least once.
async fn all_arrive(amt: &Client, expected: &BTreeSet<String>) {
    let mut missing = expected.clone();
    let until = std::time::Instant::now() + LATER;
    while !missing.is_empty() {
        assert!(
            std::time::Instant::now() < until,
            "{} of {} never came: {missing:?}",
            missing.len(),
            expected.len()
        );
        for event in take(amt, "amt-alles", 1, LATER).await {
            missing.remove(event["id"].as_str().unwrap());
        }
    }
}

#[tokio::test]
async fn kill_of_the_bus_under_load_loses_nothing() {
    let (mut world, _city) = one_pull().await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let mut accepted = BTreeSet::new();
    for round in 0..3_i64 {
        let publishing = tokio::spawn({
            let sender = sender.clone();
            async move { publish_until_it_breaks(&sender, round * 100_000, (round + 1) * 100_000).await }
        });
        tokio::time::sleep(Duration::from_millis(700)).await;
        world.bus.kill_hard().await.unwrap();
        let more = publishing.await.unwrap();
        assert!(!more.is_empty(), "round {round} published nothing");
        accepted.extend(more);
        world.bus.start_again().await.unwrap();
    }
    all_arrive(&amt, &accepted).await;
}

#[tokio::test]
async fn kill_of_the_broker_under_load_loses_nothing_and_is_told() {
    let (mut world, _city) = one_pull().await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let publishing = tokio::spawn({
        let sender = sender.clone();
        async move { publish_until_it_breaks(&sender, 0, 100_000).await }
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    world.nats.kill_hard().await.unwrap();
    let mut accepted = publishing.await.unwrap();
    assert!(!accepted.is_empty());

    // While it is away: refused with a code and a time to come back, and readiness says so; the process itself is alive.
    let refused = sender
        .publish(&event("weg-1", 1), Mode::Structured)
        .await
        .unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(
        ["SB-1501", "SB-1503"].contains(&refused.code().as_str()),
        "{}",
        refused.text()
    );
    assert!(!refused.header("retry-after").is_empty());
    let nobody = world.bus.client("");
    let not_ready = stadtbus_harness::eventually(LATER, "not ready", || async {
        let answer = nobody.get("/readyz").await?;
        if answer.status == 503 {
            Ok(())
        } else {
            Err(stadtbus_harness::Failure::new(answer.text()))
        }
    });
    not_ready.await.unwrap();
    assert_eq!(nobody.get("/healthz").await.unwrap().status, 200);

    world.nats.start_again().await.unwrap();
    let back = stadtbus_harness::eventually(LATER, "accepting again", || async {
        let answer = sender.publish(&event("wieder-1", 1), Mode::Structured).await?;
        answer.expect(202)
    });
    back.await.unwrap();
    accepted.insert("wieder-1".to_owned());
    all_arrive(&amt, &accepted).await;
    let ready = stadtbus_harness::eventually(LATER, "ready again", || async {
        nobody.get("/readyz").await?.expect(200)
    });
    ready.await.unwrap();
}

#[tokio::test]
async fn a_drained_restart_repeats_nothing() {
    let (mut world, _city) = one_pull().await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for n in 0..50 {
        publish(&sender, &event(&format!("r-{n}"), n)).await;
    }
    let before = take(&amt, "amt-alles", 30, LATER).await;
    let before = before.len();
    assert_eq!(world.bus.stop().await.unwrap(), Some(0), "SIGTERM ends with 0");
    world.bus.start_again().await.unwrap();
    let after = take(&amt, "amt-alles", 50 - before, LATER).await;
    assert_eq!(
        after.len() + before,
        50,
        "what was acknowledged before the stop does not come again"
    );
    crate::support::nothing_more(&amt, "amt-alles").await;
}

#[tokio::test]
async fn a_repeat_after_the_crash_gets_the_receipt_of_before() {
    let (mut world, _city) = one_pull().await;
    let sender = sender(&world).await;
    let first = publish(&sender, &event("x-1", 1)).await;
    world.bus.kill_hard().await.unwrap();
    world.nats.kill_hard().await.unwrap();
    world.nats.start_again().await.unwrap();
    world.bus.start_again().await.unwrap();
    let again: Value = publish(&sender, &event("x-1", 1)).await;
    assert_eq!(
        (&again["duplicate"], &again["position"]),
        (&json!(true), &first["position"])
    );
}

#[tokio::test]
async fn a_stop_with_idle_clients_and_streams_is_not_held_up() {
    let city = CityFolder::new();
    city.subscribe("amt-strom", "sink: {sse: {}}");
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let mut world = world(&city).await;
    let amt = recipient(&world).await;
    let _stream = amt
        .stream("/v1/subscriptions/amt-strom/stream", None)
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let amt = amt.clone();
        async move {
            amt.receive("amt-alles", 1, Duration::from_secs(25), Duration::from_secs(30))
                .await
        }
    });
    stadtbus_harness::eventually(LATER, "the call waits", || async {
        if waiting.is_finished() {
            Err(stadtbus_harness::Failure::new("ended"))
        } else {
            Ok(())
        }
    })
    .await
    .unwrap();
    assert_eq!(world.bus.stop().await.unwrap(), Some(0));
}
