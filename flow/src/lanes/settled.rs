//! Settle facts: what became of each event in each subscription, in pages in the log `SETTLED`.
//!
//! The subject is `settled.<partner>.<subscription>`, for a replay with its id behind that, so that what was delivered once more
//! is never taken for the first delivery. The journey, the balance and the evidence read them. A page is written before the cursor that it explains,
//! so a crash can repeat a fact but never lose one; a repeated fact is the truth, for the event was delivered
//! twice.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stadtbus_broker::{Entry, LogName, Position, Record};

use super::item::{AttemptNote, Outcome};
use crate::{rollout::Ran, transform::TableVersions};

/// Most facts in one page; a page stays well below the broker's largest message.
pub const PAGE_FACTS_MAX: usize = 2_048;

/// One settle fact. Kept small: between two flushes there may be hundreds of thousands of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Log of the event.
    #[serde(rename = "l", with = "log_name")]
    pub log: LogName,
    /// Its position there.
    #[serde(rename = "p")]
    pub position: Position,
    /// What became of it.
    #[serde(rename = "o")]
    pub outcome: Outcome,
    /// When, in milliseconds since 1970.
    #[serde(rename = "t")]
    pub at_ms: u64,
    /// Attempts made, the last one included.
    #[serde(rename = "a", default = "one", skip_serializing_if = "is_one")]
    pub attempts: u32,
    /// Code of the reason, if there is one.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Box<str>>,
    /// The reason in words, without payload.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<Box<str>>,
    /// When a scheduled retry tries again, in milliseconds since 1970.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
    /// The failed attempts before.
    #[serde(rename = "n", default, skip_serializing_if = "no_notes")]
    pub notes: Box<[AttemptNote]>,
    /// Which version of the plugin it went through, where a rollout decided that; else it is the page's.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub ran: Option<Arc<Ran>>,
}

/// The port knows no format, so how a log's name is written stands here.
mod log_name {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use stadtbus_broker::LogName;

    pub(super) fn serialize<S: Serializer>(name: &LogName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<LogName, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(from)?;
        LogName::new(&name).map_err(D::Error::custom)
    }
}

fn no_notes(notes: &[AttemptNote]) -> bool {
    notes.is_empty()
}

fn one() -> u32 {
    1
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field over by reference"
)]
fn is_one(attempts: &u32) -> bool {
    *attempts == 1
}

/// A page of facts of one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The plugin that transformed the events, `partner/name@version+digest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The tables that it was given, by the city's name for them, each with its version.
    #[serde(default, skip_serializing_if = "TableVersions::is_empty")]
    pub tables: TableVersions,
    /// The replay that they are of, if it is one. Then they do not count in the subscription's balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// Whether the replay goes somewhere else than the subscription's own sink.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elsewhere: bool,
    /// The facts, in the order in which they came about.
    pub facts: Vec<Fact>,
}

impl Page {
    /// The page as a log entry.
    ///
    /// # Errors
    /// Never; the type can always be written as JSON.
    pub fn entry(&self, subject: String) -> Result<Entry, serde_json::Error> {
        Ok(Entry {
            subject,
            headers: Vec::new(),
            payload: serde_json::to_vec(self)?.into(),
            message_id: None,
        })
    }

    /// Reads a page back.
    ///
    /// # Errors
    /// When the record is not a page.
    pub fn read(record: &Record) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(&record.payload)
    }
}
