//! Why a token is not accepted. No variant carries anything of the token.

use super::Scope;
use crate::Refusal;

/// A token was refused. `Display` is one sentence for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// SB-1301: there is no bearer token.
    #[error("The request has no bearer token.")]
    Missing,
    /// SB-1302: not a token of this bus; the text says which rule it breaks.
    #[error("The token is not valid: {0}.")]
    Malformed(&'static str),
    /// SB-1303: outside its time; the text says which claim.
    #[error("The token is not valid now: {0}.")]
    Time(&'static str),
    /// SB-1304: made by someone else or for someone else.
    #[error("The token is not for this bus: {0}.")]
    Foreign(&'static str),
    /// SB-1305: genuine, but it does not allow this.
    #[error("The token does not allow this: it lacks the scope '{}'.", .0.word())]
    ScopeMissing(Scope),
    /// SB-1307: genuine, but its subject is no system of a partner.
    #[error("The token's subject is not of the form partner/system.")]
    Subject,
}

impl AuthError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "SB-1301",
            Self::Malformed(_) => "SB-1302",
            Self::Time(_) => "SB-1303",
            Self::Foreign(_) => "SB-1304",
            Self::ScopeMissing(_) => "SB-1305",
            Self::Subject => "SB-1307",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Missing => "Send it as 'Authorization: Bearer TOKEN'; stadtbus token issue makes one.",
            Self::Malformed(_) => "Issue a new token with the key of this bus: stadtbus token issue.",
            Self::Time(_) => "Issue a new token and compare the clocks on both sides.",
            Self::Foreign(_) => "Issue the token for this bus: issuer and audience are in its configuration.",
            Self::ScopeMissing(_) => "Issue a token that names the scope, and check 'may' of the system.",
            Self::Subject => {
                "Issue the token for a system of a partner: stadtbus token issue --partner P --system S."
            }
        }
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::new(error.code(), error.to_string()).hint(error.hint())
    }
}

/// A key or a list of trusted keys cannot be used. Code SB-1007.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM key of the kind wanted.
    #[error("The key is not {0} in PEM form.")]
    NotAKey(&'static str),
    /// The system gave no randomness.
    #[error("The key could not be made: the system has no randomness to give.")]
    NoRandomness,
    /// Signing failed.
    #[error("The token could not be signed.")]
    Signing,
    /// A token that may not be issued; the text says which rule it breaks.
    #[error("The token cannot be issued: {0}.")]
    Request(&'static str),
    /// The list of trusted issuers contradicts itself; the text says how.
    #[error("The trusted issuers cannot be used: {0}.")]
    Trust(&'static str),
}

impl KeyError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "SB-1007"
    }
}
