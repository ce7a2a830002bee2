//! What the bus grants every plugin, whatever its manifest says.

use stadtbus_plugin_host::limits::{
    COMPILE_WALL_S, COMPONENT_BYTES_MAX, WARM_COMPILE_WALL_S, WARM_COMPONENT_BYTES_MAX,
};
use stadtbus_plugin_host::{Instances, Manifest};

/// How large its component may be, in bytes.
pub(super) fn component_bytes_max(manifest: &Manifest) -> u64 {
    let max = match manifest.instances {
        Instances::Fresh => COMPONENT_BYTES_MAX,
        Instances::Warm => WARM_COMPONENT_BYTES_MAX,
    };
    u64::try_from(max).unwrap_or(u64::MAX)
}

/// How long compiling it may take, in milliseconds.
pub(super) fn compile_ms_max(manifest: &Manifest) -> u64 {
    let seconds = match manifest.instances {
        Instances::Fresh => COMPILE_WALL_S,
        Instances::Warm => WARM_COMPILE_WALL_S,
    };
    seconds.saturating_mul(1_000)
}
