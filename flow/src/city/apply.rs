//! Changing the city: plan, then change.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use stadtbus_broker::{CellWrite, Expect};
use stadtbus_contracts::{Change, City, PluginRef, Role};
use stadtbus_plugin_host::Manifest;

use super::{Cities, LiveCity};
use crate::{
    Refusal,
    lanes::{
        cursor::{Mark, Marks},
        ledger::CURSORS,
    },
    log::{log_of, partner_log_spec},
    written::hex,
};

/// A city that somebody wants in force.
pub struct Proposal {
    /// The city.
    pub city: City,
    /// Components that come with it, by SHA-256.
    pub components: BTreeMap<String, Bytes>,
    /// Digest of the city it was planned against; empty for none.
    pub expect: String,
    /// Who proposes it.
    pub by: String,
}

/// What a proposal would change.
#[derive(Debug)]
pub struct Plan {
    /// The changes, in words.
    pub changes: Vec<Change>,
    /// Digest of the city in force; empty for none.
    pub current: String,
    /// Components that must come with the proposal.
    pub missing_components: Vec<String>,
}

/// What was changed.
#[derive(Debug)]
pub struct Applied {
    /// Digest of the city that is in force now.
    pub digest: String,
}

impl Cities {
    /// Says what a city would change; changes nothing.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn plan(&self, city: &City) -> Result<Plan, Refusal> {
        let live = self.live.load_full();
        let mut missing_components = Vec::new();
        for plugin in &city.plugins {
            if !self.has_component(&plugin.digest).await? {
                missing_components.push(plugin.digest.clone());
            }
        }
        Ok(Plan {
            changes: stadtbus_contracts::diff(live.as_ref().map(|live| live.registry.city()), city),
            current: live.map(|live| live.digest.clone()).unwrap_or_default(),
            missing_components,
        })
    }

    /// Puts a city in force, whole or not at all.
    ///
    /// # Errors
    /// `SB-50xx` and `SB-40xx` for what is wrong with it, `SB-5012` when another city is in force than the one it
    /// was planned against. The city in force stays in force then.
    pub async fn apply(&self, proposal: Proposal) -> Result<Applied, Refusal> {
        let _turn = self.changing.lock().await;
        let stored = self.pointer().await?;
        let current = stored
            .as_ref()
            .map(|(pointer, _)| pointer.digest.clone())
            .unwrap_or_default();
        if current != proposal.expect {
            return Err(Refusal::new(
                "SB-5012",
                "Another city is in force than the one this was planned against.",
            )
            .hint("stadtbus apply FOLDER"));
        }
        for (digest, component) in proposal.components {
            if hex(&Sha256::digest(&component)) != digest {
                return Err(Refusal::new(
                    "SB-4008",
                    "A component does not have the digest it came under.",
                ));
            }
            self.put_component(&digest, component).await?;
        }
        let document =
            serde_json::to_vec(&proposal.city).map_err(|error| Refusal::new("SB-5005", error.to_string()))?;
        let next = self.compile(proposal.city).await?;
        self.prepare(&next).await?;
        self.put_document(&next.digest, document.into()).await?;
        self.point_to(&next.digest, &proposal.by, stored.map(|(_, revision)| revision))
            .await?;
        if let Err(refusal) = self.forget_removed(&next).await {
            tracing::warn!(%refusal, "Cursors of removed subscriptions are left over; the next change removes them.");
        }
        let digest = next.digest.clone();
        self.put_in_force(next);
        Ok(Applied { digest })
    }

    /// Replaces or adds one plugin of the city in force.
    ///
    /// # Errors
    /// As [`Cities::apply`].
    pub async fn deploy(&self, manifest: String, component: Bytes, by: &str) -> Result<Applied, Refusal> {
        let parsed = stadtbus_plugin_host::Manifest::parse(&manifest)
            .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        let live = self.current()?;
        let digest = hex(&Sha256::digest(&component));
        let plugin = plugin_ref(&parsed, digest.clone(), manifest);
        let mut city = live.registry.city().clone();
        match city
            .plugins
            .iter_mut()
            .find(|old| old.partner == plugin.partner && old.name == plugin.name)
        {
            Some(old) => *old = plugin,
            None => city.plugins.push(plugin),
        }
        let components = BTreeMap::from([(digest, component)]);
        self.apply(Proposal {
            city,
            components,
            expect: live.digest.clone(),
            by: by.to_owned(),
        })
        .await
    }

    /// Makes the logs, and gives each new subscription its cursor before the city is in force, so that an event
    /// accepted right after is not missed.
    async fn prepare(&self, next: &LiveCity) -> Result<(), Refusal> {
        self.ensure_logs(next).await?;
        let mut ends = BTreeMap::new();
        for partner in next.publishers() {
            let log = log_of(&partner)?;
            ends.insert(log.clone(), self.broker.state(&log).await?.last);
        }
        let cursors = self.broker.cells(CURSORS).await?;
        let known: Vec<String> = cursors.list("").await?.into_iter().map(|cell| cell.key).collect();
        for order in &next.orders {
            if known.contains(&order.key()) {
                continue;
            }
            let mut marks = Marks::default();
            for log in next.logs_of(order)? {
                let seen = ends.get(&log).copied().unwrap_or(0);
                marks.logs.insert(
                    log.as_str().to_owned(),
                    Mark {
                        seen,
                        open: Vec::new(),
                    },
                );
            }
            let value =
                serde_json::to_vec(&marks).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
            let write = CellWrite {
                key: order.key(),
                value: Some(value.into()),
                expect: Expect::Absent,
                ttl: None,
            };
            match cursors.write(write).await {
                Ok(_) | Err(stadtbus_broker::BrokerError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Makes the log of each publishing partner, or changes it to the limits that hold now.
    pub(super) async fn ensure_logs(&self, city: &LiveCity) -> Result<(), Refusal> {
        for partner in city.publishers() {
            self.broker
                .ensure_log(&partner_log_spec(&partner, &self.limits)?)
                .await?;
        }
        Ok(())
    }

    /// Cursors of subscriptions that are gone: a later one of the same name begins anew.
    async fn forget_removed(&self, next: &LiveCity) -> Result<(), Refusal> {
        let cursors = self.broker.cells(CURSORS).await?;
        for cell in cursors.list("").await? {
            if !next.orders.iter().any(|order| order.key() == cell.key) {
                cursors
                    .write(CellWrite {
                        key: cell.key,
                        value: None,
                        expect: Expect::Any,
                        ttl: None,
                    })
                    .await?;
            }
        }
        Ok(())
    }
}

/// A plugin as the city lists it, from its manifest.
fn plugin_ref(manifest: &Manifest, digest: String, text: String) -> PluginRef {
    PluginRef {
        partner: manifest.partner.clone(),
        name: manifest.plugin.clone(),
        version: manifest.version.clone(),
        role: match manifest.role {
            stadtbus_plugin_host::Role::Decode => Role::Decode,
            stadtbus_plugin_host::Role::Transform => Role::Transform,
            stadtbus_plugin_host::Role::Encode => Role::Encode,
        },
        consumes: manifest.consumes.clone(),
        produces: manifest.produces.clone(),
        tables: manifest.tables.clone(),
        digest,
        manifest: text,
    }
}
