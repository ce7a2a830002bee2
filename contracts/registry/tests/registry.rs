//! What the flow asks: is this event what its contract says, and may this partner have it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use stadtbus_contracts::{ChangeKind, City, Grounds, Registry, Sink, Status, component_digest, diff, load};
use stadtbus_event::{Event, PartnerId};

const TYPE: &str = "de.teststadt.werk.thing.v1";
const PURPOSE: &str = "https://w3id.org/dpv#ServiceProvision";

fn city() -> City {
    load(Path::new("tests/cities/sound"), &|_| None).unwrap()
}

fn partner(name: &str) -> PartnerId {
    PartnerId::parse(name).unwrap()
}

fn at(text: &str) -> SystemTime {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn event(data: &str) -> Event {
    Event::builder("1", "urn:teststadt:werk:sys", TYPE)
        .datacontenttype("application/json")
        .data(Bytes::from(data.to_owned()))
        .build()
        .unwrap()
}

fn verdict(registry: &Registry, event: &Event) -> (String, String) {
    match registry.validate(&partner("werk"), event, at("2026-06-01T12:00:00Z")) {
        Ok(_) => ("ok".into(), String::new()),
        Err(violation) => (violation.code.into(), violation.pointer.unwrap_or_default()),
    }
}

/// The city document stands for itself: no process of the bus has the folder.
#[test]
fn certificates_of_a_zone_come_with_the_city() {
    let city = city();
    let ca = city.zones[0].ca.as_deref().unwrap_or_default();
    assert!(ca.starts_with("-----BEGIN CERTIFICATE-----"), "{ca}");
    let again: City = serde_json::from_value(serde_json::to_value(&city).unwrap()).unwrap();
    assert_eq!(again.zones, city.zones);
}

#[test]
fn judges_data_by_the_schema() {
    let registry = Registry::compile(city()).unwrap();
    for (data, code, pointer) in [
        (r#"{"id":"a"}"#, "ok", ""),
        (r#"{"id":"a","count":3}"#, "ok", ""),
        (r#"{"count":3}"#, "SB-1203", "/data/id"),
        (r#"{"id":"a","count":-1}"#, "SB-1203", "/data/count"),
        (r#"{"id":"a","more":1}"#, "SB-1203", "/data"),
        (r#"{"id":"geheim","id":"a"}"#, "SB-1204", "/data"),
        (r#"{"id":"a""#, "SB-1204", "/data"),
        ("", "SB-1204", "/data"),
    ] {
        assert_eq!(
            verdict(&registry, &event(data)),
            (code.into(), pointer.into()),
            "{data}"
        );
    }
}

#[test]
fn judges_attributes_by_the_contract() {
    let registry = Registry::compile(city()).unwrap();
    let good = event(r#"{"id":"a"}"#);
    let with = |name: &str, value: &str| good.to_builder().extension(name, value).build().unwrap();
    let schema = |uri: &str| good.to_builder().dataschema(uri).build().unwrap();
    for (event, code, pointer) in [
        (with("dataclassification", "internal"), "ok", ""),
        (
            with("dataclassification", "public"),
            "SB-1206",
            "/dataclassification",
        ),
        (
            with("datacontract", "urn:teststadt:datacontract:werk.thing.v1"),
            "ok",
            "",
        ),
        (with("datacontract", "urn:other"), "SB-1206", "/datacontract"),
        (schema("https://bus.example/schemas/thing.v1.json"), "ok", ""),
        (
            schema("https://bus.example/schemas/other.json"),
            "SB-1206",
            "/dataschema",
        ),
        (
            good.to_builder().datacontenttype("text/plain").build().unwrap(),
            "SB-1204",
            "/data",
        ),
        (
            Event::builder("1", "urn:x", "de.teststadt.werk.unknown.v1")
                .build()
                .unwrap(),
            "SB-1201",
            "/type",
        ),
    ] {
        assert_eq!(
            verdict(&registry, &event),
            (code.into(), pointer.into()),
            "{event:?}"
        );
    }
    let foreign = registry
        .validate(&partner("amt"), &good, at("2026-06-01T12:00:00Z"))
        .unwrap_err();
    assert_eq!(foreign.code, "SB-1202");
}

#[test]
fn a_contract_that_is_not_in_force_accepts_nothing() {
    for status in [Status::Draft, Status::Proposed, Status::Retired] {
        let mut city = city();
        city.contracts[0].status = status;
        let registry = Registry::compile(city).unwrap();
        assert_eq!(
            verdict(&registry, &event(r#"{"id":"a"}"#)).0,
            "SB-1205",
            "{status:?}"
        );
    }
    let mut city = city();
    city.contracts[0].status = Status::Deprecated;
    city.contracts[0].valid_from = Some("2026-06-02".parse().unwrap());
    let registry = Registry::compile(city).unwrap();
    let judge = |now: &str| {
        registry
            .validate(&partner("werk"), &event(r#"{"id":"a"}"#), at(now))
            .map(|_| ())
    };
    // German summer time: the day begins at 22:00 UTC of the day before.
    assert_eq!(judge("2026-06-01T21:59:59Z").unwrap_err().code, "SB-1205");
    assert!(judge("2026-06-01T22:00:00Z").is_ok());
}

#[test]
fn only_a_valid_agreement_for_the_purpose_lets_a_partner_receive() {
    let mut city = city();
    city.contracts[0].usage[0].to = "2026-12-31".parse().unwrap();
    let registry = Registry::compile(city).unwrap();
    let may = |who: &str, ty: &str, purpose: &str, now: &str| match registry.may_receive(
        &partner(who),
        ty,
        purpose,
        at(now),
    ) {
        Ok(Grounds::Own) => "own".to_owned(),
        Ok(Grounds::Agreement(agreement)) => agreement.agreement.clone(),
        Err(refusal) => refusal.code.to_owned(),
    };
    for (who, ty, purpose, now, expected) in [
        (
            "amt",
            TYPE,
            PURPOSE,
            "2026-06-01T00:00:00Z",
            "urn:teststadt:usage:a",
        ),
        ("amt", TYPE, PURPOSE, "2025-12-31T22:59:59Z", "SB-1310"),
        (
            "amt",
            TYPE,
            PURPOSE,
            "2025-12-31T23:00:00Z",
            "urn:teststadt:usage:a",
        ),
        (
            "amt",
            TYPE,
            PURPOSE,
            "2026-12-31T22:59:59Z",
            "urn:teststadt:usage:a",
        ),
        ("amt", TYPE, PURPOSE, "2026-12-31T23:00:00Z", "SB-1310"),
        (
            "amt",
            TYPE,
            "https://w3id.org/dpv#Marketing",
            "2026-06-01T00:00:00Z",
            "SB-1309",
        ),
        ("dritter", TYPE, PURPOSE, "2026-06-01T00:00:00Z", "SB-1308"),
        (
            "werk",
            TYPE,
            "https://w3id.org/dpv#Anything",
            "2040-06-01T00:00:00Z",
            "own",
        ),
        (
            "amt",
            "de.teststadt.other.v1",
            PURPOSE,
            "2026-06-01T00:00:00Z",
            "SB-1201",
        ),
    ] {
        assert_eq!(may(who, ty, purpose, now), expected, "{who} {ty} {purpose} {now}");
        let permit = registry.permit(&partner(who), ty, purpose);
        assert_eq!(
            permit.is_valid_at(at(now)),
            !expected.starts_with("SB-"),
            "{who} {ty} {purpose} {now}"
        );
    }
}

#[test]
fn an_excluded_recipient_gets_nothing_even_if_a_later_change_forgot_the_check() {
    let mut city = city();
    city.contracts[0].excluded = vec![partner("amt")];
    // The contradiction itself is refused …
    assert!(Registry::compile(city.clone()).is_err());
    // … and without any agreement the exclusion changes nothing.
    city.contracts[0].usage.clear();
    let registry = Registry::compile(city).unwrap();
    let refusal = registry
        .may_receive(&partner("amt"), TYPE, PURPOSE, at("2026-06-01T00:00:00Z"))
        .unwrap_err();
    assert_eq!(refusal.code, "SB-1308");
}

#[test]
fn a_city_survives_the_wire_with_its_digest() {
    let city = city();
    let text = serde_json::to_string(&city).unwrap();
    let back: City = serde_json::from_str(&text).unwrap();
    assert_eq!((&back, back.digest()), (&city, city.digest()));
    // The digest does not depend on the order of members.
    let mut value: Value = serde_json::from_str(&text).unwrap();
    let map = value.as_object_mut().unwrap();
    let mut members: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
    members.reverse();
    map.extend(members);
    let reordered: City = serde_json::from_value(value).unwrap();
    assert_eq!(reordered.digest(), city.digest());
    let mut other = city.clone();
    other.title.push('!');
    assert_ne!(other.digest(), city.digest());
}

#[test]
fn a_plugin_has_a_name_by_the_rule_and_a_digest_unless_it_is_not_built() {
    let plugin = |name: &str, digest: &str| {
        let mut city = serde_json::to_value(city()).unwrap();
        city["plugins"].as_array_mut().unwrap().push(json!({
            "partner": "werk", "name": name, "version": "1.0.0", "role": "transform", "consumes": [TYPE], "produces": [TYPE],
            "tables": [], "digest": digest, "manifest": "",
        }));
        Registry::compile(serde_json::from_value(city).unwrap())
            .map(drop)
            .map_err(|findings| findings.iter().next().unwrap().code)
    };
    let digest = "0123456789abcdef".repeat(4);
    assert_eq!(plugin("neu", &digest), Ok(()));
    assert_eq!(plugin("neu", ""), Ok(()));
    for wrong in [
        &digest[1..],
        &digest.to_uppercase(),
        &"g".repeat(64),
        &format!("{digest}0"),
    ] {
        assert_eq!(plugin("neu", wrong), Err("SB-5005"), "{wrong}");
    }
    for wrong in ["", "Neu", "neu/alt", "-neu"] {
        assert_eq!(plugin(wrong, &digest), Err("SB-5013"), "{wrong}");
    }
}

#[test]
fn a_city_from_the_network_is_judged_like_a_folder() {
    let good = serde_json::to_value(city()).unwrap();
    let break_it = |path: &str, value: Value| {
        let mut city = good.clone();
        *city.pointer_mut(path).unwrap() = value;
        serde_json::from_value::<City>(city).map(|city| Registry::compile(city).is_ok())
    };
    assert!(break_it("/title", json!("Teststadt")).unwrap());
    assert!(!break_it("/subscriptions/amt-dinge/partner", json!("niemand")).unwrap());
    assert!(!break_it("/subscriptions/amt-dinge/types/0", json!("de.teststadt.none.v1")).unwrap());
    assert!(!break_it("/subscriptions/amt-dinge/delivery/attempts_max", json!(0)).unwrap());
    assert!(!break_it("/contracts/0/schema", json!("{}")).unwrap());
    assert!(break_it("/zones/0/zone", json!("labor")).is_ok());
    assert!(
        break_it(
            "/subscriptions/amt-dinge/filters/0",
            json!({"exakt": {"subject": "x"}})
        )
        .is_err()
    );
    assert!(break_it("/partners/werk", json!({"partner": "werk"})).is_err());
}

#[test]
fn variables_in_addresses_come_from_the_environment() {
    let env = |name: &str| (name == "ZIEL").then(|| "http://10.1.2.3:9050/x".to_owned());
    let city = load(Path::new("tests/cities/sound"), &env).unwrap();
    let Sink::Webhook(webhook) = &city.subscriptions["amt-dinge"].sink else {
        panic!("a webhook")
    };
    assert_eq!(webhook.url, "http://10.1.2.3:9050/x");
}

#[test]
fn differences_are_told_by_object_and_field() {
    let old = city();
    assert!(diff(Some(&old), &old).is_empty());
    let first = diff(None, &old);
    assert!(first.iter().all(|c| c.kind == ChangeKind::Added));
    assert!(
        first
            .iter()
            .any(|c| c.what == "agreement" && c.summary.starts_with("amt:"))
    );

    let mut new = old.clone();
    new.contracts[0].usage[0].to = "2030-01-01".parse().unwrap();
    new.contracts[0].name = "Neu".into();
    new.tables.insert("neu".into(), json!({}));
    new.subscriptions.clear();
    let told: Vec<String> = diff(Some(&old), &new)
        .iter()
        .map(|c| format!("{:?} {} {}: {}", c.kind, c.what, c.id, c.summary))
        .collect();
    assert_eq!(
        told,
        [
            "Changed agreement urn:teststadt:usage:a: to",
            "Changed contract de.teststadt.werk.thing.v1: name",
            "Removed subscription amt-dinge: Probe",
            "Added table neu: ",
        ]
    );
}

#[test]
fn digests_of_components_are_sha_256() {
    assert_eq!(
        component_digest(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

proptest! {
    #[test]
    fn no_data_makes_validation_panic_or_repeat_itself(text in "[\\[\\]{}:,\"a-e0-9.é \\\\u-]{0,60}", secret in "[A-Z]{12}") {
        let registry = Registry::compile(city()).unwrap();
        let data = format!(r#"{{"id":5,"{secret}":"{secret}","x":{text}"#);
        for data in [text.clone(), data.clone(), data + "}"] {
            let outcome = registry.validate(&partner("werk"), &event(&data), SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
            if let Err(violation) = outcome {
                let said = format!("{violation:?}");
                prop_assert!(!said.contains(&secret));
            }
        }
    }
}
