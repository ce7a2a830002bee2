//! The core specification: attributes, values, names of the bus.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use stadtbus_event::{
    Event, EventBuilder, EventError, EventType, PartnerId, SubscriptionId, SystemId, Value,
};

fn sound() -> EventBuilder {
    Event::builder("1", "urn:a", "t")
}

fn code(builder: EventBuilder) -> Result<(), (&'static str, Option<String>)> {
    builder
        .build()
        .map(|_| ())
        .map_err(|error: EventError| (error.code(), error.attribute().map(str::to_owned)))
}

/// Every value in the first list is taken, every one in the second refused with SB-1105.
fn table(requirement: &str, set: fn(EventBuilder, &str) -> EventBuilder, taken: &[&str], refused: &[&str]) {
    for value in taken {
        assert_eq!(code(set(sound(), value)), Ok(()), "{requirement} {value:?}");
    }
    for value in refused {
        let found = code(set(sound(), value)).map_err(|(code, _)| code);
        assert_eq!(found, Err("SB-1105"), "{requirement} {value:?}");
    }
}

#[test]
fn core_2_source_is_a_uri_reference() {
    let taken = [
        "https://github.com/cloudevents",
        "mailto:cncf-wg-serverless@lists.cncf.io",
        "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
        "cloudevents/spec/pull/123",
        "/sensors/tn-1234567/alerts",
        "1-555-123-4567",
        "a%20b?c#d",
        "//[::1]:80/x:y",
        "#",
    ];
    let refused = [
        "a b", "a\u{0}", "straße", "a%2", "a%zz", "a#b#c", "1:2", ":a", "<a>", "a\\b", "a\"", "{x}",
    ];
    table("CORE-2", |builder, value| builder.source(value), &taken, &refused);
}

#[test]
fn core_5_dataschema_is_absolute() {
    let taken = ["https://a.example/s.json", "urn:a:b", "a+b-c.1:x"];
    table(
        "CORE-5",
        |builder, value| builder.dataschema(value),
        &taken,
        &["", "/a", "a/b:c", "//host/x", "?a:b", "1a:b"],
    );
}

#[test]
fn core_6_time_is_rfc_3339() {
    let taken = [
        "2026-11-23T14:00:00Z",
        "2026-11-23t14:00:00.5z",
        "2026-11-23T14:00:00.123456789012+14:00",
        "2024-02-29T00:00:00-00:00",
        "2000-02-29T00:00:00Z",
        "2016-12-31T23:59:60Z",
        "0000-01-01T00:00:00Z",
    ];
    let refused = [
        "",
        "2026-11-23",
        "2026-11-23 14:00:00Z",
        "2026-11-23T14:00:00",
        "2026-11-23T14:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T14:60:00Z",
        "2026-11-23T14:00:61Z",
        "2026-11-23T14:00:00.Z",
        "2026-11-23T14:00:00,5Z",
        "2026-11-23T14:00:00+0100",
        "2026-11-23T14:00:00+24:00",
        "2026-11-23T14:00:00+01:60",
        "2026-11-23T14:00:00Zx",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-04-00T00:00:00Z",
        "+026-04-01T00:00:00Z",
    ];
    table("CORE-6", |builder, value| builder.time(value), &taken, &refused);
}

#[test]
fn core_6_datacontenttype_is_a_media_type() {
    let taken = [
        "application/json",
        "Application/VND.city+JSON",
        "text/plain; charset=utf-8",
        "text/plain;charset=\"utf-8\" ; format=flowed",
        "multipart/mixed; boundary=\"a;b\\\"c\"",
        "text/plain;",
    ];
    let refused = [
        "",
        "json",
        "a/",
        "/b",
        "a/b/c",
        "a b/c",
        "a/b; x",
        "a/b; x=",
        "a/b; x=\"open",
        "a/b; x=y z",
        "a/ü",
        " a/b",
        "a/b ",
    ];
    table(
        "CORE-6",
        |builder, value| builder.datacontenttype(value),
        &taken,
        &refused,
    );
}

#[test]
fn core_5_strings() {
    let taken = ["x", "Straße 😀", "\u{A0}", "\u{FFFD}", "a b"];
    let refused = [
        "",
        "\u{0}",
        "\n",
        "\u{7F}",
        "\u{9F}",
        "\u{FFFE}",
        "\u{FDD0}",
        "\u{FDEF}",
        "\u{10FFFF}",
    ];
    table(
        "CORE-5",
        |builder, value| builder.subject(value),
        &taken,
        &refused,
    );
    table(
        "CORE-5",
        |builder, value| builder.extension("x", value),
        &taken,
        &refused[1..],
    );
    assert_eq!(
        code(sound().extension("x", "")),
        Ok(()),
        "only named attributes may not be empty"
    );
}

/// CORE-3

#[test]
fn core_3_attribute_names() {
    for name in [
        "a",
        "1",
        "0a",
        "averyveryverylongextensionname",
        "dataref",
        "time2",
    ] {
        assert_eq!(code(sound().extension(name, "x")), Ok(()), "{name}");
    }
    let long = "a".repeat(stadtbus_event::ATTRIBUTE_NAME_BYTES_MAX + 1);
    for name in [
        "",
        "A",
        "a_b",
        "a-b",
        "ä",
        "data",
        "data_base64",
        "a b",
        "id",
        "specversion",
        "time",
        &long,
    ] {
        let found = code(sound().extension(name, "x")).map_err(|(code, _)| code);
        assert_eq!(found, Err("SB-1104"), "{name}");
    }
}

/// CORE-2

#[test]
fn core_2_required() {
    for (builder, name) in [
        (sound().id(""), "id"),
        (sound().source(""), "source"),
        (sound().ty(""), "type"),
        (sound().without("id"), "id"),
    ] {
        assert_eq!(code(builder), Err(("SB-1103", Some(name.to_owned()))));
    }
}

#[test]
fn views_of_an_event() {
    let event = sound()
        .subject("s")
        .time("2026-11-23T14:00:00.1234567899+01:00")
        .datacontenttype("application/json")
        .dataschema("urn:s")
        .extension("zeta", 7)
        .extension("alpha", true)
        .extension("alpha", false)
        .data("{}")
        .build()
        .unwrap();
    let attributes = [
        ("specversion", "1.0"),
        ("id", "1"),
        ("source", "urn:a"),
        ("type", "t"),
        ("subject", "s"),
        ("time", "2026-11-23T14:00:00.1234567899+01:00"),
        ("datacontenttype", "application/json"),
        ("dataschema", "urn:s"),
        ("zeta", "7"),
        ("alpha", "false"),
    ];
    for (name, value) in attributes {
        assert_eq!(event.attribute(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(event.attribute("data"), None);
    assert_eq!(
        event.timestamp().unwrap().to_string(),
        "2026-11-23T13:00:00.123456789Z"
    );
    assert_eq!(event.extension("zeta"), Some(&Value::Integer(7)));
    assert_eq!(
        event.extensions().map(|(name, _)| name).collect::<Vec<_>>(),
        ["alpha", "zeta"]
    );
    assert!(event.has_json_data());
    assert!(!event.to_builder().without_data().build().unwrap().has_json_data());
    assert_eq!(event.to_builder().build().unwrap(), event);
    assert_ne!(event.to_builder().without("zeta").build().unwrap(), event);
    assert_eq!(
        event.to_builder().without("subject").build().unwrap().subject(),
        None
    );
}

#[test]
fn names_of_the_bus() {
    let (forty, eighty) = ("a".repeat(40), "a".repeat(80));
    for name in ["ngn", "fb37", "a-", &forty] {
        assert_eq!(PartnerId::parse(name).unwrap().as_str(), name);
        assert_eq!(SystemId::parse(name).unwrap().to_string(), name);
    }
    assert!(SubscriptionId::parse(&eighty).is_ok());
    for name in ["", "1a", "A", "a_b", "a.b", "-a", "ä", &"a".repeat(41)] {
        assert_eq!(PartnerId::parse(name).unwrap_err().code(), "SB-5013", "{name}");
        assert!(
            serde_json::from_value::<PartnerId>(name.into()).is_err(),
            "{name}"
        );
    }
    assert!(SubscriptionId::parse(&"a".repeat(81)).is_err());
    for ty in ["de.krefeld.swk.outage.reported.v1", "a.b", "a-b.1"] {
        assert_eq!(serde_json::to_value(EventType::parse(ty).unwrap()).unwrap(), ty);
        assert_eq!(
            serde_json::from_value::<EventType>(ty.into()).unwrap().as_str(),
            ty
        );
    }
    for ty in [
        "",
        "a",
        "a.",
        ".a",
        "a..b",
        "a.B",
        "a.*",
        "a.>",
        "a b.c",
        &format!("a.{}", "b".repeat(199)),
    ] {
        assert!(EventType::parse(ty).is_err(), "{ty}");
    }
    let map = std::collections::HashMap::from([(PartnerId::parse("ngn").unwrap(), 1)]);
    assert_eq!(map.get("ngn"), Some(&1));
}
