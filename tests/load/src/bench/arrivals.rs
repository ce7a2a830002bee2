//! When each event was due and when it came: a table by the event's number, which both ends write to.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::Latencies;
use tokio::sync::Semaphore;

/// The table of one run.
#[derive(Debug)]
pub(crate) struct Arrivals {
    zero: Instant,
    first: u64,
    due_micros: Vec<AtomicU32>,
    at_micros: Vec<AtomicU32>,
    arrived: AtomicU64,
    repeated: AtomicU64,
    foreign: AtomicU64,
    /// One permit per event that may still be sent; given back when it arrives.
    pub(crate) room: Semaphore,
}

const WAIT_STEP: Duration = Duration::from_millis(2);

impl Arrivals {
    /// For the numbers `first..first + count`.
    pub(crate) fn new(first: u64, count: usize) -> Self {
        let column = || std::iter::repeat_with(AtomicU32::default).take(count).collect();
        Self {
            zero: Instant::now(),
            first,
            due_micros: column(),
            at_micros: column(),
            arrived: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            foreign: AtomicU64::new(0),
            room: Semaphore::new(0),
        }
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first)?).ok()
    }

    /// Micros since the table was made, never 0, which stands for "not yet".
    fn micros(&self, at: Instant) -> u32 {
        let micros = at.saturating_duration_since(self.zero).as_micros();
        u32::try_from(micros).unwrap_or(u32::MAX).max(1)
    }

    pub(crate) fn due(&self, number: u64, at: Instant) {
        if let Some(cell) = self.index(number).and_then(|index| self.due_micros.get(index)) {
            cell.store(self.micros(at), Relaxed);
        }
    }

    /// Notes an arrival; says how long after it was due, if it was and this is the first time.
    pub(crate) fn arrive(&self, number: u64) {
        let Some(cell) = self.index(number).and_then(|index| self.at_micros.get(index)) else {
            self.foreign.fetch_add(1, Relaxed);
            return;
        };
        if cell.swap(self.micros(Instant::now()), Relaxed) == 0 {
            self.arrived.fetch_add(1, Relaxed);
            self.room.add_permits(1);
        } else {
            self.repeated.fetch_add(1, Relaxed);
        }
    }

    /// How long ago a number was due; for events that arrive at more than one place.
    pub(crate) fn since_due(&self, number: u64) -> Option<Duration> {
        let due = self.due_micros.get(self.index(number)?)?.load(Relaxed);
        let now = self.micros(Instant::now());
        (due > 0).then(|| Duration::from_micros(u64::from(now.saturating_sub(due))))
    }

    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Relaxed)
    }

    /// Arrivals that nobody sent.
    pub(crate) fn foreign(&self) -> u64 {
        self.foreign.load(Relaxed)
    }

    /// Arrivals of what had arrived before.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated.load(Relaxed)
    }

    /// Waits until `count` different events have arrived.
    pub(crate) async fn wait_for(&self, count: u64, within: Duration) -> Outcome<()> {
        let until = Instant::now() + within;
        while self.arrived() < count {
            if Instant::now() > until {
                return Err(Failure::new(format!(
                    "{} of {count} events had arrived after {} s",
                    self.arrived(),
                    within.as_secs()
                )));
            }
            tokio::time::sleep(WAIT_STEP).await;
        }
        Ok(())
    }

    /// From due to arrival, of everything that has both.
    pub(crate) fn latencies(&self) -> Latencies {
        let mut latencies = Latencies::with_capacity(self.at_micros.len());
        for (due, at) in self.due_micros.iter().zip(&self.at_micros) {
            let (due, at) = (due.load(Relaxed), at.load(Relaxed));
            if due > 0 && at > 0 {
                latencies.push(Duration::from_micros(u64::from(at.saturating_sub(due))));
            }
        }
        latencies
    }
}

/// Finds the number of an event in its bytes. It stands in the same place in all events of a run, so the place of the
/// first one is tried before anything is searched.
#[derive(Debug, Default)]
pub(crate) struct NumberFinder {
    place: AtomicUsize,
}

const NUMBER_KEY: &[u8] = b"\"nr\":\"";
const NUMBER_DIGITS: usize = 10;

impl NumberFinder {
    pub(crate) fn find(&self, event: &[u8]) -> Option<u64> {
        let place = self.place.load(Relaxed);
        if let Some(number) = number_at(event, place) {
            return Some(number);
        }
        let found = event
            .windows(NUMBER_KEY.len())
            .position(|part| part == NUMBER_KEY)?;
        self.place.store(found, Relaxed);
        number_at(event, found)
    }
}

fn number_at(event: &[u8], place: usize) -> Option<u64> {
    let digits = event
        .get(place..)?
        .strip_prefix(NUMBER_KEY)?
        .get(..NUMBER_DIGITS)?;
    digits.iter().try_fold(0, |number: u64, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u64::from(byte - b'0'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Arrivals, NumberFinder};
    use std::time::Instant;

    #[test]
    fn the_number_is_found_where_it_was_and_where_it_moved() {
        let finder = NumberFinder::default();
        for (event, number) in [
            (r#"{"nr":"0000000012"}"#, Some(12)),
            (r#"{"nr":"0000000013"}"#, Some(13)),
            (r#"{"id":"x","nr":"0000000014"}"#, Some(14)),
            (r#"{"nr":"000000001x"}"#, None),
            ("{}", None),
        ] {
            assert_eq!(finder.find(event.as_bytes()), number, "{event}");
        }
    }

    #[test]
    fn arrivals_count_each_event_once() {
        let arrivals = Arrivals::new(10, 3);
        arrivals.due(11, Instant::now());
        for number in [10, 11, 11, 13, 9] {
            arrivals.arrive(number);
        }
        assert_eq!(
            (arrivals.arrived(), arrivals.repeated(), arrivals.foreign()),
            (2, 1, 2)
        );
        assert_eq!(arrivals.latencies().len(), 1);
        assert_eq!(arrivals.room.available_permits(), 2);
    }
}
