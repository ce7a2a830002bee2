//! The engine all plugins share, and the clock that ends their calls.
//!
//! The same configuration builds the engine of the bus and that of the compiling process; only the number of slots
//! differs, which is no part of an artefact.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy,
    WasmBacktraceDetails,
};

use crate::error::PluginError;
use crate::limits::{BACKTRACE_FRAMES_MAX, MEMORY_MIB, STACK_BYTES, TABLE_ELEMENTS_MAX, TICK_MS};

/// Core instances per component instance: `wit-component` makes three, `componentize-py` more than forty.
pub(crate) const CORE_INSTANCES_MAX: u32 = 64;
/// Tables per component instance.
pub(crate) const TABLES_MAX: u32 = 8;

fn config(instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(2))
        .max_memory_size(mib(MEMORY_MIB.max))
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        // Pages a call dirtied are zeroed in place instead of being given back and faulted in again: this, with the
        // page map, is what makes a fresh instance per event cheap.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(16 << 10)
        .max_unused_warm_slots(instances)
        .pagemap_scan(Enabled::Auto);

    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        // Winch had sandbox escapes of its own and is slower at run time; there is one compiler here.
        .strategy(Strategy::Cranelift)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        .memory_init_cow(true)
        // Replays must give the same bytes on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES_MAX));
    config
}

/// The engine, with room for `instances` calls at a time.
pub(crate) fn engine(instances: u32) -> Result<Engine, PluginError> {
    Engine::new(&config(instances)).map_err(|error| {
        PluginError::new("SB-1002", format!("the plugin engine cannot start: {error}")).hint(
            "the machine must offer 64-bit virtual memory; lower plugins.instances_max if it is limited",
        )
    })
}

/// Names what an artefact must have been built by and for: version, settings and processor.
pub(crate) fn compatibility(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

pub(crate) fn mib(count: u64) -> usize {
    usize::try_from(count.saturating_mul(1 << 20)).unwrap_or(usize::MAX)
}

/// The clock: a thread that advances the engine's epoch every [`TICK_MS`] while calls are running, and sleeps without
/// any timer while none are.
pub(crate) struct Ticker(Arc<Shared>);

struct Shared {
    engine: Engine,
    running: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
    thread: std::sync::OnceLock<thread::Thread>,
}

/// Ticks without any call after which the clock goes to sleep. Waking it costs a system call, so it should not be
/// woken for every event of a steady stream.
const IDLE_TICKS: u32 = 100;

impl Ticker {
    pub(crate) fn start(engine: Engine) -> Result<Self, PluginError> {
        let shared = Arc::new(Shared {
            engine,
            running: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            thread: std::sync::OnceLock::new(),
        });
        let mine = Arc::clone(&shared);
        let handle = thread::Builder::new()
            .name("plugin-clock".to_owned())
            .spawn(move || mine.tick())
            .map_err(|error| {
                PluginError::new("SB-1002", format!("the plugin clock cannot start: {error}"))
            })?;
        // Set before any call can run, so a call always finds whom to wake.
        let _ = shared.thread.set(handle.thread().clone());
        Ok(Self(shared))
    }

    /// Keeps the clock going until the guard is dropped.
    pub(crate) fn enter(&self) -> Running<'_> {
        self.0.running.fetch_add(1, Ordering::SeqCst);
        if self.0.asleep.load(Ordering::SeqCst) {
            self.0.wake();
        }
        Running(&self.0)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        self.0.wake();
    }
}

pub(crate) struct Running<'a>(&'a Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn tick(&self) {
        let mut idle = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(TICK_MS));
            self.engine.increment_epoch();
            idle = if self.running.load(Ordering::SeqCst) == 0 {
                idle + 1
            } else {
                0
            };
            if idle >= IDLE_TICKS {
                self.sleep_until_called();
                idle = 0;
            }
        }
    }

    /// `asleep` is raised before `running` is looked at, and `enter` does it the other way round, so one of the two
    /// sees the other.
    fn sleep_until_called(&self) {
        self.asleep.store(true, Ordering::SeqCst);
        while self.running.load(Ordering::SeqCst) == 0 && !self.stopped.load(Ordering::SeqCst) {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }
}
