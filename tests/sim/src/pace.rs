//! Whether a receiver is delivered to as slowly as it asked for.
//!
//! A lane that starts again in its process goes on at its pace; one that moves to another process begins anew there. So what
//! counts is what came from one process.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::city::subscription;

const SECOND: Duration = Duration::from_secs(1);
/// Attempts more than the rate that a second may have: what is kept of a tenth of a second, and what was on its way.
const MORE: usize = 3;

/// When what arrived, by receiver and process: the last second.
#[derive(Default)]
pub(crate) struct Paces {
    last: BTreeMap<(String, String), VecDeque<Instant>>,
    /// What came too fast.
    pub(crate) broken: BTreeSet<String>,
    /// Arrivals that were as close as the pace allows.
    pub(crate) held_up: u64,
}

impl Paces {
    pub(crate) fn arrived(&mut self, receiver: &str, process: &str) {
        let Some(rate) = subscription(receiver).and_then(|one| one.rate_per_s) else {
            return;
        };
        let now = Instant::now();
        let last = self
            .last
            .entry((receiver.to_owned(), process.to_owned()))
            .or_default();
        let step = SECOND / rate;
        if last.back().is_some_and(|before| now - *before <= step) {
            self.held_up += 1;
        }
        last.push_back(now);
        while last.front().is_some_and(|first| now - *first >= SECOND) {
            last.pop_front();
        }
        if last.len() > rate as usize + MORE {
            let count = last.len();
            self.broken
                .insert(format!("{count} attempts in a second at {receiver} by {process}"));
        }
    }

    /// What arrived last was left without an answer, at once: the bus sends it again over another connection, as the same
    /// attempt.
    pub(crate) fn left(&mut self, receiver: &str, process: &str) {
        if let Some(last) = self.last.get_mut(&(receiver.to_owned(), process.to_owned())) {
            last.pop_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Paces};

    #[tokio::test(start_paused = true)]
    async fn more_than_its_rate_is_found() {
        let mut paces = Paces::default();
        for _ in 0..20 {
            paces.arrived("stetig", "bus-0-0");
            tokio::time::advance(Duration::from_millis(200)).await;
        }
        assert!(paces.broken.is_empty() && paces.held_up > 10);
        for _ in 0..9 {
            paces.arrived("stetig", "bus-0-1");
        }
        assert_eq!(paces.broken.len(), 1);
    }
}
