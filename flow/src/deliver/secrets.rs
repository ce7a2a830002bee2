//! The secrets by which deliveries are signed: one for each subscription that wants it, kept sealed in the broker.
//!
//! *Promise*: every process signs with the secret in force within moments of its change, and with the one before it for
//! as long as the change gave it. A secret that this process cannot open stops the delivery; nothing goes out unsigned
//! that was to be signed. *Refuses*: to keep a secret without a key. *Why not in the city*: a subscription of a folder
//! has a secret, too, and the folder is no place for one.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, Cell, CellWrite, Expect};
use stadtbus_contracts::SealedCredential;

use super::{
    credential::Keeper,
    followed::Followed,
    outcome::Outcome,
    signature::{Secret, SigningKeys},
};
use crate::{Refusal, written::millis_now};

/// The bucket of secrets; the key is `<partner>.<subscription>`.
pub const SECRETS: &str = "SECRETS";
/// How long an old secret signs beside the new one if nothing is said, in seconds.
pub const OVERLAP_S_DEFAULT: u64 = 86_400;
/// The longest that an old secret may sign beside the new one, in seconds.
pub const OVERLAP_S_MAX: u64 = 30 * 86_400;

/// As it lies in the broker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    current: SealedCredential,
    made_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
}

/// The one before.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Previous {
    sealed: SealedCredential,
    until_ms: u64,
}

/// What signs one subscription's deliveries.
#[derive(Debug, Clone)]
struct Opened {
    current: Secret,
    previous: Option<(Secret, u64)>,
}

/// How a subscription's secret stands. Never the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Since when it is in force, in milliseconds since 1970.
    pub made_ms: u64,
    /// Until when the one before it signs as well.
    pub previous_until_ms: Option<u64>,
}

/// All secrets, and the keys of the bus.
pub struct Secrets {
    keeper: Option<Arc<Keeper>>,
    keys: SigningKeys,
    /// By `<partner>.<subscription>`; none where this process cannot open it.
    known: Followed<Option<Arc<Opened>>>,
}

impl Secrets {
    /// Knows none until [`Secrets::load`].
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>, keeper: Option<Arc<Keeper>>, keys: SigningKeys) -> Self {
        Self {
            keeper,
            keys,
            known: Followed::new(broker, SECRETS),
        }
    }

    /// The bus's own keys.
    #[must_use]
    pub fn keys(&self) -> &SigningKeys {
        &self.keys
    }

    /// Reads all secrets; before the first delivery.
    ///
    /// # Errors
    /// `SB-15xx` when the broker does not answer.
    pub async fn load(&self) -> Result<(), Refusal> {
        Ok(self.known.load(|cell| self.read(cell)).await?)
    }

    /// Follows every change, for ever.
    pub async fn follow(&self) {
        self.known.follow(|cell| self.read(cell)).await;
    }

    /// One that cannot be opened is known all the same: nothing goes out without it.
    fn read(&self, cell: &Cell) -> Option<Option<Arc<Opened>>> {
        Some(self.open(&cell.key, &cell.value))
    }

    /// None where the keys of this process open neither; the one before may be lost without harm.
    fn open(&self, key: &str, value: &[u8]) -> Option<Arc<Opened>> {
        let stored: Stored = serde_json::from_slice(value).ok()?;
        let keeper = self.keeper.as_deref()?;
        let secret = |sealed: &SealedCredential| {
            let text = keeper.open_text(sealed, &bound_to(key))?;
            Secret::parse(&text).ok()
        };
        Some(Arc::new(Opened {
            current: secret(&stored.current)?,
            previous: stored
                .previous
                .and_then(|previous| Some((secret(&previous.sealed)?, previous.until_ms))),
        }))
    }

    /// What signs a delivery now: none where the subscription has no secret.
    ///
    /// # Errors
    /// `SB-3031` where it has one that this process cannot open.
    pub(crate) fn of(&self, key: &str, now_ms: u64) -> Result<Vec<Secret>, Outcome> {
        let Some(entry) = self.known.get(key) else {
            return Ok(Vec::new());
        };
        let opened = entry.ok_or_else(|| Outcome::Retry {
            code: "SB-3031",
            detail: "The subscription has a secret that this bus has no key to open.".to_owned(),
            after: None,
        })?;
        let previous = opened
            .previous
            .iter()
            .filter(|(_, until_ms)| now_ms < *until_ms)
            .map(|(secret, _)| secret.clone());
        Ok([opened.current.clone()].into_iter().chain(previous).collect())
    }

    /// How a subscription's secret stands; none where it has none.
    ///
    /// # Errors
    /// `SB-15xx` when the broker does not answer.
    pub async fn standing(&self, key: &str) -> Result<Option<Standing>, Refusal> {
        let cell = self.known.cells().await?.get(key).await?;
        let Some(cell) = cell else { return Ok(None) };
        let stored: Stored = read(&cell.value)?;
        Ok(Some(standing(&stored)))
    }

    /// Gives a subscription a secret, new or the receiver's own. The one before it signs beside it for `overlap`.
    ///
    /// # Errors
    /// `SB-2032` when this bus has no key to keep it, `SB-1504` when it was changed at the same time, `SB-15xx` when
    /// the broker does not answer.
    pub async fn rotate(&self, key: &str, secret: Secret, overlap: Duration) -> Result<Standing, Refusal> {
        let keeper = self.keeper.as_deref().ok_or_else(|| {
            Refusal::new("SB-2032", "This bus cannot keep a secret safely: it has no key.")
                .hint("Operators: set credentials.key_file.")
        })?;
        let cells = self.known.cells().await?;
        let before = cells.get(key).await?;
        let now_ms = millis_now();
        let previous = match &before {
            Some(cell) if !overlap.is_zero() => {
                let stored: Stored = read(&cell.value)?;
                Some(Previous {
                    sealed: stored.current,
                    until_ms: now_ms.saturating_add(u64::try_from(overlap.as_millis()).unwrap_or(u64::MAX)),
                })
            }
            _ => None,
        };
        let current = keeper
            .seal_text(secret.reveal().into_bytes(), &bound_to(key))
            .map_err(|why| {
                Refusal::new("SB-2032", format!("This bus cannot keep a secret safely: {why}."))
            })?;
        let stored = Stored {
            current,
            made_ms: now_ms,
            previous,
        };
        let value =
            serde_json::to_vec(&stored).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        let expect = before.map_or(Expect::Absent, |cell| Expect::Revision(cell.revision));
        cells
            .write(CellWrite::put(key, value.clone()).expect(expect))
            .await?;
        self.known.remember(key, Some(self.open(key, &value)));
        Ok(standing(&stored))
    }

    /// Takes a subscription's secrets away; says whether it had one. Deliveries are not signed by `v1` from then on.
    ///
    /// # Errors
    /// `SB-15xx` when the broker does not answer.
    pub async fn remove(&self, key: &str) -> Result<bool, Refusal> {
        let cells = self.known.cells().await?;
        let had = cells.get(key).await?.is_some();
        if had {
            cells.write(CellWrite::delete(key)).await?;
            self.known.remember(key, None);
        }
        Ok(had)
    }
}

fn standing(stored: &Stored) -> Standing {
    Standing {
        made_ms: stored.made_ms,
        previous_until_ms: stored.previous.as_ref().map(|previous| previous.until_ms),
    }
}

fn read(value: &[u8]) -> Result<Stored, Refusal> {
    serde_json::from_slice(value)
        .map_err(|_| Refusal::new("SB-1507", "What is kept as a secret cannot be read."))
}

/// A secret opens for its own subscription only.
fn bound_to(key: &str) -> Vec<u8> {
    format!("stadtbus webhook secret\n{key}").into_bytes()
}

#[cfg(test)]
mod tests;
