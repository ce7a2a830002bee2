//! The byte limit of logs with schedules, kept here because the server will not.
//!
//! JetStream refuses schedules on a stream that discards new messages when full, and one that discards old ones would
//! drop what was acknowledged. So such a stream has no limit of its own; the limit is kept in its metadata, where every
//! process finds it, and appends are refused here when the log has reached it. It is soft: what several processes
//! append within the same few seconds can exceed it. The server's `max_file_store` stays the hard one.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use stadtbus_broker::{BrokerError, LogName};

use crate::link::Link;

/// The name of the limit in a stream's metadata.
pub(crate) const METADATA: &str = "stadtbus-bytes-max";
/// How long an answer of the server is good while there seems to be room.
const FRESH: Duration = Duration::from_secs(5);
/// And while there seems to be none.
const FRESH_WHEN_FULL: Duration = Duration::from_millis(100);
/// What a message weighs on disk besides its parts, about.
const OVERHEAD_BYTES: u64 = 32;

#[derive(Debug)]
pub(crate) struct SoftLimit {
    bytes_max: u64,
    /// What the server said last, and what was appended here since.
    bytes: AtomicU64,
    asked: Mutex<Option<Instant>>,
}

impl SoftLimit {
    pub(crate) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            bytes: AtomicU64::new(0),
            asked: Mutex::new(None),
        })
    }

    fn lacks(&self, bytes: u64) -> bool {
        self.bytes.load(Ordering::Relaxed).saturating_add(bytes) > self.bytes_max
    }

    /// Whether the server should be asked again; says so to one caller at a time.
    fn stale(&self, bytes: u64) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = if self.lacks(bytes) { FRESH_WHEN_FULL } else { FRESH };
        let stale = asked.is_none_or(|at| at.elapsed() > fresh);
        if stale {
            *asked = Some(Instant::now());
        }
        stale
    }

    /// Whether there is room for so many bytes, which are then counted.
    pub(crate) async fn take(&self, link: &Link, log: &LogName, bytes: usize) -> Result<(), BrokerError> {
        let bytes = bytes as u64 + OVERHEAD_BYTES;
        if self.stale(bytes) {
            self.bytes.store(link.state(log).await?.bytes, Ordering::Relaxed);
        }
        if self.lacks(bytes) {
            return Err(BrokerError::Full(format!(
                "log {log} is at its limit of {} bytes",
                self.bytes_max
            )));
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}
