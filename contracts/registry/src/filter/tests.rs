#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use proptest::prelude::*;

use super::*;

#[test]
fn reads_every_dialect_and_writes_it_back() {
    for text in [
        r#"{"exact":{"subject":"x"}}"#,
        r#"{"prefix":{"subject":"x","type":"de."}}"#,
        r#"{"suffix":{"source":"x"}}"#,
        r#"{"all":[{"exact":{"subject":"x"}},{"not":{"suffix":{"id":"1"}}}]}"#,
        r#"{"any":[{"exact":{"subject":"x"}}]}"#,
        r#"{"sql":"severity >= 3 AND subject LIKE 'bockum%'"}"#,
        r#"{"not":{"sql":"EXISTS dataref"}}"#,
        r#"{"x-data":{"/customers":{"atLeast":1000,"less":5000},"/status":"open"}}"#,
        r#"{"all":[{"x-data":{"/a~1b/0":{"exists":false}}},{"not":{"x-data":{"":{"equals":null}}}}]}"#,
        r#"{"x-data":{"/at":{"before":"2026-01-31T08:00:00+01:00"},"/in":{"in":[1,"a",true,null]}}}"#,
        r#"{"x-data":{"/p":{"near":{"lat":51.3,"lon":6.5,"metres":500.0}},"/q":{"pattern":"^a+$"}}}"#,
        r#"{"x-data":{"/p":{"within":{"coordinates":[[[6.0,51.0],[7.0,51.0],[7.0,52.0],[6.0,51.0]]],"type":"Polygon"}}}}"#,
    ] {
        let filter: Filter = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&filter).unwrap(), text);
    }
}

#[test]
fn refuses_what_is_not_a_filter() {
    for (text, says) in [
        (r"{}", "empty filter"),
        (r#"{"exakt":{"subject":"x"}}"#, "unknown field"),
        (r#"{"exact":{}}"#, "without attributes"),
        (r#"{"exact":{"subject":""}}"#, "not empty"),
        (r#"{"exact":{"Subject":"x"}}"#, "a-z"),
        (r#"{"exact":{"subject":1}}"#, "string"),
        (r#"{"all":[]}"#, "empty list"),
        (r#"{"exact":{"id":"1"},"prefix":{"id":"2"}}"#, "one dialect"),
        (r"[]", "one filter"),
        (r#"{"sql":"severity >="}"#, "line 1, column"),
        (r#"{"sql":"LENGHT(subject) > 5"}"#, "did you mean LENGTH?"),
        (r#"{"sql":"LENGTH(subject)"}"#, "not Boolean"),
        (r#"{"sql":"data = 'x'"}"#, "data"),
        (r#"{"sql":""}"#, "line 1"),
        (r#"{"x-data":{}}"#, "at least one"),
        (
            r#"{"x-data":{"/a":{"atleast":1}}}"#,
            "x-data › /a › atleast: there is no `atleast` here (Did you mean `atLeast`?)",
        ),
        (r#"{"x-data":{"/a":1,"/a":2}}"#, "twice"),
        (r#"{"x-date":{"/a":1}}"#, "unknown field"),
    ] {
        let error = serde_json::from_str::<Filter>(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn refuses_a_tree_that_is_too_deep() {
    let nest = |n: usize| {
        format!(
            "{}{}{}",
            "{\"not\":".repeat(n),
            r#"{"exact":{"id":"1"}}"#,
            "}".repeat(n)
        )
    };
    assert!(serde_json::from_str::<Filter>(&nest(FILTER_DEPTH_MAX - 1)).is_ok());
    assert!(serde_json::from_str::<Filter>(&nest(FILTER_DEPTH_MAX)).is_err());
}

#[test]
fn words_are_short() {
    let positions: Vec<[f64; 2]> = (0..400)
        .map(|n| [f64::from(n) / 10.0, f64::from(n * n) / 1e4])
        .collect();
    let mut ring = positions.clone();
    ring.extend(positions.first());
    let text = serde_json::json!({"not": {"x-data": {"/p": {"within": {"type": "Polygon", "coordinates": [ring]}}}}});
    let filter: Filter = serde_json::from_value(text).unwrap();
    assert_eq!(
        filter.words(),
        r#"{"not":{"x-data":{"/p":{"within":{"coordinates":"…","type":"Polygon"}}}}}"#
    );
    let long: Filter =
        serde_json::from_value(serde_json::json!({"exact": {"subject": "ü".repeat(5_000)}})).unwrap();
    assert_eq!(long.words().chars().count(), SHOWN_CHARS_MAX + 1);
    let short: Filter = serde_json::from_str(r#"{"exact":{"subject":"x","id":"1"}}"#).unwrap();
    assert_eq!(short.words(), r#"{"exact":{"subject":"x","id":"1"}}"#);
}

fn any_filter() -> impl Strategy<Value = Filter> {
    let pairs = proptest::collection::hash_map("[a-z0-9]{1,8}", ".{1,8}", 1..3)
        .prop_map(|map| map.into_iter().collect::<Attributes>());
    let leaf = prop_oneof![
        pairs.clone().prop_map(Filter::Exact),
        pairs.clone().prop_map(Filter::Prefix),
        pairs.prop_map(Filter::Suffix),
        ("[ab]{1,3}", -5..5_i64).prop_map(|(name, n)| {
            let conditions = serde_json::json!({format!("/{name}"): {"atLeast": n, "in": [n, "x"]}});
            Filter::Data(DataFilter::read(&conditions).unwrap())
        }),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Filter::All),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Filter::Any),
            inner.prop_map(|f| Filter::Not(Box::new(f))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_the_same(filter in any_filter()) {
        let text = serde_json::to_string(&filter).unwrap();
        prop_assert_eq!(serde_json::from_str::<Filter>(&text).unwrap(), filter);
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,200}") {
        let _ = serde_json::from_str::<Filter>(&text);
    }
}
