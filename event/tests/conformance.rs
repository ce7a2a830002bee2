//! What an intermediary owes as a whole, whatever the door.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;
use stadtbus_event::http_binding::{self, Incoming};
use stadtbus_event::{Event, Value, json, nats_binding};

/// The event after one hop through a door of the bus.
type Hop = fn(&Event) -> Event;

const HOPS: &[(&str, Hop)] = &[
    ("JSON", |event| json::parse(&json::to_bytes(event)).unwrap()),
    ("JSON batch", |event| {
        let batch = json::batch_to_bytes([event].into_iter());
        json::parse_batch(&batch, 1).unwrap().remove(0).unwrap()
    }),
    ("HTTP binary", |event| {
        let (headers, body) = http_binding::encode_binary(event);
        single(http_binding::decode(&headers, body, 1).unwrap())
    }),
    ("HTTP structured", |event| {
        let (headers, body) = http_binding::encode_structured(event);
        single(http_binding::decode(&headers, body, 1).unwrap())
    }),
    ("NATS binary", |event| {
        let (headers, payload) = nats_binding::encode_binary(event);
        nats_binding::decode(&headers, payload).unwrap()
    }),
    ("NATS structured", |event| {
        let header = ("Content-Type".to_owned(), json::MEDIA_TYPE.to_owned());
        nats_binding::decode(&[header], json::to_bytes(event)).unwrap()
    }),
];

fn single(incoming: Incoming) -> Event {
    match incoming {
        Incoming::Single(event) => event,
        Incoming::Batch(_) => panic!("a batch"),
    }
}

/// CORE-1, NATS-4: the JSON format is read through every door that has formats.
#[test]
fn core_1_json_is_supported_everywhere() {
    let body = Bytes::from_static(
        br#"{"specversion":"1.0","id":"1","source":"urn:krefeld:ngn","type":"de.krefeld.test","data":[1e2]}"#,
    );
    let expected = json::parse(&body).unwrap();
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", http::HeaderValue::from_static(json::MEDIA_TYPE));
    assert_eq!(
        single(http_binding::decode(&headers, body.clone(), 1).unwrap()),
        expected
    );
    let header = ("Content-Type".to_owned(), json::MEDIA_TYPE.to_owned());
    assert_eq!(nats_binding::decode(&[header], body.clone()).unwrap(), expected);
    assert_eq!(nats_binding::decode(&[], body).unwrap(), expected);
}

/// CORE-9: 64 KiB on the wire, attributes included, and extensions nobody here has heard of.
#[test]
fn core_9_large_events_and_unknown_extensions_are_forwarded() {
    const WIRE_BYTES: usize = 64 * 1024;
    let mut event = Event::builder("1", "urn:krefeld:ngn", "de.krefeld.test")
        .datacontenttype("text/plain")
        .extension("averyverylongandunknownextension", "Straße \"1\" 100 %");
    for n in 0..40 {
        event = event.extension(&format!("x{n}"), "v".repeat(100));
    }
    let attributes = event.clone().build().unwrap().size_bytes();
    let event = event.data("d".repeat(WIRE_BYTES - attributes)).build().unwrap();
    assert_eq!(event.size_bytes(), WIRE_BYTES);
    for (door, hop) in HOPS {
        let forwarded = hop(&event);
        assert_eq!(forwarded, event, "CORE-9 {door}");
        assert_eq!(
            forwarded.extension("averyverylongandunknownextension"),
            Some(&Value::from("Straße \"1\" 100 %")),
            "CORE-9 {door}"
        );
    }
}

/// CORE-10: what makes two events the same passes unchanged, and a derived event is another one.
#[test]
fn core_10_source_and_id_are_never_touched() {
    let identities = [
        ("1", "urn:a"),
        (" leading and trailing ", "a%20b?c#d"),
        ("ID", "/Sensors/TN-1234567/alerts"),
        ("id", "/sensors/tn-1234567/alerts"),
        ("%C3%BC ü \" \\", "https://a.example/%7Ea/./b/../c"),
    ];
    for (id, source) in identities {
        let event = Event::builder(id, source, "t").build().unwrap();
        for (door, hop) in HOPS {
            let forwarded = hop(&event);
            assert_eq!(
                (forwarded.id(), forwarded.source()),
                (id, source),
                "CORE-10 {door}"
            );
        }
        let derived = event.to_builder().id("other").build().unwrap();
        assert_ne!(derived, event);
        assert_eq!(derived.source(), source);
    }
}
