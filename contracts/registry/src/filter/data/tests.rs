#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Number, json};
use stadtbus_event::Event;

use super::*;

fn filter(value: &Value) -> DataFilter {
    DataFilter::read(value).unwrap_or_else(|fault| panic!("{value}: {}", fault.sentence()))
}

fn event(data: &[u8]) -> Event {
    Event::builder("1", "urn:x", "de.x.v1")
        .datacontenttype("application/json")
        .data(Bytes::copy_from_slice(data))
        .build()
        .unwrap()
}

fn told(conditions: &Value, data: &str) -> Result<(), String> {
    let (filter, event) = (filter(conditions), event(data.as_bytes()));
    let view = DataView::new(&event);
    assert!(!view.is_parsed());
    let refusal = filter.refusal(&view);
    assert_eq!(filter.holds(&view), refusal.is_none(), "{conditions} {data}");
    refusal.map_or(Ok(()), Err)
}

const DATA: &str = r#"{
    "status": "open", "customers": 1200, "share": 0.86, "none": null, "flag": true, "big": 9007199254740993,
    "since": "2026-01-31T23:30:00Z", "list": [1, {"a/b": "x~y"}], "": "empty", "long": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "location": {"type": "Point", "coordinates": [6.5623, 51.3331]}
}"#;

#[test]
fn comparisons_are_typed() {
    for conditions in [
        json!({"/status": "open"}),
        json!({"/status": {"equals": "open"}}),
        json!({"/customers": 1200}),
        json!({"/customers": 1200.0}),
        json!({"/customers": {"atLeast": 1000, "less": 1200.5}}),
        json!({"/customers": {"atLeast": 1200, "atMost": 1200}}),
        json!({"/share": {"greater": 0, "less": 1}}),
        json!({"/big": {"greater": 9007199254740992_u64}}),
        json!({"/big": 9007199254740993_u64}),
        json!({"/none": {"equals": null}}),
        json!({"/none": {"exists": true}}),
        json!({"/flag": true}),
        json!({"/missing": {"exists": false}}),
        json!({"/list/1/a~1b": "x~y"}),
        json!({"/list/0": 1}),
        json!({"/": "empty"}),
        json!({"": {"exists": true}}),
        json!({"/status": {"in": ["closed", "open"]}}),
        json!({"/flag": {"in": [1, "true", true]}}),
        json!({"/status": {"pattern": "^o"}}),
        json!({"/status": {"pattern": "pe"}}),
        json!({"/status": {"atLeast": "o", "less": "p"}}),
        json!({"/since": {"after": "2026-02-01T00:00:00+01:00", "before": "2026-01-31T23:30:01Z"}}),
        json!({"/location": {"near": {"lat": 51.333, "lon": 6.562, "metres": 100}}}),
        json!({"/location": {"within": {"type": "Polygon", "coordinates": [[[6.5, 51.3], [6.6, 51.3], [6.6, 51.4], [6.5, 51.3]]]}}, "/status": "open"}),
    ] {
        assert_eq!(told(&conditions, DATA), Ok(()), "{conditions}");
    }
}

#[test]
fn a_refusal_names_place_and_comparison() {
    for (conditions, says) in [
        (
            json!({"/status": "closed"}),
            "`/status` equals \"closed\": what is there does not fulfil it",
        ),
        (
            json!({"/customers": "1200"}),
            "`/customers` equals \"1200\": a number is there",
        ),
        (json!({"/flag": 1}), "a boolean is there"),
        (json!({"/none": false}), "null is there"),
        (
            json!({"/customers": {"atLeast": 1000, "greater": 1200}}),
            "`/customers` greater 1200: what",
        ),
        (
            json!({"/customers": {"less": "x"}}),
            "`/customers` less \"x\": a number is there",
        ),
        (
            json!({"/big": 9007199254740992_u64}),
            "`/big` equals 9007199254740992",
        ),
        (
            json!({"/missing": {"atLeast": 1}}),
            "`/missing` atLeast 1: nothing is there",
        ),
        (
            json!({"/missing": {"exists": true}}),
            "`/missing` exists true: nothing is there",
        ),
        (json!({"/status": {"exists": false}}), "`/status` exists false"),
        (json!({"/list/01": 1}), "nothing is there"),
        (json!({"/list/-": 1}), "nothing is there"),
        (json!({"/status/0": "o"}), "nothing is there"),
        (json!({"/status": {"in": ["a", "b"]}}), "`/status` in 2 values"),
        (
            json!({"/status": {"pattern": "^pen"}}),
            "`/status` pattern \"^pen\"",
        ),
        (
            json!({"/since": {"before": "2026-02-01T00:00:00+01:00"}}),
            "`/since` before",
        ),
        (
            json!({"/status": {"before": "2026-02-01T00:00:00+01:00"}}),
            "a text of another kind is there",
        ),
        (
            json!({"/location": {"near": {"lat": 51.4, "lon": 6.5, "metres": 100}}}),
            "`/location` near",
        ),
        (
            json!({"/list": {"near": {"lat": 51.4, "lon": 6.5, "metres": 100}}}),
            "a list is there",
        ),
        (
            json!({"/location": {"within": {"type": "Polygon", "coordinates": [[[1, 1], [2, 1], [2, 2], [1, 1]]]}}}),
            "`/location` within Polygon of 4 positions",
        ),
        (
            json!({"/customers": {"atLeast": 1}, "/status": "closed"}),
            "`/status` equals",
        ),
    ] {
        let refusal = told(&conditions, DATA).unwrap_err();
        assert!(refusal.contains(says), "{conditions}: {refusal}");
    }
}

#[test]
fn data_that_is_not_json_fulfils_nothing() {
    let nothing = json!({"/missing": {"exists": false}});
    for data in ["", "{", "nul", "{\"a\":1,}"] {
        assert_eq!(
            told(&nothing, data),
            Err("the data is not JSON".to_owned()),
            "{data}"
        );
    }
    assert!(told(&nothing, &"[".repeat(100_000)).is_err());
    let plain = event(b"{}")
        .to_builder()
        .datacontenttype("text/plain")
        .build()
        .unwrap();
    assert!(!filter(&nothing).holds(&DataView::new(&plain)));
    let without = Event::builder("1", "urn:x", "de.x.v1").build().unwrap();
    assert!(!filter(&nothing).holds(&DataView::new(&without)));
}

#[test]
fn what_cannot_be_meant_is_refused_where_it_stands() {
    let many: Vec<u32> = (0..=1000).collect();
    for (value, path, says) in [
        (json!([]), "", "maps JSON pointers"),
        (json!({}), "", "at least one"),
        (json!({"customers": 1}), "customers", "begins with a `/`"),
        (json!({"/a~2": 1}), "/a~2", "follows a `~`"),
        (json!({"/a": {}}), "/a", "comparison is missing"),
        (json!({"/a": null}), "/a", "value is missing"),
        (json!({"/a": [1]}), "/a", "list"),
        (json!({"/a": {"atleast": 1}}), "/a/atleast", "no `atleast`"),
        (json!({"/a": {"atLeast": true}}), "/a/atLeast", "number or a text"),
        (json!({"/a": {"equals": {}}}), "/a/equals", "compared with"),
        (json!({"/a": {"in": []}}), "/a/in", "list of values"),
        (json!({"/a": {"in": [1, [2]]}}), "/a/in/1", "compared with"),
        (json!({"/a": {"in": many}}), "/a/in", "at most 1000"),
        (json!({"/a": {"exists": "yes"}}), "/a/exists", "true or false"),
        (
            json!({"/a": {"pattern": "("}}),
            "/a/pattern",
            "regular expression",
        ),
        (json!({"/a": {"pattern": ""}}), "/a/pattern", "pattern"),
        (
            json!({"/a": {"pattern": "(?:a{1000}){1000}"}}),
            "/a/pattern",
            "regular expression",
        ),
        (
            json!({"/a": {"pattern": "a".repeat(513)}}),
            "/a/pattern",
            "at most 512",
        ),
        (json!({"/a": {"before": "gestern"}}), "/a/before", "time"),
        (
            json!({"/a": {"before": "2026-01-01T00:00:00"}}),
            "/a/before",
            "zone",
        ),
        (
            json!({"/a": {"near": [6.5, 51.3]}}),
            "/a/near",
            "`lat`, `lon` and `metres`",
        ),
        (
            json!({"/a": {"near": {"lat": 51, "lon": 6}}}),
            "/a/near/metres",
            "`metres` is a number",
        ),
        (
            json!({"/a": {"near": {"lat": 91, "lon": 6, "metres": 1}}}),
            "/a/near/lat",
            "from -90 to 90",
        ),
        (
            json!({"/a": {"near": {"lat": 51, "lng": 6, "metres": 1}}}),
            "/a/near/lng",
            "no `lng`",
        ),
        (
            json!({"/a": {"within": {"type": "Polygon", "coordinates": [[[0, 0]]]}}}),
            "/a/within/coordinates/0",
            "four",
        ),
    ] {
        let fault = DataFilter::read(&value).unwrap_err();
        assert_eq!(fault.path.join("/"), path, "{fault:?}");
        assert!(fault.text.en.contains(says), "{fault:?}");
    }
    let hint = |value: Value| DataFilter::read(&value).unwrap_err().hint.unwrap().en;
    assert_eq!(&*hint(json!({"/a": {"atleast": 1}})), "Did you mean `atLeast`?");
    assert_eq!(
        &*hint(json!({"location.type": 1})),
        "Did you mean `/location/type`?"
    );
    let twice = serde_json::from_str::<DataFilter>(r#"{"/a": 1, "/a": 2}"#).unwrap_err();
    assert!(twice.to_string().contains("twice"), "{twice}");
    let too_many: serde_json::Map<String, Value> = (0..65).map(|n| (format!("/{n}"), json!(1))).collect();
    assert!(DataFilter::read(&Value::Object(too_many)).is_err());
}

/// Keys and texts from a small world, so that filters and data meet.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4_i64).prop_map(Value::from),
        (-3..4_i64).prop_map(|n| json!(n as f64 / 2.0)),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("finite", |n| Number::from_f64(n).map(Value::Number)),
        "[ab]{0,3}".prop_map(Value::from),
        Just(json!("2026-01-31T08:00:00+01:00")),
        Just(json!({"type": "Point", "coordinates": [6.5, 51.3]})),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            proptest::collection::btree_map("[ab01]", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Mostly what is a filter, and sometimes not quite.
fn conditions() -> impl Strategy<Value = Value> {
    let operator = proptest::sample::select(vec![
        "equals", "in", "less", "atMost", "greater", "atLeast", "before", "after", "exists", "pattern",
        "near", "within", "nah",
    ]);
    let operand = prop_oneof![
        4 => scalar(),
        1 => proptest::collection::vec(scalar(), 0..3).prop_map(Value::Array),
        1 => Just(json!({"lat": 51.3, "lon": 6.5, "metres": 10.5})),
        1 => Just(json!({"type": "Polygon", "coordinates": [[[6, 51], [7, 51], [7, 52.25], [6, 51]]]})),
    ];
    let comparison = prop_oneof![
        proptest::collection::btree_map(operator, operand, 1..3)
            .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        scalar(),
    ];
    proptest::collection::btree_map("(/[ab01]){0,2}", comparison, 1..3)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What is read is written and read the same, means the same, and says why it does not hold exactly if it does not.
    #[test]
    fn filters_and_data_of_any_kind(conditions in conditions(), document in document()) {
        let Ok(filter) = DataFilter::read(&conditions) else { return Ok(()) };
        let text = serde_json::to_string(&filter).unwrap();
        let again: DataFilter = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&again, &filter, "{}", text);
        let event = event(document.to_string().as_bytes());
        let view = DataView::new(&event);
        let refusal = filter.refusal(&view);
        prop_assert_eq!(filter.holds(&view), refusal.is_none());
        prop_assert_eq!(again.holds(&view), refusal.is_none());
    }

    /// P10: nothing of the payload is repeated.
    #[test]
    fn no_value_of_the_payload_is_repeated(conditions in conditions(), secret in "[A-Z]{12}") {
        let Ok(filter) = DataFilter::read(&conditions) else { return Ok(()) };
        for document in [json!({"a": secret, "b": {"a": [secret]}, "0": {(&*secret): 1}}), json!([secret, {"a": secret}])] {
            let event = event(document.to_string().as_bytes());
            let said = filter.refusal(&DataView::new(&event)).unwrap_or_default();
            prop_assert!(!said.contains(&secret), "{}", said);
        }
    }

    #[test]
    fn any_bytes_are_data(conditions in conditions(), bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let Ok(filter) = DataFilter::read(&conditions) else { return Ok(()) };
        let event = event(&bytes);
        let view = DataView::new(&event);
        prop_assert_eq!(filter.holds(&view), filter.refusal(&view).is_none());
    }

    /// Pointers lead where serde_json's lead, but for indexes with leading zeros, which RFC 6901 does not know.
    #[test]
    fn pointers_lead_where_the_library_says(text in "(/([ab01]|~0|~1)?){0,3}", document in document()) {
        let pointer = Pointer::parse(&text).unwrap();
        prop_assert_eq!(pointer.find(&document), document.pointer(&text));
    }
}
