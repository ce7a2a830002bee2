//! From what the engine says about a failed call to a code and a sentence.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::error::{Failure, shown, shown_to};
use crate::guest::LimitReached;
use crate::manifest::Limits;

/// Longest backtrace, in characters.
const BACKTRACE_CHARS_MAX: usize = 4_096;

/// Explains the error of a call.
pub(crate) fn explain(error: &wasmtime::Error, limits: &Limits) -> Failure {
    let mut failure = match_cause(error, limits);
    failure.backtrace = error.downcast_ref::<WasmBacktrace>().map(backtrace);
    failure
}

fn match_cause(error: &wasmtime::Error, limits: &Limits) -> Failure {
    if let Some(reached) = error.downcast_ref::<LimitReached>() {
        return Failure::new("SB-4102", format!("the plugin was stopped: {reached}"));
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return Failure::new("SB-1405", "all plugin instances are in use; try again");
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Failure::new(
            "SB-4101",
            format!(
                "the plugin was stopped: it did not finish within {} ms",
                limits.deadline_ms
            ),
        ),
        Some(Trap::StackOverflow) => {
            Failure::new("SB-4104", "the plugin was stopped: its stack is exhausted")
        }
        Some(trap) if is_about_output(*trap) => malformed(&trap.to_string()),
        Some(trap) => Failure::new("SB-4103", format!("the plugin failed: {trap}")),
        // The engine's error for this is not a public type; the sentence is, and a test holds it to that.
        None if error
            .root_cause()
            .to_string()
            .contains("hostcalls has been exhausted") =>
        {
            Failure::new(
                "SB-4109",
                "the plugin was stopped: it handed over far more than its output may have, or logged without measure",
            )
        }
        None => malformed(&error.root_cause().to_string()),
    }
}

/// Traps raised while the host reads the answer: the answer itself is no sound value.
fn is_about_output(trap: Trap) -> bool {
    matches!(
        trap,
        Trap::StringOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::InvalidDiscriminant
            | Trap::UnalignedPointer
            | Trap::InvalidChar
            | Trap::DebugAssertPointerAligned
    )
}

fn malformed(why: &str) -> Failure {
    Failure::new(
        "SB-4107",
        format!(
            "the plugin does not keep to the calling convention: {}",
            shown(why)
        ),
    )
}

/// One line per frame, innermost first: module-relative offset and readable function name.
fn backtrace(trace: &WasmBacktrace) -> String {
    let lines: Vec<String> = trace
        .frames()
        .iter()
        .map(|frame| {
            // Demangled: Rust's symbols carry `$LT$` and a hash that hide what the author looks for.
            let name = frame.func_name().map_or_else(
                || format!("function {}", frame.func_index()),
                |name| format!("{:#}", rustc_demangle::demangle(name)),
            );
            match frame.func_offset() {
                Some(offset) => format!("{} +0x{offset:x}", shown_to(&name, 200)),
                None => shown_to(&name, 200),
            }
        })
        .collect();
    lines.join("\n").chars().take(BACKTRACE_CHARS_MAX).collect()
}
