//! The city in the broker: one cell that names the document in force, documents and components as blobs.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Blobs, CellChange, CellWrite, Expect};
use stadtbus_contracts::{City, PluginRef, Registry};
use stadtbus_plugin_host::{Manifest, Plugin};

use super::{Cities, LiveCity, apply::plugin_ref, live::Plugins};
use crate::{Refusal, rollout::Version};

/// Bucket of the cell.
pub(crate) const CITY: &str = "CITY";
/// The cell.
pub(crate) const CURRENT: &str = "current";
/// Bucket of the documents, by digest.
const CITIES: &str = "CITIES";
/// Bucket of the components, by SHA-256.
const COMPONENTS: &str = "COMPONENTS";

/// Which document is in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pointer {
    pub(super) digest: String,
    pub(super) applied_ms: u64,
    pub(super) by: String,
    /// Whether an order over the API made it. Such documents are not kept once another took their place.
    #[serde(default)]
    pub(super) ordered: bool,
}

/// The documents of a city, checked and compiled: before anything they name is asked for.
///
/// # Errors
/// The first finding, `SB-50xx`.
pub(super) fn compiled(city: City) -> Result<Registry, Refusal> {
    // A folder may wait for its components to be built; what is to be in force may not.
    if let Some(plugin) = city.plugins.iter().find(|plugin| plugin.digest.is_empty()) {
        let detail = format!(
            "{}: `digest` is missing; its component is not built.",
            plugin.full_name()
        );
        return Err(Refusal::new("SB-5005", detail).hint("stadtbus plugin build FOLDER"));
    }
    Registry::compile(city).map_err(|findings| {
        let first = findings.iter().next();
        Refusal::new(
            first.map_or("SB-5005", |finding| finding.code),
            first.map(ToString::to_string).unwrap_or_default(),
        )
    })
}

impl Cities {
    /// Loads the city in force, if there is one, and follows every change until the broker is closed.
    ///
    /// # Errors
    /// When the broker does not answer at the start.
    pub async fn watch(self: Arc<Self>) -> Result<(), Refusal> {
        let cells = self.broker.cells(CITY).await?;
        let mut changes = cells.watch(CURRENT).await?;
        while let Some(change) = changes.next().await {
            let CellChange::Put(cell) = change else { continue };
            let Ok(pointer) = serde_json::from_slice::<Pointer>(&cell.value) else {
                tracing::error!(
                    "The cell of the current city cannot be read; the last good city stays in force."
                );
                continue;
            };
            self.follow(&pointer.digest).await;
        }
        Ok(())
    }

    /// Whether the broker holds a city, in force here or not.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn is_stored(&self) -> Result<bool, Refusal> {
        Ok(self.pointer().await?.is_some())
    }

    async fn follow(&self, digest: &str) {
        let _turn = self.changing.lock().await;
        if self
            .live
            .load()
            .as_ref()
            .is_some_and(|city| city.digest == digest)
        {
            return;
        }
        match self.load(digest).await {
            Ok(city) => self.put_in_force(city),
            // An order whose document another order has replaced already: that one comes next.
            Err(refusal) if refusal.code == "SB-1505" && self.is_overtaken(digest).await => {
                tracing::debug!(digest, "A city was replaced before it was read.");
            }
            Err(refusal) => {
                tracing::error!(digest, %refusal, "A new city cannot be put in force; the last good one stays.")
            }
        }
    }

    async fn is_overtaken(&self, digest: &str) -> bool {
        matches!(self.pointer().await, Ok(Some((pointer, _))) if pointer.digest != digest)
    }

    /// The document that is stored under a digest; the one in force here costs no reading.
    pub(super) async fn document(&self, digest: &str) -> Result<City, Refusal> {
        if let Some(live) = self.live.load().as_ref().filter(|live| live.digest == digest) {
            return Ok(live.registry.city().clone());
        }
        let document = self.broker.blobs(CITIES).await?.get(digest).await?;
        let document =
            document.ok_or_else(|| Refusal::new("SB-1505", "The document of the city is missing."))?;
        serde_json::from_slice(&document).map_err(|error| Refusal::new("SB-5002", error.to_string()))
    }

    /// Forgets a document that an order made and another replaced. Without this each order would leave one behind.
    pub(super) async fn forget_document(&self, digest: &str) {
        let forgotten = match self.broker.blobs(CITIES).await {
            Ok(blobs) => blobs.delete(digest).await,
            Err(error) => Err(error),
        };
        if let Err(error) = forgotten {
            tracing::warn!(digest, %error, "The document of a replaced city is left over.");
        }
    }

    async fn load(&self, digest: &str) -> Result<LiveCity, Refusal> {
        let city = self.document(digest).await?;
        let city = self.compile(city).await?;
        // The limits of this process's configuration hold, not those of the process that applied the city.
        self.ensure_logs(&city).await?;
        Ok(city)
    }

    /// Compiles contracts and plugins; changes nothing.
    pub(super) async fn compile(&self, city: City) -> Result<LiveCity, Refusal> {
        let registry = compiled(city)?;
        self.check_vouched(registry.city())?;
        let mut plugins = Plugins::new();
        let live = self.live.load_full();
        let blobs = self.broker.blobs(COMPONENTS).await?;
        for plugin in &registry.city().plugins {
            let name = format!("{}/{}", plugin.partner, plugin.name);
            // What is in force is not fetched again: the broker takes each reading of a blob for a reader that lives on for
            // a while, and refuses more when orders come one after another.
            if let Some(deployed) = live.as_ref().and_then(|live| live.deployed(plugin)) {
                plugins.insert(name, deployed);
                continue;
            }
            let deployed = self
                .deployed_from(&*blobs, plugin)
                .await
                .map_err(|refusal| Refusal {
                    detail: format!("{name}: {}", refusal.detail),
                    ..refusal
                })?;
            plugins.insert(name, deployed);
        }
        let digest = registry.digest().to_owned();
        self.assemble(registry, digest, plugins).await
    }

    /// A version of a plugin whose component the broker holds, ready to run. Somebody has to vouch for it now, whatever was
    /// accepted when it was brought.
    ///
    /// # Errors
    /// `SB-5011` when the broker does not hold it, `SB-40xx` for what is wrong with it, `SB-15xx`.
    pub async fn version(&self, version: &Version) -> Result<Arc<Plugin>, Refusal> {
        let manifest = Manifest::parse(&version.manifest)
            .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
        let plugin = plugin_ref(&manifest, version.clone());
        self.check_signed(self.current()?.registry.city(), &plugin)?;
        let blobs = self.broker.blobs(COMPONENTS).await?;
        self.deployed_from(&*blobs, &plugin).await
    }

    async fn deployed_from(&self, blobs: &dyn Blobs, plugin: &PluginRef) -> Result<Arc<Plugin>, Refusal> {
        let component = blobs.get(&plugin.digest).await?;
        let component = component.ok_or_else(|| Refusal::new("SB-5011", "The component is not here."))?;
        Self::check_stored(plugin, &component)?;
        let refused =
            |error: stadtbus_plugin_host::PluginError| Refusal::new(error.code(), error.to_string());
        let manifest = Manifest::parse(&plugin.manifest).map_err(refused)?;
        self.host.deploy(&manifest, &component).await.map_err(refused)
    }

    pub(super) async fn pointer(&self) -> Result<Option<(Pointer, u64)>, Refusal> {
        let Some(cell) = self.broker.cells(CITY).await?.get(CURRENT).await? else {
            return Ok(None);
        };
        let pointer = serde_json::from_slice(&cell.value).map_err(|error| {
            Refusal::new(
                "SB-1505",
                format!("The cell of the current city cannot be read: {error}"),
            )
        })?;
        Ok(Some((pointer, cell.revision)))
    }

    pub(super) async fn has_component(&self, digest: &str) -> Result<bool, Refusal> {
        Ok(self.broker.blobs(COMPONENTS).await?.get(digest).await?.is_some())
    }

    pub(super) async fn put_component(&self, digest: &str, component: Bytes) -> Result<(), Refusal> {
        Ok(self
            .broker
            .blobs(COMPONENTS)
            .await?
            .put(digest, component)
            .await?)
    }

    pub(super) async fn put_document(&self, digest: &str, document: Bytes) -> Result<(), Refusal> {
        Ok(self.broker.blobs(CITIES).await?.put(digest, document).await?)
    }

    /// The one write that changes the city.
    pub(super) async fn point_to(&self, pointer: &Pointer, over: Option<u64>) -> Result<(), Refusal> {
        let value =
            serde_json::to_vec(pointer).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        let expect = over.map_or(Expect::Absent, Expect::Revision);
        let write = CellWrite {
            key: CURRENT.to_owned(),
            value: Some(value.into()),
            expect,
            ttl: None,
        };
        match self.broker.cells(CITY).await?.write(write).await {
            Ok(_) => Ok(()),
            Err(stadtbus_broker::BrokerError::Conflict(_)) => Err(Refusal::new(
                "SB-5012",
                "The city was changed by somebody else in the meantime.",
            )),
            Err(error) => Err(error.into()),
        }
    }
}
