//! What every module here needs: deadlines, a world with the probe city, and events for it.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Answer, BusOptions, Client, Mode, World, WorldOptions, eventually, workspace_dir};

use crate::city::{CityFolder, PURPOSE, SOURCE, TYPE};

/// How long a test waits for what must happen at once, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// How long a test waits for what must happen after trouble.
pub(crate) const LATER: Duration = Duration::from_secs(60);
/// Lease of received events where the test does not care.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Broker and bus with this city.
pub(crate) async fn world(city: &CityFolder) -> World {
    world_with(city, BusOptions::default()).await
}

pub(crate) async fn world_with(city: &CityFolder, bus: BusOptions) -> World {
    World::start(WorldOptions {
        bus,
        city: Some(city.path()),
        ..WorldOptions::default()
    })
    .await
    .unwrap()
}

/// The publishing system of `werk`.
pub(crate) async fn sender(world: &World) -> Client {
    world.client("werk", "sender", "publish subscribe").await.unwrap()
}

/// The receiving system of `amt`.
pub(crate) async fn recipient(world: &World) -> Client {
    world.client("amt", "empfang", "subscribe").await.unwrap()
}

/// An event under `werk`'s contract.
pub(crate) fn event(id: &str, wert: i64) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": SOURCE, "type": TYPE, "subject": "zaehler-7",
        "time": "2026-11-23T10:00:00Z", "datacontenttype": "application/json",
        "data": {"nr": "zaehler-7", "wert": wert}
    })
}

/// The event with one member replaced, or removed by `null`.
pub(crate) fn changed(mut event: Value, member: &str, value: Value) -> Value {
    let members = event.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), value);
    }
    event
}

/// Publishes and expects it to be taken.
pub(crate) async fn publish(client: &Client, event: &Value) -> Value {
    client
        .publish(event, Mode::Structured)
        .await
        .unwrap()
        .expect(202)
        .unwrap()
        .json()["receipt"]
        .clone()
}

/// Receives and acknowledges until `count` events have come; their CloudEvents in order of arrival.
pub(crate) async fn take(
    client: &Client,
    subscription: &str,
    count: usize,
    deadline: Duration,
) -> Vec<Value> {
    let mut taken = Vec::new();
    let until = std::time::Instant::now() + deadline;
    while taken.len() < count {
        assert!(
            std::time::Instant::now() < until,
            "{} of {count} events at {subscription}",
            taken.len()
        );
        // The bus may be on its way up again, so that a failed call here is only a reason to ask again.
        let Ok(events) = client
            .receive(subscription, 1000, Duration::from_secs(1), LEASE)
            .await
        else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if events.is_empty() {
            continue;
        }
        let settled = client
            .settle(subscription, "acknowledge", &events, json!({}))
            .await;
        if settled.is_ok_and(|answer| answer.status == 200) {
            taken.extend(events.into_iter().map(|event| event["event"].clone()));
        }
    }
    taken
}

/// Expects that nothing more comes at a pull subscription.
pub(crate) async fn nothing_more(client: &Client, subscription: &str) {
    let events = client
        .receive(subscription, 10, Duration::ZERO, LEASE)
        .await
        .unwrap();
    assert_eq!(events, Vec::<Value>::new(), "nothing more at {subscription}");
}

/// Waits until the dead letters of a subscription are `count`.
pub(crate) async fn dead_letters(client: &Client, subscription: &str, count: usize) -> Vec<Value> {
    eventually(
        LATER,
        &format!("{count} dead letters of {subscription}"),
        || async {
            let answer = client
                .get(&format!("/v1/dead-letters?subscription={subscription}"))
                .await?
                .expect(200)?;
            let found = list(&answer);
            if found.len() == count {
                Ok(found)
            } else {
                Err(stadtbus_harness::Failure::new(answer.text()))
            }
        },
    )
    .await
    .unwrap()
}

/// The first array in an answer, whatever it is called.
pub(crate) fn list(answer: &Answer) -> Vec<Value> {
    let body = answer.json();
    let object = body.as_object().unwrap_or_else(|| panic!("no object: {body}"));
    object
        .values()
        .find_map(Value::as_array)
        .unwrap_or_else(|| panic!("no list in {body}"))
        .clone()
}

/// Waits until a step of an event's journey satisfies `enough`.
pub(crate) async fn step(client: &Client, partner: &str, id: &str, enough: impl Fn(&Value) -> bool) -> Value {
    eventually(SOON, &format!("a step in the journey of {id}"), || async {
        let answer = client.journey(partner, id).await?.expect(200)?;
        let found = answer.json()["steps"]
            .as_array()
            .and_then(|steps| steps.iter().find(|step| enough(step)).cloned());
        found.ok_or_else(|| stadtbus_harness::Failure::new(answer.text()))
    })
    .await
    .unwrap()
}

/// The type of the notice that a subscription stands still for its receiver.
pub(crate) const HELD: &str = "de.stadtbus.subscription.held.v1";
/// Its schema.
pub(crate) const HELD_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
  "required": ["subscription", "partner", "state", "code", "since"],
  "properties": {
    "subscription": {"type": "string"}, "partner": {"type": "string"}, "state": {"enum": ["held", "released"]},
    "code": {"type": "string"}, "since": {"type": "string"}
  }
}"#;

/// A contract of the city's operator for notices of the bus itself, with all properties that its schema requires; `amt` may
/// have them.
pub(crate) fn notices(city: &CityFolder, ty: &str, schema: &str) {
    let agreed = [("amt", PURPOSE, "2020-01-01", "2099-12-31")];
    city.contract("stadt", "hinweis", ty, &agreed);
    let contract = "contracts/stadt/hinweis/v1/contract.odcs.yaml";
    let text = std::fs::read_to_string(city.root().join(contract)).unwrap();
    let (head, rest) = text.split_once("    properties:\n").unwrap();
    let (_, tail) = rest.split_once("customProperties:").unwrap();
    let schema_json: Value = serde_json::from_str(schema).unwrap();
    let required = schema_json["required"].as_array().unwrap();
    let properties: String = schema_json["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(|name| {
            let is_required = required.contains(&json!(name));
            format!("      - {{name: {name}, required: {is_required}, classification: internal}}\n")
        })
        .collect();
    city.write(
        contract,
        &format!("{head}    properties:\n{properties}customProperties:{tail}"),
    );
    city.write("contracts/stadt/hinweis/v1/schema.json", schema);
}

/// The city the repository ships.
pub(crate) fn krefeld() -> PathBuf {
    workspace_dir().join("deploy/cities/krefeld")
}
