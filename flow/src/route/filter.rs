//! Evaluation of the filter dialects of the CloudEvents Subscriptions API (exact, prefix, suffix, all, any, not, sql) and of
//! our own `x-data`.
//!
//! Comparison is case-sensitive on the canonical string of an attribute (SUB-1). A filter on an attribute that
//! the event does not have is false, and so is its prefix or suffix.

use std::borrow::Cow;

use cloudevents_sql::{Attributes, Value};
use stadtbus_contracts::{DataView, Filter};
use stadtbus_event::Event;

/// An event as CloudEvents SQL sees it: extensions with their type, everything else as its canonical string.
pub(super) struct Context<'e>(pub(super) &'e Event);

impl Attributes for Context<'_> {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        use stadtbus_event::Value as Extension;
        match self.0.extension(name) {
            Some(Extension::String(text)) => Some(Value::String(Cow::Borrowed(text))),
            Some(Extension::Integer(number)) => Some(Value::Integer(*number)),
            Some(Extension::Boolean(truth)) => Some(Value::Boolean(*truth)),
            None => self.0.attribute(name).map(Value::String),
        }
    }
}

/// Evaluates an ANDed list of filters (SUB-3): `Ok` if all hold, else the clause that decided, as the
/// subscription spells it.
///
/// # Errors
/// The clause that was not fulfilled.
pub fn decide(filters: &[Filter], event: &Event) -> Result<(), String> {
    decide_in(filters, &DataView::new(event))
}

/// As [`decide`], for whoever asks many subscriptions about one event: its data is parsed once.
///
/// # Errors
/// The clause that was not fulfilled.
pub fn decide_in(filters: &[Filter], view: &DataView<'_>) -> Result<(), String> {
    match filters.iter().find(|filter| !holds(filter, view)) {
        None => Ok(()),
        Some(filter) => Err(clause(filter, view)),
    }
}

/// Whether all filters of the list hold.
pub(super) fn all_hold(filters: &[Filter], view: &DataView<'_>) -> bool {
    filters.iter().all(|filter| holds(filter, view))
}

fn holds(filter: &Filter, view: &DataView<'_>) -> bool {
    let event = view.event();
    let each = |pairs: &indexmap::IndexMap<String, String>, test: fn(&str, &str) -> bool| {
        pairs
            .iter()
            .all(|(name, value)| event.attribute(name).is_some_and(|found| test(&found, value)))
    };
    match filter {
        Filter::Exact(pairs) => each(pairs, |found, value| found == value),
        Filter::Prefix(pairs) => each(pairs, |found, value| found.starts_with(value)),
        Filter::Suffix(pairs) => each(pairs, |found, value| found.ends_with(value)),
        Filter::All(filters) => filters.iter().all(|filter| holds(filter, view)),
        Filter::Any(filters) => filters.iter().any(|filter| holds(filter, view)),
        Filter::Not(filter) => !holds(filter, view),
        Filter::Sql(expression) => expression.matches(&Context(event)),
        Filter::Data(conditions) => conditions.holds(view),
    }
}

/// The filter in the words of the subscription, for the journey, and the part that decided where there is one. Nothing of
/// the payload.
fn clause(filter: &Filter, view: &DataView<'_>) -> String {
    let words = filter.words();
    match because(filter, view) {
        Some(part) => format!("{words}: {part}"),
        None => words,
    }
}

/// Why a filter that does not hold does not.
fn because(filter: &Filter, view: &DataView<'_>) -> Option<String> {
    match filter {
        Filter::Sql(expression) => Some(expression.verdict(&Context(view.event())).to_string()),
        Filter::Data(conditions) => conditions.refusal(view),
        Filter::All(filters) => {
            let first = filters.iter().find(|filter| !holds(filter, view))?;
            because(first, view)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use stadtbus_event::Event;

    use super::{DataView, Filter, decide, decide_in};

    fn event() -> Event {
        Event::builder(
            "1",
            "urn:krefeld:ngn:leitwarte",
            "de.krefeld.swk.outage.reported.v1",
        )
        .subject("bockum")
        .extension("severity", 3)
        .extension("drill", false)
        .datacontenttype("application/json")
        .data(r#"{"customers": 4711, "name": "geheim"}"#)
        .build()
        .unwrap()
    }

    fn told(filter: &str) -> Result<(), String> {
        decide(&[serde_json::from_str::<Filter>(filter).unwrap()], &event())
    }

    #[test]
    fn an_expression_sees_attributes_with_their_types() {
        for filter in [
            r#"{"sql":"severity + 1 = 4"}"#,
            r#"{"sql":"NOT drill AND specversion = '1.0'"}"#,
            r#"{"sql":"subject IN ('bockum', 'traar') AND type LIKE '%.outage.%'"}"#,
            r#"{"not":{"sql":"EXISTS dataref"}}"#,
            r#"{"all":[{"x-data":{"/customers":{"atLeast":4711}}},{"not":{"x-data":{"/name":"x"}}}]}"#,
        ] {
            assert_eq!(told(filter), Ok(()), "{filter}");
        }
    }

    #[test]
    fn an_expression_that_fails_does_not_match_and_says_which_part() {
        let clause = told(r#"{"sql":"subject = 'bockum' AND severity > 3"}"#).unwrap_err();
        assert!(clause.contains("`severity > 3` is false"), "{clause}");
        // SUB-5: an error is no match, and neither is its negation's reason to deliver more than `not` says.
        assert!(
            told(r#"{"sql":"stadtteil = 'bockum'"}"#)
                .unwrap_err()
                .contains("stadtteil")
        );
    }

    #[test]
    fn a_condition_on_the_data_that_fails_says_where_and_not_what_was_there() {
        for (filter, says) in [
            (
                r#"{"x-data":{"/customers":{"atLeast":5000}}}"#,
                r#"{"x-data":{"/customers":{"atLeast":5000}}}: `/customers` atLeast 5000: what is there does not fulfil it"#,
            ),
            (
                r#"{"all":[{"exact":{"subject":"bockum"}},{"x-data":{"/name":{"less":5}}}]}"#,
                "`/name` less 5: a text of another kind is there",
            ),
            (
                r#"{"all":[{"not":{"exact":{"subject":"bockum"}}},{"x-data":{"/name":"x"}}]}"#,
                r#"{"all":[{"not":{"exact":{"subject":"bockum"}}},{"x-data":{"/name":"x"}}]}"#,
            ),
        ] {
            let clause = told(filter).unwrap_err();
            assert!(clause.contains(says), "{clause}");
            assert!(!clause.contains("geheim") && !clause.contains("4711"), "{clause}");
        }
    }

    #[test]
    fn data_is_parsed_only_for_a_filter_that_asks() {
        let event = event();
        let view = DataView::new(&event);
        let filters = |text| serde_json::from_str::<Vec<Filter>>(text).unwrap();
        let first = filters(r#"[{"exact":{"subject":"traar"}},{"x-data":{"/name":"geheim"}}]"#);
        assert!(decide_in(&first, &view).is_err() && !view.is_parsed());
        let second = filters(r#"[{"exact":{"subject":"bockum"}},{"x-data":{"/name":"geheim"}}]"#);
        assert!(decide_in(&second, &view).is_ok() && view.is_parsed());
    }
}
