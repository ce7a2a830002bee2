//! The NATS binding and what the log adds to it.

use bytes::Bytes;

use super::{decode, encode_binary};
use crate::{Event, EventError, Format, Value, json};

type Headers = Vec<(String, String)>;

fn headers(list: &[(&str, &str)]) -> Headers {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn required(added: &[(&str, &str)]) -> Headers {
    let mut all = headers(&[
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "a"),
        ("ce-type", "t"),
    ]);
    all.extend(headers(added));
    all
}

fn value<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(held, _)| held == name)
        .map(|(_, value)| value.as_str())
}

const STRUCTURED: &str = r#"{"specversion":"1.0","id":"1","source":"a","type":"t","data":[1]}"#;

/// NATS-1, NATS-4, NATS-5

#[test]
fn nats_1_and_5_modes() {
    // (why, headers, payload, outcome)
    let cases: &[(&str, Headers, &str, Result<(), &str>)] = &[
        (
            "NATS-1",
            headers(&[("Content-Type", "application/cloudevents+json")]),
            STRUCTURED,
            Ok(()),
        ),
        (
            "NATS-1",
            headers(&[("content-type", "Application/CloudEvents+JSON; charset=utf-8")]),
            STRUCTURED,
            Ok(()),
        ),
        (
            "NATS-1",
            required(&[("content-type", "application/cloudevents+json")]),
            STRUCTURED,
            Ok(()),
        ),
        (
            "HTTP-7",
            required(&[("content-type", "application/cloudevents+xml")]),
            STRUCTURED,
            Err("SB-1109"),
        ),
        (
            "no batch",
            headers(&[("content-type", json::BATCH_MEDIA_TYPE)]),
            "[]",
            Err("SB-1109"),
        ),
        ("NATS-5 header-less", vec![], STRUCTURED, Ok(())),
        (
            "NATS-5 header-less",
            headers(&[("Nats-Msg-Id", "7")]),
            STRUCTURED,
            Ok(()),
        ),
        ("other JSON", vec![], "[]", Err("SB-1101")),
        ("nothing", vec![], "", Err("SB-1101")),
        (
            "other type",
            headers(&[("content-type", "application/json")]),
            STRUCTURED,
            Err("SB-1101"),
        ),
        (
            "binary",
            required(&[("Nats-Msg-Id", "7"), ("x-own", "%")]),
            STRUCTURED,
            Ok(()),
        ),
        ("CORE-4", required(&[("ce-id", "1")]), "", Err("SB-1106")),
        (
            "CORE-4 in another case",
            required(&[("Ce-Id", "1")]),
            "",
            Err("SB-1106"),
        ),
        (
            "CORE-4",
            required(&[("content-type", "a/b"), ("Content-Type", "a/b")]),
            "",
            Err("SB-1106"),
        ),
        ("CORE-3", required(&[("ce-a_b", "1")]), "", Err("SB-1104")),
        ("NATS-3", required(&[("ce-x", "%C0%A0")]), "", Err("SB-1110")),
        ("CORE-2", headers(&[("ce-id", "1")]), "", Err("SB-1103")),
    ];
    for (why, headers, payload, expected) in cases {
        let found = decode(headers, Bytes::copy_from_slice(payload.as_bytes()));
        assert_eq!(
            found.as_ref().map(|_| ()).map_err(EventError::code),
            *expected,
            "{why} {headers:?}"
        );
    }
}

/// NATS-2, NATS-3

#[test]
fn nats_2_and_3_every_attribute_is_a_header() {
    let event = Event::builder("1", "a", "t")
        .subject("Straße 5 %")
        .datacontenttype("text/plain; charset=utf-8")
        .extension("x", "a \"b\"")
        .data("ü")
        .build()
        .unwrap();
    let (headers, payload) = encode_binary(&event);
    assert_eq!(value(&headers, "ce-specversion"), Some("1.0"));
    assert_eq!(value(&headers, "ce-subject"), Some("Stra%C3%9Fe%205%20%25"));
    assert_eq!(
        value(&headers, "ce-datacontenttype"),
        Some("text/plain;%20charset=utf-8")
    );
    assert_eq!(value(&headers, "ce-x"), Some("a%20%22b%22"));
    assert!(
        headers.iter().all(|(name, _)| name.starts_with("ce-")),
        "{headers:?}"
    );
    assert_eq!(payload, "ü");
    assert_eq!(decode(&headers, payload).unwrap(), event);
}

/// NATS-5: what sdk-go sends, mode by `ce-specversion` and the payload's type in `content-type`.

#[test]
fn nats_5_the_payload_type_from_content_type() {
    let event = decode(
        &required(&[("content-type", "text/xml")]),
        Bytes::from_static(b"<a/>"),
    )
    .unwrap();
    assert_eq!(event.datacontenttype(), Some("text/xml"));
    let both = required(&[
        ("content-type", "text/xml"),
        ("ce-datacontenttype", "application/json"),
    ]);
    assert_eq!(
        decode(&both, Bytes::from_static(b"1")).unwrap().datacontenttype(),
        Some("application/json")
    );
    let any_case = headers(&[
        ("CE-SpecVersion", "1.0"),
        ("Ce-Id", "1"),
        ("CE-SOURCE", "a"),
        ("Ce-Type", "t"),
        ("Ce-X", "y"),
    ]);
    assert_eq!(
        decode(&any_case, Bytes::new()).unwrap().attribute("x").as_deref(),
        Some("y")
    );
}

/// NATS-4, CORE-12

#[test]
fn through_the_log_structured_out_is_structured_in() {
    let cases = [
        r#","data":{"a":1e2}"#,
        r#","data":null"#,
        r#","data":"text""#,
        r#","data_base64":"AAE=""#,
        r#","data_base64":"""#,
        r#","datacontenttype":"application/json","data":{"a": 1}"#,
        r#","datacontenttype":"application/json","data_base64":"MQ==""#,
        r#","datacontenttype":"text/plain","data":"""#,
        r#","datacontenttype":"text/plain","data":"a""#,
        r#","datacontenttype":"text/plain","data_base64":"YQ==""#,
        r#","datacontenttype":"application/x-own","data":"a""#,
        r#","datacontenttype":"application/json""#,
        r#","b":true,"i":-7,"s":"true","t":"7""#,
        "",
    ];
    for members in cases {
        let body = Bytes::from(format!(
            r#"{{"specversion":"1.0","id":"1","source":"a","type":"t"{members}}}"#
        ));
        let event = json::parse(&body).unwrap();
        let (headers, payload) = encode_binary(&event);
        let logged = decode(&headers, payload.clone()).unwrap();
        assert_eq!(logged, event, "{members}");
        assert_eq!(json::to_bytes(&logged), body, "{members}");
        let bare: Headers = headers
            .into_iter()
            .filter(|(name, _)| name.starts_with("ce-"))
            .collect();
        assert!(
            decode(&bare, payload).is_ok(),
            "{members}: must decode without the headers of our own"
        );
    }
}

#[test]
fn types_are_noted_only_where_there_are_any() {
    let event = Event::builder("1", "a", "t")
        .extension("n", 5)
        .extension("b", true)
        .extension("s", "5")
        .build()
        .unwrap();
    let (headers, payload) = encode_binary(&event);
    assert_eq!(value(&headers, "sb-types"), Some("b:b,n:i"));
    let back = decode(&headers, payload).unwrap();
    assert_eq!(back.extension("n"), Some(&Value::Integer(5)));
    assert_eq!(back.extension("s"), Some(&Value::from("5")));
}

#[test]
fn false_hints_are_dropped() {
    let hints = [
        ("ce-n", "007"),
        ("ce-b", "yes"),
        ("sb-types", "n:i,b:b,unknown:i,,x,id:i"),
        ("sb-data", "json"),
    ];
    let mut list = required(&hints);
    let event = decode(&list, Bytes::from_static(br#"1,"source":"urn:evil""#)).unwrap();
    assert_eq!(event.extension("n"), Some(&Value::from("007")));
    assert_eq!(event.extension("b"), Some(&Value::from("yes")));
    assert_eq!(json::parse(&json::to_bytes(&event)).unwrap().source(), "a");
    list.push(("ce-datacontenttype".to_owned(), "text/plain".to_owned()));
    assert!(!decode(&list, Bytes::from_static(b"1")).unwrap().has_json_data());
}

#[test]
fn an_empty_payload_is_not_none() {
    let empty = Event::builder("1", "a", "t").data(Bytes::new()).build().unwrap();
    let (headers, payload) = encode_binary(&empty);
    assert_eq!(decode(&headers, payload).unwrap().data(), Some(&Bytes::new()));
    let none = empty.to_builder().without_data().build().unwrap();
    let (headers, payload) = encode_binary(&none);
    assert_eq!(decode(&headers, payload).unwrap().data(), None);
}

/// NATS-1, PROTO-1, AVRO-1
#[test]
fn nats_1_structured_mode_in_every_format() {
    let event = json::parse(&Bytes::from_static(STRUCTURED.as_bytes())).unwrap();
    for format in Format::ALL {
        let header = headers(&[("Content-Type", format.media_type())]);
        let read = decode(&header, format.to_bytes(&event)).unwrap();
        assert_eq!(read.data(), event.data(), "{format:?}");
        assert!(read.has_json_data(), "{format:?}");
    }
}
