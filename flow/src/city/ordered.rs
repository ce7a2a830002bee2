//! Subscriptions that partners order over the API: a list of their own in the city document.
//!
//! *Promise*: an order is in force when its call is answered, with its cursor, and stays through every later folder.
//! Two orders that come at once both take effect, whoever writes first. *Refuses*: to touch what a folder defines.

use serde::Serialize;
use stadtbus_contracts::{City, order};

use super::{Cities, apply::overtaken};
use crate::{Refusal, clock};

/// How often a change is made again over a city that somebody else changed meanwhile.
const TRIES_MAX: usize = 8;

/// An order that a city would make impossible.
#[derive(Debug, Clone, Serialize)]
pub struct Impossible {
    /// Its id.
    pub subscription: String,
    /// Why, as a stable code.
    pub code: &'static str,
    /// In a sentence.
    pub detail: String,
    /// What to do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Impossible {
    pub(super) fn refusal(&self) -> Refusal {
        let id = &self.subscription;
        let detail = format!(
            "It would make the ordered subscription {id} impossible: {} {}",
            self.code, self.detail
        );
        Refusal::new("SB-5016", detail).hint(format!("stadtbus subscription delete {id}"))
    }
}

/// The orders of a city that contradict the rest of it.
pub(super) fn impossible(city: &City) -> Vec<Impossible> {
    order::impossible(city, clock::now())
        .into_iter()
        .map(|(id, finding)| Impossible {
            subscription: id.to_string(),
            code: finding.code,
            detail: finding.detail.en.into(),
            hint: finding.hint.map(|hint| hint.en.into()),
        })
        .collect()
}

/// A change of the orders that is in force.
#[derive(Debug)]
pub struct Changed<T> {
    /// Digest of the city that is in force now.
    pub digest: String,
    /// What the change says of itself.
    pub told: T,
}

impl Cities {
    /// Changes the orders of the city in force. `change` is given the city as it is stored and says what it did; it is
    /// asked again where somebody else was faster, so it must judge what it is given and nothing it saw before.
    ///
    /// # Errors
    /// What `change` refuses, `SB-50xx` when the changed city cannot be compiled, `SB-1405` before the first city,
    /// `SB-5012` when others were faster again and again.
    pub async fn change_orders<T>(
        &self,
        by: &str,
        change: impl Fn(&mut City) -> Result<T, Refusal>,
    ) -> Result<Changed<T>, Refusal> {
        for _ in 0..TRIES_MAX {
            let _turn = self.changing.lock().await;
            let Some((pointer, revision)) = self.pointer().await? else {
                return Err(Refusal::new("SB-1405", "No city is loaded yet.").hint("stadtbus apply FOLDER"));
            };
            // A process that lags behind finds the document of the city in force where orders replaced its own.
            let before = match self.document(&pointer.digest).await {
                Ok(before) => before,
                Err(refusal) if refusal.code == "SB-1505" => continue,
                Err(refusal) => return Err(refusal),
            };
            let mut city = before.clone();
            let told = change(&mut city)?;
            if city == before {
                let digest = pointer.digest;
                return Ok(Changed { digest, told });
            }
            match self.change_to(city, by, Some((pointer, revision)), true).await {
                Ok(applied) => {
                    let digest = applied.digest;
                    return Ok(Changed { digest, told });
                }
                Err(refusal) if refusal.code == "SB-5012" => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Err(overtaken())
    }
}
