//! Cells: small values by key, written with a condition. Cursors, leases and the city's configuration live here.

use std::{pin::Pin, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::BrokerError;

/// The longest cell key, in bytes.
pub const CELL_KEY_BYTES_MAX: usize = 200;
/// The most writes that can be all-or-nothing in one [`Cells::write_all`].
pub const WRITE_ALL_MAX: usize = 1000;

/// A cell that has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: Bytes,
    /// Which write it comes from. Revisions grow within a bucket.
    pub revision: u64,
}

/// The condition of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// None: the last writer wins.
    Any,
    /// The cell has no value: never written, deleted, or expired.
    Absent,
    /// The cell's value is the one of this revision.
    Revision(u64),
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellWrite {
    /// The key: see [`check_cell_key`].
    pub key: String,
    /// The new value; `None` deletes.
    pub value: Option<Bytes>,
    /// What must hold for the write to happen.
    pub expect: Expect,
    /// When the value shall vanish by itself, watchers seeing it as deleted. At least one second; precise to about a
    /// second. Each write sets it anew: a write without it keeps the value for ever.
    pub ttl: Option<Duration>,
}

impl CellWrite {
    /// Writes a value whatever was there.
    #[must_use]
    pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self {
            key: key.into(),
            value: Some(value.into()),
            expect: Expect::Any,
            ttl: None,
        }
    }

    /// Deletes whatever was there.
    #[must_use]
    pub fn delete(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: None,
            expect: Expect::Any,
            ttl: None,
        }
    }

    /// The same write under a condition.
    #[must_use]
    pub const fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// The same write, vanishing after this time.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Whether any adapter may take this write.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] for a bad key or a ttl below one second or on a delete.
    pub fn check(&self) -> Result<(), BrokerError> {
        check_cell_key(&self.key)?;
        match self.ttl {
            Some(ttl) if ttl < Duration::from_secs(1) => Err(BrokerError::Refused(format!(
                "the ttl of cell '{}' is below one second",
                self.key
            ))),
            Some(_) if self.value.is_none() => Err(BrokerError::Refused(format!(
                "the deletion of cell '{}' cannot have a ttl",
                self.key
            ))),
            _ => Ok(()),
        }
    }
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellChange {
    /// The cell has this value now.
    Put(Cell),
    /// The cell has no value any more: deleted or expired.
    Deleted {
        /// Its key.
        key: String,
        /// The revision of the deletion.
        revision: u64,
    },
    /// All values present at the beginning have been given; what follows is change. Given once.
    Level,
}

/// Changes of cells: first the values present, then [`CellChange::Level`], then every change in order of revision.
/// When several writes of one cell come close together only the last may be seen. Survives reconnects; a value can be
/// given again after one, never an older one.
pub type CellStream = Pin<Box<dyn Stream<Item = CellChange> + Send>>;

/// A bucket of cells.
#[async_trait]
pub trait Cells: Send + Sync {
    /// The cell, if it has a value.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn get(&self, key: &str) -> Result<Option<Cell>, BrokerError>;

    /// Writes one cell; answers its revision.
    ///
    /// # Errors
    /// [`BrokerError::Conflict`] when the condition does not hold, [`BrokerError::Unknown`] when it may be written.
    async fn write(&self, write: CellWrite) -> Result<u64, BrokerError>;

    /// Writes all of them or none; answers the revisions in their order. Each key at most once, at most
    /// [`WRITE_ALL_MAX`] writes; more only when none has a condition, and then in several portions.
    ///
    /// # Errors
    /// [`BrokerError::Conflict`] naming the key whose condition does not hold.
    async fn write_all(&self, writes: Vec<CellWrite>) -> Result<Vec<u64>, BrokerError>;

    /// The newest revision that was given in this bucket, whether its value is still there or not; 0 if there was none. It
    /// never goes back.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn last_revision(&self) -> Result<u64, BrokerError>;

    /// The cells whose key begins with `prefix` (any text, empty for all), sorted by key.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn list(&self, prefix: &str) -> Result<Vec<Cell>, BrokerError>;

    /// Watches the cells whose key begins with `prefix` (any text, empty for all).
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    async fn watch(&self, prefix: &str) -> Result<CellStream, BrokerError>;
}

/// Whether this is a cell key: 1 to 200 of `A-Z a-z 0-9 _ . = / -`, dots only between other characters.
///
/// # Errors
/// [`BrokerError::Refused`] when not.
pub fn check_cell_key(key: &str) -> Result<(), BrokerError> {
    let chars = key
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'=' | b'/' | b'-'));
    if chars && key.len() <= CELL_KEY_BYTES_MAX && key.split('.').all(|part| !part.is_empty()) {
        Ok(())
    } else {
        Err(BrokerError::Refused(
            "a cell key is 1 to 200 of A-Z a-z 0-9 _ . = / -, dots only between others".into(),
        ))
    }
}

/// Whether this is a bucket name: 1 to 64 of `A-Z a-z 0-9 _ -`.
///
/// # Errors
/// [`BrokerError::Refused`] when not.
pub fn check_bucket(bucket: &str) -> Result<(), BrokerError> {
    let chars = bucket
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if chars && (1..=64).contains(&bucket.len()) {
        Ok(())
    } else {
        Err(BrokerError::Refused(
            "a bucket name is 1 to 64 of A-Z a-z 0-9 _ -".into(),
        ))
    }
}
