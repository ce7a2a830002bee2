//! Delivery by pull: received under a lease, settled by handle.

use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Bus, BusOptions, Client, Receiver, World, eventually};

use crate::city::{CityFolder, QUICK};
use crate::support::{
    LEASE, SOON, changed, dead_letters, event, nothing_more, publish, recipient, sender, step, take, world,
};

async fn pulled(count: i64) -> (World, Client) {
    let city = CityFolder::new();
    city.subscribe(
        "amt-pull",
        &format!("sink: {{pull: {{}}}}\ndelivery: {{{QUICK}}}"),
    );
    let world = world(&city).await;
    let sender = sender(&world).await;
    for n in 0..count {
        publish(&sender, &event(&format!("p-{n}"), n)).await;
    }
    let amt = recipient(&world).await;
    (world, amt)
}

/// Receives exactly `count`, over as many calls as it takes, without settling.
async fn receive(client: &Client, count: usize, lease: Duration) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        let max = u32::try_from(count - events.len()).unwrap();
        let more = client
            .receive("amt-pull", max, Duration::from_secs(5), lease)
            .await
            .unwrap();
        assert!(!more.is_empty(), "{} of {count}", events.len());
        events.extend(more);
    }
    events
}

fn ids(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["event"]["id"].as_str().unwrap())
        .collect()
}

async fn settled(client: &Client, how: &str, events: &[Value], more: Value) -> Value {
    client
        .settle("amt-pull", how, events, more)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json()
}

#[tokio::test]
async fn received_is_leased_and_acknowledged_is_gone() {
    let (world, amt) = pulled(3).await;
    let events = receive(&amt, 3, LEASE).await;
    assert_eq!(ids(&events), ["p-0", "p-1", "p-2"]);
    assert_eq!(
        (&events[0]["attempt"], &events[0]["position"]),
        (&json!(1), &json!(1))
    );
    assert!(events[0]["log"].as_str().is_some_and(|log| !log.is_empty()));
    nothing_more(&amt, "amt-pull").await;
    assert_eq!(
        settled(&amt, "acknowledge", &events, json!({})).await,
        json!({"settled": 3, "unknown": []})
    );
    let again = settled(&amt, "acknowledge", &events[..1], json!({})).await;
    assert_eq!(again["settled"], json!(0), "a handle settles once: {again}");
    assert_eq!(again["unknown"], json!([events[0]["handle"]]));
    nothing_more(&amt, "amt-pull").await;
    drop(world);
}

#[tokio::test]
async fn a_handle_of_one_subscription_is_nothing_at_another() {
    let city = CityFolder::new();
    for id in ["amt-pull", "amt-zwei"] {
        city.subscribe(id, "sink: {pull: {}}");
    }
    let world = world(&city).await;
    publish(&sender(&world).await, &event("p-0", 0)).await;
    let amt = recipient(&world).await;
    let events = receive(&amt, 1, LEASE).await;
    let answer = amt
        .settle("amt-zwei", "acknowledge", &events, json!({}))
        .await
        .unwrap()
        .json();
    assert_eq!(answer["settled"], json!(0), "{answer}");
    assert_eq!(
        settled(&amt, "acknowledge", &events, json!({})).await["settled"],
        json!(1)
    );
}

#[tokio::test]
async fn released_comes_again_and_counts_its_attempt() {
    let (world, amt) = pulled(1).await;
    let events = receive(&amt, 1, LEASE).await;
    assert_eq!(
        settled(&amt, "release", &events, json!({"delay_ms": 0})).await["settled"],
        json!(1)
    );
    let again = receive(&amt, 1, LEASE).await;
    assert_eq!((ids(&again), &again[0]["attempt"]), (vec!["p-0"], &json!(2)));
    assert_ne!(
        again[0]["handle"], events[0]["handle"],
        "each lease has a handle of its own"
    );
    assert_eq!(
        settled(&amt, "acknowledge", &again, json!({})).await["settled"],
        json!(1)
    );
    drop(world);
}

#[tokio::test]
async fn a_lease_that_runs_out_gives_the_event_back() {
    let (world, amt) = pulled(1).await;
    let events = receive(&amt, 1, Duration::from_millis(1000)).await;
    let again = receive(&amt, 1, LEASE).await;
    assert_eq!((ids(&again), &again[0]["attempt"]), (vec!["p-0"], &json!(2)));
    let late = settled(&amt, "acknowledge", &events, json!({})).await;
    assert_eq!(
        late["unknown"],
        json!([events[0]["handle"]]),
        "a handle dies with its lease"
    );
    settled(&amt, "acknowledge", &again, json!({})).await;
    nothing_more(&amt, "amt-pull").await;
    drop(world);
}

#[tokio::test]
async fn an_extended_lease_holds() {
    let (world, amt) = pulled(1).await;
    let events = receive(&amt, 1, Duration::from_millis(1500)).await;
    assert_eq!(
        settled(&amt, "extend", &events, json!({"lease_ms": 60_000})).await["settled"],
        json!(1)
    );
    // Longer than the first lease: if the extension did nothing, the event comes back within this call.
    let back = amt
        .receive("amt-pull", 1, Duration::from_secs(3), LEASE)
        .await
        .unwrap();
    assert_eq!(back, Vec::<Value>::new());
    assert_eq!(
        settled(&amt, "acknowledge", &events, json!({})).await["settled"],
        json!(1)
    );
    drop(world);
}

#[tokio::test]
async fn rejected_becomes_a_dead_letter_with_its_reason() {
    let (world, amt) = pulled(2).await;
    let events = receive(&amt, 2, LEASE).await;
    let reason = json!({"reason": "Zählernummer unbekannt"});
    assert_eq!(
        settled(&amt, "reject", &events[..1], reason).await["settled"],
        json!(1)
    );
    settled(&amt, "acknowledge", &events[1..], json!({})).await;
    let letters = dead_letters(&amt, "amt-pull", 1).await;
    let text = letters[0].to_string();
    assert!(
        text.contains("SB-3009") && text.contains("Zählernummer unbekannt") && text.contains("p-0"),
        "{text}"
    );
    nothing_more(&amt, "amt-pull").await;
    drop(world);
}

#[tokio::test]
async fn what_is_never_acknowledged_ends_as_a_dead_letter() {
    let (world, amt) = pulled(1).await;
    for attempt in 1..=3 {
        let events = receive(&amt, 1, Duration::from_millis(300)).await;
        assert_eq!(events[0]["attempt"], json!(attempt));
    }
    let letters = dead_letters(&amt, "amt-pull", 1).await;
    assert!(letters[0].to_string().contains("SB-3008"), "{}", letters[0]);
    drop(world);
}

#[tokio::test]
async fn what_is_released_for_ever_ends_as_a_dead_letter() {
    let (world, amt) = pulled(1).await;
    for attempt in 1..=3 {
        let events = receive(&amt, 1, LEASE).await;
        assert_eq!(events[0]["attempt"], json!(attempt));
        settled(&amt, "release", &events, json!({"delay_ms": 0})).await;
    }
    let letters = dead_letters(&amt, "amt-pull", 1).await;
    assert!(letters[0].to_string().contains("SB-3008"), "{}", letters[0]);
    drop(world);
}

#[tokio::test]
async fn two_receivers_share_the_work() {
    let (world, amt) = pulled(40).await;
    let (one, two) = tokio::join!(receive(&amt, 20, LEASE), receive(&amt, 20, LEASE));
    let mut all: Vec<_> = ids(&one).into_iter().chain(ids(&two)).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 40, "no event is leased twice at a time");
    drop(world);
}

#[tokio::test]
async fn a_process_without_the_subscription_sends_each_call_to_the_one_that_has_it() {
    let (world, amt) = pulled(1).await;
    let options = BusOptions {
        env: vec![("STADTBUS_DISPATCH".to_owned(), "false".to_owned())],
        ..BusOptions::default()
    };
    let (dir, nats) = (world.dir().join("other"), &world.nats);
    let other = Bus::start(&dir, &nats.url(), &nats.monitor(), &world.issuer, &options)
        .await
        .unwrap();
    let there = other.client(amt.token());
    for call in ["receive", "acknowledge", "release", "reject", "extend"] {
        let body = if call == "receive" {
            json!({})
        } else {
            json!({"handles": []})
        };
        let path = format!("/v1/subscriptions/amt-pull/{call}");
        let answer = there.post(&path, &body).await.unwrap();
        assert_eq!(
            (answer.status, answer.header("location").to_owned()),
            (307, format!("{}{path}", world.bus.base())),
            "{call}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn a_waiting_call_is_answered_when_an_event_comes() {
    let (world, amt) = pulled(0).await;
    let sender = sender(&world).await;
    let waiting = tokio::spawn({
        let amt = amt.clone();
        async move {
            amt.receive("amt-pull", 10, Duration::from_secs(20), LEASE)
                .await
                .unwrap()
        }
    });
    publish(&sender, &event("spät", 1)).await;
    let events = tokio::time::timeout(Duration::from_secs(15), waiting)
        .await
        .expect("answered before its wait is over")
        .unwrap();
    assert_eq!(ids(&events), ["spät"]);
}

#[tokio::test]
async fn a_paused_subscription_gives_nothing_and_loses_nothing() {
    let (world, amt) = pulled(0).await;
    let sender = sender(&world).await;
    amt.post("/v1/subscriptions/amt-pull/pause", &json!({}))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    for n in 0..5 {
        publish(&sender, &event(&format!("q-{n}"), n)).await;
    }
    let answer = amt
        .post("/v1/subscriptions/amt-pull/receive", &json!({"max": 1}))
        .await
        .unwrap();
    let gives_nothing = answer.code() == "SB-2004" || answer.json()["events"] == json!([]);
    assert!(gives_nothing, "{}", answer.text());
    amt.post("/v1/subscriptions/amt-pull/resume", &json!({}))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let events = eventually(SOON, "all five after resuming", || async {
        let events = amt.receive("amt-pull", 5, Duration::from_secs(1), LEASE).await?;
        if events.len() == 5 {
            Ok(events)
        } else {
            Err(stadtbus_harness::Failure::new(format!("{events:?}")))
        }
    });
    assert_eq!(ids(&events.await.unwrap()), ["q-0", "q-1", "q-2", "q-3", "q-4"]);
}

/// EXT-EXPIRYTIME: what has expired is delivered by no way out, and the journey says why.
#[tokio::test]
async fn ext_expirytime_nothing_is_delivered_after_it() {
    let receiver = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    city.subscribe("amt-pull", "sink: {pull: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for (id, expirytime) in [
        ("alt", "2020-01-01T00:00:00Z"),
        ("gut", "2126-01-01T00:00:00+01:00"),
    ] {
        publish(&sender, &changed(event(id, 1), "expirytime", json!(expirytime))).await;
    }
    let requests = receiver.wait_for("/h", 1, SOON).await.unwrap();
    assert_eq!(requests[0].event_id(), "gut");
    let pulled = take(&amt, "amt-pull", 1, SOON).await;
    assert_eq!(
        (&pulled[0]["id"], &pulled[0]["expirytime"]),
        (&json!("gut"), &json!("2126-01-01T00:00:00+01:00"))
    );
    nothing_more(&amt, "amt-pull").await;
    for subscription in ["amt-hook", "amt-pull"] {
        step(&sender, "werk", "alt", |step| {
            let step = step.to_string();
            step.contains(subscription) && step.contains("expired")
        })
        .await;
    }
    assert_eq!(receiver.count(), 1, "what had expired was posted");
}
