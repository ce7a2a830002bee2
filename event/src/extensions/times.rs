//! `expirytime` and `recordedtime`.

use crate::error::EventError;
use crate::event::Event;
use crate::instant;

/// A timestamp, as spelled; ordered by the instants named.
#[derive(Clone, Copy, Debug)]
pub struct Time<'a> {
    text: &'a str,
    /// Seconds and nanoseconds since 1970.
    instant: (i64, i32),
}

impl<'a> Time<'a> {
    /// For text that is checked.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            instant: instant::nearest(text).unwrap_or_default(),
        }
    }

    /// As spelled, RFC 3339.
    #[must_use]
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether it names the same instant or a later one. A leap second is the second after it; what is finer than a
    /// nanosecond is not looked at.
    #[must_use]
    pub fn is_at_or_after(&self, other: &Self) -> bool {
        self.instant >= other.instant
    }

    fn is_at_or_before(&self, now: jiff::Timestamp) -> bool {
        let (mut seconds, mut nanos) = (now.as_second(), now.subsec_nanosecond());
        // Before 1970 jiff counts both parts down from zero.
        if nanos < 0 {
            seconds = seconds.saturating_sub(1);
            nanos = nanos.saturating_add(1_000_000_000);
        }
        self.instant <= (seconds, nanos)
    }
}

/// The extension `expirytime`: after this time the event is of no use. Those on the way may drop it then, and may change
/// the time, but never remove it.
#[derive(Clone, Copy, Debug)]
pub struct ExpiryTime<'a> {
    /// The time.
    pub at: Time<'a>,
}

impl<'a> ExpiryTime<'a> {
    /// Reads `expirytime`.
    ///
    /// # Errors
    /// SB-1114 where it is not a timestamp.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        Ok(super::time(event, "expirytime")?.map(|at| Self { at }))
    }

    /// Whether the event need not be delivered any more: the time is now or has been.
    #[must_use]
    pub fn has_passed(&self, now: jiff::Timestamp) -> bool {
        self.at.is_at_or_before(now)
    }
}

/// The extension `recordedtime`: when the occurrence was recorded in this event. Nobody on the way changes it.
#[derive(Clone, Copy, Debug)]
pub struct RecordedTime<'a> {
    /// The time.
    pub at: Time<'a>,
}

impl<'a> RecordedTime<'a> {
    /// Reads `recordedtime`.
    ///
    /// # Errors
    /// SB-1114 where it is not a timestamp.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        Ok(super::time(event, "recordedtime")?.map(|at| Self { at }))
    }
}
