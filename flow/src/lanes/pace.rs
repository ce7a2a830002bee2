//! How fast a subscription is delivered to: attempts in one second.
//!
//! Tokens come evenly and are kept for a tenth of a second, so that a receiver which takes ten in a second never gets
//! two at once, and one that takes a thousand is not waited for one by one.

use std::time::Duration;

use tokio::time::Instant;

/// For how long tokens are kept.
const KEPT: Duration = Duration::from_millis(100);

/// The pace of one lane.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Between two attempts.
    step: Duration,
    /// When the next attempt may begin; it may lie back as long as tokens are kept.
    next: Option<Instant>,
}

impl Pace {
    /// So many attempts in one second.
    pub(super) fn new(rate_per_s: u32) -> Self {
        Self {
            step: Duration::from_secs(1) / rate_per_s.max(1),
            next: None,
        }
    }

    /// Goes on where an earlier one of the same rate stopped.
    pub(super) fn go_on_at(&mut self, before: &Self) {
        if self.step == before.step {
            self.next = before.next;
        }
    }

    /// How many attempts may begin now, `most` at most.
    pub(super) fn room(&self, most: usize, now: Instant) -> usize {
        let Some(next) = self.next else { return most.min(1) };
        let Some(since) = now.checked_duration_since(next) else {
            return 0;
        };
        let tokens = since.min(KEPT).as_nanos() / self.step.as_nanos().max(1);
        usize::try_from(tokens)
            .unwrap_or(most)
            .saturating_add(1)
            .min(most)
    }

    /// So many began.
    pub(super) fn spend(&mut self, count: usize, now: Instant) {
        let earliest = now.checked_sub(KEPT).unwrap_or(now);
        let from = self.next.map_or(now, |next| next.max(earliest));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.next = Some(from + self.step * count);
    }

    /// Waits until one may begin, and begins it.
    pub(super) async fn turn(&mut self) {
        while self.room(1, Instant::now()) == 0
            && let Some(next) = self.next
        {
            tokio::time::sleep_until(next).await;
        }
        self.spend(1, Instant::now());
    }

    /// When the next may begin.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_than_its_rate_and_a_tenth() {
        for rate in [1_u32, 10, 1_000] {
            let mut pace = Pace::new(rate);
            let start = Instant::now();
            let mut begun = 0_usize;
            // Somebody asks every millisecond for as many as there are.
            for ms in 0..5_000 {
                let now = start + Duration::from_millis(ms);
                let room = pace.room(1_000, now);
                pace.spend(room, now);
                begun += room;
            }
            let (least, most) = (5 * rate as usize, 5 * rate as usize + rate as usize / 10 + 1);
            assert!((least..=most).contains(&begun), "{begun} at {rate}");
        }
    }

    #[test]
    fn one_that_starts_again_does_not_begin_its_second_anew() {
        let (start, mut pace) = (Instant::now(), Pace::new(1));
        pace.spend(1, start);
        let mut again = Pace::new(1);
        again.go_on_at(&pace);
        assert_eq!(again.room(1, start + Duration::from_millis(500)), 0);
        assert_eq!(again.room(1, start + Duration::from_secs(1)), 1);
        let mut faster = Pace::new(2);
        faster.go_on_at(&pace);
        assert_eq!(faster.room(1, start), 1, "another rate is another promise");
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_the_rate() {
        let mut pace = Pace::new(50);
        let start = Instant::now();
        for _ in 0..101 {
            pace.turn().await;
        }
        assert!(
            start.elapsed() >= Duration::from_secs(2) - KEPT,
            "{:?}",
            start.elapsed()
        );
        assert!(
            start.elapsed() <= Duration::from_millis(2_100),
            "{:?}",
            start.elapsed()
        );
    }

    #[test]
    fn a_pause_is_not_saved_up() {
        let mut pace = Pace::new(100);
        let start = Instant::now();
        pace.spend(1, start);
        let later = start + Duration::from_secs(60);
        assert_eq!(pace.room(1_000, later), 11);
        pace.spend(11, later);
        assert_eq!(pace.room(1_000, later), 0);
        assert!(pace.next().unwrap() > later);
    }
}
