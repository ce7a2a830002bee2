//! Every limit of the sandbox, with its unit, default and bound.
//!
//! A manifest may choose within the bounds; it can never leave them. The bounds are what keeps the promise that a
//! plugin can only fail its own partner's events (P5), so they are constants and not configuration.

/// A range a manifest may choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Taken when the manifest says nothing.
    pub default: u64,
    /// Least value allowed.
    pub min: u64,
    /// Greatest value allowed.
    pub max: u64,
}

/// Time one call may take, in milliseconds. Stopped at the next tick of [`TICK_MS`]; one bulk memory instruction can
/// add some milliseconds, since those are not interrupted.
pub const DEADLINE_MS: Bound = Bound {
    default: 50,
    min: 1,
    max: 1_000,
};
/// Linear memory of one call, in MiB. Small on purpose: bulk memory instructions cannot be interrupted, and filling
/// 64 MiB takes 30 ms.
pub const MEMORY_MIB: Bound = Bound {
    default: 16,
    min: 1,
    max: 64,
};
/// All outputs of one call together, in bytes (data, attributes, headers, reason).
pub const OUTPUT_BYTES: Bound = Bound {
    default: 262_144,
    min: 1_024,
    max: 4_194_304,
};
/// Number of outputs of one call.
pub const OUTPUTS: Bound = Bound {
    default: 16,
    min: 1,
    max: 1_000,
};
/// Calls of one warm instance before it is recycled. An interpreter that loses a kilobyte with each call loses a megabyte,
/// and a plugin that keeps what it must not keep does so for this long.
pub const INSTANCE_CALLS: Bound = Bound {
    default: 1_000,
    min: 1,
    max: 10_000,
};
/// State stored under one key, in bytes.
pub const STATE_BYTES: Bound = Bound {
    default: 4_096,
    min: 1,
    max: 65_536,
};
/// How long state is kept without being written, in seconds (default 30 days, at most 2 years).
pub const STATE_TTL_S: Bound = Bound {
    default: 2_592_000,
    min: 1,
    max: 63_072_000,
};

/// How much larger than after its first call the memory of a warm instance may be, in bytes; then it is recycled.
pub const WARM_GROWTH_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long a warm instance is kept without a call, in seconds.
pub const WARM_IDLE_S: u64 = 60;

/// Interval of the clock that ends calls, in milliseconds.
pub const TICK_MS: u64 = 2;
/// Stack of the guest, in bytes.
pub const STACK_BYTES: usize = 512 * 1024;
/// Elements of all tables of one instance.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;
/// Lines one call may log; more are counted and dropped.
pub const LOG_LINES_MAX: usize = 64;
/// Bytes of one log line; the rest is cut.
pub const LOG_LINE_BYTES_MAX: usize = 1_024;
/// Length of a state key, in bytes.
pub const STATE_KEY_BYTES_MAX: usize = 512;
/// Characters of the text of a reason.
pub const REASON_TEXT_CHARS_MAX: usize = 500;
/// Faults of one configuration that are told.
pub const CONFIG_FAULTS_MAX: usize = 16;
/// Frames of a backtrace.
pub const BACKTRACE_FRAMES_MAX: usize = 16;

/// Size of a component, in bytes.
pub const COMPONENT_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Size of a component with warm instances, in bytes: it brings the interpreter of its language along.
pub const WARM_COMPONENT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Size of a manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 65_536;
/// Wall-clock time of one compilation, in seconds.
pub const COMPILE_WALL_S: u64 = 10;
/// Processor time of one compilation, in seconds.
pub const COMPILE_CPU_S: u64 = 10;
/// Writable memory of one compilation, in bytes.
pub const COMPILE_MEMORY_BYTES: u64 = 512 * 1024 * 1024;
/// Wall-clock time of compiling a component with warm instances, in seconds; an interpreter takes six on two quiet cores.
pub const WARM_COMPILE_WALL_S: u64 = 120;
/// Processor time of compiling a component with warm instances, in seconds.
pub const WARM_COMPILE_CPU_S: u64 = 120;
/// Writable memory of compiling a component with warm instances, in bytes.
pub const WARM_COMPILE_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
/// Size of a compiled artefact, in bytes.
pub const ARTEFACT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What the host may be made to copy out of a guest by one crossing, in bytes: four times the output cap, so that
/// the cap itself answers first for outputs that are merely too large, and the budget for those that are absurd.
#[must_use]
pub(crate) fn hostcall_fuel(output_bytes_max: u64) -> usize {
    usize::try_from(output_bytes_max.saturating_mul(4))
        .unwrap_or(usize::MAX)
        .max(1024 * 1024)
}
