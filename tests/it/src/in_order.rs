//! Order by key (P2): each key in the order of acceptance, whatever fails, is parked or dies; no key waits for another.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::{Value, json};
use stadtbus_harness::{Bus, BusOptions, Client, Failure, Receiver, Reply, Request, World, eventually};

use crate::city::CityFolder;
use crate::support::{
    LATER, SOON, changed, dead_letters, event, list, publish, recipient, sender, step, world_with,
};

const KEYS: i64 = 4;

/// Event `n` of a key.
fn keyed(key: i64, n: i64) -> Value {
    let data = json!({"nr": format!("k-{key}"), "wert": n});
    changed(event(&format!("{key}-{n}"), n), "data", data)
}

/// By key, the events in the order in which each came first.
fn first_attempts(requests: &[Request]) -> BTreeMap<String, Vec<i64>> {
    let mut seen = BTreeSet::new();
    let mut order: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for request in requests {
        if seen.insert(request.event_id()) {
            let data = &request.json()["data"];
            let key = data["nr"].as_str().unwrap().to_owned();
            order.entry(key).or_default().push(data["wert"].as_i64().unwrap());
        }
    }
    order
}

async fn parked(client: &Client, count: u64) -> Vec<Value> {
    eventually(LATER, &format!("{count} parked events"), || async {
        let answer = client
            .get("/v1/subscriptions/amt-folge/parked")
            .await?
            .expect(200)?;
        let keys = list(&answer);
        let events: u64 = keys.iter().map(|key| key["events"].as_u64().unwrap_or(0)).sum();
        if events == count && keys.iter().all(|key| key["state"] == "parked") {
            Ok(keys)
        } else {
            Err(Failure::new(answer.text()))
        }
    })
    .await
    .unwrap()
}

/// A receiver that takes all but one event of the first key, and a bus whose leases run out soon.
async fn one_fails() -> (World, Receiver, BusOptions) {
    let receiver = Receiver::start_with(|request| {
        let fails = request.event_id() == "0-3";
        Reply::Status(if fails { 500 } else { 204 })
    })
    .await
    .unwrap();
    let city = CityFolder::new();
    let quick = "attempts_max: 3, first_delay_ms: 20, delay_ms_max: 100, timeout_ms: 5000";
    let sink = format!("sink: {{webhook: {{url: \"{}\"}}}}", receiver.url("/f"));
    city.subscribe(
        "amt-folge",
        &format!("{sink}\norder: {{by: /nr}}\ndelivery: {{{quick}}}"),
    );
    let options = BusOptions {
        extra_config: "[limits]\nlease_ttl_ms = 2000\nkey_backlog_max = 2\n".to_owned(),
        ..BusOptions::default()
    };
    (world_with(&city, options.clone()).await, receiver, options)
}

async fn publish_all(sender: &Client, numbers: Range<i64>) {
    for n in numbers {
        for key in 0..KEYS {
            publish(sender, &keyed(key, n)).await;
        }
    }
}

/// Waits until every event of every key was attempted.
async fn all_attempted(receiver: &Receiver, of_each: usize) -> BTreeMap<String, Vec<i64>> {
    eventually(LATER, "all of all keys", || async {
        let order = first_attempts(&receiver.requests());
        let whole = order.values().all(|of_key| of_key.len() == of_each);
        if whole && order.len() == usize::try_from(KEYS).unwrap() {
            Ok(order)
        } else {
            Err(Failure::new(format!("{order:?}")))
        }
    })
    .await
    .unwrap()
}

/// One key of which an event fails is parked; its process dies, and the other takes over all of it.
#[tokio::test]
async fn a_key_is_parked_alone_and_order_outlives_the_process() {
    let (mut world, receiver, options) = one_fails().await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    publish_all(&sender, 0..10).await;
    // The others come whole, and of the key that failed nothing after the failure.
    let keys = parked(&amt, 7).await;
    assert_eq!(
        (keys.len(), &keys[0]["key"], &keys[0]["code"]),
        (1, &json!("k-0"), &json!("SB-3008"))
    );
    let others = usize::try_from((KEYS - 1) * 10).unwrap();
    receiver.wait_for("/f", others + 3 + 3, SOON).await.unwrap();
    let order = first_attempts(&receiver.requests());
    assert_eq!(order["k-0"], [0, 1, 2, 3]);
    assert_eq!(order["k-1"], (0..10).collect::<Vec<_>>());
    step(&sender, "werk", "0-5", |step| step["outcome"] == "parked").await;

    // A second process, and the first is killed while events come.
    let (dir, nats) = (world.dir().join("other"), &world.nats);
    let other = Bus::start(&dir, &nats.url(), &nats.monitor(), &world.issuer, &options)
        .await
        .unwrap();
    let (there, amt) = (other.client(sender.token()), other.client(amt.token()));
    publish_all(&there, 10..13).await;
    world.bus.kill_hard().await.unwrap();
    publish_all(&there, 13..20).await;
    let keys = parked(&amt, 17).await;
    let id = keys[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/subscriptions/amt-folge/parked/{id}");
    let shown = amt.get(&path).await.unwrap().expect(200).unwrap().json();
    let backlog = shown["backlog"].as_array().unwrap();
    let first: Vec<_> = backlog.iter().map(|one| &one["event"]["id"]).take(2).collect();
    assert_eq!(first, ["0-3", "0-4"]);

    // Skipped, the failing one is a dead letter, and the rest comes in order.
    let args = ["parked", "skip", "amt-folge", &id, "--lang", "en"];
    let done = other.command(amt.token(), &args, &[]).await.unwrap();
    let done = done.success("skip").unwrap();
    assert!(done.stdout.contains("skipped"), "{done:?}");
    let letters = dead_letters(&amt, "amt-folge", 1).await;
    assert!(letters[0].to_string().contains("SB-3023"), "{}", letters[0]);
    for (key, order) in all_attempted(&receiver, 20).await {
        assert!(order.is_sorted(), "{key}: {order:?}");
    }
    let resumed = format!("{path}/resume");
    eventually(SOON, "the key is forgotten", || async {
        let answer = amt.post(&resumed, &json!({})).await?;
        if (answer.status, answer.code().as_str()) == (404, "SB-2021") {
            Ok(())
        } else {
            Err(Failure::new(answer.text()))
        }
    })
    .await
    .unwrap();
}
