//! What is kept of one attempt.

use crate::deliver::outcome::Outcome;

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
