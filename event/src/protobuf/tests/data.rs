//! The payload and the field it stands in.

use bytes::Bytes;

use super::{attribute, field, text, with};
use crate::protobuf::{is_protobuf, parse, to_bytes};
use crate::{Event, EventError, json};

/// PROTO-1: data by kind. The last column is the field it is written to, with its content.
#[test]
fn proto_1_data_by_kind() {
    let json = |members: &str| {
        let body = format!(r#"{{"specversion":"1.0","id":"1","source":"urn:a","type":"t"{members}}}"#);
        json::parse(&Bytes::from(body)).unwrap()
    };
    let any = |url: &str| field(8, &[field(1, url.as_bytes()), field(2, &[8, 1])].concat());
    let cases: &[(&str, Event, Vec<u8>)] = &[
        ("none", json(""), vec![]),
        (
            "text",
            json(r#","datacontenttype":"text/plain","data":"ü""#),
            field(7, "ü".as_bytes()),
        ),
        (
            "empty text",
            json(r#","datacontenttype":"text/plain","data":"""#),
            field(7, b""),
        ),
        (
            "text of unknown type",
            json(r#","datacontenttype":"application/x-own","data":"a""#),
            field(7, b"a"),
        ),
        (
            "JSON",
            json(r#","datacontenttype":"application/json","data":{"a":1e2}"#),
            field(7, br#"{"a":1e2}"#),
        ),
        ("implied JSON", json(r#","data":null"#), field(7, b"null")),
        ("bytes", json(r#","data_base64":"AAE=""#), field(6, &[0, 1])),
        ("empty bytes", json(r#","data_base64":"""#), field(6, &[])),
        (
            "bytes of a text type that are no UTF-8",
            json(r#","datacontenttype":"text/plain","data_base64":"/w==""#),
            field(6, &[255]),
        ),
        (
            "Protobuf without a schema",
            json(r#","datacontenttype":"application/protobuf","data_base64":"CAE=""#),
            field(6, &[8, 1]),
        ),
        (
            "Protobuf",
            json(
                r#","datacontenttype":"application/protobuf","dataschema":"https://type.googleapis.com/a.B","data_base64":"CAE=""#,
            ),
            any("https://type.googleapis.com/a.B"),
        ),
    ];
    for (kind, event, expected) in cases {
        let body = to_bytes(event);
        assert!(body.ends_with(expected), "PROTO-1 {kind}");
        if expected.is_empty() {
            assert_eq!(body, with(&[]), "PROTO-1 {kind}");
        }
        let back = parse(&body).unwrap();
        assert_eq!(back.data(), event.data(), "PROTO-1 {kind}");
        assert_eq!(back.has_json_data(), event.has_json_data(), "PROTO-1 {kind}");
        let implied = event.has_json_data().then_some("application/json");
        assert_eq!(
            back.datacontenttype(),
            event.datacontenttype().or(implied),
            "PROTO-1, CORE-11 {kind}"
        );
        assert_eq!(to_bytes(&back), body, "PROTO-1 {kind}");
    }
}

/// PROTO-1: a message without content type and schema is given them; an `Any` without a scheme means https.
#[test]
fn proto_1_proto_data_says_what_it_is() {
    let any = |url: &str| field(8, &[field(1, url.as_bytes()), field(2, &[8, 1])].concat());
    let schema = |url: &str| attribute("dataschema", &field(5, url.as_bytes()));
    const SHORT: &str = "type.googleapis.com/a.B";
    const LONG: &str = "https://type.googleapis.com/a.B";
    type Case<'a> = (&'a str, Vec<Vec<u8>>, Result<Option<&'a str>, &'a str>);
    let cases: &[Case<'_>] = &[
        ("short", vec![any(SHORT)], Ok(Some(LONG))),
        ("long", vec![any(LONG)], Ok(Some(LONG))),
        ("other scheme", vec![any("urn:a.B")], Ok(Some("urn:a.B"))),
        ("no URL", vec![any("")], Ok(None)),
        (
            "schema as in the example of the format",
            vec![schema(SHORT), any(SHORT)],
            Ok(Some(LONG)),
        ),
        (
            "schema with scheme",
            vec![schema(LONG), any(SHORT)],
            Ok(Some(LONG)),
        ),
        (
            "another schema",
            vec![schema("urn:s"), any(SHORT)],
            Err("SB-1105"),
        ),
        ("no URI", vec![any("a b")], Err("SB-1105")),
        (
            "another type",
            vec![text("datacontenttype", "text/plain"), any(SHORT)],
            Err("SB-1105"),
        ),
        (
            "a known type",
            vec![text("datacontenttype", "Application/X-Protobuf"), any(SHORT)],
            Ok(Some(LONG)),
        ),
        (
            "relative schema without a message",
            vec![schema(SHORT)],
            Err("SB-1105"),
        ),
    ];
    for (why, fields, expected) in cases {
        let event = parse(&with(fields));
        let found = event.as_ref().map(Event::dataschema).map_err(EventError::code);
        assert_eq!(found, *expected, "PROTO-1 {why}");
        if let Ok(event) = event {
            assert!(is_protobuf(event.datacontenttype().unwrap()), "PROTO-1 {why}");
            assert_eq!(event.data().unwrap(), &[8_u8, 1][..], "PROTO-1 {why}");
        }
    }
}
