//! An event that could not be delivered, with everything needed to see why and to try again.
//!
//! *Promise*: the event is in it in full, as structured JSON that reads like any other, so that a dead letter
//! outlives the log it came from. *What it refuses*: reasons that quote the event (P10); codes and details come from
//! the bus and the plugin host, which do not. *Why in the log of the broker*: a dead letter is written before its
//! event counts as settled, and must be as durable as the event was.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{BrokerError, Entry, Position, Record};
use stadtbus_event::{Event, PartnerId, SubscriptionId};

use crate::written::millis;

#[cfg(test)]
mod tests;

/// Header of the record: the subscription. With [`CODE_HEADER`] it lets a list be made from headers alone.
pub const SUBSCRIPTION_HEADER: &str = "stadtbus-subscription";

/// Header of the record: the reason's code.
pub const CODE_HEADER: &str = "stadtbus-code";

/// Header of the record: the event's type.
pub const TYPE_HEADER: &str = "stadtbus-type";

/// Header of the record: when the event was given up, in milliseconds since 1970. The record itself is younger if the letter
/// was edited.
pub const BURIED_HEADER: &str = "stadtbus-buried";

/// One attempt, as remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When, RFC 3339.
    pub time: String,
    /// The receiver's status, if it answered and the status was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it failed, `SB-nnnn`.
    pub code: String,
    /// In words, without anything of the event.
    pub detail: String,
    /// The beginning of what the receiver answered, cleaned of control characters and secrets. It may repeat what the
    /// event said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Where in the plugin it failed, innermost first, with readable names of functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<Box<str>>,
}

/// One edit of a letter's event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    /// Who did it, `<partner>/<system>`.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What was done to a letter's event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edits {
    /// The event as it was accepted.
    pub original: Structured,
    /// Who edited it, oldest first.
    pub edits: Vec<Edited>,
}

/// An event as its structured JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Structured(#[serde(with = "structured")] pub Event);

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// For which subscription.
    pub subscription: SubscriptionId,
    /// Whose subscription.
    pub partner: PartnerId,
    /// In which log the event stands.
    pub log: String,
    /// Where in it.
    pub position: Position,
    /// Who published it.
    pub publisher: PartnerId,
    /// Why it was given up, `SB-nnnn`.
    pub code: String,
    /// In words, without anything of the event.
    pub detail: String,
    /// Attempts in all; [`DeadLetter::attempts`] may hold only the last ones.
    pub attempts_count: u32,
    /// The attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// `partner/name@version+digest` of the subscription's plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// SHA-256 of the event's JSON as the plugin got it, where the plugin failed: whether two letters are about the same input,
    /// without showing it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_sha256: Option<String>,
    /// When it was given up, RFC 3339.
    pub buried: String,
    /// The event as it is delivered next: as it was accepted, unless it was edited.
    #[serde(with = "structured")]
    pub event: Event,
    /// What was done to it, if it was edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Edits>,
    /// Which life of the lane gave it up, for the books of its subscription; 0: another record of the event is in them.
    #[serde(default)]
    pub life: u64,
}

/// A record of the dead letters cannot be read. Code SB-1505: nothing usable was found in the log.
#[derive(Debug, thiserror::Error)]
#[error("The record is not a dead letter of this bus.")]
pub struct NotADeadLetter;

impl NotADeadLetter {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "SB-1505"
    }
}

impl DeadLetter {
    /// The entry to append under this subject. It has no identity for repeats: writing one twice shows, losing one
    /// would not, and the same event may be given up again after somebody retried it.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] when it cannot be written as JSON or breaks a rule of the log.
    pub fn encode(&self, subject: &str) -> Result<Entry, BrokerError> {
        let payload = serde_json::to_vec(self).map_err(|error| BrokerError::Refused(error.to_string()))?;
        let entry = Entry::new(subject, payload)
            .with_header(SUBSCRIPTION_HEADER, self.subscription.as_str())
            .with_header(CODE_HEADER, self.code.as_str())
            .with_header(TYPE_HEADER, self.event.ty());
        let buried = self.buried.parse::<jiff::Timestamp>().ok();
        let entry = match buried.map(|time| millis(time.into())) {
            Some(buried_ms) => entry.with_header(BURIED_HEADER, buried_ms.to_string()),
            None => entry,
        };
        entry.check()?;
        Ok(entry)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`NotADeadLetter`].
    pub fn decode(record: &Record) -> Result<Self, NotADeadLetter> {
        Self::from_json(&record.payload)
    }

    /// Reads the payload of a record.
    ///
    /// # Errors
    /// [`NotADeadLetter`].
    pub fn from_json(payload: &Bytes) -> Result<Self, NotADeadLetter> {
        serde_json::from_slice(payload).map_err(|_| NotADeadLetter)
    }
}

/// The event inside the record: its structured JSON, embedded as it is.
mod structured {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
    use serde_json::value::RawValue;
    use stadtbus_event::{Event, json};

    pub(super) fn serialize<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
        let text = json::to_bytes(event);
        let raw: &RawValue = serde_json::from_slice(&text).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Event, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let bytes = Bytes::copy_from_slice(raw.get().as_bytes());
        json::parse(&bytes).map_err(de::Error::custom)
    }
}
