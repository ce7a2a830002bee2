//! What a plugin is given: events and foreign messages.

use serde::de::DeserializeOwned;

use crate::output::{Stop, reject};

/// An event as the bus accepted it (CloudEvents 1.0). Attributes are spelled exactly as the publisher spelled them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Unique together with `source`.
    pub id: String,
    /// Where it happened, a URI-reference.
    pub source: String,
    /// The event type, with its version: `de.krefeld.swk.outage.reported.v1`.
    pub ty: String,
    /// What the event is about, within the source.
    pub subject: Option<String>,
    /// RFC 3339.
    pub time: Option<String>,
    /// Media type of `data`; absent means JSON.
    pub datacontenttype: Option<String>,
    /// The schema `data` adheres to, a URI.
    pub dataschema: Option<String>,
    /// Extension attributes as (name, canonical value).
    pub extensions: Vec<(String, String)>,
    /// The payload as received.
    pub data: Option<Vec<u8>>,
}

impl Event {
    /// The payload, read as JSON.
    ///
    /// # Errors
    /// Rejects the event with `no-data` or `data-unreadable`; the text names the place, never the content.
    pub fn data_json<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        match &self.data {
            Some(bytes) => read_json(bytes, "data-unreadable", "the data of the event"),
            None => Err(reject("no-data", "the event has no data")),
        }
    }

    /// The value of one extension attribute in its canonical string form.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&str> {
        self.extensions
            .iter()
            .find(|(each, _)| each == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A message in a foreign format, as a route received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// The media type the sender named; nothing has checked that the bytes agree.
    pub content_type: String,
    /// When the bus received it, RFC 3339 in UTC. Use this where you would want a clock.
    pub received: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Raw {
    /// The body, read as JSON.
    ///
    /// # Errors
    /// Rejects the message with `body-unreadable`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        read_json(&self.bytes, "body-unreadable", "the body")
    }

    /// The body as text.
    ///
    /// # Errors
    /// Rejects the message with `body-unreadable` if it is not UTF-8.
    pub fn text(&self) -> Result<&str, Stop> {
        core::str::from_utf8(&self.bytes).map_err(|_| reject("body-unreadable", "the body is not UTF-8"))
    }
}

/// Reads JSON and says on failure what and where, without the content: serde's own message may quote the payload.
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8], code: &str, what: &str) -> Result<T, Stop> {
    serde_json::from_slice(bytes).map_err(|error| {
        let kind = match error.classify() {
            serde_json::error::Category::Data => "does not have the expected form",
            _ => "is not valid JSON",
        };
        reject(
            code,
            format!("{what} {kind} (line {}, column {})", error.line(), error.column()),
        )
    })
}
