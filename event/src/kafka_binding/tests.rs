//! The Kafka binding, requirement by requirement.

use bytes::Bytes;

use super::{Key, Record, decode, encode_binary, encode_structured};
use crate::{Event, Format, Value};

const REQUIRED: [(&str, &str); 4] = [
    ("ce_specversion", "1.0"),
    ("ce_id", "1"),
    ("ce_source", "a"),
    ("ce_type", "t"),
];

fn record(added: &[(&str, Option<&[u8]>)], value: Option<&str>) -> Record {
    let required = REQUIRED.map(|(name, value)| (name, Some(value.as_bytes())));
    Record {
        key: None,
        headers: required
            .iter()
            .chain(added)
            .map(|(name, value)| ((*name).to_owned(), value.map(Bytes::copy_from_slice)))
            .collect(),
        value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())),
    }
}

fn event() -> Event {
    Event::builder("1", "a", "t")
        .subject("Straße \"5\" %20")
        .datacontenttype("text/csv")
        .extension("n", -7)
        .extension("partitionkey", "ü")
        .data("a;b")
        .build()
        .unwrap()
}

/// KAFKA-1: `ce_` headers in plain UTF-8, `content-type`, and the data as value.
#[test]
fn kafka_1_what_is_written() {
    let expected = record(
        &[
            ("ce_subject", Some("Straße \"5\" %20".as_bytes())),
            ("ce_n", Some(b"-7")),
            ("ce_partitionkey", Some("ü".as_bytes())),
            ("content-type", Some(b"text/csv")),
        ],
        Some("a;b"),
    );
    let written = encode_binary(&event(), &Key::None);
    assert!(written == expected, "KAFKA-1 {written:?}");
    let back = decode(&written).unwrap();
    assert_eq!(back.extension("n"), Some(&Value::from("-7")), "KAFKA-1");
    assert_eq!(back.data(), event().data(), "KAFKA-1");
}

/// KAFKA-2: the key is the caller's, or on demand the partition key; the event stays as it is.
#[test]
fn kafka_2_keys() {
    let given = Bytes::from_static(b"\xFFkey");
    let cases = [
        (Key::default(), None),
        (Key::Given(given.clone()), Some(given)),
        (Key::PartitionKey, Some(Bytes::from("ü"))),
    ];
    let without = event().to_builder().without("partitionkey").build().unwrap();
    for (key, expected) in cases {
        let binary = encode_binary(&event(), &key);
        assert_eq!(binary.key, expected, "KAFKA-2");
        assert_eq!(
            binary.headers,
            encode_binary(&event(), &Key::None).headers,
            "KAFKA-2"
        );
        let structured = encode_structured(&event(), Format::Json, &key);
        assert_eq!(structured.key, expected, "KAFKA-2");
        assert_eq!(decode(&structured).unwrap(), event(), "KAFKA-2");
        if key == Key::PartitionKey {
            assert_eq!(encode_binary(&without, &key).key, None, "KAFKA-2");
        }
    }
}

/// KAFKA-3: no data is no value, and an empty payload is an empty value.
#[test]
fn kafka_3_no_data_is_no_value() {
    let none = Event::builder("1", "a", "t").build().unwrap();
    let empty = none.to_builder().data(Bytes::new()).build().unwrap();
    for (event, value) in [(none, None), (empty, Some(Bytes::new()))] {
        let written = encode_binary(&event, &Key::None);
        assert_eq!(written.value, value, "KAFKA-3");
        assert_eq!(decode(&written).unwrap(), event, "KAFKA-3");
        assert!(
            encode_structured(&event, Format::Avro, &Key::None)
                .value
                .is_some(),
            "KAFKA-3"
        );
    }
}

#[test]
fn kafka_1_what_is_read_and_refused() {
    type Case<'a> = (&'a str, &'a [(&'a str, Option<&'a [u8]>)], Result<(), &'a str>);
    let cases: &[Case<'_>] = &[
        ("KAFKA-1", &[], Ok(())),
        ("KAFKA-1 any case", &[("Content-Type", Some(b"text/xml"))], Ok(())),
        ("KAFKA-1 null", &[("ce_x", None), ("content-type", None)], Ok(())),
        (
            "KAFKA-1 said twice",
            &[
                ("ce_datacontenttype", Some(b"text/xml")),
                ("content-type", Some(b"text/xml")),
            ],
            Ok(()),
        ),
        (
            "KAFKA-1 other headers",
            &[("trace", Some(b"\xFF")), ("ce-id", Some(b"2"))],
            Ok(()),
        ),
        (
            "KAFKA-1 two types",
            &[
                ("ce_datacontenttype", Some(b"a/b")),
                ("content-type", Some(b"text/xml")),
            ],
            Err("SB-1106"),
        ),
        ("CORE-4", &[("ce_id", Some(b"1"))], Err("SB-1106")),
        ("CORE-4", &[("ce_id", None)], Err("SB-1106")),
        (
            "CORE-4",
            &[("content-type", Some(b"a/b")), ("content-type", Some(b"a/b"))],
            Err("SB-1106"),
        ),
        ("CORE-3", &[("ce_my_ext", Some(b"x"))], Err("SB-1104")),
        ("CORE-3", &[("ce_", Some(b"x"))], Err("SB-1104")),
        ("KAFKA-1 UTF-8", &[("ce_x", Some(b"\xFF"))], Err("SB-1105")),
        (
            "KAFKA-1 UTF-8",
            &[("content-type", Some(b"\xFF"))],
            Err("SB-1105"),
        ),
        (
            "HTTP-7",
            &[("content-type", Some(b"application/cloudevents+xml"))],
            Err("SB-1109"),
        ),
        (
            "no batch",
            &[("content-type", Some(b"application/cloudevents-batch+json"))],
            Err("SB-1109"),
        ),
        (
            "not JSON",
            &[("content-type", Some(b"application/cloudevents+json"))],
            Err("SB-1102"),
        ),
    ];
    for (requirement, added, expected) in cases {
        let found = decode(&record(added, Some("x")));
        assert_eq!(
            found.map(|_| ()).map_err(|error| error.code()),
            *expected,
            "{requirement} {added:?}"
        );
    }
    for headers in [
        vec![],
        vec![("content-type".to_owned(), Some(Bytes::from("text/xml")))],
    ] {
        let nothing = Record {
            headers,
            ..Record::default()
        };
        assert_eq!(decode(&nothing).unwrap_err().code(), "SB-1101", "no event at all");
    }
    let tombstone = Record {
        value: None,
        ..encode_structured(&event(), Format::Json, &Key::None)
    };
    assert_eq!(decode(&tombstone).unwrap_err().code(), "SB-1102", "KAFKA-3");
}

/// KAFKA-1: structured mode in every format.
#[test]
fn kafka_1_structured_mode() {
    for format in Format::ALL {
        let written = encode_structured(&event(), format, &Key::None);
        assert_eq!(decode(&written).unwrap(), event(), "KAFKA-1 {format:?}");
    }
}

#[test]
fn debug_shows_no_content() {
    let secret = record(&[("ce_subject", Some(b"geheim"))], Some("geheim"));
    assert!(!format!("{secret:?}").contains("geheim"));
}
