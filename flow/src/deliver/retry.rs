//! When to try again.
//!
//! Exponential backoff, so that a receiver in trouble is left in peace, and jitter, so that all who wait for it do
//! not return in the same moment. What the receiver asks for by `Retry-After` is heeded, up to the bound the
//! subscription sets: a receiver must not be able to park an event for ever.

use std::time::Duration;

use stadtbus_contracts::Delivery;

#[cfg(test)]
mod tests;

/// When and how often to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts_max: u32,
    /// The delay after the first attempt.
    pub first_delay: Duration,
    /// No delay is longer, whoever asks for it.
    pub delay_max: Duration,
    /// By how much each delay is longer than the one before.
    pub factor: f64,
    /// By which share a delay may be shorter or longer, 0 to 1.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::from(&Delivery::default())
    }
}

impl From<&Delivery> for RetryPolicy {
    fn from(delivery: &Delivery) -> Self {
        Self {
            attempts_max: delivery.attempts_max,
            first_delay: Duration::from_millis(delivery.first_delay_ms),
            delay_max: Duration::from_millis(delivery.delay_ms_max),
            factor: 2.0,
            jitter: 0.2,
        }
    }
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The next attempt, so long from now.
    RetryIn(Duration),
    /// No further attempt (`SB-3008`).
    Exhausted,
}

impl RetryPolicy {
    /// What follows attempt number `attempt` (the first is 1), which failed. `retry_after` is what the receiver asked
    /// for: never less, and only later by the jitter.
    #[must_use]
    pub fn next(&self, attempt: u32, retry_after: Option<Duration>, rng: &mut fastrand::Rng) -> Decision {
        if attempt >= self.attempts_max {
            return Decision::Exhausted;
        }
        let jitter = if self.jitter.is_finite() {
            self.jitter.clamp(0.0, 1.0)
        } else {
            0.0
        };
        let backoff = self.backoff(attempt);
        let spread = 1.0 + jitter * (2.0 * rng.f64() - 1.0);
        let asked = retry_after.unwrap_or_default().min(self.delay_max);
        let asked = asked.mul_f64(1.0 + jitter * rng.f64());
        Decision::RetryIn(backoff.mul_f64(spread).max(asked).min(self.delay_max))
    }

    /// The delay after this attempt without jitter.
    fn backoff(&self, attempt: u32) -> Duration {
        let steps = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.first_delay.as_secs_f64() * self.factor.max(1.0).powi(steps);
        let longest = self.delay_max.as_secs_f64();
        // Beyond any number there is (infinity, or zero times it) the bound holds.
        if seconds.is_finite() && seconds < longest {
            Duration::try_from_secs_f64(seconds).unwrap_or(self.delay_max)
        } else {
            self.delay_max
        }
    }
}
