//! One clock for everything, following tokio's so that a paused test clock moves stored times as well.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    system: SystemTime,
    steady: Instant,
}

/// A moment on both scales: steady for distances, system for what readers see.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) system: SystemTime,
    pub(crate) steady: Instant,
}

impl Clock {
    pub(crate) fn start(system: SystemTime) -> Self {
        Self {
            system,
            steady: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        let steady = Instant::now();
        Now {
            steady,
            system: self.system + steady.saturating_duration_since(self.steady),
        }
    }
}

impl Now {
    /// The steady moment of a system time; past times are now.
    pub(crate) fn steady_at(&self, at: SystemTime) -> Instant {
        let far = Duration::from_secs(60 * 60 * 24 * 365 * 30);
        self.steady + at.duration_since(self.system).unwrap_or_default().min(far)
    }
}
