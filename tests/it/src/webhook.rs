//! Delivery by webhook: retried where that can help, not where it cannot, and never at another's cost (P1, P6).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{Receiver, Reply, Request, World};

use crate::city::{CityFolder, PURPOSE, QUICK};
use crate::support::{
    HELD, HELD_SCHEMA, LATER, SOON, dead_letters, event, nothing_more, notices, publish, recipient, sender,
    step, take, world,
};

async fn one_hook(delivery: &str) -> (World, Receiver) {
    let receiver = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), delivery);
    (world(&city).await, receiver)
}

fn ids(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::event_id).collect()
}

#[tokio::test]
async fn both_modes_carry_the_event() {
    let receiver = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    for mode in ["structured", "binary"] {
        city.subscribe(
            &format!("amt-{mode}"),
            &format!(
                "sink: {{webhook: {{url: \"{}\", mode: {mode}}}}}",
                receiver.url(&format!("/{mode}"))
            ),
        );
    }
    let world = world(&city).await;
    publish(&sender(&world).await, &event("h-1", 1)).await;
    let structured = receiver.wait_for("/structured", 1, SOON).await.unwrap().remove(0);
    let binary = receiver.wait_for("/binary", 1, SOON).await.unwrap().remove(0);
    assert!(
        structured
            .header("content-type")
            .starts_with("application/cloudevents+json")
    );
    let sent = event("h-1", 1);
    for (name, value) in sent.as_object().unwrap() {
        assert_eq!(&structured.json()[name], value, "{name}");
        if let Some(text) = value.as_str().filter(|_| name != "datacontenttype") {
            assert_eq!(binary.header(&format!("ce-{name}")), text, "{name}");
        }
    }
    assert_eq!(binary.json(), sent["data"]);
    assert!(binary.header("authorization").is_empty(), "no credential leaves");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_cannot_is_not() {
    let (world, receiver) = one_hook(QUICK).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let garbage = || Reply::Garbage(Bytes::from_static(b"kein HTTP\r\n"));
    let mut letters = 0;
    for (n, (reply, retried)) in [
        (Reply::Status(500), true),
        (Reply::Status(503), true),
        (Reply::Status(408), true),
        (Reply::Status(425), true),
        (Reply::Status(429), true),
        (Reply::Close, true),
        (garbage(), true),
        (
            Reply::After(Duration::from_secs(3), Box::new(Reply::Status(200))),
            true,
        ),
        (Reply::Status(400), false),
        (Reply::Status(404), false),
        (Reply::Status(422), false),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("n-{n}");
        let before = receiver.count();
        let named = format!("{reply:?}");
        receiver.script([reply]);
        publish(&sender, &event(&id, 1)).await;
        if retried {
            step(&amt, "werk", &id, |step| step["outcome"] == json!("delivered")).await;
            assert_eq!(
                receiver.count() - before,
                2,
                "{named}: the second attempt arrives"
            );
        } else {
            letters += 1;
            dead_letters(&amt, "amt-hook", letters).await;
            assert_eq!(receiver.count() - before, 1, "{named}: not repeated");
        }
    }
}

#[tokio::test]
async fn retry_after_is_kept() {
    let (world, receiver) = one_hook("attempts_max: 3, first_delay_ms: 10, delay_ms_max: 60000").await;
    receiver.script([Reply::with_header(503, "retry-after", "2")]);
    publish(&sender(&world).await, &event("ra-1", 1)).await;
    let requests = receiver.wait_for("/h", 2, LATER).await.unwrap();
    let pause = requests[1].at.duration_since(requests[0].at).unwrap();
    assert!(
        pause >= Duration::from_millis(1900),
        "{pause:?} is earlier than the receiver asked for"
    );
}

/// A farewell, said in either way: nothing more is sent, over a restart as well; the owner is told; resumed, the subscription
/// goes on with all that waited.
#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone() {
    let city = CityFolder::new();
    notices(&city, HELD, HELD_SCHEMA);
    city.subscribe_as("amt", "amt-hinweise", HELD, PURPOSE, "sink: {pull: {}}");
    let farewells = [
        ("amt-weg", Reply::Status(410)),
        (
            "amt-genug",
            Reply::with_header(503, "webhook-delivery", "disable"),
        ),
    ];
    let mut receivers = Vec::new();
    for (id, farewell) in farewells {
        let receiver = Receiver::start().await.unwrap();
        receiver.set_steady(farewell);
        city.webhook(id, &receiver.url("/h"), QUICK);
        receivers.push((id, receiver));
    }
    let mut world = world(&city).await;
    publish(&sender(&world).await, &event("g-1", 1)).await;
    let told = take(&recipient(&world).await, "amt-hinweise", 2, SOON).await;
    let told: BTreeSet<_> = told
        .iter()
        .map(|notice| notice["data"]["subscription"].to_string())
        .collect();
    assert_eq!(
        told,
        BTreeSet::from(["\"amt-genug\"".to_owned(), "\"amt-weg\"".to_owned()])
    );
    world.bus.stop().await.unwrap();
    world.bus.start_again().await.unwrap();
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    publish(&sender, &event("g-2", 2)).await;
    for (id, receiver) in &receivers {
        let waits = |step: &Value| step["subscription"] == json!(id) && step["outcome"] == json!("paused");
        let line = step(&amt, "werk", "g-2", waits).await;
        assert_eq!(line["code"], json!("SB-3005"), "{line}");
        let path = format!("/v1/subscriptions/{id}");
        let status = amt.get(&path).await.unwrap().expect(200).unwrap().json()["status"].clone();
        assert_eq!(status["paused"]["code"], json!("SB-3005"), "{id}");
        assert_eq!(receiver.count(), 1, "{id}: nothing was sent in between");
        receiver.set_steady(Reply::Status(204));
        amt.post(&format!("{path}/resume"), &json!({}))
            .await
            .unwrap()
            .expect(200)
            .unwrap();
        let came = receiver.wait_for("/h", 3, LATER).await.unwrap().split_off(1);
        let came: BTreeSet<_> = came.iter().map(Request::event_id).collect();
        assert_eq!(came, BTreeSet::from(["g-1".to_owned(), "g-2".to_owned()]), "{id}");
    }
    nothing_more(&amt, "amt-hinweise").await;
}

#[tokio::test]
async fn a_receiver_that_hangs_or_never_ends_delays_only_itself() {
    let healthy = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    city.webhook("amt-gut", &healthy.url("/h"), "concurrency: 8");
    let mut bad = Vec::new();
    for (id, reply) in [
        ("amt-haengt", Reply::Hang),
        ("amt-endlos", Reply::Endless),
        ("amt-kaputt", Reply::Status(500)),
        ("amt-zu", Reply::Close),
    ] {
        let receiver = Receiver::start().await.unwrap();
        receiver.set_steady(reply);
        city.webhook(
            id,
            &receiver.url("/h"),
            "concurrency: 2, attempts_max: 100, first_delay_ms: 100, delay_ms_max: 1000, timeout_ms: 30000",
        );
        bad.push(receiver);
    }
    // A port nobody listens on.
    city.webhook(
        "amt-tot",
        &format!("http://127.0.0.1:{}/h", stadtbus_harness::free_port().unwrap()),
        QUICK,
    );
    let world = world(&city).await;
    let sender = sender(&world).await;
    let events: Vec<_> = (0..500).map(|n| event(&format!("l-{n}"), n)).collect();
    for chunk in events.chunks(100) {
        sender.publish_batch(chunk).await.unwrap().expect(202).unwrap();
    }
    let requests = healthy.wait_for("/h", 500, SOON).await.unwrap();
    let mut found = ids(&requests);
    found.sort();
    found.dedup();
    assert_eq!(
        (requests.len(), found.len()),
        (500, 500),
        "each exactly once at the healthy receiver"
    );
    for receiver in &bad {
        assert!(
            receiver.open_connections() <= 4,
            "{receiver:?} holds {} connections",
            receiver.open_connections()
        );
    }
    // Work in hand does not keep the bus from ending in time either.
    let mut world = world;
    let asked = Instant::now();
    assert_eq!(world.bus.stop().await.unwrap(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(25), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn egress_goes_only_where_a_zone_allows() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let operator = world.operator().await.unwrap();
    for url in [
        "http://10.1.2.3:8080/x",
        "http://127.0.0.1:80/x",
        "http://[::1]:8080/x",
        "http://169.254.169.254/latest",
        "ftp://127.0.0.1:2121/x",
    ] {
        city.webhook("amt-hook", url, QUICK);
        let done = world
            .bus
            .apply(operator.token(), &city.path(), &[])
            .await
            .unwrap();
        assert_ne!(done.code, Some(0), "{url} was applied");
    }
    // A name that leads into no zone is found out at the moment of delivery.
    city.webhook("amt-hook", "https://localhost:8443/x", QUICK);
    world.apply(&city.path(), &[]).await.unwrap();
    let receiver = Receiver::start().await.unwrap();
    receiver.set_steady(Reply::with_header(307, "location", "http://127.0.0.1:9/anderswo"));
    city.webhook("amt-weiter", &receiver.url("/h"), QUICK);
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender(&world).await, &event("e-1", 1)).await;
    let amt = recipient(&world).await;
    let letters = dead_letters(&amt, "amt-weiter", 1).await;
    assert!(
        letters[0].to_string().contains("SB-30"),
        "a redirect is not followed: {}",
        letters[0]
    );
}

#[tokio::test]
async fn pull_and_webhook_of_one_type_do_not_touch_each_other() {
    let receiver = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    city.subscribe("amt-pull", "sink: {pull: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for n in 0..20 {
        publish(&sender, &event(&format!("z-{n}"), n)).await;
    }
    receiver.wait_for("/h", 20, SOON).await.unwrap();
    assert_eq!(take(&amt, "amt-pull", 20, SOON).await.len(), 20);
}
