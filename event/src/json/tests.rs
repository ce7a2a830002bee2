//! The JSON format, requirement by requirement.

use bytes::Bytes;

use super::{batch_to_bytes, parse, parse_batch, to_bytes};
use crate::{Event, EventError, Value};

const BASE: &str = r#""specversion":"1.0","id":"1","source":"urn:krefeld:ngn","type":"de.krefeld.test""#;

fn with(members: &str) -> Bytes {
    let comma = if members.is_empty() { "" } else { "," };
    Bytes::from(format!("{{{BASE}{comma}{members}}}"))
}

fn event(members: &str) -> Event {
    parse(&with(members)).unwrap_or_else(|error| panic!("{members}: {error}"))
}

fn refused(body: impl Into<Bytes>) -> EventError {
    let body = body.into();
    parse(&body).expect_err(&String::from_utf8_lossy(&body))
}

#[test]
fn what_is_refused_and_how() {
    // (requirement, members added to a sound event, code, attribute)
    let cases: &[(&str, &str, &str, Option<&str>)] = &[
        ("CORE-3", r#""My_Ext":"x""#, "SB-1104", Some("My_Ext")),
        ("CORE-3", r#""data-x":"x""#, "SB-1104", Some("data-x")),
        ("CORE-3", r#""":"x""#, "SB-1104", Some("")),
        ("CORE-3", r#""Upper":null"#, "SB-1104", Some("Upper")),
        ("CORE-4", r#""id":"2""#, "SB-1106", Some("id")),
        ("CORE-4", r#""\u0069d":"2""#, "SB-1106", Some("id")),
        ("CORE-4", r#""id":null"#, "SB-1106", Some("id")),
        ("CORE-4", r#""specversion":null"#, "SB-1106", Some("specversion")),
        ("CORE-4", r#""a":"1","b":"2","a":"1""#, "SB-1106", Some("a")),
        ("CORE-4", r#""a":null,"a":"1""#, "SB-1106", Some("a")),
        ("CORE-4", r#""a":null,"a":null"#, "SB-1106", Some("a")),
        ("CORE-4", r#""data":1,"data":1"#, "SB-1106", Some("data")),
        (
            "CORE-4",
            r#""data_base64":"","data_base64":"""#,
            "SB-1106",
            Some("data_base64"),
        ),
        ("CORE-5", r#""a":"x\u0000""#, "SB-1105", Some("a")),
        ("CORE-5", r#""a":"x\u0085""#, "SB-1105", Some("a")),
        ("CORE-5", r#""a":"x\uffff""#, "SB-1105", Some("a")),
        ("CORE-5", r#""a":"x\ufdd0""#, "SB-1105", Some("a")),
        ("CORE-5", r#""a":"x\ud83f\udfff""#, "SB-1105", Some("a")),
        ("CORE-5", r#""a":"\ud800""#, "SB-1105", Some("a")),
        ("CORE-6", r#""subject":"""#, "SB-1105", Some("subject")),
        ("CORE-6", r#""subject":1"#, "SB-1105", Some("subject")),
        ("CORE-6", r#""time":"2026-11-23""#, "SB-1105", Some("time")),
        (
            "CORE-6",
            r#""datacontenttype":"json""#,
            "SB-1105",
            Some("datacontenttype"),
        ),
        (
            "CORE-6",
            r#""dataschema":"relative""#,
            "SB-1105",
            Some("dataschema"),
        ),
        (
            "JSON-2",
            r#""data":1,"data_base64":"AA==""#,
            "SB-1107",
            Some("data_base64"),
        ),
        (
            "JSON-2",
            r#""data":null,"data_base64":"AA==""#,
            "SB-1107",
            Some("data_base64"),
        ),
        (
            "JSON-8",
            r#""datacontenttype":"text/xml","data":{}"#,
            "SB-1105",
            Some("data"),
        ),
        (
            "JSON-8",
            r#""datacontenttype":"text/xml","data":null"#,
            "SB-1105",
            Some("data"),
        ),
        (
            "JSON-8",
            r#""datacontenttype":"text/plain;charset=iso-8859-1","data":"ü""#,
            "SB-1105",
            Some("data"),
        ),
        (
            "JSON-8",
            r#""datacontenttype":"text/plain;charset=utf-16","data":"u""#,
            "SB-1105",
            Some("data"),
        ),
        ("JSON-9", r#""a":2147483648"#, "SB-1105", Some("a")),
        ("JSON-9", r#""a":-2147483649"#, "SB-1105", Some("a")),
        ("JSON-9", r#""a":1.0"#, "SB-1105", Some("a")),
        ("JSON-9", r#""a":1e2"#, "SB-1105", Some("a")),
        ("JSON-9", r#""a":{}"#, "SB-1105", Some("a")),
        ("JSON-9", r#""a":[]"#, "SB-1105", Some("a")),
        (
            "base64",
            r#""data_base64":"A*==""#,
            "SB-1105",
            Some("data_base64"),
        ),
        ("base64", r#""data_base64":7"#, "SB-1105", Some("data_base64")),
    ];
    for (requirement, members, code, attribute) in cases {
        let error = refused(with(members));
        assert_eq!(
            (error.code(), error.attribute()),
            (*code, *attribute),
            "{requirement} {members}: {error}"
        );
    }
}

#[test]
fn bodies_that_are_no_event() {
    let cases: &[(&str, &[u8], &str)] = &[
        ("not JSON", b"", "SB-1102"),
        ("not JSON", b"hello", "SB-1102"),
        ("not JSON", b"{\"id\":", "SB-1102"),
        ("not JSON", br#"{"specversion":"1.0"} x"#, "SB-1102"),
        ("syntax goes before meaning", br#"{"id":7,"#, "SB-1102"),
        ("not UTF-8", b"{\"id\":\"\xff\"}", "SB-1102"),
        ("other JSON", b"[]", "SB-1101"),
        ("other JSON", b"\"x\"", "SB-1101"),
        ("CORE-2", b"{}", "SB-1103"),
        (
            "CORE-2",
            br#"{"specversion":"1.0","id":"1","source":"a"}"#,
            "SB-1103",
        ),
        (
            "CORE-2",
            br#"{"specversion":"1.0","id":"","source":"a","type":"t"}"#,
            "SB-1103",
        ),
        (
            "CORE-2",
            br#"{"specversion":"1.0","id":null,"source":"a","type":"t"}"#,
            "SB-1103",
        ),
        (
            "CORE-2",
            br#"{"specversion":"1.0","id":1,"source":"a","type":"t"}"#,
            "SB-1105",
        ),
        (
            "CORE-2",
            br#"{"specversion":"1.0","id":"1","source":"a b","type":"t"}"#,
            "SB-1105",
        ),
        (
            "CORE-2",
            br#"{"specversion":"0.3","id":"1","source":"a","type":"t"}"#,
            "SB-1111",
        ),
        (
            "CORE-2",
            br#"{"specversion":1.0,"id":"1","source":"a","type":"t"}"#,
            "SB-1105",
        ),
    ];
    for (why, body, code) in cases {
        let error = refused(Bytes::copy_from_slice(body));
        assert_eq!(error.code(), *code, "{why}: {}", String::from_utf8_lossy(body));
    }
}

#[test]
fn payload_bytes_and_how_they_leave_again() {
    // (requirement, members, payload, is JSON, members when written)
    type Case<'a> = (&'a str, &'a str, Option<&'a [u8]>, bool, &'a str);
    let cases: &[Case<'_>] = &[
        ("absent", "", None, false, ""),
        ("JSON-1", r#""subject":null,"x":null"#, None, false, ""),
        (
            "JSON-4",
            r#""data" : {"b":1e2, "a":1.0}"#,
            Some(br#"{"b":1e2, "a":1.0}"#),
            true,
            r#","data":{"b":1e2, "a":1.0}"#,
        ),
        (
            "JSON-4, CORE-7",
            r#""datacontenttype":"Application/VND.x+JSON; charset=utf-8","data":[1]"#,
            Some(b"[1]"),
            true,
            r#","datacontenttype":"Application/VND.x+JSON; charset=utf-8","data":[1]"#,
        ),
        (
            "JSON-5",
            r#""data":"{\"a\":1}""#,
            Some(br#""{\"a\":1}""#),
            true,
            r#","data":"{\"a\":1}""#,
        ),
        (
            "JSON-6",
            r#""data_base64":"AAE=""#,
            Some(&[0, 1]),
            false,
            r#","data_base64":"AAE=""#,
        ),
        (
            "JSON-6, no padding",
            r#""data_base64":"AAE""#,
            Some(&[0, 1]),
            false,
            r#","data_base64":"AAE=""#,
        ),
        ("JSON-7", r#""data":null"#, Some(b"null"), true, r#","data":null"#),
        (
            "schema: null is none",
            r#""data":1,"data_base64":null"#,
            Some(b"1"),
            true,
            r#","data":1"#,
        ),
        (
            "JSON-8",
            r#""datacontenttype":"text/xml","data":"<a\u0020b=\"\u00fc\"/>""#,
            Some("<a b=\"ü\"/>".as_bytes()),
            false,
            r#","datacontenttype":"text/xml","data":"<a b=\"ü\"/>""#,
        ),
        (
            "JSON-8, empty is not none",
            r#""datacontenttype":"text/plain","data":"""#,
            Some(b""),
            false,
            r#","datacontenttype":"text/plain","data":"""#,
        ),
        (
            "JSON-8, ASCII in Latin-1",
            r#""datacontenttype":"text/plain;charset=iso-8859-1","data":"u""#,
            Some(b"u"),
            false,
            r#","datacontenttype":"text/plain;charset=iso-8859-1","data":"u""#,
        ),
        (
            "JSON as binary stays binary",
            r#""datacontenttype":"application/json","data_base64":"MQ==""#,
            Some(b"1"),
            true,
            r#","datacontenttype":"application/json","data_base64":"MQ==""#,
        ),
        (
            "unknown type as text stays text",
            r#""datacontenttype":"application/x-city","data":"a\n\u0001""#,
            Some(b"a\n\x01"),
            false,
            r#","datacontenttype":"application/x-city","data":"a\n\u0001""#,
        ),
    ];
    for (requirement, members, payload, json, written) in cases {
        let event = event(members);
        assert_eq!(event.data().map(|data| &data[..]), *payload, "{requirement}");
        assert_eq!(event.has_json_data(), *json, "{requirement}");
        let out = to_bytes(&event);
        assert_eq!(out, format!("{{{BASE}{written}}}"), "{requirement}");
        assert_eq!(parse(&out).unwrap(), event, "{requirement}");
    }
}

#[test]
fn payload_shares_the_memory_of_the_body() {
    for members in [
        r#""data": {"a": [1, 2]}"#,
        r#""datacontenttype":"text/plain","data":"hello""#,
    ] {
        let body = with(members);
        let event = parse(&body).unwrap();
        let data = event.data().unwrap();
        assert!(
            body.as_ptr_range().contains(&data.as_ptr()),
            "{members}: data was copied"
        );
    }
}

/// JSON-9

#[test]
fn json_9_extensions_keep_their_types() {
    let event = event(r#""n":-2147483648,"t":true,"f":false,"s":"7""#);
    let expected = [
        ("f", Value::from(false)),
        ("n", Value::from(i32::MIN)),
        ("s", "7".into()),
        ("t", true.into()),
    ];
    let found: Vec<_> = event
        .extensions()
        .map(|(name, value)| (name, value.clone()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(event.attribute("n").as_deref(), Some("-2147483648"));
    assert_eq!(parse(&to_bytes(&event)).unwrap(), event);
}

/// CORE-12

#[test]
fn core_12_spelling_survives() {
    for time in [
        "2026-11-23T14:00:00.123456789+01:00",
        "2026-11-23t14:00:00z",
        "2016-12-31T23:59:60Z",
        "2026-11-23T14:00:00.10-00:00",
    ] {
        let event = event(&format!(r#""time":"{time}""#));
        assert_eq!(event.time(), Some(time));
        assert_eq!(parse(&to_bytes(&event)).unwrap().time(), Some(time));
    }
}

#[test]
fn a_false_claim_of_json_cannot_break_the_envelope() {
    for payload in [r#"1,"source":"urn:evil""#, "", "{", "\u{feff}1"] {
        let event = Event::builder("1", "a", "t")
            .datacontenttype("application/json")
            .data(payload)
            .build()
            .unwrap();
        let back = parse(&to_bytes(&event)).unwrap();
        assert_eq!(back.source(), "a");
        assert_eq!(back.data().unwrap(), payload.as_bytes());
    }
}

#[test]
fn extensions_are_bounded() {
    let list = |count: usize| {
        (0..count)
            .map(|n| format!(r#""x{n}":{n}"#))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(
        event(&list(crate::EXTENSIONS_MAX)).extensions().count(),
        crate::EXTENSIONS_MAX
    );
    assert_eq!(refused(with(&list(crate::EXTENSIONS_MAX + 1))).code(), "SB-1406");
}

#[test]
fn deep_data_is_only_passed_through() {
    let deep = format!(r#""data":{}{}"#, "[".repeat(100_000), "]".repeat(100_000));
    let event = event(&deep);
    assert_eq!(event.data().unwrap().len(), 200_000);
    assert!(to_bytes(&event).len() > 200_000);
}

/// JSON-3

#[test]
fn json_3_batches() {
    let good = with(r#""data":1"#);
    let good = std::str::from_utf8(&good).unwrap();
    let batch = Bytes::from(format!(r#" [ {good}, {{"id":"1"}}, 7, {good} ] "#));
    let members = parse_batch(&batch, 4).unwrap();
    let codes: Vec<_> = members
        .iter()
        .map(|member| member.as_ref().err().map(EventError::code))
        .collect();
    assert_eq!(codes, [None, Some("SB-1103"), Some("SB-1101"), None]);
    let data = members[3].as_ref().unwrap().data().unwrap().clone();
    assert!(
        batch.as_ptr_range().contains(&data.as_ptr()),
        "data of a batch member was copied"
    );

    assert_eq!(parse_batch(&batch, 3).unwrap_err().code(), "SB-1403");
    assert_eq!(parse_batch(&Bytes::from_static(b"[]"), 0).unwrap(), []);
    for broken in ["", "{}", "[1,", "[1] 2", "7", "[{\"a\":}]"] {
        assert_eq!(
            parse_batch(&Bytes::from(broken), 9).unwrap_err().code(),
            "SB-1108",
            "{broken}"
        );
    }

    let events: Vec<Event> = members.into_iter().flatten().collect();
    let again = parse_batch(&batch_to_bytes(events.iter()), 9).unwrap();
    assert_eq!(again.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), events);
    assert_eq!(batch_to_bytes([].iter()), "[]");
}

/// CORE-8: only 1.0 is spoken here, so another one is an error of its member.

#[test]
fn core_8_a_batch_has_one_specversion() {
    let batch = format!(r#"[{{{BASE}}},{{{}}}]"#, BASE.replace("1.0", "0.3"));
    let members = parse_batch(&Bytes::from(batch), 2).unwrap();
    assert!(members[0].is_ok());
    assert_eq!(members[1].as_ref().unwrap_err().code(), "SB-1111");
}

#[test]
fn errors_echo_no_payload() {
    let error = refused(with(r#""a":"geheim\u0000","data":"geheim""#));
    assert!(!format!("{error} {error:?}").contains("geheim"));
    let event = event(r#""subject":"geheim","data":"geheim""#);
    assert!(!format!("{event:?} {:?}", event.to_builder()).contains("geheim"));
}

#[test]
fn names_from_outside_are_cleaned_and_cut() {
    let error = refused(with(&format!(r#""a\nFAKE LOG LINE{}":1"#, "x".repeat(100))));
    assert_eq!(
        error.attribute(),
        Some("a?FAKE?LOG?LINExxxxxxxxxxxxxxxxxxxxxxxxx")
    );
    assert!(!error.to_string().contains('\n'));
}
