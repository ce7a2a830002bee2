//! Evaluation of the filter dialects of the CloudEvents Subscriptions API: exact, prefix, suffix, all, any, not, sql.
//!
//! Comparison is case-sensitive on the canonical string of an attribute (SUB-1). A filter on an attribute that
//! the event does not have is false, and so is its prefix or suffix.

use std::borrow::Cow;

use cloudevents_sql::{Attributes, Value};
use stadtbus_contracts::Filter;
use stadtbus_event::Event;

/// An event as CloudEvents SQL sees it: extensions with their type, everything else as its canonical string.
struct Context<'e>(&'e Event);

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
    match filters.iter().find(|filter| !holds(filter, event)) {
        None => Ok(()),
        Some(filter) => Err(clause(filter, event)),
    }
}

fn holds(filter: &Filter, event: &Event) -> bool {
    let each = |pairs: &indexmap::IndexMap<String, String>, test: fn(&str, &str) -> bool| {
        pairs
            .iter()
            .all(|(name, value)| event.attribute(name).is_some_and(|found| test(&found, value)))
    };
    match filter {
        Filter::Exact(pairs) => each(pairs, |found, value| found == value),
        Filter::Prefix(pairs) => each(pairs, |found, value| found.starts_with(value)),
        Filter::Suffix(pairs) => each(pairs, |found, value| found.ends_with(value)),
        Filter::All(filters) => filters.iter().all(|filter| holds(filter, event)),
        Filter::Any(filters) => filters.iter().any(|filter| holds(filter, event)),
        Filter::Not(filter) => !holds(filter, event),
        Filter::Sql(expression) => expression.matches(&Context(event)),
    }
}

/// The filter in the words of the subscription, for the journey; of an expression also the part that decided.
fn clause(filter: &Filter, event: &Event) -> String {
    let words = serde_json::to_string(filter).unwrap_or_default();
    match filter {
        Filter::Sql(expression) => format!("{words}: {}", expression.verdict(&Context(event))),
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use stadtbus_event::Event;

    use super::{Filter, decide};

    fn event() -> Event {
        Event::builder(
            "1",
            "urn:krefeld:ngn:leitwarte",
            "de.krefeld.swk.outage.reported.v1",
        )
        .subject("bockum")
        .extension("severity", 3)
        .extension("drill", false)
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
}
