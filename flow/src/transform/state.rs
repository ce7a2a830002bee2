//! State of plugins: one cell for each place (route or subscription) and key, written after the outputs.
//!
//! A cell remembers which inputs it includes. An input that it includes already is not run again: its outputs
//! are in the log, because they were written before the state was.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_broker::{BrokerError, CellWrite, Cells, Expect, Position};
use stadtbus_plugin_host::StateChange;

/// The bucket of plugin state.
pub const STATE: &str = "STATE";

/// State as kept under one key, with the inputs it includes.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// What the plugin put there.
    pub value: Option<Bytes>,
    /// What the caller answered to the last input, to answer it again.
    pub answer: Option<String>,
    /// The last input: `<log>:<position>`, or the digest of foreign bytes.
    last: Option<String>,
    /// Log → the position up to which the inputs under this key are included.
    upto: BTreeMap<String, Position>,
    revision: Option<u64>,
}

impl Held {
    /// Whether `input` is the one that was included last.
    #[must_use]
    pub fn ends_with(&self, input: &str) -> bool {
        self.last.as_deref() == Some(input)
    }

    /// Whether anything was ever written under this key.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.revision.is_some()
    }

    /// A cell that nobody wrote yet, with this value to begin with.
    #[must_use]
    pub fn begun_as(value: Option<Bytes>) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }

    /// Whether this event of a log is included, for events that are run in the order of their log.
    #[must_use]
    pub fn includes(&self, log: &str, position: Position) -> bool {
        self.upto.get(log).is_some_and(|upto| *upto >= position)
    }

    /// The same cell after an event of a log.
    #[must_use]
    pub fn after_event(mut self, change: StateChange, log: &str, position: Position) -> Self {
        let upto = self.upto.entry(log.to_owned()).or_default();
        // A dead letter that was sent again is older than what is included already, and takes nothing back.
        *upto = position.max(*upto);
        self.after(change, event_input(log, position))
    }

    /// The same cell after an input of this name.
    #[must_use]
    pub fn after(mut self, change: StateChange, input: String) -> Self {
        self.value = after(self.value, change);
        self.last = Some(input);
        self.answer = None;
        self
    }
}

/// What is kept after a change.
#[must_use]
pub fn after(before: Option<Bytes>, change: StateChange) -> Option<Bytes> {
    match change {
        StateChange::Unchanged => before,
        StateChange::Put(bytes) => Some(Bytes::from(bytes)),
        StateChange::Clear => None,
    }
}

/// The name of an event of a log as an input.
#[must_use]
pub fn event_input(log: &str, position: Position) -> String {
    format!("{log}:{position}")
}

#[derive(Serialize, Deserialize)]
struct Stored {
    includes: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    upto: BTreeMap<String, Position>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

/// The state of one plugin in one place.
#[derive(Clone)]
pub struct StateStore {
    cells: Arc<dyn Cells>,
    place: Arc<str>,
    ttl: Duration,
}

impl StateStore {
    /// State for `place`, which names the route or the subscription with its partner.
    #[must_use]
    pub fn new(cells: Arc<dyn Cells>, place: &str, ttl: Duration) -> Self {
        Self {
            cells,
            place: place.into(),
            ttl,
        }
    }

    /// The same state, forgotten so long after its last change.
    #[must_use]
    pub fn kept_for(&self, ttl: Duration) -> Self {
        Self { ttl, ..self.clone() }
    }

    /// State of its own for the version with this digest, beside the one that is in service.
    #[must_use]
    pub fn beside(&self, digest: &str) -> Self {
        let short: String = digest.chars().take(16).collect();
        Self {
            place: format!("shadow.{short}.{}", self.place).into(),
            ..self.clone()
        }
    }

    /// What is kept under `key`.
    ///
    /// # Errors
    /// When the broker does not answer, or the cell is not one that was written here.
    pub async fn get(&self, key: &str) -> Result<Held, BrokerError> {
        let Some(cell) = self.cells.get(&self.cell(key)).await? else {
            return Ok(Held::default());
        };
        let stored: Stored =
            serde_json::from_slice(&cell.value).map_err(|error| BrokerError::Refused(error.to_string()))?;
        let value = stored
            .value
            .map(|text| STANDARD.decode(text))
            .transpose()
            .map_err(|error| BrokerError::Refused(error.to_string()))?;
        Ok(Held {
            value: value.map(Bytes::from),
            answer: stored.answer,
            last: Some(stored.includes),
            upto: stored.upto,
            revision: Some(cell.revision),
        })
    }

    /// Writes what follows from the inputs that `held` includes, over what it was read as.
    ///
    /// # Errors
    /// `Conflict` when another process wrote in between: run again with the new state.
    pub async fn put(&self, key: &str, held: Held) -> Result<(), BrokerError> {
        let stored = Stored {
            includes: held.last.unwrap_or_default(),
            upto: held.upto,
            value: held.value.map(|bytes| STANDARD.encode(bytes)),
            answer: held.answer,
        };
        let json = serde_json::to_vec(&stored).map_err(|error| BrokerError::Refused(error.to_string()))?;
        let write = CellWrite {
            key: self.cell(key),
            value: Some(json.into()),
            expect: held.revision.map_or(Expect::Absent, Expect::Revision),
            ttl: Some(self.ttl),
        };
        self.cells.write(write).await?;
        Ok(())
    }

    /// Keys come from payloads, so they are hashed: no payload in a cell's name, and no forbidden character.
    fn cell(&self, key: &str) -> String {
        let digest = Sha256::digest(key.as_bytes());
        format!(
            "{}.{}",
            self.place,
            crate::written::hex(digest.get(..16).unwrap_or_default())
        )
    }
}
