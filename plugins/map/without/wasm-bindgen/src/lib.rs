//! A guest has no JavaScript; see `js-sys` beside this crate.

/// No value.
#[derive(Debug)]
pub struct JsValue;

impl JsValue {
    /// No value.
    pub fn from_f64(_: f64) -> Self {
        Self
    }
}
