//! Replay: events that stand in the log, once more to one subscription.
//!
//! *Promise*: a replay is a lane of its own, with a queue, a reader and cursors of its own, so it disturbs neither the lane of
//! its subscription nor any other; it survives restarts and moves between processes with the subscription's lease; it ends
//! by itself. Whether the recipient may have an event is asked when it is replayed. *What it refuses*: to be taken for the
//! first delivery: its events carry [`MARK`], its settle facts stand under a subject of their own. *Why a lane*: so that
//! retries, plugins, pulls and crashes are what they are everywhere.

mod missing;
mod range;
mod reader;
pub mod store;
mod tend;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

pub use range::{Count, Place, Span, count, resolve};
pub(super) use reader::Reader;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{LogName, Position};
use stadtbus_contracts::Webhook;
use stadtbus_event::Event;
pub(super) use tend::Replays;

use super::{
    cursor::{Mark, Marks},
    item::Outcome,
    lane::Lane,
};
use crate::{Limits, city::Order};

/// The extension of a replayed event; its value is the replay's id.
pub const MARK: &str = "stadtbusreplay";

/// From where to where, in one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first position.
    pub first: Position,
    /// The last position.
    pub last: Position,
}

/// How a replay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It delivers.
    Running,
    /// It stands still until it is resumed.
    Paused,
    /// Somebody ended it.
    Cancelled,
    /// Everything in its ranges is settled.
    Done,
    /// It cannot go on: its subscription is gone.
    Failed,
}

impl Stage {
    /// Whether nothing more comes of it.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Cancelled | Self::Done | Self::Failed)
    }
}

/// Why a replay stands still or failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// `SB-nnnn`.
    pub code: String,
    /// In words.
    pub detail: String,
}

/// One replay, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Its name within the subscription.
    pub id: String,
    /// Whose events are replayed.
    pub subscription: String,
    /// The owner of the subscription.
    pub partner: String,
    /// What is replayed, by log.
    pub ranges: BTreeMap<String, Range>,
    /// Whether what was delivered before is passed over.
    pub only_missing: bool,
    /// Events in a second at most.
    pub rate_per_s: u32,
    /// Where to, if not to the subscription's own sink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<Webhook>,
    /// Who ordered it, `<partner>/<system>`.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub created_ms: u64,
    /// How it stands.
    pub stage: Stage,
    /// Why, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// When it ended, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
}

impl Replay {
    /// `<partner>.<subscription>.<id>`: the key of whatever is kept for it.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}.{}.{}", self.partner, self.subscription, self.id)
    }

    /// Marks with a cursor in each of its logs: where it has none yet it begins before the first position.
    pub(super) fn begin(&self, mut marks: Marks) -> Marks {
        for (log, range) in &self.ranges {
            marks.logs.entry(log.clone()).or_insert_with(|| Mark {
                seen: range.first.saturating_sub(1),
                open: Vec::new(),
            });
        }
        marks
    }

    /// Whether all is settled, as far as these marks know.
    #[must_use]
    pub fn is_settled(&self, marks: &Marks) -> bool {
        self.ranges.iter().all(|(log, range)| {
            let mark = marks.logs.get(log);
            mark.is_some_and(|mark| mark.seen >= range.last && mark.open.is_empty())
        })
    }

    /// Positions looked at, and positions in all.
    #[must_use]
    pub fn progress(&self, marks: &Marks) -> (u64, u64) {
        let width = |range: &Range| range.last.saturating_sub(range.first).saturating_add(1);
        let looked_at = |(log, range): (&String, &Range)| {
            let seen = marks.logs.get(log).map_or(0, |mark| mark.seen);
            seen.saturating_sub(range.first.saturating_sub(1))
                .min(width(range))
        };
        (
            self.ranges.iter().map(looked_at).sum(),
            self.ranges.values().map(width).sum(),
        )
    }

    /// Its logs.
    pub(super) fn logs(&self) -> Vec<LogName> {
        self.ranges
            .keys()
            .filter_map(|log| LogName::new(log).ok())
            .collect()
    }
}

/// What became of the events of a replay; kept with its cursor, so that both tell of the same moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Taken by the receiver.
    pub delivered: u64,
    /// Dropped by the plugin.
    pub filtered: u64,
    /// Given up: refused, or all attempts used up.
    pub failed: u64,
    /// `expirytime` has passed.
    pub expired: u64,
    /// Delivered before, with `only_missing`.
    pub skipped: u64,
    /// Not for this recipient at this time.
    pub refused: u64,
    /// Not what the subscription asks for.
    pub unmatched: u64,
}

impl Tally {
    /// Takes an outcome into account.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Delivered => self.delivered += 1,
            Outcome::Filtered => self.filtered += 1,
            Outcome::Expired => self.expired += 1,
            Outcome::Failed | Outcome::DeadLettered => self.failed += 1,
            _ => {}
        }
    }
}

/// How many events the lane of an order may hold, and how many of them may wait for a retry in it. A replay keeps its
/// retries itself, and is never more than a small part of the work.
pub(super) fn bounds(order: &Order, limits: &Limits) -> (usize, usize) {
    match &order.replay {
        Some(_) => (limits.replay_queue_max, limits.replay_queue_max),
        None => (limits.lane_queue_max, limits.lane_retries_max),
    }
}

/// What an order says of the replay that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayOf {
    /// The replay's id.
    pub id: String,
    /// Whether its events go somewhere else than the subscription's.
    pub elsewhere: bool,
}

impl ReplayOf {
    /// The event with the mark of this replay. One that cannot be marked does not exist: the name and the value are the bus's.
    #[must_use]
    pub fn mark(&self, event: Arc<Event>) -> Arc<Event> {
        match event.to_builder().extension(MARK, self.id.clone()).build() {
            Ok(marked) => Arc::new(marked),
            Err(error) => {
                tracing::error!(replay = %self.id, %error, "A replayed event could not be marked.");
                event
            }
        }
    }
}

impl Lane {
    /// Whether everything in the ranges was looked at and has come to its end.
    pub(super) fn has_replayed(&self, replay: &Replay) -> bool {
        let state = self.state();
        state.occupied() == 0
            && state.hangs.iter().all(|(log, (cursor, _))| {
                let last = replay.ranges.get(log.as_str()).map_or(0, |range| range.last);
                cursor.seen() >= last && cursor.open_count() == 0
            })
    }

    /// Everything up to `position` was looked at; `count` says what became of the event there.
    pub(super) fn pass_counting(&self, log: &LogName, position: Position, count: impl FnOnce(&mut Tally)) {
        let mut state = self.state();
        if let Some((cursor, _)) = state.hangs.get_mut(log) {
            cursor.pass(position);
        }
        if let Some(tally) = &mut state.tally {
            count(tally);
        }
        state.dirty = true;
    }

    /// Whether this position still has to be looked at.
    pub(super) fn still_wants(&self, log: &LogName, position: Position) -> bool {
        let state = self.state();
        state
            .hangs
            .get(log)
            .is_some_and(|(cursor, _)| cursor.wants(position))
    }
}
