//! Faults planted on purpose, so that the oracles of simulation and chaos can show that they would notice them.
//! Compiled only with the feature `planted-bugs`, which no shipped build has.

use std::sync::OnceLock;

use stadtbus_broker::Entry;

/// Whether this fault was asked for.
pub(crate) fn is(name: &str) -> bool {
    static PLANTED: OnceLock<Option<String>> = OnceLock::new();
    PLANTED
        .get_or_init(|| std::env::var("STADTBUS_PLANTED_BUG").ok())
        .as_deref()
        == Some(name)
}

/// What goes wrong on the way into the log: repeats are not known, or the data is written anew.
pub(crate) fn harm(mut entry: Entry) -> Entry {
    if is("skip-dedup") {
        entry.message_id = None;
    }
    if is("reserialise")
        && let Ok(data) = serde_json::from_slice::<serde_json::Value>(&entry.payload)
    {
        entry.payload = data.to_string().into();
    }
    entry
}
