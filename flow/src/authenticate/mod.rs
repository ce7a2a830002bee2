//! Who is speaking: from an `Authorization` header to a [`Principal`].
//!
//! *Promise*: a [`Principal`] exists only for a token whose signature, issuer, audience and times were checked
//! with every check spelled out ([`Verifier`]); the defaults of a library decide nothing. *What it refuses*: any
//! algorithm but the one the issuer was registered with, keys that the token itself brings along, tokens longer
//! than [`TOKEN_BYTES_MAX`], and header parameters marked critical. *What it leaves to others*: whether partner
//! and system are in the city and may do this ([`crate::validate`]). *Why here*: before anything that costs or
//! tells something, and in one room, so that only this one names the JWT library.
//!
//! The bus is also an issuer of its own, for systems that no OIDC provider knows: [`Issuer`].

mod cache;
mod error;
mod issuer;
mod token;
mod verifier;

#[cfg(test)]
mod tests;

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use stadtbus_event::{PartnerId, SystemId};

pub use error::{AuthError, KeyError};
pub use issuer::{Issuer, TOKEN_TTL_MAX, TokenRequest, generate_key, key_id};
pub use verifier::{SignatureAlgorithm, TrustedIssuer, TrustedKey, Verifier, VerifierConfig};

/// The longest token looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// One thing a token may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// To publish events.
    Publish,
    /// To receive events.
    Subscribe,
    /// To administer the bus.
    Operate,
}

impl Scope {
    /// All of them, in the order they are written.
    pub const ALL: [Self; 3] = [Self::Publish, Self::Subscribe, Self::Operate];

    /// The word in the token.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Operate => "operate",
        }
    }
}

/// What a token allows: a set of [`Scope`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes {
    /// May publish events.
    pub publish: bool,
    /// May receive events.
    pub subscribe: bool,
    /// May administer the bus.
    pub operate: bool,
}

impl Scopes {
    /// Reads the claim `scope` (RFC 8693 §4.2: words separated by spaces). Words of others, such as `openid`, are
    /// passed over: they allow nothing here.
    #[must_use]
    pub fn from_claim(text: &str) -> Self {
        text.split(' ').fold(Self::default(), |scopes, word| {
            Scope::ALL
                .into_iter()
                .find(|scope| scope.word() == word)
                .map_or(scopes, |scope| scopes.with(scope))
        })
    }

    /// Reads what an operator typed: as [`Scopes::from_claim`], but every word must be known.
    ///
    /// # Errors
    /// The first word that is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.split([' ', ','])
            .filter(|word| !word.is_empty())
            .try_fold(Self::default(), |scopes, word| {
                let known = Scope::ALL.into_iter().find(|scope| scope.word() == word);
                known
                    .map(|scope| scopes.with(scope))
                    .ok_or_else(|| word.to_owned())
            })
    }

    /// The same set with one more.
    #[must_use]
    pub const fn with(mut self, scope: Scope) -> Self {
        match scope {
            Scope::Publish => self.publish = true,
            Scope::Subscribe => self.subscribe = true,
            Scope::Operate => self.operate = true,
        }
        self
    }

    /// Whether this is in the set.
    #[must_use]
    pub const fn allows(self, scope: Scope) -> bool {
        match scope {
            Scope::Publish => self.publish,
            Scope::Subscribe => self.subscribe,
            Scope::Operate => self.operate,
        }
    }
}

impl fmt::Display for Scopes {
    /// As the claim is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        for scope in Scope::ALL.into_iter().filter(|scope| self.allows(*scope)) {
            write!(f, "{gap}{}", scope.word())?;
            gap = " ";
        }
        Ok(())
    }
}

/// Who a verified token speaks for, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The organisation.
    pub partner: PartnerId,
    /// Its application.
    pub system: SystemId,
    /// What the token allows; the city may allow the system less.
    pub scopes: Scopes,
    /// The token's `jti`; for a token without, the beginning of its digest. Names the token in records, and is no
    /// secret.
    pub token_id: String,
    /// The token's `exp`. It is accepted up to the leeway longer.
    pub expires_at: SystemTime,
}

impl Principal {
    /// Passes when the token allows this.
    ///
    /// # Errors
    /// SB-1305.
    pub fn require(&self, scope: Scope) -> Result<(), AuthError> {
        if self.scopes.allows(scope) {
            Ok(())
        } else {
            Err(AuthError::ScopeMissing(scope))
        }
    }

    /// [`Principal::require`] for [`Scope::Publish`].
    ///
    /// # Errors
    /// SB-1305.
    pub fn require_publish(&self) -> Result<(), AuthError> {
        self.require(Scope::Publish)
    }

    /// [`Principal::require`] for [`Scope::Subscribe`].
    ///
    /// # Errors
    /// SB-1305.
    pub fn require_subscribe(&self) -> Result<(), AuthError> {
        self.require(Scope::Subscribe)
    }

    /// [`Principal::require`] for [`Scope::Operate`].
    ///
    /// # Errors
    /// SB-1305.
    pub fn require_operate(&self) -> Result<(), AuthError> {
        self.require(Scope::Operate)
    }

    /// Whether the token is over, `leeway` included.
    fn is_over(&self, now: SystemTime, leeway: Duration) -> bool {
        self.expires_at.checked_add(leeway).is_none_or(|end| end < now)
    }
}
