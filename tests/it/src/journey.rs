//! "Wo ist mein Ereignis?": one true answer for every event, before and after a restart, to those who may ask.

mod parked;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stadtbus_harness::{Client, Failure, Receiver, Reply, World, eventually};

use crate::city::{PURPOSE, QUICK, TYPE};
use crate::plugins::moody_city;
use crate::support::{LATER, changed, event, publish, recipient, sender, world};

/// A policy whose second attempt is scheduled far away.
const PATIENT: &str = "attempts_max: 3, first_delay_ms: 600000, delay_ms_max: 600000, timeout_ms: 1000";

/// What becomes of an ordinary event.
const ORDINARY: [(&str, &str); 8] = [
    ("amt-alles", "pending"),
    ("amt-bekommt", "delivered"),
    ("amt-filtert", "not-matched"),
    ("amt-folgen", "not-matched"),
    ("amt-lehnt-ab", "dead-lettered"),
    ("amt-wartet", "pending"),
    ("fremd-alles", "refused"),
    ("werk-ableitung", "derived"),
];

/// How an event stands with each subscription.
fn states(journey: &Value) -> BTreeMap<String, String> {
    let stands = journey["subscriptions"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    stands
        .map(|stand| (word(&stand["subscription"]), word(&stand["state"])))
        .collect()
}

async fn until(client: &Client, id: &str, expected: &[(&str, &str)]) -> Value {
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(subscription, state)| ((*subscription).to_owned(), (*state).to_owned()))
        .collect();
    eventually(LATER, &format!("the journey of {id}"), || async {
        let journey = client.journey("werk", id).await?.expect(200)?.json();
        let waits = |stand: &Value| {
            stand["subscription"] == json!("amt-wartet") && stand["state"] == json!("pending")
        };
        let mut stands = journey["subscriptions"].as_array().unwrap().iter();
        let scheduled = stands.all(|stand| !waits(stand) || stand["next"].is_string());
        if scheduled && states(&journey) == expected {
            Ok(journey)
        } else {
            Err(Failure::new(journey.to_string()))
        }
    })
    .await
    .unwrap()
}

async fn trace(world: &World, client: &Client, id: &str, lang: &str) -> String {
    let args = ["trace", id, "--partner", "werk", "--lang", lang, "--no-color"];
    let done = world.bus.command(client.token(), &args, &[]).await.unwrap();
    done.success("stadtbus trace").unwrap().stdout
}

async fn traced(world: &World, client: &Client, id: &str) {
    for lang in ["de", "en"] {
        let text = trace(world, client, id, lang).await;
        insta::with_settings!({filters => filters()}, {
            insta::assert_snapshot!(format!("trace_{id}_{lang}"), text);
        });
    }
}

#[tokio::test]
async fn where_is_my_event() {
    let receiver = Receiver::start_with(|request| match request.path.as_str() {
        "/nie" => Reply::Status(400),
        "/spaeter" => Reply::Status(503),
        _ => Reply::Status(204),
    })
    .await
    .unwrap();
    let city = moody_city().await;
    city.webhook("amt-bekommt", &receiver.url("/immer"), QUICK);
    city.webhook("amt-lehnt-ab", &receiver.url("/nie"), QUICK);
    city.webhook("amt-wartet", &receiver.url("/spaeter"), PATIENT);
    city.subscribe(
        "amt-filtert",
        "sink: {pull: {}}\nfilters: [{exact: {subject: zaehler-8}}]",
    );
    city.subscribe_as("fremd", "fremd-alles", TYPE, PURPOSE, "sink: {pull: {}}");
    let mut world = world(&city).await;
    let publisher = sender(&world).await;
    let dropped = changed(
        event("weggelassen", 1),
        "data",
        json!({"nr": "zaehler-7", "wert": 1, "text": "drop"}),
    );
    let late = changed(event("zu-spaet", 1), "expirytime", json!("2026-01-01T00:00:00Z"));
    for event in [&event("alltag", 1), &dropped, &late] {
        publish(&publisher, event).await;
    }
    let mut journey = until(&publisher, "alltag", &ORDINARY).await;
    until(
        &publisher,
        "weggelassen",
        &with(&ORDINARY, &[("werk-ableitung", "filtered")]),
    )
    .await;
    let too_late =
        ["amt-bekommt", "amt-lehnt-ab", "amt-wartet", "werk-ableitung"].map(|name| (name, "expired"));
    until(&publisher, "zu-spaet", &with(&ORDINARY, &too_late)).await;
    for id in ["alltag", "weggelassen", "zu-spaet"] {
        traced(&world, &publisher, id).await;
    }
    insta::with_settings!({filters => filters()}, {
        insta::assert_json_snapshot!("journey", journey);
    });
    only_those_concerned_are_told(&world, &journey).await;

    // What was recorded outlives the process, and counts more than what the city says today.
    // It is recorded at the latest when the process ends.
    world.bus.stop().await.unwrap();
    world.bus.start_again().await.unwrap();
    city.remove("city/subscriptions/amt/amt-lehnt-ab.yaml");
    let url = receiver.url("/immer");
    let narrower =
        format!("sink: {{webhook: {{url: \"{url}\"}}}}\nfilters: [{{exact: {{subject: zaehler-8}}}}]");
    city.subscribe("amt-bekommt", &narrower);
    world.apply(&city.path(), &[]).await.unwrap();
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    journey = until(&publisher, "alltag", &ORDINARY).await;
    let matched = journey["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["subscription"] == json!("amt-bekommt") && step["step"] == json!("route"));
    let matched = matched.unwrap();
    assert_eq!(
        (&matched["outcome"], &matched["basis"]),
        (&json!("matched"), &json!("recorded"))
    );
    assert!(matched["detail"].as_str().unwrap().contains("today"), "{matched}");
}

/// The first list, with other words for some.
fn with<'a>(all: &[(&'a str, &'a str)], some: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let other = |name: &str| some.iter().find(|(changed, _)| *changed == name);
    all.iter()
        .map(|(name, state)| other(name).copied().unwrap_or((name, state)))
        .collect()
}

async fn only_those_concerned_are_told(world: &World, whole: &Value) {
    assert!(whole["steps"][0]["credential"].is_string(), "{whole}");
    let amt = recipient(world).await;
    let seen = amt.journey("werk", "alltag").await.unwrap().expect(200).unwrap();
    let own = seen.json();
    let stands = states(&own);
    assert!(stands.keys().all(|name| name.starts_with("amt-")), "{stands:?}");
    assert_eq!(stands.len(), 6, "{stands:?}");
    let token = whole["steps"][0]["credential"].as_str().unwrap();
    assert!(!seen.text().contains(token), "{}", seen.text());
    assert!(
        !seen.text().contains("fremd") && !seen.text().contains("zaehler-7\""),
        "{own}"
    );
    let stranger = world.client("fremd", "sender", "subscribe").await.unwrap();
    for (client, id) in [(&stranger, "alltag"), (&amt, "nie-gesehen")] {
        let refused = client.journey("werk", id).await.unwrap();
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (404, &json!("SB-2005"))
        );
    }
    let args = ["trace", "nie-gesehen", "--partner", "werk"];
    let missing = world.bus.command(amt.token(), &args, &[]).await.unwrap();
    assert_ne!(missing.code, Some(0));
    assert!(missing.stderr.contains("SB-2005"), "{}", missing.stderr);
}

fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
            "[time]",
        ),
        (r"\d\d:\d\d:\d\d([.,]\d+)?", "[time]"),
        (r"\d\d\.\d\d\.\d{4}", "[date]"),
        // What is derived from one event may stand before the next one.
        (r"LOG_WERK ([Pp])osition \d+", "LOG_WERK ${1}osition [number]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        (r"[0-9a-f]{64}", "[sha256]"),
        (r"\+[0-9a-f]{12,63}\b", "+[digest]"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[uuid]",
        ),
        (r"[0-9a-f]{32}", "[trace]"),
        (r"\d{4}-\d\d-\d\d", "[date]"),
    ]
}
