//! Many times in little room: how often each occurred, to within three per cent, whatever their number.

use std::time::Duration;

/// Steps between a power of two and the next.
const STEPS: usize = 32;
/// Powers of two of nanoseconds; what takes longer than four hours counts as that.
const POWERS: usize = 40;

/// Times, counted by their size.
#[derive(Debug, Clone)]
pub(super) struct Times {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            counts: vec![0; STEPS * POWERS],
            total: 0,
        }
    }
}

impl Times {
    /// Counts one.
    pub(super) fn add(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(slot(nanos)) {
            *count = count.saturating_add(1);
        }
        self.total = self.total.saturating_add(1);
    }

    /// Counts those of another.
    pub(super) fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        self.total = self.total.saturating_add(other.total);
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.total
    }

    /// The time that `per_cent` of them do not exceed, in microseconds; 0 if there are none.
    pub(super) fn micros(&self, per_cent: u64) -> f64 {
        let wanted = self.total.saturating_mul(per_cent).div_ceil(100).max(1);
        let mut below = 0_u64;
        for (slot, count) in self.counts.iter().enumerate() {
            below = below.saturating_add(*count);
            if below >= wanted {
                return middle(slot) / 1_000.0;
            }
        }
        0.0
    }
}

/// Below `STEPS` one slot for each nanosecond; from there `STEPS` for each power of two.
fn slot(nanos: u64) -> usize {
    let steps = STEPS as u64;
    let bits = STEPS.trailing_zeros();
    let shift = (u64::BITS.saturating_sub(nanos.leading_zeros())).saturating_sub(bits.saturating_add(1));
    let inside = (nanos >> shift) % steps;
    let power = if nanos < steps {
        0
    } else {
        u64::from(shift).saturating_add(1)
    };
    let slot = power.saturating_mul(steps).saturating_add(inside);
    usize::try_from(slot)
        .unwrap_or(usize::MAX)
        .min((STEPS * POWERS).saturating_sub(1))
}

/// The middle of what a slot stands for, in nanoseconds.
fn middle(slot: usize) -> f64 {
    let (power, inside) = (slot / STEPS, slot % STEPS);
    if power == 0 {
        return inside as f64;
    }
    let width = 2_f64.powi(i32::try_from(power).unwrap_or(i32::MAX).saturating_sub(1));
    ((STEPS + inside) as f64 + 0.5) * width
}
