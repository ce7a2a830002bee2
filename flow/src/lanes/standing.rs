//! Where a lane's events stand, for journeys and operators.

use std::time::Duration;

use stadtbus_broker::{LogName, Position};
use tokio::time::Instant;

use super::{
    breaker::Broken,
    item::{AttemptNote, Item},
    lane::{Hang, Lane, Pause},
    parked::Stop,
    settled::Fact,
    watch::Watch,
};

use crate::clock;

impl Lane {
    /// What became of an event, as far as it is not written down yet.
    #[must_use]
    pub fn unwritten(&self, log: &LogName, position: Position) -> Vec<Fact> {
        let about = |fact: &&Fact| fact.position == position && fact.log == *log;
        self.state().facts.iter().filter(about).cloned().collect()
    }

    /// Where an event of this lane stands that is not settled yet.
    #[must_use]
    pub fn standing(&self, log: &LogName, position: Position) -> Option<Standing> {
        let state = self.state();
        let at = |item: &&Item| item.logged.position == position && item.logged.log == *log;
        if let Some(waiting) = state.waiting.iter().find(|waiting| at(&&waiting.item)) {
            let next = waiting.at.saturating_duration_since(Instant::now());
            return Some(Standing::Waiting {
                attempts: waiting.item.attempts,
                next,
                notes: waiting.item.notes.clone(),
            });
        }
        if state.queue.iter().any(|item| at(&item)) || state.ready.iter().any(|item| at(&item)) {
            return Some(Standing::Queued);
        }
        if state.window.holds(log, position) {
            return Some(Standing::HandedOut);
        }
        if let Some(line) = state.keys.parked_line(log, position) {
            let stop = line.stop.clone().filter(|_| !line.is_under_way());
            return Some(Standing::Parked {
                stop: stop.map(Box::new),
            });
        }
        if state.keys.holds(log, position) {
            return Some(Standing::Behind);
        }
        let (cursor, _) = state.hangs.get(log)?;
        if cursor.is_open(position) {
            Some(Standing::UnderWay)
        } else if position > cursor.seen() {
            Some(Standing::NotYetRead)
        } else {
            None
        }
    }

    /// Figures for operators.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let state = self.state();
        let oldest = state
            .queue
            .iter()
            .take(1)
            .chain(state.ready.iter().take(1))
            .chain(state.waiting.iter().map(|waiting| &waiting.item))
            .map(|item| item.logged.provenance.accepted)
            .min();
        Figures {
            queued: state.queue.len() + state.ready.len() + state.keys.held(),
            waiting: state.waiting.len(),
            parked: state.keys.parked(),
            parked_keys: state.keys.resting().count(),
            leased: state.leases.len() + state.window.len(),
            open: state
                .hangs
                .values()
                .map(|(cursor, _)| cursor.open_count())
                .sum::<usize>()
                + state.due_open.len(),
            oldest_age: oldest
                .and_then(|at| clock::now().duration_since(at).ok())
                .unwrap_or_default(),
            seen: state
                .hangs
                .iter()
                .map(|(log, (cursor, hang))| (log.clone(), cursor.seen(), *hang == Hang::Level))
                .collect(),
            breaker: state.breaker.shown(Instant::now()),
            plugin_breaker: state.plugin.shown(Instant::now()),
            paused: state.standstill(),
            watch: state.watch.clone(),
        }
    }
}

/// Where an unsettled event stands in its lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The lane has not come that far.
    NotYetRead,
    /// In the queue.
    Queued,
    /// In the log of parked events; why its key does not move on, if it does not.
    Parked {
        /// Why.
        stop: Option<Box<Stop>>,
    },
    /// Waits until an earlier event of its key has come to its end.
    Behind,
    /// Handed to the reader of the feed, which has not confirmed it.
    HandedOut,
    /// Being carried, or leased by a receiver.
    UnderWay,
    /// Failed, and waiting for its next attempt.
    Waiting {
        /// Attempts made.
        attempts: u32,
        /// Until the next one.
        next: Duration,
        /// The failed attempts.
        notes: Vec<AttemptNote>,
    },
}

/// Figures of one lane.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Events ready to be carried or pulled.
    pub queued: usize,
    /// Events waiting for a retry inside the lane.
    pub waiting: usize,
    /// Events in the log of parked events.
    pub parked: usize,
    /// Keys of which something stands there.
    pub parked_keys: usize,
    /// Events leased by a receiver, or handed to a reader that has not confirmed them.
    pub leased: usize,
    /// Events offered and not settled.
    pub open: usize,
    /// Age of the oldest of them since acceptance.
    pub oldest_age: Duration,
    /// For each log: position seen, and whether the lane is level with the shared reader.
    pub seen: Vec<(LogName, Position, bool)>,
    /// Its receiver's breaker, while it is open.
    pub breaker: Option<Broken>,
    /// Its plugin's, while it is open.
    pub plugin_breaker: Option<Broken>,
    /// Why the lane stands still, if it does.
    pub paused: Option<Pause>,
    /// What it remembers of its matches.
    pub watch: Watch,
}
