//! A lane whose receiver is left alone, or whose plugin: it failed too often, or does not consent. One event in a while goes by itself, and
//! what becomes of it decides.

use tokio::time::Instant;

use super::{
    breaker::Moved,
    lane::{Lane, Pause},
};
use crate::{clock, deliver::outcome::Outcome as Answer};

impl Lane {
    /// What an answer says of the receiver; whether that moved its breaker.
    pub(crate) fn answered(&self, answer: &Answer) -> Option<Moved> {
        let mut state = self.state();
        state.consent.untried();
        let moved = match answer {
            Answer::Retry { .. } => state.breaker.failed(Instant::now(), clock::millis_now()),
            // Whoever refuses an event is there.
            Answer::Delivered { .. } | Answer::Refused { .. } | Answer::Gone => state.breaker.answered(),
        };
        drop(state);
        self.work.notify_waiters();
        moved
    }

    /// An event that was taken comes to its end, or back, without an attempt.
    pub(crate) fn untried(&self) {
        let mut state = self.state();
        state.breaker.untried();
        state.consent.untried();
        state.plugin.untried();
    }

    /// Whether the plugin was at fault over an event; whether that moved its breaker.
    pub(crate) fn transformed(&self, is_fault: bool) -> Option<Moved> {
        let mut state = self.state();
        let moved = match is_fault {
            true => state.plugin.failed(Instant::now(), clock::millis_now()),
            false => state.plugin.answered(),
        };
        drop(state);
        if moved.is_some() {
            self.work.notify_waiters();
        }
        moved
    }

    /// Whether the receiver lets an event come that was taken; whether that moved anything.
    pub(crate) fn consented(&self, given: bool) -> Option<Moved> {
        let mut state = self.state();
        if given {
            return state.consent.answered();
        }
        state.breaker.untried();
        state.consent.failed(Instant::now(), clock::millis_now())
    }

    /// Why the lane stands still, if it does: it was told to, or its receiver does not consent.
    #[must_use]
    pub fn standstill(&self) -> Option<Pause> {
        self.state().standstill()
    }
}
