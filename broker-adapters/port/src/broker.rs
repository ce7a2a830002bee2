//! The broker as the flow sees it.

use std::{pin::Pin, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use futures_util::Stream;
use tokio::sync::watch;

use crate::{
    Appended, Blobs, BrokerError, Cells, Entry, Health, LogName, LogSpec, LogState, Position, Proof,
    ReadOptions, Record,
};

/// Records in order of position, each once, without gap but for removed records.
///
/// It never ends by itself: behind it the adapter reconnects and goes on after the last record it gave. It ends after
/// [`Broker::close`]. Reading slowly is allowed and holds a bounded amount of memory.
pub type RecordStream = Pin<Box<dyn Stream<Item = Record> + Send>>;

/// A broker. All calls may be made from any number of tasks; each ends within the adapter's deadline.
#[async_trait]
pub trait Broker: Send + Sync + 'static {
    /// What the broker can show about its version and durability, asked anew on each call.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`] when it cannot be asked.
    async fn proof(&self) -> Result<Proof, BrokerError>;

    /// Whether the broker can be used; changes as it changes.
    fn health(&self) -> watch::Receiver<Health>;

    /// Creates the log, or changes its limits to these. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] when the subjects overlap with another log or the broker cannot change a limit.
    async fn ensure_log(&self, spec: &LogSpec) -> Result<(), BrokerError>;

    /// Appends one entry and returns when it is durable. Concurrent calls share the cost of durability.
    ///
    /// Two appends of which the second was called after the first had been answered are stored in that order; those
    /// called at the same time in any order.
    ///
    /// # Errors
    /// [`BrokerError::Unknown`] when it may be stored; every other error means that it is not.
    async fn append(&self, log: &LogName, entry: Entry) -> Result<Appended, BrokerError>;

    /// Appends several entries, each by itself: one may fail and another succeed. Answers are in the order of the
    /// entries, and entries that are stored are stored in that order unless one had to be repeated after an error.
    async fn append_all(&self, log: &LogName, entries: Vec<Entry>) -> Vec<Result<Appended, BrokerError>>;

    /// Reads a log.
    ///
    /// # Errors
    /// [`BrokerError::NotFound`] when there is no such log. Once the stream is returned, trouble is the adapter's.
    async fn read(&self, log: &LogName, options: ReadOptions) -> Result<RecordStream, BrokerError>;

    /// The record at this position, or `None` when there is none (any more, or yet).
    ///
    /// # Errors
    /// [`BrokerError::NotFound`] when there is no such log.
    async fn get(&self, log: &LogName, position: Position) -> Result<Option<Record>, BrokerError>;

    /// Removes the record at this position, for good. Removing what is not there is no error.
    ///
    /// # Errors
    /// [`BrokerError::NotFound`] when there is no such log.
    async fn remove(&self, log: &LogName, position: Position) -> Result<(), BrokerError>;

    /// What the log holds.
    ///
    /// # Errors
    /// [`BrokerError::NotFound`] when there is no such log.
    async fn state(&self, log: &LogName) -> Result<LogState, BrokerError>;

    /// Stores an entry that appears on `target_subject` of the same log at `at` (at once when that is past), without
    /// its message id. There is one schedule per `key_subject`, a second call replaces the first. `entry.subject` is
    /// ignored; `entry.message_id` makes repeats of this call safe. The waiting schedule itself is a record on
    /// `key_subject`, which must be one of the log's subjects, and disappears when it fires.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] when the log was made without schedules; otherwise as [`Broker::append`].
    async fn schedule(
        &self,
        log: &LogName,
        at: SystemTime,
        key_subject: &str,
        target_subject: &str,
        entry: Entry,
    ) -> Result<Appended, BrokerError>;

    /// The cells of this bucket (`[A-Za-z0-9_-]`, 1 to 64), which is created when absent.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] for a bad name.
    async fn cells(&self, bucket: &str) -> Result<Arc<dyn Cells>, BrokerError>;

    /// The blobs of this bucket (`[A-Za-z0-9_-]`, 1 to 64), which is created when absent.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] for a bad name.
    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, BrokerError>;

    /// Finishes the appends under way, ends the readers and disconnects. Later calls are refused as unavailable.
    async fn close(&self);
}
