//! What a plugin needs before it may come into force: somebody who vouches for it, and a name that is its alone.
//!
//! *Promise*: `partner/name@version` is one component for ever. Whoever reads the name in a journey of last year can find
//! out what ran. And nothing runs that nobody signed: signatures are verified whenever a city is compiled, before a
//! component is compiled and whenever one is loaded, here or by any other process, from whichever store. *Why here*: it is the
//! one way into force; what was compiled once may have been changed on the disk of the broker since.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_broker::{BrokerError, CellWrite, Expect};
use stadtbus_contracts::{City, PluginRef};

use super::Cities;
use crate::{Refusal, clock, written::hex};

/// Bucket of the names that were given out.
const VERSIONS: &str = "VERSIONS";

/// Whether plugins have to be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signatures {
    /// By a key that the partner's file names.
    #[default]
    Required,
    /// Unsigned ones run, too; wrongly signed ones do not. For development.
    Optional,
}

/// Who says what a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grants {
    /// A second person.
    #[default]
    Approved,
    /// The manifest itself. For development.
    Automatic,
}

/// What is asked of plugins before they come into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admission {
    /// Whether they have to be signed.
    pub signatures: Signatures,
    /// Who says what they may use.
    pub grants: Grants,
}

impl Admission {
    /// For a bus on somebody's own machine: nobody has to vouch for what is being written.
    pub const DEVELOPMENT: Self = Self {
        signatures: Signatures::Optional,
        grants: Grants::Automatic,
    };
}

/// Which component a name was given to.
#[derive(Debug, Serialize, Deserialize)]
struct Given {
    name: String,
    digest: String,
    by: String,
    at_ms: u64,
}

impl Cities {
    /// Whether somebody vouches for each plugin. That what is signed is signed well was part of compiling the documents.
    ///
    /// # Errors
    /// `SB-4020`.
    pub(super) fn check_vouched(&self, city: &City) -> Result<(), Refusal> {
        city.plugins
            .iter()
            .try_for_each(|plugin| self.check_is_signed(plugin))
    }

    /// Whether somebody whom the city names vouches for a version that stands in none of its documents.
    ///
    /// # Errors
    /// `SB-4020`, `SB-4021`.
    pub(super) fn check_signed(&self, city: &City, plugin: &PluginRef) -> Result<(), Refusal> {
        self.check_is_signed(plugin)?;
        match city.vouched(plugin) {
            Ok(_) => Ok(()),
            Err(why) => {
                let detail = format!("{}: {}.", plugin.versioned_name(), why.en);
                Err(Refusal::new("SB-4021", detail))
            }
        }
    }

    fn check_is_signed(&self, plugin: &PluginRef) -> Result<(), Refusal> {
        if plugin.signature.is_some() || self.admission.signatures == Signatures::Optional {
            return Ok(());
        }
        let detail = format!(
            "{} is not signed, and this bus runs signed plugins only.",
            plugin.versioned_name()
        );
        Err(Refusal::new("SB-4020", detail).hint("stadtbus plugin sign FOLDER --signing-key integrator.pem"))
    }

    /// Whether what the store gave is what the city names: the digest is what was signed.
    ///
    /// # Errors
    /// `SB-4025`.
    pub(super) fn check_stored(plugin: &PluginRef, component: &[u8]) -> Result<(), Refusal> {
        if hex(&Sha256::digest(component)) == plugin.digest {
            return Ok(());
        }
        let detail = format!(
            "The stored component of {} is not the one that was put in force.",
            plugin.versioned_name()
        );
        Err(Refusal::new("SB-4025", detail))
    }

    /// What a change of the city needs besides sound documents; the caller holds the turn.
    ///
    /// # Errors
    /// `SB-4022` for a name that another component has, `SB-4023` for what a second person has to approve.
    pub(super) async fn admit(&self, city: &City, before: Option<&City>, by: &str) -> Result<(), Refusal> {
        self.check_names(city, before).await?;
        self.check_grants(city, before, by).await?;
        for plugin in &city.plugins {
            self.give_name(plugin, by).await?;
        }
        Ok(())
    }

    /// # Errors
    /// `SB-4022`.
    pub(super) async fn check_names(&self, city: &City, before: Option<&City>) -> Result<(), Refusal> {
        for plugin in &city.plugins {
            let earlier = before.and_then(|before| before.plugin(&plugin.full_name()));
            let earlier = earlier.filter(|earlier| earlier.version == plugin.version);
            if earlier.is_some_and(|earlier| earlier.digest != plugin.digest) {
                return Err(taken(plugin));
            }
            if let Some(given) = self.given(plugin).await?
                && given.digest != plugin.digest
            {
                return Err(taken(plugin));
            }
        }
        Ok(())
    }

    async fn given(&self, plugin: &PluginRef) -> Result<Option<Given>, Refusal> {
        let cell = self.broker.cells(VERSIONS).await?.get(&key(plugin)).await?;
        let unreadable =
            |error: serde_json::Error| Refusal::new("SB-1505", format!("The name of a plugin: {error}"));
        cell.map(|cell| serde_json::from_slice(&cell.value).map_err(unreadable))
            .transpose()
    }

    async fn give_name(&self, plugin: &PluginRef, by: &str) -> Result<(), Refusal> {
        if self.given(plugin).await?.is_some() {
            return Ok(());
        }
        let given = Given {
            name: plugin.versioned_name(),
            digest: plugin.digest.clone(),
            by: by.to_owned(),
            at_ms: clock::millis_now(),
        };
        let value = serde_json::to_vec(&given).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        let write = CellWrite::put(key(plugin), value).expect(Expect::Absent);
        match self.broker.cells(VERSIONS).await?.write(write).await {
            Ok(_) => Ok(()),
            // Another process was quicker; the name is its component's.
            Err(BrokerError::Conflict(_)) => match self.given(plugin).await? {
                Some(given) if given.digest == plugin.digest => Ok(()),
                _ => Err(taken(plugin)),
            },
            Err(error) => Err(error.into()),
        }
    }
}

fn taken(plugin: &PluginRef) -> Refusal {
    let detail = format!(
        "{} is another component already; a version never changes.",
        plugin.versioned_name()
    );
    Refusal::new("SB-4022", detail).hint("raise `version` in plugin.yaml, then build and sign it again")
}

/// A version may be any text, a key may not.
fn key(plugin: &PluginRef) -> String {
    let version: String = hex(&Sha256::digest(plugin.version.as_bytes()))
        .chars()
        .take(32)
        .collect();
    format!("{}.{}.{version}", plugin.partner, plugin.name)
}
