//! The table: what is sent, and how it must be answered.

use bytes::Bytes;
use serde_json::{Value, json};

use super::SECRET;
use crate::city::{SOURCE, TYPE};
use crate::support::{changed, event};

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) pointer: Option<&'static str>,
}

fn structured(
    name: &'static str,
    event: Value,
    status: u16,
    code: &'static str,
    pointer: Option<&'static str>,
) -> Case {
    let body = Bytes::from(event.to_string());
    Case {
        name,
        content_type: "application/cloudevents+json",
        headers: Vec::new(),
        body,
        status,
        code,
        pointer,
    }
}

fn raw(
    name: &'static str,
    content_type: &'static str,
    body: impl Into<Bytes>,
    status: u16,
    code: &'static str,
) -> Case {
    Case {
        name,
        content_type,
        headers: Vec::new(),
        body: body.into(),
        status,
        code,
        pointer: None,
    }
}

fn binary(name: &'static str, headers: &[(&'static str, &str)], status: u16, code: &'static str) -> Case {
    let mut all = vec![
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", "x-1".to_owned()),
        ("ce-source", SOURCE.to_owned()),
        ("ce-type", TYPE.to_owned()),
    ];
    for (name, value) in headers {
        match all.iter_mut().find(|(known, _)| known == name) {
            Some(known) => (*value).clone_into(&mut known.1),
            None => all.push((name, (*value).to_owned())),
        }
    }
    all.retain(|(_, value)| value != "-");
    let body = Bytes::from(json!({"nr": SECRET, "wert": 1}).to_string());
    Case {
        name,
        content_type: "application/json",
        headers: all,
        body,
        status,
        code,
        pointer: None,
    }
}

fn secret_event() -> Value {
    changed(event("x-1", 1), "data", json!({"nr": SECRET, "wert": 1}))
}

pub(super) fn cases() -> Vec<Case> {
    let with = |member: &str, value: Value| changed(secret_event(), member, value);
    vec![
        raw(
            "neither mode",
            "application/json",
            json!({"nr": SECRET}).to_string(),
            400,
            "SB-1101",
        ),
        raw("no content type", "", SECRET, 400, "SB-1101"),
        raw(
            "no JSON",
            "application/cloudevents+json",
            format!("{{\"id\": {SECRET}"),
            400,
            "SB-1102",
        ),
        raw(
            "JSON that is no object",
            "application/cloudevents+json",
            format!("[\"{SECRET}\"]"),
            400,
            "SB-1101",
        ),
        raw("empty body", "application/cloudevents+json", "", 400, "SB-1102"),
        raw(
            "not UTF-8",
            "application/cloudevents+json",
            &b"{\"id\":\"\xff\"}"[..],
            400,
            "SB-1102",
        ),
        raw(
            "batch that is an object",
            "application/cloudevents-batch+json",
            secret_event().to_string(),
            400,
            "SB-1108",
        ),
        raw(
            "an unknown format",
            "application/cloudevents+xml",
            SECRET,
            415,
            "SB-1109",
        ),
        raw("no Avro", "application/cloudevents+avro", SECRET, 400, "SB-1113"),
        structured("no id", with("id", json!(null)), 400, "SB-1103", None),
        structured("empty id", with("id", json!("")), 400, "SB-1103", None),
        structured("no source", with("source", json!(null)), 400, "SB-1103", None),
        structured("no type", with("type", json!(null)), 400, "SB-1103", None),
        structured(
            "upper case name",
            with("Kennung", json!(SECRET)),
            400,
            "SB-1104",
            None,
        ),
        structured(
            "time that is none",
            with("time", json!(format!("gestern {SECRET}"))),
            400,
            "SB-1105",
            None,
        ),
        structured(
            "attribute that is an object",
            with("extra", json!({"a": SECRET})),
            400,
            "SB-1105",
            None,
        ),
        structured(
            "data twice",
            with("data_base64", json!("QQ==")),
            400,
            "SB-1107",
            None,
        ),
        structured(
            "specversion 0.3",
            with("specversion", json!("0.3")),
            400,
            "SB-1111",
            None,
        ),
        structured(
            "unknown type",
            with("type", json!("de.probe.werk.unbekannt.v1")),
            422,
            "SB-1201",
            None,
        ),
        structured(
            "source of another partner",
            with("source", json!("urn:probe:fremd:sender")),
            403,
            "SB-1306",
            Some("/source"),
        ),
        structured(
            "source that only begins alike",
            with("source", json!("urn:probe:werk:sender2")),
            403,
            "SB-1306",
            Some("/source"),
        ),
        structured(
            "data against the schema",
            with("data", json!({"nr": SECRET, "wert": SECRET})),
            422,
            "SB-1203",
            Some("/data/wert"),
        ),
        structured(
            "a field too many",
            with("data", json!({"nr": SECRET, "wert": 1, "mehr": SECRET})),
            422,
            "SB-1203",
            Some("/data"),
        ),
        structured(
            "a field missing",
            with("data", json!({"wert": 1})),
            422,
            "SB-1203",
            Some("/data/nr"),
        ),
        structured("no data", with("data", json!(null)), 422, "SB-1204", None),
        binary("binary without id", &[("ce-id", "-")], 400, "SB-1103"),
        binary(
            "binary with a bad percent code",
            &[("ce-subject", "100%ZZ")],
            400,
            "SB-1110",
        ),
        binary(
            "binary with another version",
            &[("ce-specversion", "2.0")],
            400,
            "SB-1111",
        ),
        structured(
            "event too large",
            with(
                "data",
                json!({"nr": "x", "wert": 1, "text": "x".repeat(300 * 1024)}),
            ),
            413,
            "SB-1406",
            None,
        ),
    ]
}
