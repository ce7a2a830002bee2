//! The two ways a plugin disappoints: it is refused at deploy ([`PluginError`], SB-40xx), or it fails one call
//! ([`Failure`], SB-41xx).
//!
//! Both carry a stable code and one sentence. Neither repeats payload. What stems from the component itself (names of
//! imports, functions) is shown only through [`shown`].

use std::fmt;

use serde::Serialize;

use crate::call::Cost;

/// Longest piece of foreign text in a message, in characters.
pub(crate) const SHOWN_CHARS_MAX: usize = 300;

/// A plugin is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PluginError {
    /// Stable code, SB-40xx.
    pub code: &'static str,
    /// One sentence for the operator.
    pub detail: String,
    /// What to do about it, where that can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The things refused, by name, where there are several (imports).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl PluginError {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            hint: None,
            names: Vec::new(),
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn names(mut self, names: Vec<String>) -> Self {
        self.names = names;
        self
    }

    /// The stable code, such as `SB-4002`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for PluginError {}

/// One call of a plugin came to nothing. It concerns the one input only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Stable code, SB-41xx; SB-1405 if the host had no instance to spare.
    pub code: &'static str,
    /// One sentence for the plugin's owner.
    pub detail: String,
    /// Where in the guest it happened, innermost first, with readable function names. Absent if the guest was not
    /// running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
    /// What the call wrote to its log before it failed: often the place of a panic.
    pub logs: Vec<crate::call::LogLine>,
    /// What the call used until then.
    pub cost: Cost,
}

impl Failure {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            backtrace: None,
            logs: Vec::new(),
            cost: Cost::default(),
        }
    }

    /// Whether the same call may succeed later. Guests are deterministic, so this is true only for want of room in
    /// the host and for time: a busy machine can make an honest guest late.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self.code, "SB-1405" | "SB-4101")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Failure {}

/// Foreign text made fit for a log line or a terminal: control characters replaced, length bounded.
pub(crate) fn shown(text: &str) -> String {
    shown_to(text, SHOWN_CHARS_MAX)
}

/// [`shown`] with another bound.
pub(crate) fn shown_to(text: &str, chars_max: usize) -> String {
    let mut out: String = text
        .chars()
        .take(chars_max)
        .map(|c| if is_unsafe(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(chars_max).is_some() {
        out.push('…');
    }
    out
}

/// Characters that steer a terminal or reorder text: C0, C1, line separators, bidirectional controls.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
