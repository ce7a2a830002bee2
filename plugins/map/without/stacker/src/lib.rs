//! A guest has one stack, and it does not grow. How deep an expression may nest is bounded by the plugin
//! (`evaluate.rs`), so that it never comes to the end of it.

/// Calls `callback` on the stack there is.
pub fn maybe_grow<R>(_red_zone: usize, _stack_size: usize, callback: impl FnOnce() -> R) -> R {
    callback()
}

/// Calls `callback` on the stack there is.
pub fn grow<R>(_stack_size: usize, callback: impl FnOnce() -> R) -> R {
    callback()
}

/// Nobody knows.
pub fn remaining_stack() -> Option<usize> {
    None
}
