//! What must hold for every event and every input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod events;

use bytes::Bytes;
use events::{event, strings, time, typed};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use stadtbus_event::http_binding::{Incoming, decode, encode_batch, encode_binary, encode_structured};
use stadtbus_event::{Event, PartnerId, Value, json, nats_binding};

fn received(headers: &HeaderMap, body: Bytes) -> Event {
    match decode(headers, body, 8).unwrap() {
        Incoming::Single(event) => event,
        Incoming::Batch(mut events) => events.remove(0).unwrap(),
    }
}

fn through_log(event: &Event) -> Event {
    let (headers, payload) = nats_binding::encode_binary(event);
    nats_binding::decode(&headers, payload).unwrap()
}

proptest! {
    /// CORE-12, CORE-11
    #[test]
    fn core_12_binary_to_structured_to_binary_is_identity(event in event(strings())) {
        let (headers, body) = encode_binary(&event);
        let first = received(&headers, body.clone());
        prop_assert_eq!(&first, &event);
        let structured = encode_structured(&first);
        let second = received(&structured.0, structured.1);
        let logged = through_log(&second);
        let batch = encode_batch(std::iter::once(&logged));
        let third = received(&batch.0, batch.1);
        prop_assert_eq!(&third, &event);
        let (headers_again, body_again) = encode_binary(&third);
        prop_assert_eq!(headers_again, headers);
        prop_assert_eq!(body_again, body);
    }

    #[test]
    fn the_log_keeps_bytes_spelling_and_types(event in event(typed())) {
        let logged = through_log(&event);
        prop_assert_eq!(&logged, &event);
        prop_assert_eq!(nats_binding::encode_binary(&logged), nats_binding::encode_binary(&event));
        prop_assert_eq!(json::to_bytes(&logged), json::to_bytes(&event));
        prop_assert_eq!(json::parse(&json::to_bytes(&event)).unwrap(), event);
    }

    /// HTTP-4, NATS-3

    #[test]
    fn headers_are_printable_ascii(event in event(typed())) {
        let (headers, _) = nats_binding::encode_binary(&event);
        for (name, value) in headers {
            prop_assert!(name.bytes().chain(value.bytes()).all(|b| (0x21..0x7F).contains(&b)), "{name}: {value}");
        }
        let (headers, _) = encode_binary(&event);
        let expected = 4 + 1 + event.extensions().count()
            + [event.subject(), event.time(), event.datacontenttype()].iter().flatten().count();
        prop_assert_eq!(headers.len(), expected);
    }

    #[test]
    fn the_size_is_near_the_wire(event in event(typed())) {
        let (headers, payload) = nats_binding::encode_binary(&event);
        let own = headers.iter().filter(|(name, _)| name.starts_with("ce-"));
        let least: usize = own.map(|(name, value)| name.len() + value.len() / 3).sum::<usize>() + payload.len();
        prop_assert!(event.size_bytes() >= least, "{} < {least}", event.size_bytes());
    }

    #[test]
    fn a_json_reader_of_another_hand_agrees(event in event(typed())) {
        let tree: serde_json::Value = serde_json::from_slice(&json::to_bytes(&event)).unwrap();
        prop_assert_eq!(tree["id"].as_str(), Some(event.id()));
        prop_assert_eq!(tree["subject"].as_str(), event.subject());
        for (name, value) in event.extensions() {
            let expected = match value {
                Value::String(text) => serde_json::Value::from(text.as_str()),
                Value::Integer(number) => serde_json::Value::from(*number),
                Value::Boolean(truth) => serde_json::Value::from(*truth),
            };
            prop_assert_eq!(&tree[name], &expected);
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in vec(any::<u8>(), 0..200)) {
        let body = Bytes::from(bytes);
        let _ = json::parse(&body);
        let _ = json::parse_batch(&body, 3);
        let _ = nats_binding::decode(&[], body);
    }

    #[test]
    fn no_near_miss_makes_a_parser_panic(event in event(typed()), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = json::to_bytes(&event).to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at); } else { bytes[at] = byte; }
        let _ = json::parse(&Bytes::from(bytes.clone()));
        bytes.insert(0, b'[');
        bytes.push(b']');
        if let Ok(members) = json::parse_batch(&Bytes::from(bytes), 2) {
            for event in members.into_iter().flatten() {
                let _ = (json::to_bytes(&event), encode_binary(&event));
            }
        }
    }

    #[test]
    fn no_headers_make_a_parser_panic(list in vec(("(ce-|CE-|sb-types|sb-data|content-type)?[a-z_-]{0,6}", vec(any::<u8>(), 0..12)), 0..8), body in vec(any::<u8>(), 0..8)) {
        let mut headers = HeaderMap::new();
        for (name, value) in [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "a"), ("ce-type", "t")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in &list {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
            pairs.push((name.clone(), String::from_utf8_lossy(value).into_owned()));
        }
        let body = Bytes::from(body);
        if let Ok(Incoming::Single(event)) = decode(&headers, body.clone(), 1) {
            let _ = (json::to_bytes(&event), nats_binding::encode_binary(&event));
        }
        let _ = nats_binding::decode(&pairs, body);
    }

    #[test]
    fn timestamps_never_panic_and_names_never_lie(text in ".{0,60}") {
        if let Ok(event) = Event::builder("1", "a", "t").time(text.as_str()).build() {
            let _ = event.timestamp();
        }
        if let Ok(name) = PartnerId::parse(&text) {
            prop_assert_eq!(name.as_str(), text);
        }
    }

    #[test]
    fn every_checked_time_is_an_instant(time in time()) {
        let event = Event::builder("1", "a", "t").time(time).build().unwrap();
        prop_assert!(event.timestamp().is_some(), "{:?}", event.time());
    }
}
