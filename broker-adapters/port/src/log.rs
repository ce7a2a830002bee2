//! The log: its name, its limits and the ways to read it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{BrokerError, Position};

/// The longest log name.
const LOG_NAME_BYTES_MAX: usize = 64;

/// The name of a log: 1 to 64 of `A-Z 0-9 _ -`, for example `LOG_NGN`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName(Arc<str>);

impl LogName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] when it breaks the rule above.
    pub fn new(name: &str) -> Result<Self, BrokerError> {
        let fine = !name.is_empty()
            && name.len() <= LOG_NAME_BYTES_MAX
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if fine {
            Ok(Self(name.into()))
        } else {
            Err(BrokerError::Refused(
                "a log name is 1 to 64 characters of A-Z, 0-9, '_' and '-'".into(),
            ))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a log is to be. Given again with other limits, it changes the log in place; records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSpec {
    /// Its name.
    pub name: LogName,
    /// The subjects it takes, NATS wildcards (`*`, `>`) allowed. No two logs may overlap.
    pub subjects: Vec<String>,
    /// How much it may hold, in bytes. When reached, appends are answered with [`BrokerError::Full`];
    /// old records are never dropped to make room. `None`: only the broker's own limit.
    pub bytes_max: Option<u64>,
    /// How long records are kept. `None`: for ever.
    pub age_max: Option<Duration>,
    /// How long message ids are remembered. At least the caller's whole retry horizon; adapters clamp it to `age_max`.
    pub duplicate_window: Duration,
    /// Whether [`crate::Broker::schedule`] may be used on it.
    pub schedules: bool,
}

impl LogSpec {
    /// A log for these subjects without limits of size or age, remembering message ids for two minutes.
    #[must_use]
    pub fn new(name: LogName, subjects: Vec<String>) -> Self {
        Self {
            name,
            subjects,
            bytes_max: None,
            age_max: None,
            duplicate_window: Duration::from_secs(120),
            schedules: false,
        }
    }
}

/// What a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogState {
    /// The first position still there; `last + 1` when the log is empty.
    pub first: Position,
    /// The last position ever given; 0 in a log that never had a record.
    pub last: Position,
    /// How many records are there.
    pub count: u64,
    /// What they weigh on the broker's storage, in bytes.
    pub bytes: u64,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// At this position or the next one present. 0 and 1 both mean the beginning.
    Position(Position),
    /// At the first record stored at or after this time.
    Time(SystemTime),
    /// After the last record at the moment of the call.
    New,
}

/// How to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Where to begin.
    pub from: ReadFrom,
    /// Only records whose subject matches; NATS wildcards allowed.
    pub subject: Option<String>,
    /// Leave the payloads on the broker.
    pub headers_only: bool,
}

impl ReadOptions {
    /// Everything from here on.
    #[must_use]
    pub const fn from(from: ReadFrom) -> Self {
        Self {
            from,
            subject: None,
            headers_only: false,
        }
    }

    /// The same, for matching subjects only.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }
}
