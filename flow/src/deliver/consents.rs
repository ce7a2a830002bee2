//! Consent given later, by callback (CloudEvents HTTP 1.1 web hooks §4.1.3; HOOK-10).
//!
//! *Promise*: whoever is asked is told an address of the bus at which it may consent when it likes, for this subscription
//! and this target and no other; what it said there holds in every process and after every restart, until the target
//! changes or the subscription ends. *Refuses*: an address that the bus did not give out. Nobody can guess one, for its
//! key is made by the bus's own (HMAC-SHA256).

use std::sync::Arc;

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_broker::{Broker, Cell, CellWrite};

use super::{credential::Keeper, followed::Followed};
use crate::{
    Refusal,
    written::{hex, millis_now},
};

#[cfg(test)]
mod tests;

/// The bucket of consents; the key is `<partner>.<subscription>`.
pub const CONSENTS: &str = "CONSENTS";
/// Where receivers consent, below the bus's public address.
pub const CONSENT_PATH: &str = "/v1/webhook-consents";

/// As it lies in the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// SHA-256 of the target that was consented for.
    target: String,
    /// Deliveries per minute; none: any.
    rate: Option<u32>,
    given_ms: u64,
}

/// What a receiver allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Deliveries per minute; none: any.
    pub rate: Option<u32>,
}

/// All consents by callback.
pub struct Consents {
    keeper: Arc<Keeper>,
    base: String,
    known: Followed<Stored>,
}

impl Consents {
    /// Knows none until [`Consents::load`]. `base` is the public address of the bus, without a slash at its end.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>, keeper: Arc<Keeper>, base: &str) -> Self {
        Self {
            keeper,
            base: base.trim_end_matches('/').to_owned(),
            known: Followed::new(broker, CONSENTS),
        }
    }

    /// Reads all consents; before the first delivery.
    ///
    /// # Errors
    /// `SB-15xx` when the broker does not answer.
    pub async fn load(&self) -> Result<(), Refusal> {
        Ok(self.known.load(read).await?)
    }

    /// Follows every change, for ever.
    pub async fn follow(&self) {
        self.known.follow(read).await;
    }

    /// The address at which the receiver of this target may consent (`WebHook-Request-Callback`).
    pub(crate) fn callback(&self, key: &str, target: &str) -> Option<HeaderValue> {
        let proof = self.keeper.prove(&asked(key, target))?;
        let address = format!("{}{CONSENT_PATH}/{key}?key={proof}", self.base);
        HeaderValue::from_str(&address).ok()
    }

    /// What was consented by callback for this target.
    pub(crate) fn of(&self, key: &str, target: &str) -> Option<Allowed> {
        let stored = self
            .known
            .get(key)
            .filter(|stored| stored.target == digest(target))?;
        Some(Allowed { rate: stored.rate })
    }

    /// Takes a consent that came to an address given out for this target.
    ///
    /// # Errors
    /// `SB-2033` when the address was not given out for it, `SB-15xx` when the broker does not answer.
    pub async fn take(&self, key: &str, target: &str, proof: &str, allowed: Allowed) -> Result<(), Refusal> {
        if !self.keeper.proves(&asked(key, target), proof) {
            return Err(unknown_address());
        }
        let stored = Stored {
            target: digest(target),
            rate: allowed.rate,
            given_ms: millis_now(),
        };
        let value =
            serde_json::to_vec(&stored).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        self.known
            .cells()
            .await?
            .write(CellWrite::put(key, value))
            .await?;
        self.known.remember(key, Some(stored));
        Ok(())
    }
}

fn read(cell: &Cell) -> Option<Stored> {
    serde_json::from_slice(&cell.value).ok()
}

/// The answer to every address that the bus did not give out, whether there is such a subscription or not.
#[must_use]
pub fn unknown_address() -> Refusal {
    Refusal::new(
        "SB-2033",
        "This address to consent at was not given out, or no longer holds.",
    )
}

fn digest(target: &str) -> String {
    hex(&Sha256::digest(target))
}

/// What the key of an address proves.
fn asked(key: &str, target: &str) -> Vec<u8> {
    format!("stadtbus webhook consent\n{key}\n{target}").into_bytes()
}
