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

fn any_filter() -> impl Strategy<Value = Filter> {
    let pairs = proptest::collection::hash_map("[a-z0-9]{1,8}", ".{1,8}", 1..3)
        .prop_map(|map| map.into_iter().collect::<Attributes>());
    let leaf = prop_oneof![
        pairs.clone().prop_map(Filter::Exact),
        pairs.clone().prop_map(Filter::Prefix),
        pairs.prop_map(Filter::Suffix),
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
