//! What one running guest can reach: its limits, its log, its tables. Nothing else is linked.

use wasmtime::ResourceLimiter;

use crate::bindings::{log, lookup};
use crate::call::LogLine;
use crate::error::shown_to;
use crate::limits::{LOG_LINE_BYTES_MAX, LOG_LINES_MAX, TABLE_ELEMENTS_MAX};
use crate::tables::Tables;

/// The data of a store: one call's worth.
pub(crate) struct Guest {
    pub(crate) limiter: Limiter,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) log_lines_dropped: u64,
    tables: Tables,
}

impl Guest {
    pub(crate) fn new(tables: Tables, memory_bytes_max: usize) -> Self {
        Self {
            limiter: Limiter {
                memory_bytes_max,
                memory_bytes: 0,
                total: 0,
            },
            logs: Vec::new(),
            log_lines_dropped: 0,
            tables,
        }
    }
}

impl Guest {
    /// Makes it ready for the next call in the same instance: new tables, an empty log, a peak that starts where the memory
    /// is.
    pub(crate) fn begin(&mut self, tables: Tables) {
        self.tables = tables;
        self.logs.clear();
        self.log_lines_dropped = 0;
        self.limiter.memory_bytes = self.limiter.total as u64;
    }
}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        if self.logs.len() >= LOG_LINES_MAX {
            self.log_lines_dropped = self.log_lines_dropped.saturating_add(1);
            return Ok(());
        }
        let level = match level {
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        let mut end = message.len().min(LOG_LINE_BYTES_MAX);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let kept = message.get(..end).unwrap_or_default();
        self.logs.push(LogLine {
            level,
            text: shown_to(kept, LOG_LINE_BYTES_MAX),
        });
        Ok(())
    }
}

impl lookup::Host for Guest {
    fn get(&mut self, table: String, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.tables.lookup(&table, &key).map(|entry| entry.to_vec()))
    }
}

/// A guest wanted more memory or table than it may have. The call ends at once: a guest that is told "no" and goes on
/// would only use up its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitReached {
    Memory { wanted: usize, max: usize },
    Table { wanted: usize, max: usize },
}

impl std::fmt::Display for LimitReached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory { wanted, max } => {
                write!(f, "it wanted {wanted} bytes of memory; {max} are allowed")
            }
            Self::Table { wanted, max } => write!(f, "it wanted {wanted} table elements; {max} are allowed"),
        }
    }
}

impl std::error::Error for LimitReached {}

/// Counts and bounds what a guest takes.
pub(crate) struct Limiter {
    memory_bytes_max: usize,
    /// Peak of all memories together.
    pub(crate) memory_bytes: u64,
    total: usize,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.total.saturating_sub(current).saturating_add(desired);
        if total > self.memory_bytes_max {
            return Err(LimitReached::Memory {
                wanted: total,
                max: self.memory_bytes_max,
            }
            .into());
        }
        self.total = total;
        self.memory_bytes = self.memory_bytes.max(total as u64);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > TABLE_ELEMENTS_MAX {
            return Err(LimitReached::Table {
                wanted: desired,
                max: TABLE_ELEMENTS_MAX,
            }
            .into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        crate::engine::CORE_INSTANCES_MAX as usize * 2
    }

    fn tables(&self) -> usize {
        crate::engine::TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        1
    }
}
