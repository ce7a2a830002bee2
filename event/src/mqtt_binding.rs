//! The MQTT binding (CloudEvents MQTT binding 1.0; MQTT-1, MQTT-2): MQTT 5 in binary and structured mode, MQTT 3.1.1.
//!
//! Purpose: what a PUBLISH packet carries in, events out, and back, without naming a client library. Topics, quality of
//! service and retained messages are not the event's.
//!
//! In binary mode attributes are User Properties under their own names (MQTT-1), among which other people's properties may
//! stand: whatever cannot be an attribute's name is not looked at, and `specversion` is what makes the message an event.
//! All values are strings; an empty payload cannot be told from none.

use std::fmt;

use bytes::Bytes;

use crate::error::EventError;
use crate::event::{Core, Data, Event, Form};
use crate::format::{Format, Mode};
use crate::parts::Parts;
use crate::{check, json};

#[cfg(test)]
mod tests;

/// Longest string MQTT can carry, in bytes of UTF-8.
pub const STRING_BYTES_MAX: usize = 65_535;

/// What of an MQTT 5 PUBLISH packet is the event's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The Content Type property.
    pub content_type: Option<String>,
    /// The User Properties, in order; names may repeat.
    pub user_properties: Vec<(String, String)>,
    /// The application message.
    pub payload: Bytes,
}

/// Writes binary mode (MQTT-1): attributes as User Properties, `datacontenttype` as Content Type, the payload as it is.
/// Nothing where an attribute is longer than [`STRING_BYTES_MAX`]; such an event goes in structured mode.
#[must_use]
pub fn encode_binary(event: &Event) -> Option<Message> {
    let mut user_properties = Vec::with_capacity(4 + event.extensions.len());
    user_properties.push(("specversion".to_owned(), "1.0".to_owned()));
    for core in Core::ALL {
        let value = event.core(core);
        if core != Core::DataContentType && !value.is_empty() {
            user_properties.push((core.name().to_owned(), value.to_owned()));
        }
    }
    for (name, value) in event.extensions() {
        user_properties.push((name.to_owned(), value.canonical().into_owned()));
    }
    let content_type = event.explicit_content_type().map(str::to_owned);
    let longest = user_properties
        .iter()
        .map(|(_, value)| value.len())
        .chain(content_type.as_ref().map(String::len))
        .max();
    (longest <= Some(STRING_BYTES_MAX)).then(|| Message {
        content_type,
        user_properties,
        payload: event.data().cloned().unwrap_or_default(),
    })
}

/// Writes structured mode in this format.
#[must_use]
pub fn encode_structured(event: &Event, format: Format) -> Message {
    Message {
        content_type: Some(format.media_type().to_owned()),
        user_properties: Vec::new(),
        payload: format.to_bytes(event),
    }
}

/// Writes the payload for MQTT 3.1.1, which knows structured mode in the JSON format only (MQTT-2).
#[must_use]
pub fn encode_v3(event: &Event) -> Bytes {
    json::to_bytes(event)
}

/// Reads an MQTT 5 message in either mode, as Content Type says.
///
/// # Errors
/// SB-1101 where there is no `specversion`, SB-1109 for a format that is not in [`Format`] and for batches, which this
/// binding does not have, SB-1103 to SB-1106, SB-1111 and SB-1406 for what is wrong in it, else as [`Format::parse`].
pub fn decode(message: &Message) -> Result<Event, EventError> {
    let content_type = message
        .content_type
        .as_deref()
        .map(str::trim)
        .filter(|declared| !declared.is_empty());
    if let Some(declared) = content_type {
        match Mode::of(declared)? {
            Mode::Structured(format) => return format.parse(&message.payload),
            Mode::Batch(_) => return Err(EventError::unsupported_format()),
            Mode::Binary => {}
        }
    }
    if !message
        .user_properties
        .iter()
        .any(|(name, _)| name == "specversion")
    {
        return Err(EventError::no_event(
            "neither a CloudEvents content type nor a user property `specversion`: this is not a CloudEvent",
        ));
    }
    let mut parts = Parts::default();
    for (name, value) in &message.user_properties {
        if check::name(name) {
            parts.set(name, value.into())?;
        }
    }
    parts.declare(content_type)?;
    if !message.payload.is_empty() {
        parts.data = Some(Data::new(message.payload.clone(), Form::Bytes));
    }
    parts.finish()
}

/// Reads the payload of MQTT 3.1.1, where the JSON format is implied (MQTT-2).
///
/// # Errors
/// As [`json::parse`].
pub fn decode_v3(payload: &Bytes) -> Result<Event, EventError> {
    json::parse(payload)
}

/// Shows sizes, not content.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("content_type", &self.content_type)
            .field("user_properties", &self.user_properties.len())
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}
