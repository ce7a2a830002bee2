//! A new version of a plugin beside the one in service: it is looked at without delivering anything, takes a share and stops
//! itself, is taken and taken back, and no event is lost or doubled by any of that.
//!
//! The new versions are made of the component of the plugin in the city: another digit in its data makes it reckon
//! otherwise, or fail.

mod compared;
mod vouched;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stadtbus_harness::{Client, Failure, eventually};

use crate::city::CityFolder;
use crate::plugins::{moody_city, moody_city_with};
use crate::support::{
    LATER, SOON, changed, dead_letters, event, nothing_more, publish, recipient, sender, step, take, world,
};

const PATH: &str = "/v1/plugins/werk/launisch";
const OTHERWISE: u8 = b'1';
const BROKEN: u8 = b'2';
const ALIKE: u8 = b'3';

/// Another version of the plugin of this city: manifest and component.
fn version(city: &CityFolder, digit: u8) -> (String, Vec<u8>) {
    let folder = city.root().join("plugins/launisch");
    let mut component = std::fs::read(folder.join("build/launisch.wasm")).unwrap();
    let mark = b"launisch-version-0";
    let at: Vec<usize> = component
        .windows(mark.len())
        .enumerate()
        .filter(|(_, bytes)| bytes == mark)
        .map(|(at, _)| at)
        .collect();
    assert!(!at.is_empty(), "the component says which version it is");
    for at in at {
        component[at + mark.len() - 1] = digit;
    }
    let manifest = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let next = format!("version: 9.{}.0", char::from(digit));
    (manifest.replace("version: 1.0.0", &next), component)
}

fn brought(city: &CityFolder, digit: u8, more: Value) -> Value {
    let (manifest, component) = version(city, digit);
    let mut body = json!({"manifest": manifest, "component": STANDARD.encode(component)});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body
}

async fn order(client: &Client, verb: &str, body: &Value) -> Value {
    let answer = client.post(&format!("{PATH}/{verb}"), body).await.unwrap();
    answer.expect(200).unwrap().json()
}

async fn refused(client: &Client, verb: &str, body: &Value) -> (u16, String) {
    let answer = client.post(&format!("{PATH}/{verb}"), body).await.unwrap();
    (answer.status, answer.code())
}

/// How it stands, as soon as that is `enough`.
async fn standing(client: &Client, what: &str, enough: impl Fn(&Value) -> bool) -> Value {
    eventually(LATER, what, || async {
        let answer = client.get(&format!("{PATH}/rollout")).await?.expect(200)?;
        let shown = answer.json();
        if enough(&shown["rollout"]) {
            Ok(shown)
        } else {
            Err(Failure::new(answer.text()))
        }
    })
    .await
    .unwrap()
}

/// Cause → what was derived of it, each once.
fn by_cause(derived: &[Value]) -> BTreeMap<String, i64> {
    let mut found = BTreeMap::new();
    for one in derived {
        let cause = one["causationid"].as_str().unwrap().to_owned();
        let wert = one["data"]["wert"].as_i64().unwrap();
        let before = found.insert(cause.clone(), wert);
        assert_eq!(before, None, "{cause} was derived twice");
    }
    found
}

fn counted(id: &str) -> Value {
    changed(
        event(id, 0),
        "data",
        json!({"nr": "k1", "wert": 0, "text": "count"}),
    )
}

#[tokio::test]
async fn a_shadow_delivers_nothing_and_tells_what_differs() {
    let city = moody_city().await;
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let begun = order(
        &sender,
        "shadow",
        &brought(&city, OTHERWISE, json!({"why": "neue Rundung"})),
    )
    .await;
    assert_eq!(begun["rollout"]["stage"], json!("shadow"), "{begun}");
    assert_eq!(begun["in_service"]["version"], json!("1.0.0"));
    for n in 0..20 {
        publish(&sender, &event(&format!("s-{n}"), n)).await;
    }
    let derived = by_cause(&take(&amt, "amt-folgen", 20, SOON).await);
    for n in 0..20 {
        assert_eq!(derived[&format!("s-{n}")], n);
    }
    let shown = standing(&sender, "all events in the shadow", |rollout| {
        rollout["counts"]["taken"] == json!(20)
    })
    .await;
    nothing_more(&amt, "amt-folgen").await;
    let rollout = &shown["rollout"];
    let counts = &rollout["counts"];
    assert_eq!(
        (&counts["different"], &counts["failed"]),
        (&json!(20), &json!(0)),
        "{counts}"
    );
    assert_eq!(counts["by_kind"], json!({"changed /events/*/data/wert": 20}));
    // Which field, and of which event; not what it says.
    let example = &counts["examples"][0];
    assert_eq!(
        example["differences"],
        json!(["changed /events/0/data/wert"]),
        "{example}"
    );
    assert!(!counts["examples"].to_string().contains("100"), "{counts}");
    let moved = &rollout["history"][0];
    assert_eq!(
        (&moved["by"], &moved["why"]),
        (&json!("werk/sender"), &json!("neue Rundung"))
    );
    // The journey names both versions.
    let digest = rollout["new"]["digest"].as_str().unwrap();
    let told = step(&sender, "werk", "s-3", |step| step["outcome"] == json!("shadow")).await;
    assert!(told["rule"].as_str().unwrap().ends_with(digest), "{told}");
    let metrics = world.bus.client("").get("/metrics").await.unwrap().text();
    let counted = "stadtbus_plugin_trial_events_total{plugin=\"werk/launisch\",part=\"shadow\",result=\"different\"} 20";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn the_state_of_a_shadow_is_its_own_and_begins_as_a_copy() {
    let city = moody_city_with("state: {key: /nr, ttl_s: 3600, bytes_max: 64}\n").await;
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for n in 0..3 {
        publish(&sender, &counted(&format!("z-{n}"))).await;
    }
    take(&amt, "amt-folgen", 3, SOON).await;
    order(&sender, "shadow", &brought(&city, ALIKE, json!({}))).await;
    for n in 3..6 {
        publish(&sender, &counted(&format!("z-{n}"))).await;
    }
    let derived = by_cause(&take(&amt, "amt-folgen", 3, SOON).await);
    assert_eq!(derived.values().copied().collect::<Vec<_>>(), [4, 5, 6]);
    // Begun from nothing it would count from one, and with the old one's state it would count on from six.
    let shown = standing(&sender, "three compared", |rollout| {
        rollout["counts"]["compared"] == json!(3)
    })
    .await;
    assert_eq!(shown["rollout"]["counts"]["different"], json!(0), "{shown}");
}

#[tokio::test]
async fn a_wrong_canary_stops_itself_and_no_event_is_lost() {
    const EVENTS: usize = 2_000;
    let city = moody_city().await;
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    order(&sender, "canary", &brought(&city, BROKEN, json!({"percent": 10}))).await;
    let events: Vec<Value> = (0..EVENTS).map(|n| event(&format!("c-{n}"), 7)).collect();
    for chunk in events.chunks(50) {
        sender.publish_batch(chunk).await.unwrap().expect(202).unwrap();
    }
    let derived = by_cause(&take(&amt, "amt-folgen", EVENTS, LATER).await);
    assert_eq!(derived.len(), EVENTS);
    assert!(derived.values().all(|wert| *wert == 7));
    dead_letters(&sender, "werk-ableitung", 0).await;
    nothing_more(&amt, "amt-folgen").await;
    let shown = standing(&sender, "the canary to have stopped", |rollout| {
        rollout["stage"] == json!("stopped")
    })
    .await;
    let rollout = &shown["rollout"];
    let failed = rollout["counts"]["failed"].as_u64().unwrap();
    // Less than one in a hundred was even tried with it.
    assert!((3..20).contains(&failed), "{rollout}");
    let last = rollout["history"].as_array().unwrap().last().unwrap();
    assert_eq!(last["by"], json!("bus"), "{last}");
    assert!(
        last["why"].as_str().unwrap().starts_with("SB-4034: error rate"),
        "{last}"
    );
    assert_eq!(shown["in_service"]["version"], json!("1.0.0"));
    // Who looks for one of the events that it failed at sees both versions.
    let example = &rollout["counts"]["examples"][0];
    let (log, position) = (
        example["log"].as_str().unwrap(),
        example["position"].as_u64().unwrap(),
    );
    let told = eventually(SOON, "the journey of an event that it failed at", || async {
        let answer = sender
            .get(&format!("/v1/journey/{log}/{position}"))
            .await?
            .expect(200)?;
        let steps = answer.json()["steps"].as_array().cloned().unwrap_or_default();
        let told = steps
            .into_iter()
            .find(|step| step["outcome"] == json!("fallback"));
        told.ok_or_else(|| Failure::new(answer.text()))
    });
    let told = told.await.unwrap();
    assert!(told["rule"].as_str().unwrap().contains("@9.2.0+"), "{told}");
    // It is not promoted without another try.
    assert_eq!(
        refused(&sender, "promote", &json!({})).await,
        (409, "SB-4031".to_owned())
    );
}

/// Publishes without a pause; tells how many it has published.
fn traffic(
    sender: &Client,
    stop: &Arc<AtomicBool>,
    published: &Arc<AtomicI64>,
) -> tokio::task::JoinHandle<()> {
    let (sender, stop, published) = (sender.clone(), Arc::clone(stop), Arc::clone(published));
    tokio::spawn(async move {
        while !stop.load(Ordering::Acquire) {
            let from = published.load(Ordering::Acquire);
            let batch: Vec<Value> = (from..from + 20).map(|n| event(&format!("t-{n}"), n)).collect();
            sender.publish_batch(&batch).await.unwrap().expect(202).unwrap();
            published.fetch_add(20, Ordering::AcqRel);
        }
    })
}

/// Waits until `more` events more were published.
async fn after(published: &AtomicI64, more: i64) -> i64 {
    let until = published.load(Ordering::Acquire) + more;
    eventually(LATER, "traffic", || async {
        let now = published.load(Ordering::Acquire);
        if now >= until {
            Ok(now)
        } else {
            Err(Failure::new(format!("{now} published")))
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn promotion_and_rollback_under_traffic_lose_and_double_nothing() {
    let city = moody_city().await;
    let mut world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let new = brought(&city, OTHERWISE, json!({"percent": 20}));
    let (stop, published) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let publishing = traffic(&sender, &stop, &published);
    after(&published, 100).await;
    order(&sender, "canary", &new).await;
    after(&published, 200).await;
    let promoted = order(&sender, "promote", &json!({"why": "drei Tage gut"})).await;
    assert_eq!(promoted["in_service"]["version"], json!("9.1.0"), "{promoted}");
    // What is accepted from now on goes through the new version; one batch may be under way.
    let from = after(&published, 40).await;
    let until = after(&published, 200).await;
    let mut derived = Vec::new();
    let is_there = |derived: &[Value], n: i64| {
        derived
            .iter()
            .any(|one| one["causationid"] == json!(format!("t-{n}")))
    };
    while !(from..until).all(|n| is_there(&derived, n)) {
        derived.extend(take(&amt, "amt-folgen", 1, LATER).await);
    }
    order(&sender, "rollback", &json!({})).await;
    let again = after(&published, 40).await;
    after(&published, 200).await;
    stop.store(true, Ordering::Release);
    publishing.await.unwrap();
    let all = usize::try_from(published.load(Ordering::Acquire)).unwrap();
    derived.extend(take(&amt, "amt-folgen", all - derived.len(), LATER).await);
    let derived = by_cause(&derived);
    assert_eq!(derived.len(), all);
    nothing_more(&amt, "amt-folgen").await;
    dead_letters(&sender, "werk-ableitung", 0).await;
    for n in 0..i64::try_from(all).unwrap() {
        let wert = derived[&format!("t-{n}")];
        assert!(wert == n || wert == n + 1_000, "t-{n}: {wert}");
        if (from..until).contains(&n) {
            assert_eq!(wert, n + 1_000, "after the promotion");
        }
        if n >= again {
            assert_eq!(wert, n, "after the rollback");
        }
    }
    // What was decided outlives the process.
    order(&sender, "shadow", &brought(&city, OTHERWISE, json!({}))).await;
    order(&sender, "promote", &json!({})).await;
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    let (sender, amt) = (crate::support::sender(&world).await, recipient(&world).await);
    publish(&sender, &event("nachher", 1)).await;
    assert_eq!(outcome_of(&amt, "nachher").await, 1_001);
    let told = step(&sender, "werk", "nachher", |step| {
        step["outcome"] == json!("in-service")
    })
    .await;
    assert!(told["rule"].as_str().unwrap().contains("@9.1.0+"), "{told}");
    // Whoever deploys a version wants that one.
    let (manifest, component) = version(&city, ALIKE);
    let deployed = json!({"manifest": manifest, "component": STANDARD.encode(component)});
    sender.put(PATH, &deployed).await.unwrap().expect(200).unwrap();
    publish(&sender, &event("zuletzt", 1)).await;
    assert_eq!(outcome_of(&amt, "zuletzt").await, 1);
}

/// What became of one event. What was taken just before the process was killed may come once more before it.
async fn outcome_of(amt: &Client, cause: &str) -> i64 {
    loop {
        let taken = by_cause(&take(amt, "amt-folgen", 1, LATER).await);
        if let Some(wert) = taken.get(cause) {
            return *wert;
        }
    }
}
