//! Faults planted on purpose, so that the oracle of the chaos tests can show that it would notice them. Compiled
//! only with the feature `planted-bugs`, which no shipped build has.

use std::sync::OnceLock;

/// Whether this fault was asked for.
pub(crate) fn is(name: &str) -> bool {
    static PLANTED: OnceLock<Option<String>> = OnceLock::new();
    PLANTED
        .get_or_init(|| std::env::var("STADTBUS_PLANTED_BUG").ok())
        .as_deref()
        == Some(name)
}
