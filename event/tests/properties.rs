//! What must hold for every event and every input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use stadtbus_event::http_binding::{Incoming, decode, encode_batch, encode_binary, encode_structured};
use stadtbus_event::{Event, PartnerId, Value, json, nats_binding};

/// Strings an attribute may hold, rich in what bindings must escape.
fn text() -> impl Strategy<Value = String> {
    let special =
        proptest::sample::select(vec!['"', '%', '\\', ' ', 'ü', '€', '😀', '\u{A0}', ',', ';', '=']);
    let any = any::<char>().prop_filter("allowed in a String", |c| {
        let code = u32::from(*c);
        !c.is_control() && !(0xFDD0..=0xFDEF).contains(&code) && code & 0xFFFE != 0xFFFE
    });
    vec(
        prop_oneof![3 => proptest::char::range('a', 'z'), 1 => special, 1 => any],
        1..24,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

fn time() -> impl Strategy<Value = String> {
    let zones = vec!["Z", "z", "+01:00", "-00:00", "+14:00"];
    (
        0..10_000_u32,
        1..=12_u32,
        1..=28_u32,
        0..24_u32,
        0..60_u32,
        0..60_u32,
        "(\\.[0-9]{1,14})?",
        proptest::sample::select(zones),
    )
        .prop_map(|(y, m, d, h, n, s, f, z)| format!("{y:04}-{m:02}-{d:02}T{h:02}:{n:02}:{s:02}{f}{z}"))
}

/// JSON as spelled by many hands: white space inside, odd numbers, duplicate members, any nesting.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("1.0e+2".to_owned()),
        Just("123456789012345678901234567890".to_owned()),
        Just("-0.0".to_owned()),
        any::<f64>()
            .prop_filter("JSON has no such number", |n| n.is_finite())
            .prop_map(|n| n.to_string()),
        text().prop_map(|text| serde_json::to_string(&text).unwrap()),
        Just(r#""\u00fc\/\ud83d\ude00""#.to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" , "))),
            vec(inner, 0..4).prop_map(|items| {
                let members: Vec<_> = items.iter().map(|item| format!("\"k\"\t:{item}")).collect();
                format!("{{ {}}}", members.join(",\n"))
            }),
        ]
    })
}

/// Content type and payload; never empty, for HTTP cannot tell an empty payload from none.
fn payload() -> impl Strategy<Value = Option<(Option<&'static str>, Vec<u8>)>> {
    let json = proptest::sample::select(vec![
        "application/json",
        "Application/Vnd.City+JSON; charset=utf-8",
        "text/json",
    ]);
    let other = proptest::sample::select(vec![
        None,
        Some("text/plain"),
        Some("text/plain; charset=iso-8859-1"),
        Some("application/xml"),
        Some("application/octet-stream"),
        Some("application/json"),
    ]);
    option::of(prop_oneof![
        (json, json_text()).prop_map(|(ty, text)| (Some(ty), text.into_bytes())),
        (other.clone(), text()).prop_map(|(ty, text)| (ty, text.into_bytes())),
        (other, vec(any::<u8>(), 1..40)).prop_map(|(ty, bytes)| (ty, bytes)),
    ])
    .prop_filter("white space around a JSON text is not part of it", |payload| {
        payload
            .as_ref()
            .is_none_or(|(_, bytes)| bytes.trim_ascii().len() == bytes.len())
    })
}

fn event(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Event> {
    let source = "[a-z][a-z0-9:/%20._~-]{0,12}".prop_filter("URI-reference", |source| {
        Event::builder("1", source.as_str(), "t").build().is_ok()
    });
    let names = "[a-z0-9]{1,24}".prop_filter("extension", |name| {
        Event::builder("1", "a", "t").extension(name, "x").build().is_ok()
    });
    let extensions = btree_map(names, value, 0..6);
    (
        text(),
        source,
        text(),
        option::of(text()),
        option::of(time()),
        payload(),
        extensions,
    )
        .prop_map(|(id, source, ty, subject, time, payload, extensions)| {
            let mut builder = Event::builder(id, source, ty).dataschema("https://a.example/S%20/./x#f");
            if let Some(subject) = subject {
                builder = builder.subject(subject);
            }
            if let Some(time) = time {
                builder = builder.time(time);
            }
            if let Some((content_type, bytes)) = payload {
                builder = builder.data(bytes);
                if let Some(content_type) = content_type {
                    builder = builder.datacontenttype(content_type);
                }
            }
            for (name, value) in extensions {
                builder = builder.extension(&name, value);
            }
            builder.build().unwrap()
        })
}

fn strings() -> impl Strategy<Value = Value> {
    prop_oneof![text(), Just(String::new())].prop_map(Value::from)
}

fn typed() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(number.to_string())),
        Just(Value::from("true")),
    ]
}

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
