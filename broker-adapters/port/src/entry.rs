//! What goes into a log and what comes out of it.

use std::time::SystemTime;

use bytes::Bytes;

use crate::{BrokerError, LogName, subject};

/// The place of a record in its log: 1-based, growing, with gaps where records were removed.
pub type Position = u64;

/// The longest message id an adapter has to take, in bytes.
const MESSAGE_ID_BYTES_MAX: usize = 256;

/// One record to append.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The subject, dot-separated, without wildcards; it must be one of the log's ([`crate::LogSpec::subjects`]).
    pub subject: String,
    /// Headers in order. Names beginning with `Nats-` are reserved for the adapter and refused.
    pub headers: Vec<(String, String)>,
    /// The bytes, kept as they are.
    pub payload: Bytes,
    /// Identity for repeats: within the log's duplicate window a second entry with the same id is not stored but
    /// answered with the position of the first. Visible ASCII, at most 256 bytes.
    pub message_id: Option<String>,
}

impl Entry {
    /// An entry without headers and identity.
    #[must_use]
    pub fn new(subject: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            subject: subject.into(),
            headers: Vec::new(),
            payload: payload.into(),
            message_id: None,
        }
    }

    /// The same entry with an identity for repeats.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.message_id = Some(id.into());
        self
    }

    /// The same entry with one more header.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What the entry weighs, in bytes: subject, headers and payload.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(n, v)| n.len() + v.len() + 4).sum();
        self.subject.len() + headers + self.payload.len() + self.message_id.as_ref().map_or(0, String::len)
    }

    /// Whether any adapter may take this entry. Adapters call it first, so that what would break a wire protocol
    /// (a line break in a header, a blank in a subject) is refused before it gets there.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] with the rule that is broken.
    pub fn check(&self) -> Result<(), BrokerError> {
        subject::check(&self.subject)?;
        self.check_headers()
    }

    /// The part of [`Entry::check`] that concerns headers and identity, for entries whose subject is given elsewhere.
    ///
    /// # Errors
    /// [`BrokerError::Refused`] with the rule that is broken.
    pub fn check_headers(&self) -> Result<(), BrokerError> {
        for (name, value) in &self.headers {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic() && b != b':') {
                return Err(BrokerError::Refused(
                    "a header name must be visible ASCII without ':'".into(),
                ));
            }
            if name.get(..5).is_some_and(|p| p.eq_ignore_ascii_case("nats-")) {
                return Err(BrokerError::Refused(
                    "header names beginning with 'Nats-' are reserved".into(),
                ));
            }
            if value.bytes().any(|b| b == b'\r' || b == b'\n') {
                return Err(BrokerError::Refused(format!(
                    "header '{name}' contains a line break"
                )));
            }
        }
        match &self.message_id {
            Some(id)
                if id.is_empty()
                    || id.len() > MESSAGE_ID_BYTES_MAX
                    || !id.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                Err(BrokerError::Refused(
                    "a message id must be 1 to 256 bytes of visible ASCII".into(),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// The answer to an append: the entry is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Where it is. For a duplicate: where the first one is.
    pub position: Position,
    /// Whether an entry with this message id was stored before, so that nothing was stored now.
    pub duplicate: bool,
}

/// One record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The log it comes from.
    pub log: LogName,
    /// Its position.
    pub position: Position,
    /// Its subject.
    pub subject: String,
    /// Its headers in order, without those of the broker.
    pub headers: Vec<(String, String)>,
    /// Its bytes; empty when only headers were asked for.
    pub payload: Bytes,
    /// When the broker stored it.
    pub stored_at: SystemTime,
}

impl Record {
    /// The first header of this name (exact spelling).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}
