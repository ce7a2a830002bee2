//! What somebody ordered to be replayed, and what came of it.

use std::collections::BTreeMap;

use stadtbus_flow::lanes::replay::Range;

/// A replay as it was ordered.
#[derive(Debug, Clone)]
pub(crate) struct Ordered {
    pub(crate) subscription: &'static str,
    /// Where to.
    pub(crate) receiver: String,
    pub(crate) ranges: BTreeMap<String, Range>,
    pub(crate) only_missing: bool,
    /// Up to here the settle facts were written when it was ordered.
    pub(crate) facts_before: u64,
}

/// All replays of a run by their ids.
#[derive(Default)]
pub(crate) struct Replays {
    pub(crate) ordered: BTreeMap<String, Ordered>,
    taken: BTreeMap<(String, String), u32>,
}

impl Replays {
    pub(crate) fn taken(&mut self, replay: &str, id: &str) {
        *self.taken.entry((replay.to_owned(), id.to_owned())).or_default() += 1;
    }

    pub(crate) fn times_taken(&self, replay: &str, id: &str) -> u32 {
        let key = (replay.to_owned(), id.to_owned());
        self.taken.get(&key).copied().unwrap_or(0)
    }

    /// The ids of the events that a replay brought.
    pub(crate) fn brought<'a>(&'a self, replay: &'a str) -> impl Iterator<Item = &'a str> {
        let brought = self.taken.keys().filter(move |(by, _)| by == replay);
        brought.map(|(_, id)| id.as_str())
    }
}
