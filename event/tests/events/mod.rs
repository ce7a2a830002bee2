//! Strategies for events and their parts, for the property tests.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing
)]

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use stadtbus_event::{Event, Value};

/// Strings an attribute may hold, rich in what bindings must escape.
pub fn text() -> impl Strategy<Value = String> {
    let special =
        proptest::sample::select(vec!['"', '%', '\\', ' ', 'ü', '€', '😀', '\u{A0}', ',', ';', '=']);
    // Whatever is neither a control character nor a noncharacter; in ranges, for rejecting is bounded.
    let any = prop_oneof![
        proptest::char::range(' ', '~'),
        proptest::char::range('\u{A0}', '\u{D7FF}'),
        proptest::char::range('\u{E000}', '\u{FDCF}'),
        proptest::char::range('\u{FDF0}', '\u{FFFD}'),
        proptest::char::range('\u{1F000}', '\u{1FFFD}'),
        proptest::char::range('\u{100000}', '\u{10FFFD}'),
    ];
    vec(
        prop_oneof![3 => proptest::char::range('a', 'z'), 1 => special, 1 => any],
        1..24,
    )
    .prop_map(|chars| chars.into_iter().collect())
}

pub fn time() -> impl Strategy<Value = String> {
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
pub fn json_text() -> impl Strategy<Value = String> {
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
pub fn payload() -> impl Strategy<Value = Option<(Option<&'static str>, Vec<u8>)>> {
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

pub fn event(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Event> {
    let source = (
        proptest::sample::select(vec![
            "",
            "urn:",
            "https://a.example/",
            "/",
            "../",
            "//[::1]:80/",
            "a+b.c-1:",
        ]),
        "[a-z0-9/._~!$&'()*+,;=@-]{1,9}",
        proptest::sample::select(vec!["", "%20", "%c3%BC", "?q=%25", "#f", "/../x:y?z#"]),
    )
        .prop_map(|(start, middle, end)| format!("{start}{middle}{end}"));
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

pub fn strings() -> impl Strategy<Value = Value> {
    prop_oneof![text(), Just(String::new())].prop_map(Value::from)
}

pub fn typed() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::from(number.to_string())),
        Just(Value::from("true")),
    ]
}
