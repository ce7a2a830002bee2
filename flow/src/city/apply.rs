//! Changing the city: plan, then change.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use stadtbus_broker::{CellWrite, Expect, LogName, Position};
use stadtbus_contracts::{Change, City, PluginRef, PluginSignature, Role};
use stadtbus_plugin_host::Manifest;

use super::{
    Cities, Lacking, LiveCity, Order,
    ordered::{Impossible, impossible},
    store::{Pointer, compiled},
};
use crate::{
    Refusal, clock,
    deliver::{consents::CONSENTS, secrets::SECRETS},
    lanes::{
        cursor::{Mark, Marks},
        ledger::CURSORS,
        pauses, starts,
        watch::Watch,
    },
    log::{log_of, partner_log_spec},
    rollout::Version,
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

/// One plugin that somebody wants in force.
pub struct Deployment {
    /// Its manifest as text.
    pub manifest: String,
    /// Its component.
    pub component: Bytes,
    /// Who vouches for it.
    pub signature: Option<PluginSignature>,
    /// A Sigstore bundle to be carried.
    pub sigstore: Option<serde_json::Value>,
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
    /// How many orders placed over the API stay.
    pub kept: usize,
    /// Plugins that ask for more than is granted: a second person has to approve that before the city can be applied.
    pub lacking: Vec<Lacking>,
    /// Those that could not: the city cannot be applied before they are cancelled or made possible again.
    pub impossible: Vec<Impossible>,
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
    /// `SB-50xx` for documents that do not fit together, `SB-15xx` when the broker does not answer.
    pub async fn plan(&self, city: City) -> Result<Plan, Refusal> {
        let registry = compiled(city.clone())?;
        self.check_vouched(registry.city())?;
        let live = self.live.load_full();
        let mut missing_components = Vec::new();
        for plugin in &city.plugins {
            if !self.has_component(&plugin.digest).await? {
                missing_components.push(plugin.digest.clone());
            }
        }
        let before = live.as_ref().map(|live| live.registry.city());
        let next = with_orders(city, before);
        self.check_names(&next, before).await?;
        let lacking = self.lacking(&next, before).await?;
        Ok(Plan {
            changes: stadtbus_contracts::diff(before, &next),
            current: live.as_ref().map(|live| live.digest.clone()).unwrap_or_default(),
            missing_components,
            kept: next.ordered.len(),
            lacking: lacking.into_iter().map(|(_, lacking)| lacking).collect(),
            impossible: impossible(&next),
        })
    }

    /// Puts a city in force, whole or not at all. The orders that partners placed over the API stay, unless the city
    /// names orders itself: then it is a whole document, as [`LiveCity`] shows it, and is taken as it is.
    ///
    /// # Errors
    /// `SB-50xx` and `SB-40xx` for what is wrong with it, `SB-5012` when another city is in force than the one it
    /// was planned against, `SB-5016` when an order would be impossible. The city in force stays in force then.
    pub async fn apply(&self, proposal: Proposal) -> Result<Applied, Refusal> {
        let _turn = self.changing.lock().await;
        let stored = self.pointer().await?;
        let current = match &stored {
            Some((pointer, _)) if self.follows(&proposal.expect, &pointer.digest).await? => {
                Some(self.document(&pointer.digest).await?)
            }
            None if proposal.expect.is_empty() => None,
            _ => return Err(overtaken()),
        };
        let city = with_orders(proposal.city, current.as_ref());
        if let Some(first) = impossible(&city).first() {
            return Err(first.refusal());
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
        self.change_to(city, &proposal.by, stored, false).await
    }

    /// Whether what was planned against `expect` may be put over the city `current`: orders placed meanwhile are kept
    /// by every change, so they stand in the way of none.
    async fn follows(&self, expect: &str, current: &str) -> Result<bool, Refusal> {
        if expect == current {
            return Ok(true);
        }
        if expect.is_empty() {
            return Ok(false);
        }
        let Ok(mut planned) = self.document(expect).await else {
            return Ok(false);
        };
        let mut found = self.document(current).await?;
        planned.ordered.clear();
        found.ordered.clear();
        Ok(planned == found)
    }

    /// Compiles a city and points to it. The caller holds the turn.
    pub(super) async fn change_to(
        &self,
        city: City,
        by: &str,
        stored: Option<(Pointer, u64)>,
        ordered: bool,
    ) -> Result<Applied, Refusal> {
        let document =
            serde_json::to_vec(&city).map_err(|error| Refusal::new("SB-5005", error.to_string()))?;
        let next = self.compile(city).await?;
        let before = match stored.as_ref().filter(|_| !ordered) {
            Some((pointer, _)) => Some(self.document(&pointer.digest).await?),
            None => None,
        };
        // An order changes no plugin.
        if !ordered {
            self.admit(next.registry.city(), before.as_ref(), by).await?;
        }
        self.prepare(&next).await?;
        self.put_document(&next.digest, document.into()).await?;
        let pointer = Pointer {
            digest: next.digest.clone(),
            applied_ms: clock::millis_now(),
            by: by.to_owned(),
            ordered,
        };
        let (replaced, over) = stored.unzip();
        self.point_to(&pointer, over).await?;
        if let Some(replaced) = replaced.filter(|one| one.ordered && one.digest != pointer.digest) {
            self.forget_document(&replaced.digest).await;
        }
        let forgotten = self.forget_removed(&next).await;
        let forgotten = forgotten.and(self.forget_grants(before.as_ref(), next.registry.city()).await);
        if let Err(refusal) = forgotten {
            tracing::warn!(%refusal, "What was kept for what was removed is left over; the next change removes it.");
        }
        let digest = next.digest.clone();
        self.put_in_force(next);
        Ok(Applied { digest })
    }

    /// Replaces or adds one plugin of the city in force.
    ///
    /// # Errors
    /// As [`Cities::apply`].
    pub async fn deploy(&self, deployment: Deployment, by: &str) -> Result<Applied, Refusal> {
        let parsed = Manifest::parse(&deployment.manifest)
            .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        let live = self.current()?;
        let plugin = plugin_ref(&parsed, deployment.version(&parsed));
        let digest = plugin.digest.clone();
        let mut city = live.registry.city().clone();
        match city
            .plugins
            .iter_mut()
            .find(|old| old.partner == plugin.partner && old.name == plugin.name)
        {
            Some(old) => *old = plugin,
            None => city.plugins.push(plugin),
        }
        let components = BTreeMap::from([(digest, deployment.component)]);
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
            let logs = next.logs_of(order)?;
            let seen = |log: &LogName| ends.get(log).copied().unwrap_or(0);
            if known.contains(&order.key()) {
                self.start_in_new_logs(order, &logs, seen).await?;
                continue;
            }
            let mark = |log: &LogName| Mark {
                seen: seen(log),
                open: Vec::new(),
            };
            let marks = Marks {
                logs: logs
                    .iter()
                    .map(|log| (log.as_str().to_owned(), mark(log)))
                    .collect(),
                watch: Watch::begin(order.subscription(), clock::millis_now()),
                published: match order.is_derivation() {
                    true => Some(seen(&log_of(order.partner())?)),
                    false => None,
                },
                ..Marks::default()
            };
            let value =
                serde_json::to_vec(&marks).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
            let write = CellWrite::put(order.key(), value).expect(Expect::Absent);
            match cursors.write(write).await {
                Ok(_) | Err(stadtbus_broker::BrokerError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// A subscription that was changed and reads another log now begins there at this moment. Its cursor is its lane's
    /// to write, so the place is left for the lane to find.
    async fn start_in_new_logs(
        &self,
        order: &Order,
        logs: &[LogName],
        seen: impl Fn(&LogName) -> Position,
    ) -> Result<(), Refusal> {
        let live = self.live.load_full();
        let before = live.as_ref().and_then(|live| {
            let order = live.order(order.id().as_str())?;
            live.logs_of(order).ok()
        });
        let Some(before) = before else { return Ok(()) };
        let new: starts::Starts = logs
            .iter()
            .filter(|log| !before.contains(log))
            .map(|log| (log.as_str().to_owned(), seen(log)))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        Ok(starts::write(&*self.broker, &order.key(), &new).await?)
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

    /// Cursors, starts, pauses, secrets and consents of subscriptions that are gone: a later one of the same name begins anew.
    async fn forget_removed(&self, next: &LiveCity) -> Result<(), Refusal> {
        for bucket in [CURSORS, starts::STARTS, pauses::PAUSES, SECRETS, CONSENTS] {
            let cells = self.broker.cells(bucket).await?;
            for cell in cells.list("").await? {
                if !next.orders.iter().any(|order| order.key() == cell.key) {
                    cells.write(CellWrite::delete(cell.key)).await?;
                }
            }
        }
        Ok(())
    }
}

/// The city with the orders of the one before it, unless it names orders itself.
fn with_orders(mut city: City, before: Option<&City>) -> City {
    if let Some(before) = before.filter(|_| city.ordered.is_empty()) {
        city.keep_orders_of(before);
    }
    city
}

pub(super) fn overtaken() -> Refusal {
    Refusal::new(
        "SB-5012",
        "Another city is in force than the one this was planned against.",
    )
    .hint("stadtbus apply FOLDER")
}

impl Deployment {
    /// The version that it brings.
    pub(super) fn version(&self, manifest: &Manifest) -> Version {
        Version {
            version: manifest.version.clone(),
            digest: hex(&Sha256::digest(&self.component)),
            manifest: self.manifest.clone(),
            signature: self.signature.clone(),
            sigstore: self.sigstore.clone(),
        }
    }
}

/// A version of a plugin as a city lists it.
pub(super) fn plugin_ref(manifest: &Manifest, version: Version) -> PluginRef {
    PluginRef {
        partner: manifest.partner.clone(),
        name: manifest.plugin.clone(),
        version: version.version,
        role: match manifest.role {
            stadtbus_plugin_host::Role::Decode => Role::Decode,
            stadtbus_plugin_host::Role::Transform => Role::Transform,
            stadtbus_plugin_host::Role::Encode => Role::Encode,
        },
        consumes: manifest.consumes.clone(),
        produces: manifest.produces.clone(),
        tables: manifest.tables.clone(),
        digest: version.digest,
        manifest: version.manifest,
        signature: version.signature,
        sigstore: version.sigstore,
    }
}
