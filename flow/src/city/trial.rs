//! A version of a plugin that is not in the city, and is to run beside the one that is.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use stadtbus_contracts::{PluginName, PluginRef};
use stadtbus_plugin_host::{Manifest, Plugin};

use super::{Cities, LiveCity, apply::plugin_ref, store::compiled};
use crate::{Refusal, rollout::Version, written::hex};

/// A version that somebody brought, looked at and ready to run.
pub struct Candidate {
    /// As a rollout names it.
    pub version: Version,
    /// Itself.
    pub plugin: Arc<Plugin>,
    component: Bytes,
}

impl LiveCity {
    /// The version of a plugin that the city names.
    ///
    /// # Errors
    /// `SB-4009` when the city has no such plugin.
    pub fn version_of(&self, plugin: &str) -> Result<Version, Refusal> {
        let found = self.plugin_ref(plugin)?;
        Ok(Version {
            version: found.version.clone(),
            digest: found.digest.clone(),
            manifest: found.manifest.clone(),
        })
    }

    fn plugin_ref(&self, plugin: &str) -> Result<&PluginRef, Refusal> {
        let name = plugin.parse::<PluginName>().ok();
        let found = name.and_then(|name| self.registry.plugin(&name));
        found.ok_or_else(|| {
            Refusal::new("SB-4009", format!("The city has no plugin {plugin}."))
                .hint("stadtbus plugin deploy FOLDER")
        })
    }
}

impl Cities {
    /// Looks at a version that somebody brought, as it would be before it is put in force: whether the city would take it in
    /// the place of its own, and whether the sandbox does. Nothing changes, and nothing is kept.
    ///
    /// # Errors
    /// `SB-4009` for a plugin that the city does not have, `SB-4032` when it could not take the events of the one that is in
    /// service, `SB-40xx` and `SB-50xx` for what is wrong with it.
    pub async fn candidate(&self, manifest: String, component: Bytes) -> Result<Candidate, Refusal> {
        let parsed =
            Manifest::parse(&manifest).map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        let digest = hex(&Sha256::digest(&component));
        let next = plugin_ref(&parsed, digest.clone(), manifest.clone());
        let live = self.current()?;
        let before = live.plugin_ref(&parsed.name())?;
        may_stand_beside(&before.manifest, &parsed)?;
        let mut city = live.registry.city().clone();
        for plugin in &mut city.plugins {
            if plugin.partner == next.partner && plugin.name == next.name {
                *plugin = next.clone();
            }
        }
        compiled(city)?;
        let deployed = self.host.deploy(&parsed, &component).await;
        let plugin = deployed.map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        let version = Version {
            version: parsed.version,
            digest,
            manifest,
        };
        Ok(Candidate {
            version,
            plugin,
            component,
        })
    }

    /// Keeps the component of a version that is to run, where every process finds it.
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn keep(&self, candidate: &Candidate) -> Result<(), Refusal> {
        let digest = &candidate.version.digest;
        if !self.has_component(digest).await? {
            self.put_component(digest, candidate.component.clone()).await?;
        }
        Ok(())
    }
}

/// Whether an event may go through either of two versions.
fn may_stand_beside(before: &str, next: &Manifest) -> Result<(), Refusal> {
    let before = Manifest::parse(before).map_err(|error| Refusal::new(error.code(), error.to_string()))?;
    let detail = if before.role != next.role {
        format!(
            "It is a plugin to {}, and the one in service one to {}.",
            next.role.as_str(),
            before.role.as_str()
        )
    } else if before.state.as_ref().map(|state| &state.key) != next.state.as_ref().map(|state| &state.key) {
        "It keeps its state under another key than the version in service: neither would understand the other's.".to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::new("SB-4032", detail).hint("stadtbus plugin deploy FOLDER"))
}
