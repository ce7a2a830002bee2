//! When a canary stops by itself.

use serde::{Deserialize, Serialize};

use super::tally::Counts;

/// Calls of each version before their times are compared: the first ones pay for warming up.
const CALLS_MIN: u64 = 50;
/// Times that lie less apart than this are not compared, in microseconds: a ratio of next to nothing says nothing.
const MICROS_APART_MIN: u64 = 1_000;

/// When a canary stops by itself. The default is what ships.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Failures, or differences, below this number stop nothing.
    pub failures_min: u32,
    /// Stops when more of the canary's events than this failed in the new version and not in the old one, in percent.
    pub error_percent_max: f64,
    /// Stops when the new version takes more than so many times the time of the old one, on average; 0: never.
    pub latency_ratio_max: f64,
    /// Stops when more of the canary's events than this come out differently, in percent. Then both versions run for each of
    /// them. Without it a difference stops nothing: most new versions are meant to make one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference_percent_max: Option<f64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            failures_min: 3,
            error_percent_max: 1.0,
            latency_ratio_max: 4.0,
            difference_percent_max: None,
        }
    }
}

impl Policy {
    /// Why a canary with these counts has to stop, if it has to.
    #[must_use]
    pub fn judge(&self, counts: &Counts) -> Option<String> {
        let least = u64::from(self.failures_min.max(1));
        if counts.failed >= least && percent(counts.failed, counts.taken) > self.error_percent_max {
            return Some(format!(
                "error rate: {} of {} events failed in the new version and not in the old one",
                counts.failed, counts.taken
            ));
        }
        if let Some(most) = self.difference_percent_max
            && counts.different >= least
            && percent(counts.different, counts.compared) > most
        {
            return Some(format!(
                "difference: {} of {} events come out differently",
                counts.different, counts.compared
            ));
        }
        let (old, new) = (&counts.old, &counts.new);
        if self.latency_ratio_max > 0.0 && old.calls >= CALLS_MIN && new.calls >= CALLS_MIN {
            let (old, new) = (old.mean_us(), new.mean_us());
            let apart = new.saturating_sub(old) >= MICROS_APART_MIN;
            #[allow(clippy::cast_precision_loss, reason = "times of calls are small")]
            let slower = new as f64 > old.max(1) as f64 * self.latency_ratio_max;
            if apart && slower {
                return Some(format!("latency: {new} µs for each event, {old} µs before"));
            }
        }
        None
    }
}

/// `part` of `all` in percent; all of them where there is nothing to be part of.
fn percent(part: u64, all: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2⁵²")]
    let (part, all) = (part as f64, all.max(part).max(1) as f64);
    part * 100.0 / all
}
