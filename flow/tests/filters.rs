//! The filters of the Subscriptions API, decided on events as routing does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use stadtbus_contracts::Filter;
use stadtbus_event::Event;
use stadtbus_flow::route::decide;

fn event() -> Event {
    Event::builder("A1", "/krefeld/ngn", "de.krefeld.outage.v1")
        .subject("bockum")
        .extension("severity", 3)
        .build()
        .unwrap()
}

fn read(text: &str) -> Result<Vec<Filter>, serde_json::Error> {
    serde_json::from_str(text)
}

fn passes(text: &str) -> bool {
    decide(
        &read(text).unwrap_or_else(|error| panic!("{text}: {error}")),
        &event(),
    )
    .is_ok()
}

/// SUB-1: six dialects, case-sensitive. SUB-2: and CloudEvents SQL.
#[test]
fn sub_1_every_dialect_decides() {
    for (filter, expected) in [
        (r#"{"exact":{"subject":"bockum"}}"#, true),
        (r#"{"exact":{"subject":"Bockum"}}"#, false),
        (r#"{"exact":{"subject":"bock"}}"#, false),
        (r#"{"exact":{"missing":"x"}}"#, false),
        (r#"{"exact":{"severity":"3"}}"#, true),
        (r#"{"exact":{"subject":"bockum","id":"A2"}}"#, false),
        (r#"{"prefix":{"type":"de.krefeld."}}"#, true),
        (r#"{"prefix":{"type":"DE."}}"#, false),
        (r#"{"suffix":{"source":"/ngn"}}"#, true),
        (r#"{"suffix":{"source":"/krefeld"}}"#, false),
        (
            r#"{"all":[{"exact":{"id":"A1"}},{"prefix":{"subject":"b"}}]}"#,
            true,
        ),
        (
            r#"{"all":[{"exact":{"id":"A1"}},{"prefix":{"subject":"x"}}]}"#,
            false,
        ),
        (
            r#"{"any":[{"exact":{"id":"A2"}},{"prefix":{"subject":"b"}}]}"#,
            true,
        ),
        (r#"{"any":[{"exact":{"id":"A2"}}]}"#, false),
        (r#"{"not":{"exact":{"id":"A2"}}}"#, true),
        (r#"{"not":{"exact":{"id":"A1"}}}"#, false),
        (r#"{"sql":"severity > 2 AND subject LIKE 'b%'"}"#, true),
        (r#"{"sql":"severity > 3"}"#, false),
        // SUB-5: an error is false.
        (r#"{"sql":"missing = 'x' OR severity = 3"}"#, false),
    ] {
        assert_eq!(passes(&format!("[{filter}]")), expected, "{filter}");
    }
}

/// SUB-3: all filters of the list must hold, and no filter is everything.
#[test]
fn sub_3_a_list_is_anded_and_an_empty_one_is_everything() {
    assert!(passes("[]"));
    assert!(passes(
        r#"[{"exact":{"id":"A1"}},{"exact":{"subject":"bockum"}}]"#
    ));
    assert!(!passes(r#"[{"exact":{"id":"A1"}},{"exact":{"subject":"x"}}]"#));
    assert!(!passes(
        r#"[{"exact":{"id":"x"}},{"exact":{"subject":"bockum"}}]"#
    ));
}

/// SUB-4, SUB-1: what is no dialect, or an empty one, is refused before there is a subscription.
#[test]
fn sub_4_an_unknown_dialect_is_refused() {
    for filter in [
        r#"{"regex":{"id":".*"}}"#,
        r#"{"Exact":{"id":"A1"}}"#,
        r#"{}"#,
        r#"{"exact":{}}"#,
        r#"{"exact":{"id":""}}"#,
        r#"{"exact":{"":"x"}}"#,
        r#"{"all":[]}"#,
        r#"{"any":[]}"#,
        r#"{"not":{}}"#,
        r#"{"not":{"regex":{"id":".*"}}}"#,
        r#"{"sql":""}"#,
        r#"{"sql":"severity >"}"#,
    ] {
        assert!(read(&format!("[{filter}]")).is_err(), "{filter}");
    }
}
