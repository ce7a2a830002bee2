//! The plugin host, for one plugin and one person at a desk: compiled in a process of its own, kept in the user's
//! cache so that the next run starts at once.

use crate::bus::PLUGIN_COMPILE;
use stadtbus_plugin_host::{CompilerCommand, Host, HostConfig, Manifest, Plugin, PluginError};
use std::path::PathBuf;
use std::sync::Arc;

/// Checks, compiles and links one plugin.
pub(crate) fn deploy(manifest: &Manifest, component: &[u8]) -> Result<Arc<Plugin>, PluginError> {
    let config = HostConfig {
        // Tests run one after another.
        instances_max: 2,
        cache_dir: cache(),
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
