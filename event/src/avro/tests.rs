//! The Avro format, requirement by requirement, with bytes put together by hand after the published `cloudevents.avsc`.

use bytes::Bytes;

use super::{parse, to_bytes};
use crate::{Event, EventError, Value, json};

fn long(number: i64) -> Vec<u8> {
    let mut zigzag = (number << 1 ^ number >> 63).cast_unsigned();
    let mut out = Vec::new();
    while zigzag >= 0x80 {
        out.push((zigzag & 0x7F) as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
    out
}

fn bytes(content: &[u8]) -> Vec<u8> {
    [long(content.len() as i64), content.to_vec()].concat()
}

fn branch(number: i64, content: &[u8]) -> Vec<u8> {
    [long(number), content.to_vec()].concat()
}

/// A map or an array in one block.
fn block(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    if !items.is_empty() {
        out.extend(long(items.len() as i64));
        out.extend(items.concat());
    }
    out.push(0);
    out
}

fn entry(name: &str, value: Vec<u8>) -> Vec<u8> {
    [bytes(name.as_bytes()), value].concat()
}

fn text(name: &str, value: &str) -> Vec<u8> {
    entry(name, branch(3, &bytes(value.as_bytes())))
}

fn required() -> Vec<Vec<u8>> {
    vec![
        text("specversion", "1.0"),
        text("id", "1"),
        text("source", "urn:a"),
        text("type", "t"),
    ]
}

fn with(attributes: &[Vec<u8>], data: &[u8]) -> Bytes {
    Bytes::from([block(&[required(), attributes.to_vec()].concat()), data.to_vec()].concat())
}

const NONE: &[u8] = &[2];

fn code(body: &Bytes) -> Result<(), &'static str> {
    parse(body).map(|_| ()).map_err(|error| error.code())
}

/// AVRO-1, CORE-5: every branch of the union of attribute values.
#[test]
fn avro_1_typed_attributes() {
    let cases: &[(&str, Vec<u8>, Value)] = &[
        ("boolean", branch(1, &[1]), true.into()),
        ("int", branch(2, &long(i64::from(i32::MIN))), i32::MIN.into()),
        ("string", branch(3, &bytes("ü".as_bytes())), "ü".into()),
        ("bytes", branch(4, &bytes(&[0, 1, 255])), "AAH/".into()),
    ];
    for (kind, value, expected) in cases {
        let event = parse(&with(&[entry("x", value.clone())], NONE)).unwrap();
        assert_eq!(event.extension("x"), Some(expected), "AVRO-1 {kind}");
    }
    let unset = parse(&with(&[entry("x", branch(0, &[]))], NONE)).unwrap();
    assert_eq!(unset.extensions().count(), 0, "AVRO-1 null");
}

/// AVRO-1, CORE-12: in one block, in a fixed order, everything spelled as it was.
#[test]
fn avro_1_what_is_written() {
    let event = Event::builder("1", "urn:a", "t")
        .subject("s")
        .time("2026-11-23T14:00:00.0040+01:00")
        .datacontenttype("text/csv")
        .dataschema("urn:s")
        .extension("count", -7)
        .extension("dssematerial", "AAH/")
        .extension("urgent", true)
        .data("a;b")
        .build()
        .unwrap();
    let expected = with(
        &[
            text("subject", "s"),
            text("time", "2026-11-23T14:00:00.0040+01:00"),
            text("datacontenttype", "text/csv"),
            text("dataschema", "urn:s"),
            entry("count", branch(2, &long(-7))),
            entry("dssematerial", branch(4, &bytes(&[0, 1, 255]))),
            entry("urgent", branch(1, &[1])),
        ],
        &branch(0, &bytes(b"a;b")),
    );
    assert_eq!(to_bytes(&event), expected);
    assert_eq!(parse(&expected).unwrap(), event);
    let other = event
        .to_builder()
        .extension("dssematerial", "AAH/ ")
        .build()
        .unwrap();
    assert_eq!(
        parse(&to_bytes(&other)).unwrap(),
        other,
        "not canonical base64 stays a string"
    );
}

/// AVRO-1: payloads of this bus, and the branch of `data` each is written to.
#[test]
fn avro_1_data_survives_to_the_byte() {
    let cases: &[(&str, &str, Vec<u8>)] = &[
        ("none", "", NONE.to_vec()),
        (
            "text",
            r#","datacontenttype":"text/plain","data":"ü""#,
            branch(6, &bytes("ü".as_bytes())),
        ),
        (
            "empty text",
            r#","datacontenttype":"text/plain","data":"""#,
            branch(6, &bytes(b"")),
        ),
        (
            "JSON",
            r#","datacontenttype":"application/json","data":{"a": 1e2}"#,
            branch(0, &bytes(br#"{"a": 1e2}"#)),
        ),
        ("implied JSON", r#","data":null"#, branch(0, &bytes(b"null"))),
        ("bytes", r#","data_base64":"AAE=""#, branch(0, &bytes(&[0, 1]))),
        ("empty bytes", r#","data_base64":"""#, branch(0, &bytes(b""))),
    ];
    for (kind, members, expected) in cases {
        let body = format!(r#"{{"specversion":"1.0","id":"1","source":"urn:a","type":"t"{members}}}"#);
        let event = json::parse(&Bytes::from(body)).unwrap();
        let written = to_bytes(&event);
        assert!(written.ends_with(expected), "AVRO-1 {kind}");
        let back = parse(&written).unwrap();
        assert_eq!(back.data(), event.data(), "AVRO-1 {kind}");
        assert_eq!(
            back.has_json_data(),
            event.has_json_data(),
            "AVRO-1, CORE-11 {kind}"
        );
        assert_eq!(to_bytes(&back), written, "AVRO-1 {kind}");
    }
}

/// AVRO-1: the tree of values other senders write, as the JSON text it stands for.
#[test]
fn avro_1_the_tree_of_values_is_json() {
    let double = |number: f64| number.to_le_bytes().to_vec();
    let record = block;
    let inner = record(&[
        entry(
            "map",
            branch(2, &block(&[entry("r", record(&[entry("n", branch(0, &[]))]))])),
        ),
        entry(
            "list",
            branch(3, &block(&[record(&[]), record(&[entry("b", branch(1, &[0]))])])),
        ),
        entry("d", branch(4, &double(-0.5))),
        entry("s", branch(5, &bytes(b"x\"\n"))),
    ]);
    let map = block(&[
        entry("null", branch(0, &[])),
        entry("true", branch(1, &[1])),
        entry("record", branch(2, &inner)),
        entry("number", branch(3, &double(1e300))),
        entry("text", branch(4, &bytes("ü".as_bytes()))),
    ]);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("boolean", branch(2, &[1]), "true"),
        ("double", branch(5, &double(2.5)), "2.5"),
        ("string", branch(6, &bytes(b"a\"b")), r#""a\"b""#),
        ("empty map", branch(3, &block(&[])), "{}"),
        (
            "array",
            branch(4, &block(&[record(&[entry("a", branch(0, &[]))]), record(&[])])),
            r#"[{"a":null},{}]"#,
        ),
        (
            "map",
            branch(3, &map),
            r#"{"null":null,"true":true,"record":{"map":{"r":{"n":null}},"list":[{},{"b":false}],"d":-0.5,"s":"x\"\n"},"number":1e+300,"text":"ü"}"#,
        ),
    ];
    for (kind, data, expected) in cases {
        for declared in [vec![], vec![text("datacontenttype", "application/json")]] {
            let event = parse(&with(&declared, data)).unwrap();
            assert_eq!(event.data().unwrap(), expected, "AVRO-1 {kind}");
            assert!(event.has_json_data(), "AVRO-1 {kind}");
        }
        let other = parse(&with(&[text("datacontenttype", "text/plain")], data));
        let found = other
            .as_ref()
            .map(|event| event.data().unwrap().clone())
            .map_err(EventError::code);
        let expected = if *kind == "string" {
            Ok(Bytes::from_static(b"a\"b"))
        } else {
            Err("SB-1105")
        };
        assert_eq!(found, expected, "AVRO-1 {kind} as text/plain");
    }
}

#[test]
fn blocks_of_all_kinds_are_read() {
    let mut body = long(1);
    body.extend(text("specversion", "1.0"));
    body.extend(long(-2));
    let two = [text("id", "1"), text("source", "a")].concat();
    body.extend(long(two.len() as i64));
    body.extend(two);
    body.extend(long(1));
    body.extend(text("type", "t"));
    body.push(0);
    body.extend(NONE);
    assert_eq!(code(&Bytes::from(body)), Ok(()));
}

#[test]
fn what_is_refused_and_how() {
    let latin = || text("datacontenttype", "text/plain; charset=iso-8859-1");
    let nested = |depth: usize| {
        // A map holding a record holding records, each in a map of its own.
        let mut out = [long(1), entry("a", long(2))].concat();
        for _ in 0..depth {
            out.extend([long(1), entry("a", long(2)), long(1), bytes(b"a")].concat());
        }
        branch(3, &out)
    };
    let cases: &[(&str, Bytes, &str)] = &[
        (
            "CORE-2",
            Bytes::from([vec![0], NONE.to_vec()].concat()),
            "SB-1103",
        ),
        ("CORE-3", with(&[text("my_ext", "x")], NONE), "SB-1104"),
        ("CORE-3", with(&[text("data", "x")], NONE), "SB-1104"),
        ("CORE-4", with(&[text("id", "1")], NONE), "SB-1106"),
        ("CORE-4", with(&[text("x", "1"), text("x", "1")], NONE), "SB-1106"),
        (
            "CORE-5",
            with(&[entry("x", branch(2, &long(2_147_483_648)))], NONE),
            "SB-1105",
        ),
        ("CORE-5", with(&[text("x", "\u{7}")], NONE), "SB-1105"),
        (
            "CORE-6",
            with(&[entry("subject", branch(2, &long(1)))], NONE),
            "SB-1105",
        ),
        (
            "CORE-6",
            with(&[entry("specversion", branch(1, &[1]))], NONE),
            "SB-1105",
        ),
        ("CORE-6", with(&[text("time", "yesterday")], NONE), "SB-1105"),
        (
            "AVRO-1 not a number",
            with(&[], &branch(5, &f64::NAN.to_le_bytes())),
            "SB-1105",
        ),
        (
            "AVRO-1 other charset",
            with(&[latin()], &branch(6, &bytes("ü".as_bytes()))),
            "SB-1105",
        ),
        ("AVRO-1 too deep", with(&[], &nested(100)), "SB-1105"),
        ("AVRO-1 empty", Bytes::new(), "SB-1113"),
        (
            "AVRO-1 JSON",
            Bytes::from_static(br#"{"specversion":"1.0"}"#),
            "SB-1113",
        ),
        ("AVRO-1 more after the end", with(&[], &[2, 0]), "SB-1113"),
        ("AVRO-1 no data", with(&[], &[]), "SB-1113"),
        ("AVRO-1 no such branch", with(&[], &branch(7, &[])), "SB-1113"),
        (
            "AVRO-1 no such branch",
            with(&[entry("x", branch(5, &[]))], NONE),
            "SB-1113",
        ),
        ("AVRO-1 negative branch", with(&[], &branch(-1, &[])), "SB-1113"),
        (
            "AVRO-1 a length beyond the end",
            with(&[], &branch(0, &long(1 << 40))),
            "SB-1113",
        ),
        (
            "AVRO-1 a negative length",
            with(&[], &branch(0, &long(-1))),
            "SB-1113",
        ),
        (
            "AVRO-1 no UTF-8",
            with(&[], &branch(6, &bytes(&[0xFF]))),
            "SB-1113",
        ),
        ("AVRO-1 no boolean", with(&[], &branch(2, &[2])), "SB-1113"),
        (
            "AVRO-1 a varint without end",
            Bytes::from(vec![0xFF; 20]),
            "SB-1113",
        ),
        (
            "AVRO-1 a count without items",
            Bytes::from(long(i64::MIN)),
            "SB-1113",
        ),
        (
            "AVRO-1 a count without items",
            with(&[], &branch(4, &long(i64::MAX))),
            "SB-1113",
        ),
    ];
    for (requirement, body, expected) in cases {
        assert_eq!(code(body), Err(*expected), "{requirement} {body:?}");
    }
    assert_eq!(
        code(&with(&[], &nested(20))),
        Err("SB-1113"),
        "cut off, but not too deep"
    );
}

#[test]
fn extensions_are_bounded() {
    let list = |count: usize| {
        (0..count)
            .map(|n| text(&format!("x{n}"), "v"))
            .collect::<Vec<_>>()
    };
    assert_eq!(code(&with(&list(crate::EXTENSIONS_MAX), NONE)), Ok(()));
    assert_eq!(
        code(&with(&list(crate::EXTENSIONS_MAX + 1), NONE)),
        Err("SB-1406")
    );
}

#[test]
fn payload_shares_the_memory_of_the_body() {
    for data in [branch(0, &bytes(b"abc")), branch(6, &bytes(b"abc"))] {
        let body = with(&[text("datacontenttype", "text/plain")], &data);
        let event = parse(&body).unwrap();
        assert!(
            body.as_ptr_range().contains(&event.data().unwrap().as_ptr()),
            "data was copied"
        );
    }
}
