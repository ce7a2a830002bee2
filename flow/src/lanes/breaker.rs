//! The circuit breaker of one receiver: after so many failures in a row nothing is sent to it for a while. And that of one
//! plugin in one subscription: what it would fail at waits in the log, instead of becoming dead letters one after another.
//!
//! *Promise*: while it is open nothing is attempted, so nothing counts as an attempt and no event uses its attempts up
//! on a receiver that is not there; then one event goes alone, and what becomes of it decides. *Why per subscription*:
//! two subscriptions to one address may differ in all that matters (credential, path, mode), and a failing one must not
//! hold up the other. *Why without a clock*: the caller says what time it is.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Limits, city::Order};

/// How a lane's breaker stands and moves.
#[derive(Debug, Clone)]
pub(super) struct Breaker {
    /// Failures in a row that open it; none do, where it is 0.
    most: u32,
    first: Duration,
    longest: Duration,
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    since_ms: u64,
    until: Instant,
    wait: Duration,
    probing: bool,
}

/// What an operator sees of an open breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Since when it is open, in milliseconds since 1970.
    pub since_ms: u64,
    /// Failures in a row.
    pub failures: u32,
    /// Until the next event is tried; none while that is under way.
    pub next: Option<Duration>,
}

/// A breaker opened or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Whether it is open now.
    pub(crate) open: bool,
    /// When it opened, in milliseconds since 1970.
    pub(crate) since_ms: u64,
    /// Failures in a row, up to the one that opened it, or the last before it closed.
    pub(crate) failures: u32,
}

impl Breaker {
    /// That of a lane. Only the bus's own attempts can fail; those who take events themselves need no breaker.
    pub(super) fn of(order: &Order, limits: &Limits) -> Self {
        Self::within(limits, order.webhook.is_some())
    }

    /// That of a lane's plugin.
    pub(super) fn of_plugin(order: &Order, limits: &Limits) -> Self {
        Self::within(limits, order.transform.is_some())
    }

    fn within(limits: &Limits, is_needed: bool) -> Self {
        let most = if is_needed { limits.breaker_failures_max } else { 0 };
        let delay = Duration::from_millis;
        Self::new(
            most,
            delay(limits.breaker_delay_ms),
            delay(limits.breaker_delay_ms_max),
        )
    }

    pub(super) fn new(most: u32, first: Duration, longest: Duration) -> Self {
        Self {
            most,
            first,
            longest,
            failures: 0,
            open: None,
        }
    }

    /// How many attempts may begin now, `most` at most.
    pub(super) fn room(&self, most: usize, now: Instant) -> usize {
        match &self.open {
            None => most,
            Some(open) if open.probing || now < open.until => 0,
            Some(_) => most.min(1),
        }
    }

    /// Attempts begin.
    pub(super) fn begun(&mut self, count: usize) {
        if let Some(open) = self.open.as_mut().filter(|_| count > 0) {
            open.probing = true;
        }
    }

    /// An attempt failed in a way that says something about the receiver and not about the event.
    pub(super) fn failed(&mut self, now: Instant, now_ms: u64) -> Option<Moved> {
        self.failures = self.failures.saturating_add(1);
        match &mut self.open {
            Some(open) if open.probing => {
                open.probing = false;
                open.wait = (open.wait * 2).min(self.longest);
                open.until = now + open.wait;
                None
            }
            // Of those that were under way when it opened.
            Some(_) => None,
            None if self.most > 0 && self.failures >= self.most => {
                let open = Open {
                    since_ms: now_ms,
                    until: now + self.first,
                    wait: self.first,
                    probing: false,
                };
                self.open = Some(open);
                Some(self.moved(true, open))
            }
            None => None,
        }
    }

    /// The receiver is there: it took an event, or refused that one.
    pub(super) fn answered(&mut self) -> Option<Moved> {
        let moved = self.open.take().map(|open| self.moved(false, open));
        self.failures = 0;
        moved
    }

    /// What was taken came to its end, or back, without an attempt.
    pub(super) fn untried(&mut self) {
        if let Some(open) = &mut self.open {
            open.probing = false;
        }
    }

    fn moved(&self, open: bool, state: Open) -> Moved {
        Moved {
            open,
            since_ms: state.since_ms,
            failures: self.failures,
        }
    }

    /// Whether nothing but one event in a while is tried.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// When an event may be tried that waits for nothing else.
    pub(super) fn next(&self) -> Option<Instant> {
        self.open.filter(|open| !open.probing).map(|open| open.until)
    }

    /// What an operator sees, while it is open.
    pub(super) fn shown(&self, now: Instant) -> Option<Broken> {
        let open = self.open?;
        Some(Broken {
            since_ms: open.since_ms,
            failures: self.failures,
            next: (!open.probing).then(|| open.until.saturating_duration_since(now)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(5);

    #[test]
    fn it_opens_after_failures_in_a_row_and_one_event_decides() {
        let mut breaker = Breaker::new(3, FIRST, FIRST * 3);
        let start = Instant::now();
        assert_eq!(breaker.failed(start, 1), None);
        assert_eq!(breaker.failed(start, 2), None);
        assert_eq!(breaker.answered(), None);
        for ms in 3..5 {
            assert_eq!(breaker.failed(start, ms), None, "not in a row");
        }
        let opened = breaker.failed(start, 5).unwrap();
        assert_eq!((opened.open, opened.since_ms, opened.failures), (true, 5, 3));
        assert_eq!(breaker.failed(start, 6), None, "it was under way");
        assert_eq!(breaker.room(8, start + FIRST / 2), 0);
        assert_eq!(breaker.next(), Some(start + FIRST));

        // Half open: one goes, the others wait for it.
        let mut now = start + FIRST;
        for wait in [FIRST * 2, FIRST * 3, FIRST * 3] {
            assert_eq!(breaker.room(8, now), 1);
            breaker.begun(1);
            assert_eq!((breaker.room(8, now), breaker.next()), (0, None));
            assert_eq!(breaker.failed(now, 7), None);
            assert_eq!(breaker.next(), Some(now + wait), "twice as long, to a bound");
            now += wait;
        }
        breaker.begun(1);
        breaker.untried();
        assert_eq!(breaker.room(8, now), 1, "an event that expired decides nothing");
        breaker.begun(1);
        let closed = breaker.answered().unwrap();
        assert_eq!((closed.open, closed.since_ms), (false, 5));
        assert_eq!((breaker.room(8, now), breaker.shown(now)), (8, None));
    }

    #[test]
    fn without_a_number_it_never_opens() {
        let mut breaker = Breaker::new(0, FIRST, FIRST);
        for _ in 0..100 {
            assert_eq!(breaker.failed(Instant::now(), 1), None);
        }
    }
}
