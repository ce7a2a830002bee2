//! What happened, line by line with its simulated time, and a hash of all of it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

struct Kept {
    began: Instant,
    hash: Sha256,
    count: u64,
    shown: bool,
}

/// The trace of one run. Clones share it.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Mutex<Kept>>);

impl Trace {
    pub(crate) fn new(shown: bool) -> Self {
        Self(Arc::new(Mutex::new(Kept {
            began: Instant::now(),
            hash: Sha256::new(),
            count: 0,
            shown,
        })))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something that happened now.
    pub(crate) fn note(&self, what: fmt::Arguments<'_>) {
        let mut kept = self.kept();
        let line = format!("{:>9.3} {what}", kept.began.elapsed().as_secs_f64());
        kept.hash.update(line.as_bytes());
        kept.hash.update([0]);
        kept.count += 1;
        if kept.shown {
            println!("{line}");
        }
    }

    /// The hash of everything noted, and how much that was.
    pub(crate) fn hash(&self) -> (String, u64) {
        let kept = self.kept();
        let digest = kept.hash.clone().finalize();
        let hex = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        (hex, kept.count)
    }
}
