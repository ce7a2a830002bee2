//! The Protobuf format, requirement by requirement, with bytes put together by hand after the published `cloudevents.proto`.

mod data;

use bytes::Bytes;

use super::{batch_to_bytes, parse, parse_batch, to_bytes};
use crate::{Event, EventError, Value};

/// A field with a length: strings, bytes, messages.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    out.extend(varint(content.len() as u64));
    out.extend(content);
    out
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn number(number: u8, value: u64) -> Vec<u8> {
    [vec![number << 3], varint(value)].concat()
}

/// One entry of the map of attributes; `value` is the content of a `CloudEventAttributeValue`.
fn attribute(name: &str, value: &[u8]) -> Vec<u8> {
    field(5, &[field(1, name.as_bytes()), field(2, value)].concat())
}

fn with(rest: &[Vec<u8>]) -> Bytes {
    let required = [
        field(1, b"1"),
        field(2, b"urn:a"),
        field(3, b"1.0"),
        field(4, b"t"),
    ];
    Bytes::from([required.concat(), rest.concat()].concat())
}

fn text(name: &str, value: &str) -> Vec<u8> {
    attribute(name, &field(3, value.as_bytes()))
}

fn timestamp(name: &str, seconds: i64, nanos: i64) -> Vec<u8> {
    let at = [
        number(1, seconds.cast_unsigned()),
        number(2, nanos.cast_unsigned()),
    ]
    .concat();
    attribute(name, &field(7, &at))
}

fn code(body: Bytes) -> Result<(), &'static str> {
    parse(&body).map(|_| ()).map_err(|error| error.code())
}

/// PROTO-1, CORE-5: every branch of the typed `oneof`, and the canonical string it becomes.
#[test]
fn proto_1_typed_attributes_are_read() {
    let cases: &[(&str, Vec<u8>, Value)] = &[
        ("ce_boolean", number(1, 1), true.into()),
        ("ce_boolean false", number(1, 0), false.into()),
        ("ce_integer", number(2, (-7_i64).cast_unsigned()), (-7).into()),
        ("ce_string", field(3, "ü".as_bytes()), "ü".into()),
        ("ce_bytes", field(4, &[0, 1, 255]), "AAH/".into()),
        ("ce_uri", field(5, b"urn:x"), "urn:x".into()),
        ("ce_uri_ref", field(6, b"../x"), "../x".into()),
        (
            "ce_timestamp",
            field(7, &[number(1, 1), number(2, 500_000_000)].concat()),
            "1970-01-01T00:00:01.500Z".into(),
        ),
        ("ce_timestamp 0", field(7, &[]), "1970-01-01T00:00:00Z".into()),
    ];
    for (branch, value, expected) in cases {
        let event = parse(&with(&[attribute("x", value)])).unwrap();
        assert_eq!(event.extension("x"), Some(expected), "PROTO-1 {branch}");
    }
    let event = parse(&with(&[
        text("subject", "s"),
        timestamp("time", 1_795_438_800, 4_000_000),
        text("datacontenttype", "text/xml"),
        attribute("dataschema", &field(5, b"urn:s")),
        attribute("unset", &[]),
        field(5, &field(1, b"unsettoo")),
    ]))
    .unwrap();
    assert_eq!(event.subject(), Some("s"));
    assert_eq!(event.time(), Some("2026-11-23T13:00:00.004Z"));
    assert_eq!(event.datacontenttype(), Some("text/xml"));
    assert_eq!(event.dataschema(), Some("urn:s"));
    assert_eq!(event.extensions().count(), 0);
}

/// PROTO-1: each attribute in the type the specification gives it, in the order of the published fields.
#[test]
fn proto_1_typed_attributes_are_written() {
    let event = Event::builder("1", "urn:a", "t")
        .subject("s")
        .time("2026-11-23T14:00:00.004+01:00")
        .datacontenttype("text/plain")
        .dataschema("urn:s")
        .extension("count", -7)
        .extension("dataref", "../x")
        .extension("deprecationmigration", "urn:m")
        .extension("dssematerial", "AAH/")
        .extension("expirytime", "1970-01-01T00:00:01Z")
        .extension("urgent", true)
        .extension("x", "2026-11-23T14:00:00Z")
        .data("ü")
        .build()
        .unwrap();
    let expected = with(&[
        text("subject", "s"),
        timestamp("time", 1_795_438_800, 4_000_000),
        text("datacontenttype", "text/plain"),
        attribute("dataschema", &field(5, b"urn:s")),
        attribute("count", &number(2, (-7_i64).cast_unsigned())),
        attribute("dataref", &field(6, b"../x")),
        attribute("deprecationmigration", &field(5, b"urn:m")),
        attribute("dssematerial", &field(4, &[0, 1, 255])),
        attribute("expirytime", &field(7, &number(1, 1))),
        attribute("urgent", &number(1, 1)),
        text("x", "2026-11-23T14:00:00Z"),
        field(7, "ü".as_bytes()),
    ]);
    assert_eq!(to_bytes(&event), expected);
}

/// CORE-12: the instant survives; the spelling does where the type can say it or cannot hold it at all.
#[test]
fn core_12_time_keeps_its_meaning() {
    let cases = [
        ("2026-11-23T13:00:00Z", "2026-11-23T13:00:00Z"),
        ("2026-11-23T13:00:00.123456789Z", "2026-11-23T13:00:00.123456789Z"),
        ("2026-11-23T14:00:00+01:00", "2026-11-23T13:00:00Z"),
        ("2026-11-23T14:00:00.10z", "2026-11-23T14:00:00.100Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
        (
            "2026-11-23T14:00:00.0123456789+01:00",
            "2026-11-23T14:00:00.0123456789+01:00",
        ),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
    ];
    for (time, out) in cases {
        let event = Event::builder("1", "a", "t")
            .time(time)
            .extension("recordedtime", time)
            .extension("dssematerial", "not canonical base64")
            .build()
            .unwrap();
        let back = parse(&to_bytes(&event)).unwrap();
        assert_eq!(back.time(), Some(out), "CORE-12 {time}");
        assert_eq!(
            back.extension("recordedtime"),
            Some(&Value::from(out)),
            "CORE-12 {time}"
        );
        assert_eq!(back.timestamp(), event.timestamp(), "CORE-12 {time}");
        assert_eq!(back.extension("dssematerial"), event.extension("dssematerial"));
        assert_eq!(parse(&to_bytes(&back)).unwrap(), back, "CORE-12 {time}");
    }
}

#[test]
fn what_is_refused_and_how() {
    let huge = [field(1, b"1"), vec![6 << 3 | 2, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]].concat();
    let cases: &[(&str, Bytes, &str)] = &[
        ("CORE-2", Bytes::new(), "SB-1103"),
        ("CORE-2", Bytes::from(field(3, b"1.0")), "SB-1103"),
        ("CORE-2", Bytes::from(field(3, b"0.3")), "SB-1111"),
        ("CORE-3", with(&[text("my_ext", "x")]), "SB-1104"),
        ("CORE-3", with(&[text("", "x")]), "SB-1104"),
        ("CORE-3", with(&[text("data", "x")]), "SB-1104"),
        ("CORE-4", with(&[text("x", "1"), text("x", "1")]), "SB-1106"),
        ("CORE-4", with(&[text("id", "1")]), "SB-1106"),
        ("CORE-4", with(&[attribute("x", &[]), text("x", "1")]), "SB-1106"),
        ("CORE-5", with(&[text("x", "\u{7}")]), "SB-1105"),
        ("CORE-5", with(&[timestamp("x", 253_402_300_800, 0)]), "SB-1105"),
        ("CORE-5", with(&[timestamp("x", 0, -1)]), "SB-1105"),
        ("CORE-6", with(&[text("time", "yesterday")]), "SB-1105"),
        ("CORE-6", with(&[text("subject", "")]), "SB-1105"),
        ("CORE-6", with(&[attribute("subject", &number(2, 1))]), "SB-1105"),
        (
            "CORE-6",
            with(&[attribute("subject", &field(4, b"x"))]),
            "SB-1105",
        ),
        (
            "PROTO-1 text in another character set",
            with(&[
                text("datacontenttype", "text/plain; charset=iso-8859-1"),
                field(7, "ü".as_bytes()),
            ]),
            "SB-1105",
        ),
        ("PROTO-1 JSON", Bytes::from_static(b"{\"id\":\"1\"}"), "SB-1113"),
        ("PROTO-1 cut", Bytes::from_static(&[0x0A, 5, b'x']), "SB-1113"),
        ("PROTO-1 a length beyond the end", Bytes::from(huge), "SB-1113"),
        ("PROTO-1 no UTF-8", with(&[field(1, &[0xFF])]), "SB-1113"),
        (
            "PROTO-1 a number where a message is due",
            with(&[number(5, 1)]),
            "SB-1113",
        ),
        (
            "PROTO-1 a group",
            with(&[vec![9 << 3 | 3, 9 << 3 | 4]]),
            "SB-1113",
        ),
        (
            "PROTO-1 a varint without end",
            Bytes::from(vec![0xFF; 20]),
            "SB-1113",
        ),
    ];
    for (requirement, body, expected) in cases {
        assert_eq!(code(body.clone()), Err(*expected), "{requirement} {body:?}");
    }
}

#[test]
fn what_is_unknown_is_skipped() {
    let unknown = [
        number(9, 300),
        field(10, b"x"),
        [vec![11 << 3 | 1], vec![0; 8]].concat(),
        [vec![12 << 3 | 5], vec![0; 4]].concat(),
    ];
    assert_eq!(parse(&with(&unknown)).unwrap().id(), "1");
}

#[test]
fn extensions_are_counted_before_they_are_read() {
    let list = |count: usize| {
        (0..count)
            .map(|n| text(&format!("x{n}"), "v"))
            .collect::<Vec<_>>()
    };
    let event = parse(&with(&list(crate::EXTENSIONS_MAX))).unwrap();
    assert_eq!(event.extensions().count(), crate::EXTENSIONS_MAX);
    assert_eq!(code(with(&list(crate::EXTENSIONS_MAX + 1))), Err("SB-1406"));
    let empty = vec![field(5, &[]); 100_000];
    assert_eq!(code(with(&empty)), Err("SB-1406"));
}

/// PROTO-1, CORE-8: the batch is a message of its own, and its members are judged one by one.
#[test]
fn proto_1_batches() {
    let old = Bytes::from([with(&[]).to_vec(), field(3, b"0.3")].concat());
    let members = [
        with(&[field(6, b"abc")]),
        Bytes::from_static(b"\xFF"),
        Bytes::new(),
        old,
        with(&[text("x", "y")]),
    ];
    let batch = Bytes::from(
        members
            .iter()
            .flat_map(|member| field(1, member))
            .collect::<Vec<_>>(),
    );
    let read = parse_batch(&batch, 5).unwrap();
    let codes: Vec<_> = read
        .iter()
        .map(|member| member.as_ref().err().map(EventError::code))
        .collect();
    assert_eq!(
        codes,
        [None, Some("SB-1113"), Some("SB-1103"), Some("SB-1111"), None]
    );
    let data = read[0].as_ref().unwrap().data().unwrap();
    assert!(batch.as_ptr_range().contains(&data.as_ptr()), "data was copied");
    assert_eq!(parse_batch(&batch, 4).unwrap_err().code(), "SB-1403");
    assert_eq!(parse_batch(&Bytes::new(), 0).unwrap(), []);
    for broken in [&b"\xFF"[..], b"[1]", &[0x08, 1], &[0x0A, 9]] {
        let body = Bytes::copy_from_slice(broken);
        assert_eq!(parse_batch(&body, 9).unwrap_err().code(), "SB-1113", "{broken:?}");
    }
    let events: Vec<Event> = read.into_iter().flatten().collect();
    let again = parse_batch(&batch_to_bytes(events.iter()), 2).unwrap();
    assert_eq!(again.into_iter().collect::<Result<Vec<_>, _>>().unwrap(), events);
}
