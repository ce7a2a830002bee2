//! The plugin host, for one plugin and one person at a desk: compiled in a process of its own, kept in the user's
//! cache so that the next run starts at once.

use crate::bus::PLUGIN_COMPILE;
use stadtbus_plugin_host::{CompilerCommand, Host, HostConfig, Manifest, Plugin, PluginError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Checks, compiles and links one plugin.
pub(crate) fn deploy(manifest: &Manifest, component: &[u8]) -> Result<Arc<Plugin>, PluginError> {
    // Tests run one after another.
    deploy_in(cache(), 2, manifest, component)
}

/// The same without what an earlier run left, and with room for so many calls at a time: how long it took, too.
pub(crate) fn deploy_anew(
    manifest: &Manifest,
    component: &[u8],
    calls_max: usize,
) -> Result<(Arc<Plugin>, Duration), PluginError> {
    let own = std::env::temp_dir().join(format!("stadtbus-compile-{}", uuid::Uuid::new_v4().simple()));
    // Of the instances at most half wait for their next call.
    let instances_max = u32::try_from(calls_max.saturating_mul(2)).unwrap_or(u32::MAX);
    let began = Instant::now();
    let deployed = deploy_in(own.clone(), instances_max, manifest, component);
    let took = began.elapsed();
    // What was compiled is loaded; the copy on the disk has done its duty.
    drop(std::fs::remove_dir_all(own));
    deployed.map(|plugin| (plugin, took))
}

fn deploy_in(
    cache_dir: PathBuf,
    instances_max: u32,
    manifest: &Manifest,
    component: &[u8],
) -> Result<Arc<Plugin>, PluginError> {
    let config = HostConfig {
        instances_max,
        cache_dir,
        compiler: CompilerCommand::this_program(&[PLUGIN_COMPILE])?,
    };
    let host = Host::new(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(host.deploy(manifest, component)),
        Err(error) => Err(PluginError {
            code: "SB-4005",
            detail: error.to_string(),
            hint: None,
            names: Vec::new(),
        }),
    }
}

/// `$XDG_CACHE_HOME/stadtbus/plugins`, or below the home directory, or below the directory for temporary files.
fn cache() -> PathBuf {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    base.unwrap_or_else(std::env::temp_dir).join("stadtbus/plugins")
}
