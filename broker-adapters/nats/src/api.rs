//! Questions to JetStream's API: JSON in, JSON or a refusal out.

use std::collections::HashMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stadtbus_broker::BrokerError;

use crate::{
    errors::Refusal,
    link::{Link, Trouble},
};

/// Why a question has no result.
#[derive(Debug)]
pub(crate) enum NoResult {
    Trouble(Trouble),
    Refused(Refusal),
    Unreadable,
}

impl NoResult {
    pub(crate) fn of_question(self, what: &str) -> BrokerError {
        match self {
            Self::Trouble(trouble) => trouble.of_question(),
            Self::Refused(refusal) => refusal.to_error(what),
            Self::Unreadable => BrokerError::Unavailable(format!("{what}: an answer that cannot be read")),
        }
    }

    pub(crate) fn of_change(self, what: &str) -> BrokerError {
        match self {
            Self::Trouble(trouble) => trouble.of_change(what),
            Self::Refused(refusal) => refusal.to_error(what),
            Self::Unreadable => BrokerError::Unknown(format!("{what}: an answer that cannot be read")),
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Option<Refusal>,
}

/// Reads an answer that is a result or a refusal.
pub(crate) fn parse<T: DeserializeOwned>(payload: &[u8]) -> Result<T, NoResult> {
    let envelope: Envelope = serde_json::from_slice(payload).map_err(|_| NoResult::Unreadable)?;
    match envelope.error {
        Some(refusal) => Err(NoResult::Refused(refusal)),
        None => serde_json::from_slice(payload).map_err(|_| NoResult::Unreadable),
    }
}

impl Link {
    /// Asks `$JS.API.<operation>`.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        operation: &str,
        question: &impl Serialize,
    ) -> Result<T, NoResult> {
        let body = serde_json::to_vec(question).map_err(|_| NoResult::Unreadable)?;
        let subject = format!("$JS.API.{operation}");
        let answer = self
            .request(subject.into(), None, Bytes::from(body), self.deadline())
            .await;
        parse(&answer.map_err(NoResult::Trouble)?.payload)
    }
}

/// A question without content.
#[derive(Serialize)]
pub(crate) struct Nothing {}

/// An answer whose content does not matter.
#[derive(Deserialize)]
pub(crate) struct Done {}

/// What `STREAM.INFO` says, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamInfo {
    pub(crate) config: StreamConfig,
    pub(crate) state: StreamState,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StreamConfig {
    #[serde(default)]
    pub(crate) subjects: Vec<String>,
    #[serde(default)]
    pub(crate) allow_msg_schedules: bool,
    #[serde(default)]
    pub(crate) metadata: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct StreamState {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}
