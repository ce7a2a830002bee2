//! The AsyncAPI document: what is in it, and who sees what.

use std::time::SystemTime;

use serde_json::{Value, json};
use stadtbus_contracts::{City, Registry};
use stadtbus_event::PartnerId;

use super::{city::contracts_only, references};
use crate::describe::asyncapi::{SCHEMA_FORMAT, Server, Viewer, document};

fn seen_by(partner: &str, operator: bool) -> Value {
    let city: City = serde_json::from_value(contracts_only()).unwrap();
    let registry = Registry::compile(city).unwrap_or_else(|findings| panic!("{findings:?}"));
    let partner = PartnerId::parse(partner).unwrap();
    let viewer = Viewer {
        partner: &partner,
        operator,
    };
    document(
        &registry,
        &viewer,
        &Server::of("", "bus.probe.example:7700"),
        SystemTime::now(),
    )
}

fn schemas(document: &Value) -> Vec<&str> {
    let messages = document["components"]["messages"].as_object().unwrap();
    let shown = messages
        .iter()
        .filter(|(_, message)| !message["payload"].is_null());
    shown.map(|(ty, _)| ty.split('.').nth(2).unwrap()).collect()
}

fn operations(document: &Value) -> Vec<String> {
    let operations = document["operations"].as_object().unwrap().keys();
    operations
        .map(|key| key.replace(".de.probe", "").replace(".v1", ""))
        .collect()
}

#[test]
fn the_document_is_the_one_that_was_agreed() {
    let mut document = seen_by("werk", false);
    document["info"]["version"] = json!("[version]");
    insta::assert_snapshot!("asyncapi", serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn each_sees_the_schemas_and_recipients_that_concern_it() {
    let all = ["intern", "offen", "streng", "vertraulich"];
    let sends = [
        "werk.send.intern",
        "werk.send.offen",
        "werk.send.streng",
        "werk.send.vertraulich",
    ];
    let amt = ["amt.receive.offen", "amt.receive.vertraulich"];
    for (viewer, operator, shown, receives) in [
        (
            "werk",
            false,
            &all[..],
            &[
                "amt.receive.offen",
                "amt.receive.vertraulich",
                "fremd.receive.offen",
            ][..],
        ),
        (
            "stadt",
            true,
            &all,
            &[
                "amt.receive.offen",
                "amt.receive.vertraulich",
                "fremd.receive.offen",
            ],
        ),
        ("amt", false, &["intern", "offen", "vertraulich"], &amt),
        // A department without agreements sees what is internal, and no more.
        ("stadt", false, &["intern", "offen"], &[]),
        // Its agreement for the confidential events is over; internal events are not for third parties.
        ("fremd", false, &["offen"], &["fremd.receive.offen"]),
        ("presse", false, &["offen"], &[]),
    ] {
        let document = seen_by(viewer, operator);
        assert_eq!(schemas(&document), shown, "{viewer}");
        let mut expected: Vec<&str> = sends.into_iter().chain(receives.iter().copied()).collect();
        expected.sort_unstable();
        assert_eq!(operations(&document), expected, "{viewer}");
        let channels = document["channels"].as_object().unwrap();
        assert_eq!(
            channels.len(),
            all.len(),
            "that a contract exists is no secret: {viewer}"
        );
        assert_eq!(
            document.to_string().contains("geheim"),
            !shown.is_empty(),
            "{viewer}"
        );
    }
}

#[test]
fn a_schema_that_is_withheld_leaves_no_trace() {
    let document = seen_by("presse", false);
    for ty in [
        "de.probe.vertraulich.v1",
        "de.probe.streng.v1",
        "de.probe.intern.v1",
    ] {
        let message = &document["components"]["messages"][ty];
        assert_eq!(message["x-stadtbus-schema-withheld"], json!(true), "{ty}");
        assert!(!message.to_string().contains("geheim"), "{ty}: {message}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = seen_by("stadt", true);
    let mut found = std::collections::BTreeSet::new();
    references(&document, &mut found);
    assert!(
        found
            .iter()
            .any(|reference| reference.ends_with("/payload/schema/$defs/wort")),
        "{found:?}"
    );
    for reference in found {
        assert!(
            document.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference}"
        );
    }
}

#[test]
fn channels_messages_and_operations_fit_together() {
    let document = seen_by("stadt", true);
    for (ty, channel) in document["channels"].as_object().unwrap() {
        assert_eq!(channel["address"], json!(ty));
        assert_eq!(
            channel["messages"]
                .as_object()
                .unwrap()
                .keys()
                .collect::<Vec<_>>(),
            [ty]
        );
        let message = &document["components"]["messages"][ty];
        assert_eq!(message["headers"]["properties"]["ce-type"]["const"], json!(ty));
        assert_eq!(
            message["headers"]["properties"]["ce-severity"]["type"],
            json!("string")
        );
        assert_eq!(message["payload"]["schemaFormat"], json!(SCHEMA_FORMAT));
        let schema = &message["payload"]["schema"];
        assert_eq!(
            schema["$schema"],
            json!("https://json-schema.org/draft/2020-12/schema")
        );
        assert_eq!(
            message["headers"]["properties"]["ce-dataschema"]["const"]
                .as_str()
                .map(|id| id.starts_with("https://")),
            Some(true)
        );
    }
    for (key, operation) in document["operations"].as_object().unwrap() {
        let action = operation["action"].as_str().unwrap();
        let partner = operation["x-stadtbus-partner"].as_str().unwrap();
        assert!(key.starts_with(&format!("{partner}.{action}.")), "{key}");
        assert_eq!(
            action == "receive",
            operation["x-stadtbus-agreements"].is_array(),
            "{key}"
        );
    }
}

#[test]
fn the_server_is_where_the_operator_says_or_where_it_was_asked() {
    let city: City = serde_json::from_value(contracts_only()).unwrap();
    let registry = Registry::compile(city).unwrap();
    let partner = PartnerId::parse("amt").unwrap();
    for (advertised, asked, protocol, host, pathname) in [
        ("", "localhost:7700", "http", "localhost:7700", json!(null)),
        ("https://bus.example", "x", "https", "bus.example", json!(null)),
        (
            "http://bus.example:80/stadtbus/",
            "x",
            "http",
            "bus.example:80",
            json!("/stadtbus"),
        ),
    ] {
        let viewer = Viewer {
            partner: &partner,
            operator: false,
        };
        let document = document(
            &registry,
            &viewer,
            &Server::of(advertised, asked),
            SystemTime::now(),
        );
        let server = &document["servers"]["bus"];
        let found = (
            server["protocol"].as_str().unwrap(),
            server["host"].as_str().unwrap(),
            server["pathname"].clone(),
        );
        assert_eq!(found, (protocol, host, pathname), "{advertised} {asked}");
    }
}
