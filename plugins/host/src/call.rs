//! One call of a plugin: what it is given and what it answers.

use bytes::Bytes;
use serde::Serialize;
use stadtbus_event::Event;

use crate::tables::Tables;

/// Everything one call is a function of.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The input, of the kind the plugin's role demands.
    pub input: Input<'a>,
    /// Configuration from the route or subscription, JSON text; empty counts as `{}`.
    pub config: &'a [u8],
    /// What is stored under the state key of this input ([`crate::state_key`]).
    pub state: Option<&'a [u8]>,
    /// The lookup tables, under the plugin's names.
    pub tables: &'a Tables,
}

/// The input of a call.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A foreign message, for decoders.
    Raw {
        /// The media type the sender named.
        content_type: &'a str,
        /// The body.
        bytes: &'a [u8],
        /// When the bus received it, RFC 3339.
        received: &'a str,
    },
    /// An event, for transformers and encoders.
    Event(&'a Event),
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The verdict, checked against the limits and the manifest.
    pub verdict: Verdict,
    /// What becomes of the state. Always [`StateChange::Unchanged`] with [`Verdict::Reject`].
    pub state: StateChange,
    /// What the plugin logged.
    pub logs: Vec<LogLine>,
    /// What it used.
    pub cost: Cost,
}

/// The verdict of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Publish these, in order (decode, transform).
    Events(Vec<Draft>),
    /// Deliver this (encode).
    Encoded {
        /// Media type of the body.
        content_type: String,
        /// The body.
        body: Bytes,
        /// Further header fields, none of which steers the connection.
        headers: Vec<(String, String)>,
    },
    /// Nothing to publish or deliver, and that is right.
    Drop(Reason),
    /// The input is unusable (SB-4108).
    Reject(Reason),
}

/// Why an input was dropped or rejected: written by the plugin, made fit for display by the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Short and stable, `a-z0-9-.`.
    pub code: String,
    /// One sentence.
    pub text: String,
}

/// One thing that a plugin says is wrong with a configuration: written by the plugin, made fit for display by the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFault {
    /// Where in the configuration, a JSON Pointer.
    pub at: String,
    /// The line in the text that stands there, from 1; 0 where it is no text.
    pub line: u32,
    /// The column in that line, from 1.
    pub column: u32,
    /// Short and stable.
    pub code: String,
    /// One sentence.
    pub text: String,
}

impl std::fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}: ", self.line, self.column)?;
        }
        write!(f, "{} ({})", self.text, self.code)
    }
}

/// An event to be published. `id`, `source` and `causationid` are set by whoever publishes it; type and attributes
/// have been checked, so it makes a sound event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Draft {
    /// Natural identity of the fact in the sender's terms.
    pub key: Option<String>,
    /// Event type, one of the manifest's `produces`.
    pub ty: String,
    /// Subject.
    pub subject: Option<String>,
    /// RFC 3339.
    pub time: Option<String>,
    /// Media type of the data; `application/json` is filled in for data without one.
    pub datacontenttype: Option<String>,
    /// Schema of the data.
    pub dataschema: Option<String>,
    /// Extension attributes.
    pub extensions: Vec<(String, String)>,
    /// The data.
    pub data: Option<Bytes>,
}

/// What becomes of the state under the key of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// Nothing.
    Unchanged,
    /// It is replaced.
    Put(Vec<u8>),
    /// It is forgotten.
    Clear,
}

/// One line a plugin logged. Control characters are already replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The line.
    pub text: String,
}

/// What one call used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cost {
    /// Wall-clock time from instantiation to the checked answer, in microseconds.
    pub micros: u64,
    /// Peak of linear memory, in bytes.
    pub memory_bytes: u64,
    /// Size of the outputs, in bytes.
    pub output_bytes: u64,
    /// Log lines that were dropped because there were too many.
    pub log_lines_dropped: u64,
}
