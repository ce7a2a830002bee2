//! The host: accepts components and turns them into plugins.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;
use wasmtime::component::Component;

use crate::artefacts::Artefacts;
use crate::compile::CompilerCommand;
use crate::engine::{self, Ticker};
use crate::error::PluginError;
use crate::manifest::{Instances, Manifest};
use crate::plugin::{Plugin, Sandbox};
use crate::shape;
use crate::warm::Room;

/// Compilations at a time; the others wait. A machine that routes events should not be busy compiling.
const COMPILATIONS_MAX: usize = 1;

/// What a host needs to know.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Calls that can run at a time, over all plugins: at least the threads of the [`crate::Pool`] plus those that
    /// call [`Plugin::run`] themselves. Each costs address space, and memory only while and after it was used (256 KiB
    /// kept). At most half of them are warm ones that wait for their next call.
    pub instances_max: u32,
    /// Where compiled artefacts are kept. Made with mode 0700; nobody else may write there.
    pub cache_dir: PathBuf,
    /// How components are compiled.
    pub compiler: CompilerCommand,
}

/// The sandbox. One per process; plugins keep what they need of it alive.
pub struct Host {
    sandbox: Sandbox,
    artefacts: Artefacts,
    compiler: CompilerCommand,
    compiling: Semaphore,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("compiler", &self.compiler)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// Starts the engine and its clock, and opens the artefact store.
    ///
    /// # Errors
    /// SB-1002 if the machine cannot give the address space, the thread, or the directory.
    pub fn new(config: HostConfig) -> Result<Self, PluginError> {
        let instances_max = config.instances_max.clamp(1, 4_096);
        let engine = engine::engine(instances_max)?;
        let artefacts = Artefacts::open(&config.cache_dir, engine::compatibility(&engine))?;
        let ticker = Arc::new(Ticker::start(engine.clone())?);
        let room = Room::new(instances_max as usize / 2);
        let sandbox = Sandbox { engine, ticker, room };
        Ok(Self {
            sandbox,
            artefacts,
            compiler: config.compiler,
            compiling: Semaphore::new(COMPILATIONS_MAX),
        })
    }

    /// Makes a plugin of a component: looks at its shape and imports, compiles it or takes the artefact of the same
    /// digest and engine from the store, and links it. Nothing of the guest runs yet.
    ///
    /// # Errors
    /// What [`crate::check`] refuses; SB-4005 compiling takes too long or too much memory; SB-4001 the compiler
    /// refuses it; SB-4003 it does not fit the world of its manifest.
    pub async fn deploy(&self, manifest: &Manifest, component: &[u8]) -> Result<Arc<Plugin>, PluginError> {
        let report = shape::check(component, manifest)?;
        let digest = report.digest;
        let loaded = match self.load(&digest) {
            Some(loaded) => loaded,
            None => self.compile(&digest, component, manifest.instances).await?,
        };
        Plugin::link(manifest, digest, &self.sandbox, &loaded).map(Arc::new)
    }

    async fn compile(
        &self,
        digest: &str,
        component: &[u8],
        instances: Instances,
    ) -> Result<Component, PluginError> {
        let _turn = self.compiling.acquire().await;
        // Whoever waited for the same component finds it made.
        if let Some(loaded) = self.load(digest) {
            return Ok(loaded);
        }
        let artefact = self.compiler.compile(component, instances).await?;
        if let Err(error) = self.artefacts.store(digest, &artefact) {
            // Only the next start is slower for it.
            tracing::warn!(%error, "a compiled plugin could not be kept");
        }
        self.deserialize(&artefact).ok_or_else(|| {
            PluginError::new(
                "SB-4005",
                "what the compiling process made does not fit this program",
            )
            .hint("the compiling process must be the same version as the bus")
        })
    }

    fn load(&self, digest: &str) -> Option<Component> {
        self.deserialize(&self.artefacts.load(digest)?)
    }

    /// Turns an artefact into code that can run.
    #[allow(unsafe_code)]
    fn deserialize(&self, artefact: &[u8]) -> Option<Component> {
        // SAFETY: `Component::deserialize` trusts its input to be the output of the same engine's compiler, unchanged.
        // The bytes come from two places only: straight from the compiling process this host started (`compile`), or
        // out of the artefact store, which hands out only what carries the check value this host wrote with a key
        // nobody else can read (`load`). Components from outside never come here; they are compiled first.
        let loaded = unsafe { Component::deserialize(&self.sandbox.engine, artefact) };
        loaded
            .inspect_err(|error| tracing::debug!(%error, "an artefact was made by another engine"))
            .ok()
    }
}
