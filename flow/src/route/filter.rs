//! Evaluation of the filter dialects of the CloudEvents Subscriptions API: exact, prefix, suffix, all, any, not.
//!
//! Comparison is case-sensitive on the canonical string of an attribute (SUB-1). A filter on an attribute that
//! the event does not have is false, and so is its prefix or suffix.

use stadtbus_contracts::Filter;
use stadtbus_event::Event;

/// Evaluates an ANDed list of filters (SUB-3): `Ok` if all hold, else the clause that decided, as the
/// subscription spells it.
///
/// # Errors
/// The clause that was not fulfilled.
pub fn decide(filters: &[Filter], event: &Event) -> Result<(), String> {
    match filters.iter().find(|filter| !holds(filter, event)) {
        None => Ok(()),
        Some(filter) => Err(clause(filter)),
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
    }
}

/// The filter in the words of the subscription, for the journey.
fn clause(filter: &Filter) -> String {
    serde_json::to_string(filter).unwrap_or_default()
}
