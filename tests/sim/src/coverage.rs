//! What the runs met: a promise that no run put to the test was not tested.

use std::{collections::BTreeMap, fmt};

/// All that must be met.
const WANTED: [&str; 29] = [
    "kills",
    "restarts",
    "cut off",
    "outages",
    "clock set",
    "receivers away",
    "city changes",
    "paused",
    "resumed",
    "in order",
    "keys that waited",
    "parked",
    "backlog parked",
    "keys resumed",
    "keys skipped",
    "keys edited",
    "keys buried",
    "paced",
    "breakers opened",
    "breakers closed",
    "retries scheduled",
    "expired",
    "dead letters",
    "redriven",
    "redriven at a rate",
    "replays",
    "replays elsewhere",
    "replays of what is missing",
    "replayed",
];

/// How often each of them was met.
#[derive(Debug, Clone, Default)]
pub struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    pub(crate) fn met(&mut self, what: &'static str) {
        self.add(what, 1);
    }

    pub(crate) fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    /// Adds what another run met.
    pub fn merge(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }

    /// What was never met.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let met = |what: &&str| self.0.get(*what).is_some_and(|times| *times > 0);
        WANTED.into_iter().filter(|what| !met(what)).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (what, times)) in self.0.iter().enumerate() {
            let between = if n == 0 { "" } else { " · " };
            write!(f, "{between}{what} {times}")?;
        }
        Ok(())
    }
}
