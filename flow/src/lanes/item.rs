//! What travels in a lane: one event on its way to one subscription.

use std::{cmp::Ordering, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
use stadtbus_broker::Position;
use stadtbus_event::extensions::ExpiryTime;

use super::keys::Key;
use crate::{clock, deliver::dead_letter::Edits, log::Logged, rollout::Ran};

/// Most attempts remembered one by one, as many as a subscription may allow; older ones are only counted.
pub const ATTEMPTS_KEPT_MAX: usize = 100;
/// Most attempts of which the answer is kept, the last ones.
const ANSWERS_KEPT_MAX: usize = 16;

/// One attempt at a delivery, as remembered for the journey and for a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptNote {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Why it failed, `SB-30xx` or `SB-41xx`.
    pub code: String,
    /// What happened, without payload.
    pub detail: String,
    /// The receiver's status, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of what it answered, cleaned. It may repeat what the event said: it goes with the event, and into no
    /// settle fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Where in the plugin it failed. Like the answer it goes with the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<Box<str>>,
}

impl AttemptNote {
    /// An attempt that failed just now, without an answer.
    #[must_use]
    pub fn now(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            at_ms: clock::millis_now(),
            code: code.into(),
            detail: detail.into(),
            status: None,
            answer: None,
            backtrace: None,
        }
    }

    /// The same without what the receiver said, and without the plugin's backtrace.
    #[must_use]
    pub(super) fn without_answer(self) -> Self {
        Self {
            answer: None,
            backtrace: None,
            ..self
        }
    }
}

/// One event of one lane.
#[derive(Debug, Clone)]
pub struct Item {
    /// The event.
    pub logged: Arc<Logged>,
    /// Set when a scheduled retry owns the event: its position in the retry log. The lane's cursor has moved
    /// on already; settling removes that record.
    pub due: Option<Position>,
    /// What it must not overtake, where its subscription asks for order.
    pub key: Option<Key>,
    /// Set when the log of parked events owns the event: the position of its record there. Settling removes that record.
    pub parked: Option<Position>,
    /// What was done to it after it was given up, if it was edited.
    pub edited: Option<Arc<Edits>>,
    /// How many attempts were made.
    pub attempts: u32,
    /// The last attempts.
    pub notes: Vec<AttemptNote>,
    /// Its outputs may stand in a log already: then it may not expire any more, or the state of its plugin would not know
    /// what was published.
    pub(crate) begun: bool,
    /// When a scheduled retry will try again, in milliseconds since 1970.
    pub next_ms: Option<u64>,
    /// Which version of the plugin it went through last, where a rollout decided that.
    pub(crate) ran: Option<Arc<Ran>>,
    /// When the event entered the lane, for the age that operators watch.
    pub entered: SystemTime,
}

impl Item {
    /// An event fresh from the log.
    #[must_use]
    pub fn new(logged: Arc<Logged>) -> Self {
        Self {
            logged,
            due: None,
            key: None,
            parked: None,
            edited: None,
            attempts: 0,
            notes: Vec::new(),
            begun: false,
            next_ms: None,
            ran: None,
            entered: clock::now(),
        }
    }

    /// Remembers a failed attempt.
    pub fn note(&mut self, note: AttemptNote) {
        if self.notes.len() >= ATTEMPTS_KEPT_MAX {
            self.notes.remove(0);
        }
        self.notes.push(note);
        let silent = self.notes.len().saturating_sub(ANSWERS_KEPT_MAX);
        for old in self.notes.iter_mut().take(silent) {
            old.answer = None;
            old.backtrace = None;
        }
    }

    /// Without its last attempt if that ended with this very code: then the settle fact tells of it.
    #[must_use]
    pub fn told_by(mut self, code: &str) -> Self {
        if self.notes.last().is_some_and(|note| note.code == code) {
            self.notes.pop();
        }
        self
    }

    /// That it is not what was accepted, and who changed it, for the settle fact.
    #[must_use]
    pub fn edited_note(&self) -> Option<String> {
        let last = self.edited.as_ref()?.edits.last()?;
        Some(format!("edited by {} on {}", last.by, last.at))
    }

    /// Whether the `expirytime` of its event has passed: then it is never delivered.
    pub(crate) fn has_expired(&self) -> bool {
        if self.begun {
            return false;
        }
        let now = jiff::Timestamp::try_from(clock::now());
        matches!((ExpiryTime::of(&self.logged.event), now), (Ok(Some(expiry)), Ok(now)) if expiry.has_passed(now))
    }

    /// Bytes that count against the lane's bound.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.logged.event.size_bytes()
    }
}

/// An item that waits for its next attempt inside the lane.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) at: tokio::time::Instant,
    pub(super) item: Item,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    /// Reversed, so that the standard heap gives the earliest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.cmp(&self.at)
    }
}

/// How one delivery ended, or where it stands. The words are those of the architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The receiver took it, or the derived events are in the log.
    Delivered,
    /// The plugin dropped it, with a reason.
    Filtered,
    /// Written to the dead letters, with a reason.
    DeadLettered,
    /// Its `expirytime` passed before it could be delivered.
    Expired,
    /// Not settled: a scheduled retry owns it.
    Retry,
    /// Not settled: its key is parked, or it waits behind others of its key in the log of parked events.
    Parked,
    /// Given up in a replay: the event stays in the log, and what became of it before stays as it was.
    Failed,
}

impl Outcome {
    /// Whether that is the last word on the delivery.
    #[must_use]
    pub fn is_end(self) -> bool {
        !matches!(self, Self::Retry | Self::Parked)
    }

    /// The word used in metrics, facts and journeys.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Filtered => "filtered",
            Self::DeadLettered => "dead-lettered",
            Self::Expired => "expired",
            Self::Retry => "retry",
            Self::Parked => "parked",
            Self::Failed => "failed",
        }
    }
}
