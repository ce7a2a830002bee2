//! When changes have ended: one save is many steps, and saving everything is many files.

use std::time::{Duration, Instant};

/// So long nothing must have changed. Editors write beside and rename within a few milliseconds.
const QUIET: Duration = Duration::from_millis(40);
/// So long it is waited for that at most: something that never rests must not keep the turn from beginning.
const LONGEST: Duration = Duration::from_secs(1);

/// A time of changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calm {
    first: Instant,
    last: Instant,
}

impl Calm {
    /// It begins with a change now.
    pub(super) fn begin(now: Instant) -> Self {
        Self {
            first: now,
            last: now,
        }
    }

    /// When it began.
    pub(super) fn first(&self) -> Instant {
        self.first
    }

    /// Something changed once more.
    pub(super) fn stir(&mut self, now: Instant) {
        self.last = now;
    }

    /// How long to wait yet; nothing once it is calm.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let quiet = QUIET.saturating_sub(now.saturating_duration_since(self.last));
        let patience = LONGEST.saturating_sub(now.saturating_duration_since(self.first));
        Some(quiet.min(patience)).filter(|left| !left.is_zero())
    }
}
