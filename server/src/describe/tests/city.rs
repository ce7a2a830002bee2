//! A city with everything in it that a city can have, as the document that goes over the network.

use serde_json::{Value, json};

pub(super) const PURPOSE: &str = "https://w3id.org/dpv#ImprovePublicServices";

fn partner(name: &str, kind: &str, may: &[&str]) -> Value {
    let mut partner = json!({
        "partner": name, "name": format!("{name} der Stadt"), "kind": kind,
        "contact": {"role": "Leitstelle", "mail": format!("leitstelle@{name}.example")},
        "systems": [{"system": "system", "title": "System", "may": may, "sources": [format!("urn:probe:{name}")]}],
    });
    // What is false is not written.
    if name == "presse" {
        partner["suspended"] = json!(true);
        partner["plugin_keys"] =
            json!([{"id": "presse-2026", "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}]);
    }
    partner
}

fn agreement(ty: &str, recipient: &str, to: &str) -> Value {
    json!({
        "agreement": format!("urn:probe:usage:{ty}:{recipient}"), "recipient": recipient, "purpose": PURPOSE,
        "legal_basis": "none-personal-data-free", "legal_norm": "§ 1", "from": "2020-01-01", "to": to, "retention_days": 30,
    })
}

/// A contract of `werk`; its schema refers into itself.
fn contract(name: &str, classification: &str, status: &str, usage: &[Value]) -> Value {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": format!("https://probe.example/{name}.json"),
        "type": "object", "required": ["geheim"], "properties": {"geheim": {"$ref": "#/$defs/wort"}},
        "$defs": {"wort": {"type": "string", "enum": ["a", "b"]}},
    });
    json!({
        "id": format!("urn:probe:datacontract:{name}.v1"), "name": format!("Vertrag {name}"), "version": "1.0.0", "status": status,
        "event_type": format!("de.probe.{name}.v1"), "publisher": "werk", "classification": classification, "personal_data": false,
        "purpose": "Zur Prüfung.", "extensions": ["severity"], "payloads": ["none"], "valid_from": "2020-01-01", "valid_to": "2099-12-31", "retention_days": 90,
        "recipients": ["amt", "fremd"], "excluded": ["presse"],
        "properties": [{"name": "geheim", "required": true, "classification": "public"}],
        "schema": schema.to_string(), "usage": usage, "document": "kind: DataContract\n",
    })
}

/// Four classes of contract, one that is over; `amt` has agreements, `fremd` had one for the confidential events.
pub(super) fn city() -> Value {
    let open = "2099-12-31";
    json!({
        "name": "probe", "title": "Stadt Probe",
        "partners": {
            "werk": partner("werk", "subsidiary", &["publish"]),
            "amt": partner("amt", "department", &["subscribe"]),
            "stadt": partner("stadt", "department", &["operate"]),
            "fremd": partner("fremd", "third-party", &["subscribe"]),
            "presse": partner("presse", "third-party", &["subscribe"]),
        },
        "contracts": [
            contract("offen", "public", "active", &[agreement("offen", "amt", open), agreement("offen", "fremd", open)]),
            contract("intern", "internal", "active", &[]),
            contract("vertraulich", "confidential", "deprecated", &[agreement("vertraulich", "amt", open), agreement("vertraulich", "fremd", "2020-12-31")]),
            contract("streng", "restricted", "active", &[]),
            contract("vorbei", "public", "retired", &[]),
        ],
        "routes": {"eingang": {
            "route": "eingang", "partner": "werk", "accepts": ["application/json"], "source": "urn:probe:werk:eingang",
            "plugin": {"name": "werk/lesen", "config": {"x": 1}, "tables": {"orte": "orte"}}, "publishes": ["de.probe.offen.v1"],
        }},
        "subscriptions": {
            "amt-a": subscription("amt-a", &json!({"webhook": {"url": "https://amt.example/", "mode": "binary", "handshake": "offered"}})),
            "amt-b": subscription("amt-b", &json!({"pull": {}})),
            "amt-c": subscription("amt-c", &json!({"sse": {}})),
            "amt-d": subscription("amt-d", &json!({"log": {"source": "urn:probe:amt", "publishes": ["de.probe.offen.v1"]}})),
        },
        "ordered": {"amt-e": subscription("amt-e", &json!({"webhook": {
            "url": "https://amt.example/", "mode": "structured", "credential": {"key": "ab", "sealed": "AA=="},
        }}))},
        "tables": {"orte": {"a": 1}},
        "plugins": [{
            "partner": "werk", "name": "lesen", "version": "1.0.0", "role": "decode", "consumes": ["de.probe.offen.v1"],
            "produces": ["de.probe.offen.v1"], "tables": ["orte"], "digest": "0".repeat(64), "manifest": "plugin: lesen\n",
            "signature": {"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": [{"keyid": "werk-2026", "sig": "AA=="}]},
            "sigstore": {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"},
        }],
        "zones": [{"zone": "netz", "cidr": "10.0.0.0/8", "ports": ["443", "8000-8100"], "plaintext": true, "ca": "-----BEGIN CERTIFICATE-----", "owner": "it", "reason": "Prüfung"}],
    })
}

fn subscription(id: &str, sink: &Value) -> Value {
    json!({
        "subscription": id, "partner": "amt", "title": "Prüfung", "purpose": PURPOSE, "source": "urn:probe:werk", "types": ["de.probe.offen.v1"],
        "filters": [
            {"exact": {"subject": "a"}}, {"prefix": {"subject": "a"}}, {"suffix": {"subject": "a"}}, {"not": {"exact": {"subject": "b"}}},
            {"any": [{"exact": {"subject": "a"}}]}, {"all": [{"exact": {"subject": "a"}}]}, {"sql": "subject = 'a'"},
            {"x-data": {"/geheim": {"pattern": "^a"}}},
        ],
        "plugin": {"name": "werk/lesen", "config": {"x": 1}, "tables": {"orte": "orte"}},
        "sink": sink,
        "order": {"by": "/nr", "on_failure": "park"},
        "delivery": {"concurrency": 8, "attempts_max": 12, "first_delay_ms": 500, "delay_ms_max": 3_600_000, "timeout_ms": 15_000,
            "age_ms_max": 86_400_000, "rate_per_s": 100},
    })
}

/// What of it fits together as a whole, so that it can be compiled: partners and contracts.
pub(super) fn contracts_only() -> Value {
    let mut city = city();
    for part in ["routes", "subscriptions", "ordered", "tables"] {
        city[part] = json!({});
    }
    for part in ["plugins", "zones"] {
        city[part] = json!([]);
    }
    city
}
