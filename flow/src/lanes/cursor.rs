//! A lane's cursor in one log: the position up to which everything is settled, and the settled ranges beyond.
//!
//! It is kept as two things that are cheap to update, `seen` (the highest position ever offered, matched or
//! not) and `open` (the offered positions that are not settled). The settled ranges are what is left when the
//! open positions are taken out of `1..=seen`, so nothing else needs to be stored, and the size of a cursor
//! is bounded by the lane's queue and not by the length of the log.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use stadtbus_broker::Position;

use super::{balance::Books, replay::Tally, watch::Watch};

/// The durable form of a cursor: all positions up to `seen` are settled but those listed in `open`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Highest position that was offered to the lane.
    pub seen: Position,
    /// Positions not yet settled, ascending. Bounded by the lane's queue.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Position>,
}

/// All cursors of one lane, by log name, and its watch: what is stored under the lane's key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// One cursor for each log that the lane reads.
    pub logs: BTreeMap<String, Mark>,
    /// What it remembers of its matches.
    #[serde(default, skip_serializing_if = "Watch::is_unknown")]
    pub watch: Watch,
    /// By log, up to where its reader has confirmed by a bookmark.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub confirmed: BTreeMap<String, Position>,
    /// Up to here in its own log all outputs of a derivation are of inputs that its plugin's state includes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Position>,
    /// The life of the lane in the log of parked events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parking: Option<Position>,
    /// What became of the events, for a replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
    /// The books of the subscription, as they stand with these cursors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Books>,
}

/// The living cursor of one lane in one log.
#[derive(Debug, Default)]
pub struct Cursor {
    /// Everything up to here was offered in an earlier life and is settled, but for `reopen`.
    floor: Position,
    /// Positions at or below `floor` that an earlier life left unsettled.
    reopen: BTreeSet<Position>,
    /// Highest position offered to this lane by itself or by the shared reader.
    seen: Position,
    open: BTreeSet<Position>,
}

impl Cursor {
    /// Takes up where `mark` left off.
    #[must_use]
    pub fn resume(mark: &Mark) -> Self {
        Self {
            floor: mark.seen,
            reopen: mark.open.iter().copied().filter(|p| *p <= mark.seen).collect(),
            seen: mark.seen,
            open: BTreeSet::new(),
        }
    }

    /// The first position that must be read for this lane.
    #[must_use]
    pub fn next(&self) -> Position {
        self.reopen.first().copied().unwrap_or(self.seen + 1)
    }

    /// Whether `position` still has to be looked at. False for what is settled or already in the lane.
    #[must_use]
    pub fn wants(&self, position: Position) -> bool {
        if position <= self.floor {
            self.reopen.contains(&position)
        } else {
            !self.open.contains(&position) && position > self.seen
        }
    }

    /// The lane took the event at `position`; it is open until [`Cursor::settle`].
    pub fn take(&mut self, position: Position) {
        self.reopen.remove(&position);
        self.open.insert(position);
        self.seen = self.seen.max(position);
    }

    /// Everything up to `position` was offered, whether it matched or not. True if an earlier life had left it open.
    pub fn pass(&mut self, position: Position) -> bool {
        self.seen = self.seen.max(position);
        position <= self.floor && self.reopen.remove(&position)
    }

    /// What lies before `first` was removed by the log's retention and will never be offered. Says how many events an
    /// earlier life had left open there.
    pub fn pass_removed(&mut self, first: Position) -> usize {
        let left = self.reopen.split_off(&first);
        let gone = std::mem::replace(&mut self.reopen, left);
        self.seen = self.seen.max(first.saturating_sub(1));
        gone.len()
    }

    /// Whether an earlier life left `position` open and it was not offered again yet.
    #[must_use]
    pub fn reopens(&self, position: Position) -> bool {
        self.reopen.contains(&position)
    }

    /// The event at `position` is settled. True if it was open.
    pub fn settle(&mut self, position: Position) -> bool {
        self.open.remove(&position)
    }

    /// Whether `position` was offered and is not settled.
    #[must_use]
    pub fn is_open(&self, position: Position) -> bool {
        self.open.contains(&position) || self.reopen.contains(&position)
    }

    /// The first open position of which `wanted` holds, those of an earlier life included.
    #[must_use]
    pub fn first_open(&self, wanted: impl Fn(Position) -> bool) -> Option<Position> {
        let first = |open: &BTreeSet<Position>| open.iter().copied().find(|at| wanted(*at));
        first(&self.reopen).into_iter().chain(first(&self.open)).min()
    }

    /// Open positions, those of an earlier life included.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len() + self.reopen.len()
    }

    /// Whether all before `position` that an earlier life left open was offered again.
    #[must_use]
    pub fn is_reread_to(&self, position: Position) -> bool {
        self.reopen.first().is_none_or(|first| *first >= position)
    }

    /// The highest position offered.
    #[must_use]
    pub fn seen(&self) -> Position {
        self.seen
    }

    /// The durable form. `level_at` is the shared reader's position if the lane hangs on it: all that the
    /// reader passed was offered to the lane, so it counts as seen.
    #[must_use]
    pub fn mark(&self, level_at: Option<Position>) -> Mark {
        let seen = self.seen.max(level_at.unwrap_or(0));
        let open = self
            .reopen
            .iter()
            .chain(self.open.iter())
            .copied()
            .filter(|p| *p <= seen)
            .collect();
        Mark { seen, open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_life_gets_what_was_open_and_what_came_after() {
        let mut cursor = Cursor::resume(&Mark {
            seen: 10,
            open: vec![4, 7],
        });
        assert_eq!(cursor.next(), 4);
        let wanted: Vec<_> = (1..=12).filter(|p| cursor.wants(*p)).collect();
        assert_eq!(wanted, [4, 7, 11, 12]);
        cursor.take(4);
        assert!(!cursor.wants(4), "what is in the lane is not taken twice");
        cursor.take(7);
        cursor.take(11);
        cursor.settle(7);
        assert_eq!(
            cursor.mark(None),
            Mark {
                seen: 11,
                open: vec![4, 11]
            }
        );
        assert_eq!(
            cursor.mark(Some(20)),
            Mark {
                seen: 20,
                open: vec![4, 11]
            }
        );
    }

    proptest! {
        /// Whatever is settled in whatever order, with a crash after every step, each position is either
        /// settled or offered again.
        #[test]
        fn nothing_is_lost_over_crashes(steps in prop::collection::vec((0u8..3, 1u64..40), 1..200)) {
            let mut settled = BTreeSet::new();
            let mut cursor = Cursor::default();
            for (kind, position) in steps {
                match kind {
                    0 => { let next = cursor.next(); if cursor.wants(next) { cursor.take(next); } else { cursor.pass(next); } }
                    1 => { if cursor.settle(position) { settled.insert(position); } }
                    _ => cursor = Cursor::resume(&cursor.mark(None)),
                }
                let mark = cursor.mark(None);
                let again = Cursor::resume(&mark);
                for p in 1..=mark.seen {
                    prop_assert!(settled.contains(&p) != again.wants(p), "position {p} of {mark:?}");
                }
            }
        }
    }
}
