//! The ways in which a broker says no, told apart by what the caller must do next.

/// Why a call to the broker did not succeed.
///
/// The text is for operators: it names the log, bucket or limit, and never repeats a payload, a header value or a
/// credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// Nothing was stored because a storage limit is reached. Room must be made first (SB-1502).
    #[error("the broker's storage is full: {0}")]
    Full(String),
    /// Nothing was stored because the broker cannot be reached or cannot serve now. Try again later (SB-1501).
    #[error("the broker is not available: {0}")]
    Unavailable(String),
    /// The entry **may** be stored. Repeat it with the same message id (SB-1503).
    #[error("the broker did not answer in time, the outcome is unknown: {0}")]
    Unknown(String),
    /// Nothing was stored because a condition ([`crate::Expect`]) does not hold; the text names the key (SB-1504).
    #[error("the stored value is not the expected one: {0}")]
    Conflict(String),
    /// The log, bucket or record does not exist (SB-1505).
    #[error("not found: {0}")]
    NotFound(String),
    /// The entry, cell or blob is larger than the broker takes (SB-1506).
    #[error("too large for the broker: {0}")]
    TooLarge(String),
    /// The broker or the adapter refuses the call as such; repeating it cannot help (SB-1507).
    #[error("the broker refused: {0}")]
    Refused(String),
    /// Nothing was stored because the broker's storage contradicts what it acknowledged before (SB-1508). No adapter
    /// says so; who remembers does.
    #[error("the broker's storage cannot be trusted: {0}")]
    Untrusted(String),
}

impl BrokerError {
    /// The stable code of this refusal.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "SB-1501",
            Self::Full(_) => "SB-1502",
            Self::Unknown(_) => "SB-1503",
            Self::Conflict(_) => "SB-1504",
            Self::NotFound(_) => "SB-1505",
            Self::TooLarge(_) => "SB-1506",
            Self::Refused(_) => "SB-1507",
            Self::Untrusted(_) => "SB-1508",
        }
    }

    /// Whether the same call can succeed later without anything else changing in the caller's request.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Full(_) | Self::Unavailable(_) | Self::Unknown(_) | Self::Untrusted(_)
        )
    }

    /// Whether the write can have taken effect all the same.
    #[must_use]
    pub const fn may_be_stored(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
}
