//! What the descriptions promise: whole, true to the types, and telling nobody what is not theirs to know.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod city;
mod events;
mod orders;
mod types;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use stadtbus_flow::Limits;

use super::refusals::{self, PROBLEM};
use crate::http::document;

/// (path, method, operation) of every operation.
fn operations(document: &Value) -> Vec<(String, String, Map<String, Value>)> {
    let paths = document["paths"].as_object().unwrap();
    let each = |(path, item): (&String, &Value)| {
        let methods = item.as_object().unwrap().clone().into_iter();
        let path = path.clone();
        methods.map(move |(method, operation)| (path.clone(), method, operation.as_object().unwrap().clone()))
    };
    paths.iter().flat_map(each).collect()
}

/// All `$ref`s anywhere in it.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found.insert(reference.clone());
            }
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_document_is_the_one_that_was_agreed() {
    let document = document(&Limits::default(), true);
    insta::assert_snapshot!("openapi", serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn every_operation_says_what_a_caller_needs() {
    let document = document(&Limits::default(), true);
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let (mut wrong, mut ids) = (Vec::new(), BTreeSet::new());
    for (path, method, operation) in operations(&document) {
        let name = format!("{method} {path}");
        let mut require = |holds: bool, what: &str| {
            if !holds {
                wrong.push(format!("{name}: {what}"));
            }
        };
        let text = |key: &str| operation.get(key).and_then(Value::as_str).unwrap_or_default();
        require(
            !text("summary").is_empty() && !text("description").is_empty(),
            "summary and description",
        );
        require(
            ids.insert(text("operationId").to_owned()),
            "an operationId of its own",
        );
        require(
            operation["tags"]
                .as_array()
                .is_some_and(|own| own.len() == 1 && tags.contains(own[0].as_str().unwrap())),
            "one tag of the list",
        );
        require(operation.contains_key("security"), "whether it needs a token");
        let responses = operation["responses"].as_object().unwrap();
        require(
            responses
                .keys()
                .any(|status| status.starts_with('2') || status == "101"),
            "what success is",
        );
        let secured = operation["security"][0]
            .as_object()
            .is_some_and(|one| !one.is_empty());
        require(
            secured == responses.contains_key("401"),
            "401 where a token is needed, and only there",
        );
        for placeholder in path.split(['{', '}']).skip(1).step_by(2) {
            let parameters = operation
                .get("parameters")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            let found = parameters
                .iter()
                .any(|one| one["in"] == "path" && one["name"] == placeholder && one["required"] == true);
            require(found, &format!("the parameter {placeholder}"));
        }
        for (status, response) in responses {
            require(
                !response["description"].as_str().unwrap_or_default().is_empty(),
                &format!("{status} with a description"),
            );
            let problem = !response["content"][PROBLEM].is_null();
            require(
                problem == status.starts_with(['4', '5']),
                &format!("{status} with a problem document"),
            );
            let later = ["429", "503"].contains(&status.as_str()) && path != "/readyz";
            require(
                later != response["headers"]["Retry-After"].is_null(),
                &format!("{status} with Retry-After"),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ids.len() > 20, "{} operations", ids.len());
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_referred_to() {
    let document = document(&Limits::default(), true);
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let target = document.pointer(reference.trim_start_matches('#'));
        assert!(target.is_some(), "{reference}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(
            found.contains(&format!("#/components/schemas/{name}")),
            "{name} is not used"
        );
    }
}

#[test]
fn every_code_is_one_with_a_page_and_under_its_status() {
    let document = document(&Limits::default(), true);
    let mut seen = BTreeSet::new();
    for (path, _, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let codes =
                response["content"][PROBLEM]["schema"]["allOf"][1]["properties"]["code"]["enum"].as_array();
            for code in codes
                .into_iter()
                .flatten()
                .map(|code| code.as_str().unwrap().to_owned())
            {
                assert!(!refusals::title(&code).is_empty(), "{path} {code} has no page");
                let known = stadtbus_flow::Refusal::new(Box::leak(code.clone().into_boxed_str()), "");
                assert_eq!(&known.status().to_string(), status, "{path} {code}");
                seen.insert(code);
            }
        }
    }
    assert!(seen.len() > 60, "{} codes", seen.len());
}

#[test]
fn the_limits_are_those_in_force() {
    let limits = Limits {
        batch_events_max: 7,
        ..Limits::default()
    };
    let document = document(&limits, true);
    assert_eq!(
        document["components"]["schemas"]["CloudEventBatch"]["maxItems"],
        json!(7)
    );
    assert_eq!(
        document["info"]["x-stadtbus-limits"]["batch_events_max"],
        json!(7)
    );
    assert!(
        document["info"]["description"]
            .as_str()
            .unwrap()
            .contains("| `batch_events_max` | 7 |")
    );
}

#[test]
fn a_process_that_does_not_accept_does_not_say_that_it_does() {
    let paths = |accept| document(&Limits::default(), accept)["paths"].clone();
    for path in ["/v1/events", "/v1/ingest/{route}"] {
        assert!(
            paths(true).get(path).is_some() && paths(false).get(path).is_none(),
            "{path}"
        );
    }
}
