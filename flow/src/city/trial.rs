//! A version of a plugin that is not in the city, and is to run beside the one that is.

use std::sync::Arc;

use bytes::Bytes;
use stadtbus_contracts::{City, PluginName, PluginRef};
use stadtbus_plugin_host::{Manifest, Plugin};

use super::{Cities, Deployment, LiveCity, apply::plugin_ref, store::compiled};
use crate::{Refusal, rollout::Version};

/// A version that somebody brought, looked at and ready to run.
pub struct Candidate {
    /// As a rollout names it.
    pub version: Version,
    /// Itself.
    pub plugin: Arc<Plugin>,
    component: Bytes,
    city: City,
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
            signature: found.signature.clone(),
            sigstore: found.sigstore.clone(),
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
    /// Looks at a version that `by` brought, as it would be before it is put in force: whether the city would take it in
    /// the place of its own, whether somebody vouches for it, whether it may use what it asks for, and whether the sandbox takes it.
    /// Nothing is kept but the request for what a second person has to approve.
    ///
    /// # Errors
    /// `SB-4009` for a plugin that the city does not have, `SB-4032` when it could not take the events of the one that is in
    /// service, `SB-40xx` and `SB-50xx` for what is wrong with it.
    pub async fn candidate(&self, brought: Deployment, by: &str) -> Result<Candidate, Refusal> {
        let parsed = Manifest::parse(&brought.manifest)
            .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        let version = brought.version(&parsed);
        let next = plugin_ref(&parsed, version.clone());
        let live = self.current()?;
        let before = live.plugin_ref(&parsed.name())?;
        may_stand_beside(&before.manifest, &parsed)?;
        let mut city = live.registry.city().clone();
        for plugin in &mut city.plugins {
            if plugin.partner == next.partner && plugin.name == next.name {
                *plugin = next.clone();
            }
        }
        let city = compiled(city)?.city().clone();
        self.check_vouched(&city)?;
        self.check_grants(&city, Some(live.registry.city()), by).await?;
        let deployed = self.host.deploy(&parsed, &brought.component).await;
        let plugin = deployed.map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        Ok(Candidate {
            version,
            plugin,
            component: brought.component,
            city,
        })
    }

    /// Keeps the component of a version that is to run, where every process finds it; from now on its name is its alone.
    ///
    /// # Errors
    /// `SB-4022` for a name that another component has, `SB-15xx`.
    pub async fn keep(&self, candidate: &Candidate, by: &str) -> Result<(), Refusal> {
        let live = self.current()?;
        self.admit(&candidate.city, Some(live.registry.city()), by)
            .await?;
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
