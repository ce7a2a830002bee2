//! `components.json` against the types of the other crates, so that a change there cannot go unseen here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};
use stadtbus_contracts::City;
use stadtbus_flow::{accept::RawAnswer, deliver::dead_letter::Attempt, journey::Journey, log::Receipt};

use super::city::city;
use crate::describe::openapi::components;

fn validator(name: &str) -> jsonschema::Validator {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"), "components": {"schemas": components()},
    });
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&schema)
        .unwrap()
}

pub(super) fn judge(name: &str, value: &Value) -> Vec<String> {
    let errors = validator(name);
    errors
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The members of an object, as the schema lists them.
pub(super) fn listed(name: &str) -> BTreeSet<String> {
    let schemas = components();
    let properties = schemas[name]["properties"].as_object().unwrap();
    properties.keys().cloned().collect()
}

pub(super) fn members(value: &impl Serialize) -> BTreeSet<String> {
    let value = serde_json::to_value(value).unwrap();
    value.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn what_the_flow_writes_is_what_is_described() {
    let receipt: Receipt = serde_json::from_value(json!({
        "id": "1", "source": "urn:a", "partner": "werk", "log": "LOG_WERK", "position": 1, "sha256": "0".repeat(64),
        "acceptedtime": "2026-01-01T00:00:00Z", "duplicate": false,
    }))
    .unwrap();
    let raw: RawAnswer = serde_json::from_value(json!({
        "receipts": [receipt], "dropped": {"code": "X", "reason": "nichts"},
    }))
    .unwrap();
    let journey: Journey = serde_json::from_value(json!({
        "event": {"id": "1", "source": "urn:a", "type": "a.b", "partner": "werk", "log": "LOG_WERK", "position": 1,
            "acceptedtime": "2026-01-01T00:00:00Z", "cause": "LOG_WERK:1"},
        "steps": [{"at": "2026-01-01T00:00:00Z", "step": "deliver", "subscription": "a", "partner": "amt", "outcome": "delivered",
            "detail": "ok", "detail_de": "gut", "rule": "a", "agreement": "urn:b", "attempt": 1, "code": "SB-3001",
            "next": "2026-01-01T00:00:00Z", "credential": "t", "basis": "recorded", "tables": {"bezirke": "0".repeat(64)}}],
        "subscriptions": [{"subscription": "a", "partner": "amt", "state": "delivered", "basis": "recorded",
            "since": "2026-01-01T00:00:00Z", "attempts": 1, "code": "SB-3001", "next": "2026-01-01T00:00:00Z"}],
    }))
    .unwrap();
    for (name, value, whole) in [
        ("Receipt", json!(receipt), members(&receipt)),
        ("RawAnswer", json!(raw), members(&raw)),
        ("Journey", json!(journey), members(&journey)),
        ("EventCard", json!(journey.event), members(&journey.event)),
        ("StepLine", json!(journey.steps[0]), members(&journey.steps[0])),
        (
            "Stand",
            json!(journey.subscriptions[0]),
            members(&journey.subscriptions[0]),
        ),
    ] {
        assert_eq!(judge(name, &value), Vec::<String>::new(), "{name}");
        assert_eq!(whole, listed(name), "{name}");
    }
    let attempt = Attempt {
        time: "2026-01-01T00:00:00Z".to_owned(),
        status: Some(500),
        code: "SB-3002".to_owned(),
        detail: "kaputt".to_owned(),
        answer: Some("Wartung".to_owned()),
        backtrace: Some("parse +0x17".into()),
    };
    let described = components()["DeadLetter"]["properties"]["attempts"]["items"]["properties"].clone();
    let described: BTreeSet<String> = described.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members(&attempt), described);
}

#[test]
fn a_city_with_everything_in_it_is_one_by_schema_and_by_type() {
    let sample = city();
    assert_eq!(judge("City", &sample), Vec::<String>::new());
    let typed: City = serde_json::from_value(sample.clone()).unwrap();
    let written = serde_json::to_value(&typed).unwrap();
    assert!(written == sample, "the types write what they read");
    // The sample has every member that a schema lists, so that one that only the schema knows would have failed above.
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut note = |name: &str, value: &Value| {
        let keys = value.as_object().unwrap().keys().cloned();
        seen.entry(name.to_owned()).or_default().extend(keys);
    };
    note("City", &sample);
    note("Partner", &sample["partners"]["presse"]);
    note("System", &sample["partners"]["werk"]["systems"][0]);
    note("Contract", &sample["contracts"][0]);
    note("UsageAgreement", &sample["contracts"][0]["usage"][0]);
    note("Route", &sample["routes"]["eingang"]);
    note("PluginUse", &sample["routes"]["eingang"]["plugin"]);
    note("Subscription", &sample["subscriptions"]["amt-a"]);
    note("InOrder", &sample["subscriptions"]["amt-a"]["order"]);
    note("Delivery", &sample["subscriptions"]["amt-a"]["delivery"]);
    note("Plugin", &sample["plugins"][0]);
    note("Zone", &sample["zones"][0]);
    for (name, keys) in seen {
        assert_eq!(keys, listed(&name), "{name}");
    }
}

#[test]
fn what_a_city_must_not_be_the_schema_refuses_as_the_type_does() {
    for (pointer, value) in [
        ("/partners/werk/kind", json!("club")),
        ("/contracts/0/classification", json!("secret")),
        ("/contracts/0/usage/0/from", json!(7)),
        ("/subscriptions/amt-a/sink", json!({"fax": {}})),
        ("/subscriptions/amt-a/filters/0", json!({"exactly": {}})),
        ("/subscriptions/amt-a/delivery/concurrency", json!("8")),
        ("/subscriptions/amt-a/order/by", json!("No")),
        ("/subscriptions/amt-a/sink/webhook/handshake", json!("often")),
        ("/ordered/amt-e/sink/webhook/credential/key", json!(1)),
        ("/zones/0/more", json!(1)),
        ("/more", json!(1)),
    ] {
        let mut changed = city();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap();
        match parent {
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
            parent => parent[name] = value,
        }
        assert!(!judge("City", &changed).is_empty(), "{pointer} by schema");
        assert!(
            serde_json::from_value::<City>(changed).is_err(),
            "{pointer} by type"
        );
    }
}

#[test]
fn the_cloudevent_is_the_one_that_is_read() {
    let event = |change: Value| {
        let mut event =
            json!({"specversion": "1.0", "id": "1", "source": "urn:a", "type": "a.b", "data": {"x": 1}});
        for (name, value) in change.as_object().unwrap() {
            event[name] = value.clone();
        }
        event
    };
    for (name, change, good) in [
        ("plain", json!({}), true),
        (
            "extensions",
            json!({"severity": "high", "n": 7, "on": true, "none": null}),
            true,
        ),
        (
            "null is absent",
            json!({"subject": null, "time": null, "datacontenttype": null}),
            true,
        ),
        (
            "media type",
            json!({"datacontenttype": "application/json; charset=utf-8"}),
            true,
        ),
        ("version", json!({"specversion": "0.3"}), false),
        ("empty id", json!({"id": ""}), false),
        ("name", json!({"Severity": "high"}), false),
        ("fraction", json!({"n": 1.5}), false),
        ("large", json!({"n": 2_147_483_648_i64}), false),
        ("object", json!({"n": {}}), false),
        ("control", json!({"subject": "a\u{1}"}), false),
        ("noncharacter", json!({"subject": "a\u{FFFE}"}), false),
        ("both data", json!({"data_base64": "AA=="}), false),
        ("null is no data", json!({"data_base64": null}), true),
        ("number as base64", json!({"data_base64": 1}), false),
        (
            "neither text nor JSON",
            json!({"datacontenttype": "text/plain"}),
            false,
        ),
        (
            "text",
            json!({"datacontenttype": "text/plain", "data": "a"}),
            true,
        ),
        (
            "a kind of JSON",
            json!({"datacontenttype": "application/Geo+JSON;v=1"}),
            true,
        ),
        ("hardly JSON", json!({"datacontenttype": "text/x-json"}), false),
        ("no media type", json!({"datacontenttype": "json"}), false),
    ] {
        let event = event(change);
        let read = stadtbus_event::json::parse(&event.to_string().into());
        assert_eq!(read.is_ok(), good, "{name} by type: {read:?}");
        assert_eq!(judge("CloudEvent", &event).is_empty(), good, "{name} by schema");
    }
}
