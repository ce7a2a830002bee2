//! The AMQP binding, requirement by requirement.

use bytes::Bytes;

use super::{Message, Property, decode, encode_binary, encode_structured};
use crate::{Event, Format, Value};

fn string(text: &str) -> Property {
    Property::String(text.to_owned())
}

fn message(prefix: &str, added: &[(&str, Property)], body: &str) -> Message {
    let required = [
        ("specversion", string("1.0")),
        ("id", string("1")),
        ("source", string("a")),
        ("type", string("t")),
    ];
    Message {
        content_type: None,
        application_properties: required
            .iter()
            .map(|(name, value)| (format!("{prefix}{name}"), value.clone()))
            .chain(
                added
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone())),
            )
            .collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// AMQP-1, AMQP-2: one prefix in the message, native types where there are such, canonical strings else.
#[test]
fn amqp_1_and_2_what_is_written() {
    let event = Event::builder("1", "a", "t")
        .subject("Straße \"5\" %20")
        .time("2026-11-23T14:00:00.10+01:00")
        .datacontenttype("text/csv")
        .extension("n", i32::MIN)
        .extension("s", "7")
        .extension("urgent", true)
        .data("a;b")
        .build()
        .unwrap();
    let mut expected = message(
        "cloudEvents_",
        &[
            ("cloudEvents_subject", string("Straße \"5\" %20")),
            ("cloudEvents_time", string("2026-11-23T14:00:00.10+01:00")),
            ("cloudEvents_n", Property::Long(i64::from(i32::MIN))),
            ("cloudEvents_s", string("7")),
            ("cloudEvents_urgent", Property::Boolean(true)),
        ],
        "a;b",
    );
    expected.content_type = Some("text/csv".to_owned());
    let written = encode_binary(&event);
    assert!(written == expected, "AMQP-1, AMQP-2 {written:?}");
    assert_eq!(decode(&written).unwrap(), event, "AMQP-2");
}

/// AMQP-2: native types and canonical strings, lenient in.
#[test]
fn amqp_2_types_are_read() {
    let cases: &[(&str, Property, Option<Value>)] = &[
        ("boolean", Property::Boolean(false), Some(false.into())),
        ("boolean as string", string("false"), Some("false".into())),
        ("long", Property::Long(-7), Some((-7).into())),
        ("long as string", string("-7"), Some("-7".into())),
        ("string", string("ü"), Some("ü".into())),
        ("symbol", Property::Symbol("x".to_owned()), Some("x".into())),
        (
            "binary",
            Property::Binary(Bytes::from_static(&[0, 1, 255])),
            Some("AAH/".into()),
        ),
        (
            "timestamp",
            Property::Timestamp(1500),
            Some("1970-01-01T00:00:01.500Z".into()),
        ),
        (
            "timestamp before 1970",
            Property::Timestamp(-1),
            Some("1969-12-31T23:59:59.999Z".into()),
        ),
        ("null", Property::Null, None),
    ];
    for prefix in ["cloudEvents_", "cloudEvents:"] {
        for (kind, value, expected) in cases {
            let name = format!("{prefix}x");
            let event = decode(&message(prefix, &[(&name, value.clone())], "")).unwrap();
            assert_eq!(event.extension("x"), expected.as_ref(), "AMQP-2 {prefix} {kind}");
            assert_eq!(event.data(), None);
        }
    }
    let native = decode(&message(
        "cloudEvents:",
        &[("cloudEvents:time", Property::Timestamp(0))],
        "",
    ))
    .unwrap();
    assert_eq!(native.time(), Some("1970-01-01T00:00:00Z"), "AMQP-2");
}

#[test]
fn amqp_1_and_2_what_is_read_and_refused() {
    type Case<'a> = (
        &'a str,
        Option<&'a str>,
        &'a [(&'a str, Property)],
        Result<(), &'a str>,
    );
    let cases: &[Case<'_>] = &[
        ("AMQP-1", None, &[], Ok(())),
        (
            "AMQP-1 both spellings",
            None,
            &[("cloudEvents:x", string("1"))],
            Ok(()),
        ),
        (
            "AMQP-1 other properties",
            None,
            &[("cloudevents_x", Property::Other), ("id", string("2"))],
            Ok(()),
        ),
        (
            "AMQP-1 said twice",
            Some("text/xml"),
            &[("cloudEvents_datacontenttype", string("text/xml"))],
            Ok(()),
        ),
        (
            "AMQP-1 two types",
            Some("text/xml"),
            &[("cloudEvents_datacontenttype", string("a/b"))],
            Err("SB-1106"),
        ),
        ("CORE-4", None, &[("cloudEvents:id", string("1"))], Err("SB-1106")),
        (
            "CORE-4",
            None,
            &[("cloudEvents_x", Property::Null), ("cloudEvents_x", string(""))],
            Err("SB-1106"),
        ),
        (
            "CORE-3",
            None,
            &[("cloudEvents_my_ext", string("x"))],
            Err("SB-1104"),
        ),
        (
            "CORE-3",
            None,
            &[("cloudEvents_", Property::Null)],
            Err("SB-1104"),
        ),
        (
            "CORE-5",
            None,
            &[("cloudEvents_x", Property::Long(1 << 31))],
            Err("SB-1105"),
        ),
        (
            "CORE-5",
            None,
            &[("cloudEvents_x", Property::Timestamp(i64::MAX))],
            Err("SB-1105"),
        ),
        (
            "CORE-5",
            None,
            &[("cloudEvents_x", Property::Timestamp(i64::MIN))],
            Err("SB-1105"),
        ),
        (
            "AMQP-2",
            None,
            &[("cloudEvents_x", Property::Other)],
            Err("SB-1105"),
        ),
        (
            "AMQP-2",
            None,
            &[("cloudEvents_subject", Property::Long(1))],
            Err("SB-1105"),
        ),
        (
            "AMQP-2",
            None,
            &[("cloudEvents_subject", Property::Binary(Bytes::new()))],
            Err("SB-1105"),
        ),
        (
            "CORE-6",
            None,
            &[("cloudEvents_subject", string(""))],
            Err("SB-1105"),
        ),
        ("HTTP-7", Some("application/cloudevents+xml"), &[], Err("SB-1109")),
        (
            "no batch",
            Some("application/cloudevents-batch+protobuf"),
            &[],
            Err("SB-1109"),
        ),
        (
            "not JSON",
            Some("Application/CloudEvents+json"),
            &[],
            Err("SB-1102"),
        ),
    ];
    for (requirement, content_type, added, expected) in cases {
        let mut message = message("cloudEvents_", added, "x");
        message.content_type = content_type.map(str::to_owned);
        let found = decode(&message);
        assert_eq!(
            found.map(|_| ()).map_err(|error| error.code()),
            *expected,
            "{requirement} {added:?}"
        );
    }
    assert_eq!(
        decode(&Message::default()).unwrap_err().code(),
        "SB-1101",
        "AMQP-1 no event at all"
    );
}

/// AMQP-1: structured mode in every format.
#[test]
fn amqp_1_structured_mode() {
    let event = decode(&message(
        "cloudEvents_",
        &[("cloudEvents_n", Property::Long(7))],
        "x",
    ))
    .unwrap();
    for format in Format::ALL {
        let written = encode_structured(&event, format);
        assert_eq!(
            written.content_type.as_deref(),
            Some(format.media_type()),
            "AMQP-1"
        );
        assert_eq!(decode(&written).unwrap(), event, "AMQP-1 {format:?}");
    }
}

#[test]
fn debug_shows_no_content() {
    let secret = message(
        "cloudEvents_",
        &[("cloudEvents_subject", string("geheim"))],
        "geheim",
    );
    let properties = &secret.application_properties[4].1;
    assert!(!format!("{secret:?} {properties:?}").contains("geheim"));
}
