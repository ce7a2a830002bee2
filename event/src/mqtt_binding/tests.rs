//! The MQTT binding, requirement by requirement.

use bytes::Bytes;

use super::{Message, STRING_BYTES_MAX, decode, decode_v3, encode_binary, encode_structured, encode_v3};
use crate::{Event, EventError, Format};

const REQUIRED: [(&str, &str); 4] = [
    ("specversion", "1.0"),
    ("id", "1"),
    ("source", "a"),
    ("type", "t"),
];

fn message(content_type: Option<&str>, added: &[(&str, &str)], payload: &str) -> Message {
    Message {
        content_type: content_type.map(str::to_owned),
        user_properties: REQUIRED
            .iter()
            .chain(added)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

/// MQTT-1: names without prefix, canonical strings in plain UTF-8, the payload's type as Content Type.
#[test]
fn mqtt_1_what_is_written() {
    let event = Event::builder("1", "a", "t")
        .subject("Straße \"5\" %20")
        .time("2026-11-23T14:00:00.10+01:00")
        .datacontenttype("text/csv; charset=utf-8")
        .extension("n", -7)
        .extension("urgent", true)
        .data("a;b")
        .build()
        .unwrap();
    let expected = message(
        Some("text/csv; charset=utf-8"),
        &[
            ("subject", "Straße \"5\" %20"),
            ("time", "2026-11-23T14:00:00.10+01:00"),
            ("n", "-7"),
            ("urgent", "true"),
        ],
        "a;b",
    );
    let written = encode_binary(&event).unwrap();
    assert!(written == expected, "MQTT-1 {written:?}");
    let back = decode(&written).unwrap();
    assert_eq!(back.subject(), event.subject(), "MQTT-1");
    assert_eq!(back.attribute("n").as_deref(), Some("-7"), "MQTT-1");
    assert_eq!(back.data(), event.data(), "MQTT-1");
}

#[test]
fn mqtt_1_what_is_read_and_refused() {
    // (requirement, Content Type, added properties, outcome)
    type Case<'a> = (
        &'a str,
        Option<&'a str>,
        &'a [(&'a str, &'a str)],
        Result<(), &'a str>,
    );
    let cases: &[Case<'_>] = &[
        ("MQTT-1", None, &[], Ok(())),
        (
            "MQTT-1 as in the example",
            Some("text/xml"),
            &[("datacontenttype", "text/xml")],
            Ok(()),
        ),
        (
            "MQTT-1 in a property only",
            None,
            &[("datacontenttype", "text/xml")],
            Ok(()),
        ),
        (
            "MQTT-1 other people's properties",
            None,
            &[("x-Own", "\u{7}"), ("Id", "2"), ("", ""), ("data", "x")],
            Ok(()),
        ),
        (
            "MQTT-1 two types",
            Some("text/xml"),
            &[("datacontenttype", "text/plain")],
            Err("SB-1106"),
        ),
        ("CORE-2", None, &[("specversion", "0.3")], Err("SB-1106")),
        ("CORE-4", None, &[("x", "1"), ("x", "1")], Err("SB-1106")),
        ("CORE-5", None, &[("x", "\u{7}")], Err("SB-1105")),
        ("CORE-6", Some("nonsense"), &[], Err("SB-1105")),
        ("CORE-6", None, &[("subject", "")], Err("SB-1105")),
        ("HTTP-7", Some("application/cloudevents+xml"), &[], Err("SB-1109")),
        (
            "MQTT-1 no batch",
            Some("application/cloudevents-batch+json"),
            &[],
            Err("SB-1109"),
        ),
        (
            "MQTT-1 not JSON",
            Some("application/cloudevents+json"),
            &[],
            Err("SB-1102"),
        ),
    ];
    for (requirement, content_type, added, expected) in cases {
        let found = decode(&message(*content_type, added, "x"));
        assert_eq!(
            found.map(|_| ()).map_err(|error| error.code()),
            *expected,
            "{requirement} {added:?}"
        );
    }
    assert_eq!(
        decode(&Message::default()).map_err(|error| error.code()),
        Err("SB-1101"),
        "MQTT-1 no event at all"
    );
    let mut without = message(None, &[], "x");
    without.user_properties.remove(1);
    assert_eq!(decode(&without).unwrap_err().code(), "SB-1103", "CORE-2");
}

/// MQTT-1: a string of MQTT holds 65,535 bytes; what does not fit has another mode.
#[test]
fn mqtt_1_strings_are_bounded() {
    let of = |bytes: usize| {
        Event::builder("1", "a", "t")
            .subject("s".repeat(bytes))
            .build()
            .unwrap()
    };
    assert!(encode_binary(&of(STRING_BYTES_MAX)).is_some());
    let long = of(STRING_BYTES_MAX + 1);
    assert!(encode_binary(&long).is_none());
    assert_eq!(decode(&encode_structured(&long, Format::Json)).unwrap(), long);
}

/// MQTT-1, MQTT-2: structured mode in every format over MQTT 5, in JSON alone over 3.1.1.
#[test]
fn mqtt_2_structured_mode() {
    let event = Event::builder("1", "a", "t")
        .datacontenttype("application/json")
        .extension("n", 7)
        .data("[1e2]")
        .build()
        .unwrap();
    for format in Format::ALL {
        let written = encode_structured(&event, format);
        assert_eq!(
            written.content_type.as_deref(),
            Some(format.media_type()),
            "MQTT-1"
        );
        assert_eq!(decode(&written).unwrap(), event, "MQTT-1 {format:?}");
    }
    let payload = encode_v3(&event);
    assert_eq!(payload, crate::json::to_bytes(&event), "MQTT-2");
    assert_eq!(decode_v3(&payload).unwrap(), event, "MQTT-2");
    let avro = Format::Avro.to_bytes(&event);
    assert_eq!(
        decode_v3(&avro).map_err(|error| EventError::code(&error)),
        Err("SB-1102"),
        "MQTT-2"
    );
}

#[test]
fn debug_shows_no_content() {
    let secret = message(None, &[("subject", "geheim")], "geheim");
    assert!(!format!("{secret:?}").contains("geheim"));
}
