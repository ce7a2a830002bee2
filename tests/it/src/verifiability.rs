//! Signed events: checked where the city names keys, carried untouched everywhere, refused where they were changed.
//!
//! The signatures are made here from the document of the extension, and not by the code that checks them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stadtbus_harness::Mode;

use crate::city::{CityFolder, SOURCE};
use crate::support::{SOON, changed, event, publish, recipient, sender, take, world};

const PAYLOAD_TYPE: &str = "https://cloudevents.io/verifiability/dsse/v0.1";
const DATA: &str = r#"{"nr":"zaehler-7", "wert": 1.0e0}"#;

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// The verification material of an event with this data: the digest of the digests of all core attributes and the data.
fn material(key: &Ed25519KeyPair, event: &Value, data: &str) -> String {
    let attribute = |name: &str| event[name].as_str().unwrap_or_default();
    let core = [
        "id",
        "source",
        "specversion",
        "type",
        "datacontenttype",
        "dataschema",
        "subject",
        "time",
    ];
    let mut all: Vec<u8> = core
        .iter()
        .flat_map(|name| sha256(attribute(name).as_bytes()))
        .collect();
    all.extend(sha256(data.as_bytes()));
    let payload = json!({"core": STANDARD.encode(sha256(&all))}).to_string();
    let signed = format!(
        "DSSEv1 {} {PAYLOAD_TYPE} {} {payload}",
        PAYLOAD_TYPE.len(),
        payload.len()
    );
    let envelope = json!({
        "payloadType": PAYLOAD_TYPE, "payload": STANDARD.encode(&payload),
        "signatures": [{"keyid": "werk-2026", "sig": STANDARD.encode(key.sign(signed.as_bytes()))}],
    });
    STANDARD.encode(envelope.to_string())
}

/// The event as text, its data spelled as it was signed.
fn spelled(event: &Value) -> String {
    let mut head = event.as_object().unwrap().clone();
    head.remove("data");
    let head = serde_json::to_string(&head).unwrap();
    format!("{},\"data\":{DATA}}}", head.trim_end_matches('}'))
}

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::generate().unwrap()
}

fn city(key: &Ed25519KeyPair) -> CityFolder {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let public = STANDARD.encode(key.public_key().as_ref());
    let partner = format!(
        "partner: werk\nname: Stadtwerk Probe\nkind: subsidiary\ncontact: {{role: Leitwarte, mail: leitwarte@werk.example}}\n\
         systems:\n  - {{system: sender, title: Sender, may: [publish, subscribe], sources: [\"{SOURCE}\", \"urn:probe:werk:frei\"]}}\n\
         verifiability:\n  - source: \"{SOURCE}\"\n    required: true\n    keys: [{{id: werk-2026, algorithm: ed25519, public_key: \"{public}\"}}]\n"
    );
    city.write("city/partners/werk.yaml", &partner);
    city
}

#[tokio::test]
async fn an_event_of_a_source_with_keys_is_taken_only_as_it_was_signed() {
    let key = key();
    let city = city(&key);
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let structured = [("content-type", "application/cloudevents+json")];
    let post = |body: String| sender.send("POST", "/v1/events", &structured, body.into());

    let plain = event("v-1", 1);
    let signed = changed(plain.clone(), "dssematerial", json!(material(&key, &plain, DATA)));
    post(spelled(&signed)).await.unwrap().expect(202).unwrap();
    let arrived = &take(&amt, "amt-alles", 1, SOON).await[0];
    assert_eq!(
        arrived["dssematerial"], signed["dssematerial"],
        "carried untouched"
    );

    let untyped = changed(plain.clone(), "datacontenttype", Value::Null);
    let untyped = changed(
        untyped.clone(),
        "dssematerial",
        json!(material(&key, &untyped, DATA)),
    );
    let by_another = json!(material(&crate::verifiability::key(), &plain, DATA));
    for (name, event, status, code) in [
        ("unsigned", plain.clone(), 403, "SB-1312"),
        (
            "another id",
            changed(signed.clone(), "id", json!("v-2")),
            400,
            "SB-1116",
        ),
        (
            "by another key",
            changed(signed.clone(), "dssematerial", by_another),
            400,
            "SB-1116",
        ),
        ("JSON that is not named", untyped, 400, "SB-1116"),
    ] {
        let answer = post(spelled(&event)).await.unwrap();
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (status, json!(code)),
            "{name}"
        );
        assert_eq!(answer.json()["pointer"], json!("/dssematerial"), "{name}");
    }
    // The same value in other bytes is another payload.
    let respelled = sender.publish(&signed, Mode::Structured).await.unwrap();
    assert_eq!(
        (respelled.status, respelled.json()["code"].clone()),
        (400, json!("SB-1116"))
    );
}

#[tokio::test]
async fn without_keys_a_signature_is_carried_and_not_looked_at() {
    let city = city(&key());
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let elsewhere = changed(event("v-3", 1), "source", json!("urn:probe:werk:frei"));
    let odd = changed(elsewhere.clone(), "dssematerial", json!("AAAA"));
    publish(&sender, &odd).await;
    publish(&sender, &changed(elsewhere, "id", json!("v-4"))).await;
    let arrived = take(&amt, "amt-alles", 2, SOON).await;
    assert_eq!(arrived[0]["dssematerial"], json!("AAAA"));
    assert_eq!(arrived[1]["id"], json!("v-4"));
}
