//! The published schemas, and a library of another hand, against the codecs of this crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use std::collections::HashMap;
use std::path::PathBuf;

use apache_avro::types::Value as Avro;
use apache_avro::{Schema, from_avro_datum, to_avro_datum};
use bytes::Bytes;
use stadtbus_event::{Event, Value, avro};

/// A file of the conformance data, or nothing where the data is not on this machine.
fn published(name: &str) -> Option<String> {
    let folder = std::env::var_os("STADTBUS_CONFORMANCE_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/conformance")),
        PathBuf::from,
    );
    let path = folder.join("formats").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!("SKIPPED, nothing was tested: {}: {error}", path.display());
            None
        }
    }
}

/// PROTO-1: the field numbers the codec uses are those of the published file.
#[test]
fn proto_1_field_numbers_are_the_published_ones() {
    let Some(proto) = published("cloudevents.proto") else {
        return;
    };
    let fields = [
        "string id = 1",
        "string source = 2",
        "string spec_version = 3",
        "string type = 4",
        "map<string, CloudEventAttributeValue> attributes = 5",
        "bytes binary_data = 6",
        "string text_data = 7",
        "google.protobuf.Any proto_data = 8",
        "bool ce_boolean = 1",
        "int32 ce_integer = 2",
        "string ce_string = 3",
        "bytes ce_bytes = 4",
        "string ce_uri = 5",
        "string ce_uri_ref = 6",
        "google.protobuf.Timestamp ce_timestamp = 7",
        "repeated CloudEvent events = 1",
    ];
    let published: Vec<&str> = proto
        .lines()
        .filter_map(|line| line.split_once(';').map(|(field, _)| field.trim()))
        .filter(|line| line.contains(" = ") && !line.starts_with("option") && !line.starts_with("syntax"))
        .collect();
    assert_eq!(published, fields, "PROTO-1");
}

fn attribute(value: &Avro) -> &Avro {
    match value {
        Avro::Union(_, inner) => inner,
        other => panic!("no union: {other:?}"),
    }
}

fn events() -> Vec<Event> {
    let full = Event::builder("1", "urn:a", "t")
        .subject("Straße")
        .time("2026-11-23T14:00:00.0040+01:00")
        .dataschema("urn:s")
        .extension("count", i32::MIN)
        .extension("urgent", true)
        .extension("dssematerial", "AAH/")
        .extension("x", "");
    vec![
        Event::builder("1", "urn:a", "t").build().unwrap(),
        full.clone()
            .datacontenttype("application/json")
            .data(r#"{"a":1e2}"#)
            .build()
            .unwrap(),
        full.clone()
            .datacontenttype("text/plain")
            .data("ü")
            .build()
            .unwrap(),
        full.data(vec![0_u8, 255]).build().unwrap(),
    ]
}

/// AVRO-1: the Apache library reads what we write, and we read what it writes, by the published schema.
#[test]
fn avro_1_the_apache_library_agrees() {
    let Some(schema) = published("cloudevents.avsc") else {
        return;
    };
    let schema = Schema::parse_str(&schema).unwrap();
    for event in events() {
        let written = avro::to_bytes(&event);
        let mut rest = &written[..];
        let datum = from_avro_datum(&schema, &mut rest, None).unwrap();
        assert!(rest.is_empty(), "AVRO-1");
        let Avro::Record(fields) = &datum else {
            panic!("AVRO-1: {datum:?}")
        };
        let [(_, Avro::Map(attributes)), (_, data)] = &fields[..] else {
            panic!("AVRO-1: {fields:?}")
        };
        assert_eq!(
            attribute(&attributes["id"]),
            &Avro::String("1".to_owned()),
            "AVRO-1"
        );
        assert_eq!(
            attribute(&attributes["specversion"]),
            &Avro::String("1.0".to_owned()),
            "AVRO-1"
        );
        for (name, value) in event.extensions() {
            let expected = match value {
                Value::Integer(number) => Avro::Int(*number),
                Value::Boolean(truth) => Avro::Boolean(*truth),
                Value::String(_) if name == "dssematerial" => Avro::Bytes(vec![0, 1, 255]),
                Value::String(text) => Avro::String(text.clone()),
            };
            assert_eq!(attribute(&attributes[name]), &expected, "AVRO-1 {name}");
        }
        let expected = event.data().map_or(Avro::Null, |data| Avro::Bytes(data.to_vec()));
        assert_eq!(attribute(data), &expected, "AVRO-1");
        let again = to_avro_datum(&schema, datum.clone()).unwrap();
        assert_eq!(avro::parse(&Bytes::from(again)).unwrap(), event, "AVRO-1");
    }
}

/// AVRO-1: the tree of values, as the Apache library writes it.
#[test]
fn avro_1_the_tree_of_values_as_the_apache_library_writes_it() {
    let Some(schema) = published("cloudevents.avsc") else {
        return;
    };
    let schema = Schema::parse_str(&schema).unwrap();
    let text = |value: &str| Avro::Union(3, Box::new(Avro::String(value.to_owned())));
    let attributes: HashMap<String, Avro> = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "a"),
        ("type", "t"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), text(value)))
    .collect();
    let record = |name: &str, value: Avro| {
        let map = HashMap::from([(name.to_owned(), value)]);
        Avro::Record(vec![("value".to_owned(), Avro::Map(map))])
    };
    let leaf = record("leaf", Avro::Union(4, Box::new(Avro::Double(2.5))));
    let list = record(
        "list",
        Avro::Union(3, Box::new(Avro::Array(vec![leaf.clone(), leaf]))),
    );
    let cases = [
        (Avro::Union(2, Box::new(Avro::Boolean(false))), "false"),
        (
            Avro::Union(4, Box::new(Avro::Array(vec![list.clone()]))),
            r#"[{"list":[{"leaf":2.5},{"leaf":2.5}]}]"#,
        ),
        (
            Avro::Union(
                3,
                Box::new(Avro::Map(HashMap::from([(
                    "a".to_owned(),
                    Avro::Union(2, Box::new(list)),
                )]))),
            ),
            r#"{"a":{"list":[{"leaf":2.5},{"leaf":2.5}]}}"#,
        ),
    ];
    for (data, expected) in cases {
        let datum = Avro::Record(vec![
            ("attribute".to_owned(), Avro::Map(attributes.clone())),
            ("data".to_owned(), data),
        ]);
        let body = Bytes::from(to_avro_datum(&schema, datum).unwrap());
        assert_eq!(avro::parse(&body).unwrap().data().unwrap(), expected, "AVRO-1");
    }
}
