//! Moments as answers name them.

use std::time::{Duration, SystemTime};

/// RFC 3339 in UTC, with milliseconds.
pub(super) fn rfc3339(ms: u64) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}
