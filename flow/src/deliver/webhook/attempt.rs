//! What one attempt carries where it is no event, and what is kept of it.

use bytes::Bytes;

use crate::deliver::outcome::Outcome;

/// Foreign bytes for a receiver, as an encoding plugin made them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Media type of the body.
    pub content_type: String,
    /// More header fields.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// One attempt with everything worth keeping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What became of it.
    pub outcome: Outcome,
    /// The receiver's status, if it answered.
    pub status: Option<u16>,
    /// The beginning of an answer other than 2xx. It may repeat what the event said: it belongs beside the event, not
    /// into logs.
    pub excerpt: Option<String>,
}

impl Attempt {
    /// One in which the receiver said nothing.
    #[must_use]
    pub const fn unsaid(outcome: Outcome) -> Self {
        Self {
            outcome,
            status: None,
            excerpt: None,
        }
    }
}
