//! The books of a subscription: how many events it could get, and what became of each.
//!
//! *Promise*: accepted = delivered + filtered + refused + expired + dead-lettered + parked + pending, over restarts, other
//! processes, retries, parking and dead letters that are sent again; what does not add up is said within two looks
//! (`SB-1512`). The left side is counted in the logs by a reader of its own ([`survey`]) that knows neither the shared
//! reader nor the matcher. The right side is counted by the lane: what it settled by its settle facts ([`account`]), what is
//! open by its cursors, what is parked by the log of parked events. Both are compared at the same positions ([`keep`]).
//! *Refuses*: to be made right by hand; a difference stays until it is explained. *Why with the cursor*: it is written in
//! one cell with it, so that no crash comes between what is settled and what is counted.

mod account;
mod keep;
mod parked;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use account::Origin;
pub(super) use account::{Account, Head};
pub(super) use keep::settle_change;
use serde::{Deserialize, Serialize};
use stadtbus_broker::Position;
use survey::Survey;

use super::{
    cursor::{Mark, Marks},
    item::Outcome,
};

/// Earlier lives of a lane that are remembered, to tell what was counted in them.
const ENDS_MAX: usize = 8;
/// Open positions that are remembered of them in all.
const ENDS_OPEN_MAX: usize = 4_096;

/// The heads of the account that are counted as events are settled. A head can only be below zero if something is wrong, and
/// then it must show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// The receiver has them.
    pub delivered: i64,
    /// A filter did not let them through, or the plugin dropped them.
    pub filtered: i64,
    /// The subscription's partner may not have them.
    pub refused: i64,
    /// Their time passed, or they are in no log any more.
    pub expired: i64,
    /// Given up; not those that were sent again and came to another end.
    pub dead_lettered: i64,
    /// Owned by a scheduled retry.
    pub scheduled: i64,
}

impl Terms {
    fn sum(&self) -> i64 {
        self.delivered + self.filtered + self.refused + self.expired + self.dead_lettered + self.scheduled
    }

    /// One event comes to this end, from under `head`.
    fn book(&mut self, head: Head, outcome: Outcome) {
        match head {
            Head::Nowhere => return,
            Head::Lane => {}
            Head::Scheduled => self.scheduled -= 1,
            Head::Dead => self.dead_lettered -= 1,
        }
        match outcome {
            Outcome::Delivered => self.delivered += 1,
            Outcome::Filtered => self.filtered += 1,
            Outcome::Expired => self.expired += 1,
            Outcome::DeadLettered => self.dead_lettered += 1,
            Outcome::Retry => self.scheduled += 1,
            // Counted where it stands, in the log of parked events; and of replays there are no books.
            Outcome::Parked | Outcome::Failed => {}
        }
    }
}

/// How far one log is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The last position before the subscription began here.
    pub from: Position,
    /// Up to here what was accepted is in [`Books::accepted`]. Never beyond what the lane has seen.
    pub to: Position,
    /// Up to here it is known what is still to be read.
    pub ahead_to: Position,
    /// So many stand between the two.
    pub ahead: i64,
}

impl Counted {
    fn starting(at: Position) -> Self {
        Self {
            from: at,
            to: at,
            ahead_to: at,
            ahead: 0,
        }
    }
}

/// Where an earlier life of the lane ended: what it did after that was never counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    life: u64,
    logs: BTreeMap<String, Mark>,
}

impl End {
    fn had_settled(&self, log: &str, position: Position) -> bool {
        self.logs
            .get(log)
            .is_some_and(|mark| position <= mark.seen && !mark.open.contains(&position))
    }

    fn open(&self) -> usize {
        self.logs.values().map(|mark| mark.open.len()).sum()
    }
}

/// The books as they are kept with the cursors of a lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// When they were opened, in milliseconds since 1970.
    pub since_ms: u64,
    /// The types that are counted, sorted.
    pub types: Vec<String>,
    /// The left side, as far as the lane has read.
    pub accepted: i64,
    /// How far each log is counted.
    pub counted: BTreeMap<String, Counted>,
    /// The right side, but for what is open and what is parked.
    pub terms: Terms,
    /// Events in the log of parked events when the cursors were written.
    pub parked: i64,
    /// What was found when the sides were last compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Balance>,
    /// The log lost events to its age before they were counted, so the left side has to follow the right one once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    gap: bool,
    /// Which life of the lane wrote this.
    life: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ends: Vec<End>,
    /// Records of due retries whose end is counted and that may not be removed yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ending_due: Vec<Position>,
    /// The same of parked events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ending_parked: Vec<Position>,
}

/// Both sides of the account at one moment. What is pending includes what the lane has not read yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// When the books were opened, in milliseconds since 1970.
    pub since_ms: u64,
    /// When the sides were compared.
    pub at_ms: u64,
    /// By log, the last position that is in it.
    pub logs: BTreeMap<String, Position>,
    /// Events of the types that the subscription asks for, in its logs, since it began.
    pub accepted: i64,
    /// The receiver has them.
    pub delivered: i64,
    /// A filter did not let them through, or the plugin dropped them.
    pub filtered: i64,
    /// The subscription's partner may not have them.
    pub refused: i64,
    /// Their time passed.
    pub expired: i64,
    /// Given up, and kept as dead letters until somebody decides or their time is over.
    pub dead_lettered: i64,
    /// In the log of parked events.
    pub parked: i64,
    /// Not settled: not read yet, in the lane, or waiting for a scheduled retry.
    pub pending: i64,
    /// Accepted less all the others; anything but 0 is a fault.
    pub difference: i64,
}

impl Balance {
    /// Every head with its name, what is accepted first.
    #[must_use]
    pub fn terms(&self) -> [(&'static str, i64); 8] {
        [
            ("accepted", self.accepted),
            ("delivered", self.delivered),
            ("filtered", self.filtered),
            ("refused", self.refused),
            ("expired", self.expired),
            ("dead-lettered", self.dead_lettered),
            ("parked", self.parked),
            ("pending", self.pending),
        ]
    }
}

impl Books {
    /// Books for marks that have none yet: they begin here, with what is open.
    fn open(types: Vec<String>, marks: &Marks, now_ms: u64) -> Self {
        let open: usize = marks.logs.values().map(|mark| mark.open.len()).sum();
        Self {
            since_ms: now_ms,
            types,
            accepted: count(open),
            counted: marks
                .logs
                .iter()
                .map(|(log, mark)| (log.clone(), Counted::starting(mark.seen)))
                .collect(),
            ..Self::default()
        }
    }

    /// A new life of the lane begins with these books.
    fn begin_life(&mut self, marks: &BTreeMap<String, Mark>, now_ms: u64) {
        if self.life > 0 {
            self.ends.push(End {
                life: self.life,
                logs: marks.clone(),
            });
        }
        while self.ends.len() > 1
            && (self.ends.len() > ENDS_MAX || self.ends.iter().map(End::open).sum::<usize>() > ENDS_OPEN_MAX)
        {
            self.ends.remove(0);
        }
        self.life = now_ms.max(self.life + 1);
    }

    /// Whether what a life of the lane did with an event is in these books.
    fn knows(&self, life: u64, log: &str, position: Position) -> bool {
        if life == self.life {
            return true;
        }
        match self.ends.iter().find(|end| end.life == life) {
            Some(end) => end.had_settled(log, position),
            // A life that is not listed ended before it wrote anything, unless it is too long ago to be listed.
            None => {
                life > 0
                    && self.ends.len() >= ENDS_MAX
                    && self.ends.first().is_some_and(|first| life < first.life)
            }
        }
    }

    /// Moves the left side on, as far as the logs were looked at. Says whether it has come as far as the lane.
    fn advance(&mut self, logs: &BTreeMap<String, Mark>, surveys: &BTreeMap<String, Survey>) -> bool {
        let mut level = true;
        let Self {
            types,
            accepted,
            counted,
            gap,
            ..
        } = self;
        for (log, counted) in counted {
            let (Some(mark), Some(survey)) = (logs.get(log), surveys.get(log)) else {
                level = false;
                continue;
            };
            *gap |= counted.to < mark.seen && counted.to + 1 < survey.first();
            let before = counted.to;
            counted.to = survey.reach(before).min(mark.seen).max(before);
            let read = survey.count(types, before, counted.to);
            *accepted += read;
            level &= counted.to >= mark.seen;
            if counted.ahead_to > counted.to {
                counted.ahead -= read;
            } else {
                (counted.ahead_to, counted.ahead) = (counted.to, 0);
            }
            let reached = survey.reach(counted.ahead_to);
            counted.ahead += survey.count(types, counted.ahead_to, reached);
            counted.ahead_to = reached.max(counted.ahead_to);
        }
        level
    }

    /// Compares the sides, if the left one has come as far as the lane. `logs` are the cursors that belong to these books.
    fn compare(
        &mut self,
        logs: &BTreeMap<String, Mark>,
        surveys: &BTreeMap<String, Survey>,
        now_ms: u64,
    ) -> bool {
        if !self.advance(logs, surveys) {
            return false;
        }
        let open: usize = logs.values().map(|mark| mark.open.len()).sum();
        let right = self.terms.sum() + self.parked + count(open);
        if std::mem::take(&mut self.gap) {
            tracing::warn!(
                "Events were removed from a log by its age before they were counted; the balance goes on without them."
            );
            self.accepted = right + self.last.as_ref().map_or(0, |last| last.difference);
        }
        let ahead: i64 = self.counted.values().map(|counted| counted.ahead).sum();
        self.last = Some(Balance {
            since_ms: self.since_ms,
            at_ms: now_ms,
            logs: self
                .counted
                .iter()
                .map(|(log, counted)| (log.clone(), counted.ahead_to))
                .collect(),
            accepted: self.accepted + ahead,
            delivered: self.terms.delivered,
            filtered: self.terms.filtered,
            refused: self.terms.refused,
            expired: self.terms.expired,
            dead_lettered: self.terms.dead_lettered,
            parked: self.parked,
            pending: count(open) + self.terms.scheduled + ahead,
            difference: self.accepted - right,
        });
        true
    }
}

fn count(events: usize) -> i64 {
    i64::try_from(events).unwrap_or(i64::MAX)
}
