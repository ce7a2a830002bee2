//! The WebSocket binding (CloudEvents WebSockets binding 1.0; WS-1): which format a stream of events is in, and its frames.
//!
//! The client names subprotocols in the opening handshake, the server answers with one of them, and from then on every
//! message is one event in structured mode: JSON in text frames, the others in binary frames. There are no batches.

use std::fmt;

use bytes::Bytes;

use crate::error::EventError;
use crate::event::Event;
use crate::format::Format;

#[cfg(test)]
mod tests;

/// A WebSocket message.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text message; UTF-8, or it is none.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

/// The name of the subprotocol of a format.
#[must_use]
pub fn subprotocol(format: Format) -> &'static str {
    match format {
        Format::Json => "cloudevents.json",
        Format::Avro => "cloudevents.avro",
        Format::Protobuf => "cloudevents.proto",
    }
}

/// Chooses among the subprotocols a client offers, in the client's order of preference (WS-1). `offered` are the values of all
/// `Sec-WebSocket-Protocol` headers, each a list with commas. Nothing where none is known: then the answer has no such
/// header, and the client is to close. Names match exactly, as RFC 6455 compares them.
///
/// ```
/// use stadtbus_event::{Format, websocket};
///
/// let format = websocket::choose(["mqtt, cloudevents.avro", "cloudevents.json"]);
/// assert_eq!(format, Some(Format::Avro));
/// assert_eq!(format.map(websocket::subprotocol), Some("cloudevents.avro"));
/// ```
pub fn choose<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<Format> {
    offered
        .into_iter()
        .flat_map(|header| header.split(','))
        .map(str::trim)
        .find_map(|name| {
            Format::ALL
                .into_iter()
                .find(|format| subprotocol(*format) == name)
        })
}

/// Writes one event as one message.
#[must_use]
pub fn encode(event: &Event, format: Format) -> Frame {
    let bytes = format.to_bytes(event);
    match format {
        Format::Json => Frame::Text(bytes),
        Format::Protobuf | Format::Avro => Frame::Binary(bytes),
    }
}

/// Reads one message of a stream in this format.
///
/// # Errors
/// SB-1109 for a frame of the wrong kind, else as [`Format::parse`].
pub fn decode(frame: &Frame, format: Format) -> Result<Event, EventError> {
    match (frame, format) {
        (Frame::Text(bytes), Format::Json) | (Frame::Binary(bytes), Format::Protobuf | Format::Avro) => {
            format.parse(bytes)
        }
        (Frame::Text(_), _) | (Frame::Binary(_), Format::Json) => Err(EventError::new(
            "SB-1109",
            "this kind of frame is not the one of the subprotocol: text for cloudevents.json, binary for the others",
        )),
    }
}

/// Shows sizes, not content.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(bytes) => write!(f, "Text({} bytes)", bytes.len()),
            Self::Binary(bytes) => write!(f, "Binary({} bytes)", bytes.len()),
        }
    }
}
