//! State of plugins: one cell for each place (route or subscription) and key, written after the outputs.
//!
//! A cell remembers which input it includes. An input that it includes already is not run again: its outputs
//! are in the log, because they were written before the state was.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_broker::{BrokerError, CellWrite, Cells, Expect};
use stadtbus_plugin_host::StateChange;

/// The bucket of plugin state.
pub const STATE: &str = "STATE";

/// State as kept under one key, with the input it includes.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// What the plugin put there.
    pub value: Option<Bytes>,
    /// The last input that is included: `<log>:<position>`, or the digest of foreign bytes.
    pub includes: Option<String>,
    /// What the caller answered to that input, to answer it again.
    pub answer: Option<String>,
    revision: Option<u64>,
}

impl Held {
    /// The same cell after `change`, which is not written yet.
    #[must_use]
    pub fn after(mut self, change: &StateChange, includes: &str) -> Self {
        match change {
            StateChange::Unchanged => {}
            StateChange::Put(bytes) => self.value = Some(Bytes::copy_from_slice(bytes)),
            StateChange::Clear => self.value = None,
        }
        self.includes = Some(includes.to_owned());
        self
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    includes: String,
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
            includes: Some(stored.includes),
            answer: stored.answer,
            revision: Some(cell.revision),
        })
    }

    /// Writes what follows from one input. `Unchanged` keeps the value but remembers the input.
    ///
    /// # Errors
    /// `Conflict` when another process wrote in between: run again with the new state.
    pub async fn put(
        &self,
        key: &str,
        held: &Held,
        change: StateChange,
        includes: String,
        answer: Option<String>,
    ) -> Result<Held, BrokerError> {
        let value = match change {
            StateChange::Unchanged => held.value.clone(),
            StateChange::Put(bytes) => Some(Bytes::from(bytes)),
            StateChange::Clear => None,
        };
        let stored = Stored {
            includes: includes.clone(),
            value: value.as_ref().map(|bytes| STANDARD.encode(bytes)),
            answer: answer.clone(),
        };
        let json = serde_json::to_vec(&stored).map_err(|error| BrokerError::Refused(error.to_string()))?;
        let expect = held.revision.map_or(Expect::Absent, Expect::Revision);
        let write = CellWrite {
            key: self.cell(key),
            value: Some(json.into()),
            expect,
            ttl: Some(self.ttl),
        };
        let revision = self.cells.write(write).await?;
        Ok(Held {
            value,
            includes: Some(includes),
            answer,
            revision: Some(revision),
        })
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
