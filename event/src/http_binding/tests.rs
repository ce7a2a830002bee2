//! The HTTP binding, requirement by requirement.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    Incoming, decode, encode_batch, encode_batch_as, encode_binary, encode_structured, encode_structured_as,
};
use crate::{Event, EventError, Format, json};

const REQUIRED: [(&str, &str); 4] = [
    ("ce-specversion", "1.0"),
    ("ce-id", "1"),
    ("ce-source", "urn:krefeld:ngn"),
    ("ce-type", "de.krefeld.test"),
];

fn headers<V: AsRef<[u8]>>(list: &[(&str, V)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_ref()).unwrap());
    }
    headers
}

fn binary(added: &[(&str, &[u8])], body: &str) -> Result<Event, EventError> {
    let mut all = headers(&REQUIRED);
    all.extend(headers(added));
    for (name, value) in added {
        // `extend` of a HeaderMap replaces; a second value of a required header is meant as a second one.
        if REQUIRED.iter().any(|(required, _)| required == name) {
            all = headers(&REQUIRED);
            all.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            );
        }
    }
    single(decode(&all, Bytes::copy_from_slice(body.as_bytes()), 10)?)
}

fn single(incoming: Incoming) -> Result<Event, EventError> {
    match incoming {
        Incoming::Single(event) => Ok(event),
        Incoming::Batch(_) => panic!("a batch"),
    }
}

/// HTTP-1, JSON-3, CORE-7

#[test]
fn http_1_the_content_type_decides_the_mode() {
    let one = r#"{"specversion":"1.0","id":"1","source":"a","type":"t"}"#;
    let many = format!("[{one}]");
    // (Content-Type, body, what comes of it)
    let cases: &[(&str, &str, &str)] = &[
        ("application/cloudevents+json", one, "single"),
        ("Application/CloudEvents+JSON", one, "single"),
        ("application/cloudevents+json; charset=UTF-8", one, "single"),
        ("application/cloudevents+json;charset=\"utf-8\"", one, "single"),
        ("application/cloudevents+json; charset=utf-16", one, "SB-1109"),
        ("application/cloudevents-batch+json", &many, "batch"),
        (
            "APPLICATION/cloudevents-batch+json; charset=utf-8",
            &many,
            "batch",
        ),
        ("application/cloudevents-batch+json", one, "SB-1108"),
        ("application/cloudevents+json", &many, "SB-1101"),
        // HTTP-7: never taken for binary.
        ("application/cloudevents+xml", one, "SB-1109"),
        ("application/cloudevents+cbor", one, "SB-1109"),
        ("application/cloudevents-batch+avro", &many, "SB-1109"),
        ("application/cloudevents+avro", one, "SB-1113"),
        ("Application/CloudEvents+Protobuf; x=y", one, "SB-1113"),
        ("application/cloudevents-batch+protobuf", &many, "SB-1113"),
        ("application/cloudevents", one, "SB-1109"),
        ("application/json", one, "SB-1101"),
        ("", one, "SB-1101"),
    ];
    for (content_type, body, expected) in cases {
        let answer = decode(
            &headers(&[("Content-Type", content_type)]),
            Bytes::copy_from_slice(body.as_bytes()),
            10,
        );
        let found = match &answer {
            Ok(Incoming::Single(_)) => "single",
            Ok(Incoming::Batch(_)) => "batch",
            Err(error) => error.code(),
        };
        assert_eq!(found, *expected, "{content_type}: {answer:?}");
    }
}

/// HTTP-7

#[test]
fn http_7_an_unknown_format_is_refused_even_with_attributes_in_headers() {
    let error = binary(&[("content-type", b"application/cloudevents+xml")], "x").unwrap_err();
    assert_eq!(error.code(), "SB-1109");
}

/// HTTP-6

#[test]
fn http_6_structured_mode_ignores_attribute_headers() {
    let mut list = headers(&[
        ("content-type", "application/cloudevents+json"),
        ("ce-id", "other"),
        ("ce-bad_name", "%"),
    ]);
    list.append("ce-id", HeaderValue::from_static("another"));
    let body = Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"a","type":"t"}"#);
    assert_eq!(single(decode(&list, body, 1).unwrap()).unwrap().id(), "1");
}

/// HTTP-3

#[test]
fn http_3_content_type_is_datacontenttype() {
    let event = binary(&[("Content-Type", b"text/xml; charset=utf-8")], "<a/>").unwrap();
    assert_eq!(event.datacontenttype(), Some("text/xml; charset=utf-8"));
    let (out, body) = encode_binary(&event);
    assert_eq!(out["content-type"], "text/xml; charset=utf-8");
    assert!(!out.contains_key("ce-datacontenttype"));
    assert_eq!(body, "<a/>");
    assert_eq!(
        binary(&[("ce-datacontenttype", b"text/xml")], "")
            .unwrap_err()
            .code(),
        "SB-1104"
    );
}

/// HTTP-4, HTTP-5

#[test]
fn http_4_decoding_of_values() {
    let cases: &[(&[u8], Result<&str, &str>)] = &[
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", Ok("Euro € 😀")),
        (b"Euro%20%e2%82%ac", Ok("Euro €")),
        (b"%41%42", Ok("AB")),
        (b"a%2525b", Ok("a%25b")),
        (b"a b", Ok("a b")),
        (br#""a b""#, Ok("a b")),
        (br#""a \"b\" \\ %20""#, Ok(r#"a "b" \  "#)),
        (br#"5" pipe"#, Ok(r#"5" pipe"#)),
        ("Straße".as_bytes(), Ok("Straße")),
        (b"%C0%A0", Err("SB-1110")),
        (b"%ED%A0%80", Err("SB-1110")),
        (b"%FF", Err("SB-1110")),
        (b"\xff", Err("SB-1110")),
        (b"100%", Err("SB-1110")),
        (b"%4", Err("SB-1110")),
        (b"%zz", Err("SB-1110")),
        (br#""open"#, Err("SB-1110")),
        (br#""closed" more"#, Err("SB-1110")),
        (br#""\"#, Err("SB-1110")),
        (b"%00", Err("SB-1105")),
        (b"a%0Ab", Err("SB-1105")),
        (b"%EF%BF%BF", Err("SB-1105")),
    ];
    for (value, expected) in cases {
        let found = binary(&[("ce-subject", value)], "");
        let found = found
            .as_ref()
            .map(|event| event.subject().unwrap())
            .map_err(EventError::code);
        assert_eq!(found, *expected, "{}", String::from_utf8_lossy(value));
    }
}

/// HTTP-4, HTTP-5: U+1F600 is a surrogate pair in UTF-16 and one sequence of four bytes here.

#[test]
fn http_4_and_5_encoding_of_values() {
    let cases = [
        ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
        (r#"a"b%c"#, "a%22b%25c"),
        (
            "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~",
            "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~",
        ),
    ];
    for (value, encoded) in cases {
        let event = Event::builder("1", "a", "t")
            .subject(value)
            .extension("x", value)
            .build()
            .unwrap();
        let (headers, _) = encode_binary(&event);
        assert_eq!(headers["ce-subject"], encoded);
        assert_eq!(headers["ce-x"], encoded);
    }
}

#[test]
fn what_binary_mode_refuses() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a [u8])], &'a str);
    let cases: &[Case<'_>] = &[
        ("CORE-4", &[("ce-id", b"2")], "SB-1106"),
        ("CORE-4", &[("ce-specversion", b"1.0")], "SB-1106"),
        ("CORE-3", &[("ce-my_ext", b"x")], "SB-1104"),
        ("CORE-3", &[("ce-data", b"x")], "SB-1104"),
        ("CORE-3", &[("ce-", b"x")], "SB-1104"),
        ("CORE-6", &[("ce-subject", b"")], "SB-1105"),
        ("CORE-6", &[("ce-time", b"yesterday")], "SB-1105"),
        ("CORE-6", &[("content-type", b"nonsense")], "SB-1105"),
        ("CORE-6", &[("content-type", b"text/\xfcml")], "SB-1105"),
    ];
    for (requirement, added, code) in cases {
        let answer = binary(added, "x");
        assert_eq!(
            answer.map_err(|error| error.code()),
            Err(*code),
            "{requirement} {added:?}"
        );
    }
}

/// CORE-4

#[test]
fn core_4_two_headers_of_one_name() {
    for name in ["ce-x", "content-type"] {
        let mut list = headers(&REQUIRED);
        list.append(name, HeaderValue::from_static("text/plain"));
        list.append(name, HeaderValue::from_static("text/plain"));
        assert_eq!(
            decode(&list, Bytes::new(), 1).unwrap_err().code(),
            "SB-1106",
            "{name}"
        );
    }
}

/// CORE-2

#[test]
fn core_2_required_attributes() {
    for (missing, _) in REQUIRED {
        let mut list = headers(&REQUIRED);
        list.remove(missing);
        let error = decode(&list, Bytes::new(), 1).unwrap_err();
        assert_eq!(
            (error.code(), error.attribute()),
            ("SB-1103", missing.strip_prefix("ce-")),
            "{missing}"
        );
        list.insert(missing, HeaderValue::from_static(""));
        assert_eq!(
            decode(&list, Bytes::new(), 1).unwrap_err().code(),
            "SB-1103",
            "{missing} empty"
        );
    }
    let mut old = headers(&REQUIRED);
    old.insert("ce-specversion", HeaderValue::from_static("0.3"));
    assert_eq!(decode(&old, Bytes::new(), 1).unwrap_err().code(), "SB-1111");
}

/// HTTP-3

#[test]
fn header_names_match_in_any_case() {
    let list = headers(&[
        ("CE-SpecVersion", "1.0"),
        ("Ce-ID", "1"),
        ("CE-SOURCE", "a"),
        ("ce-Type", "t"),
        ("CE-MyExt", "x"),
    ]);
    let event = single(decode(&list, Bytes::new(), 1).unwrap()).unwrap();
    assert_eq!(event.extension("myext").and_then(crate::Value::as_str), Some("x"));
    assert_eq!(event.data(), None);
}

/// CORE-11

#[test]
fn core_11_implied_json_is_said() {
    let structured =
        Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"a","type":"t","data":{"a":1}}"#);
    let event = json::parse(&structured).unwrap();
    assert_eq!(encode_binary(&event).0["content-type"], "application/json");
    let unknown = binary(&[], "bytes of unknown kind").unwrap();
    assert!(!encode_binary(&unknown).0.contains_key("content-type"));
    assert!(!unknown.has_json_data());
}

/// JSON-4, JSON-8

#[test]
fn json_from_binary_mode_is_a_value_in_structured_mode() {
    // (Content-Type, body, member)
    let cases: &[(&str, &str, &str)] = &[
        ("application/json", r#"{"a" : 1e2}"#, r#""data":{"a" : 1e2}"#),
        ("application/json", "{broken", r#""data_base64":"e2Jyb2tlbg==""#),
        ("text/csv", "a;b\n", r#""data":"a;b\n""#),
        ("application/octet-stream", "ab", r#""data_base64":"YWI=""#),
    ];
    for (content_type, body, member) in cases {
        let event = binary(&[("content-type", content_type.as_bytes())], body).unwrap();
        let (headers, out) = encode_structured(&event);
        assert_eq!(headers["content-type"], json::MEDIA_TYPE);
        let text = std::str::from_utf8(&out).unwrap();
        assert!(text.ends_with(&format!(",{member}}}")), "{text}");
        assert_eq!(single(decode(&headers, out, 1).unwrap()).unwrap(), event);
    }
}

/// HTTP-2

#[test]
fn http_2_batches_go_both_ways() {
    let event = Event::builder("1", "a", "t").build().unwrap();
    let (headers, body) = encode_batch([&event, &event].into_iter());
    assert_eq!(
        decode(&headers, body.clone(), 2),
        Ok(Incoming::Batch(vec![Ok(event.clone()), Ok(event)]))
    );
    assert_eq!(decode(&headers, body, 1).unwrap_err().code(), "SB-1403");
}

/// HTTP-1, PROTO-1, AVRO-1: structured and batched mode in every format, told by the content type alone.
#[test]
fn http_1_every_format_goes_both_ways() {
    let event = Event::builder("1", "a", "t")
        .datacontenttype("application/json")
        .extension("n", 7)
        .data(r#"{"a":1e2}"#)
        .build()
        .unwrap();
    for format in Format::ALL {
        let (headers, body) = encode_structured_as(&event, format);
        assert_eq!(headers["content-type"], format.media_type());
        assert_eq!(
            single(decode(&headers, body, 1).unwrap()).unwrap(),
            event,
            "{format:?}"
        );
        let batch = encode_batch_as([&event, &event].into_iter(), format);
        assert_eq!(batch.is_none(), format == Format::Avro, "{format:?}");
        if let Some((headers, body)) = batch {
            assert_eq!(headers["content-type"], format.batch_media_type().unwrap());
            assert_eq!(
                decode(&headers, body.clone(), 2),
                Ok(Incoming::Batch(vec![Ok(event.clone()), Ok(event.clone())])),
                "{format:?}"
            );
            assert_eq!(
                decode(&headers, body, 1).unwrap_err().code(),
                "SB-1403",
                "{format:?}"
            );
        }
    }
}
