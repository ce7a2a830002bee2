//! The event formats, found by media type: one table for every binding with a structured mode.

use bytes::Bytes;

use crate::error::EventError;
use crate::event::Event;
use crate::{avro, json, media, protobuf};

#[cfg(test)]
mod tests;

/// An event format: one way to write a whole event, attributes and payload, as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// [`crate::json`]: what everybody reads (CORE-1).
    Json,
    /// [`crate::protobuf`] (PROTO-1).
    Protobuf,
    /// [`crate::avro`] (AVRO-1). It has no batch.
    Avro,
}

impl Format {
    /// All formats, the one that everybody reads first.
    pub const ALL: [Self; 3] = [Self::Json, Self::Protobuf, Self::Avro];

    /// The media type of one event.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => json::MEDIA_TYPE,
            Self::Protobuf => protobuf::MEDIA_TYPE,
            Self::Avro => avro::MEDIA_TYPE,
        }
    }

    /// The media type of a batch, where the format has one.
    #[must_use]
    pub fn batch_media_type(self) -> Option<&'static str> {
        match self {
            Self::Json => Some(json::BATCH_MEDIA_TYPE),
            Self::Protobuf => Some(protobuf::BATCH_MEDIA_TYPE),
            Self::Avro => None,
        }
    }

    /// Reads one event.
    ///
    /// # Errors
    /// As [`json::parse`], [`protobuf::parse`] and [`avro::parse`].
    pub fn parse(self, body: &Bytes) -> Result<Event, EventError> {
        match self {
            Self::Json => json::parse(body),
            Self::Protobuf => protobuf::parse(body),
            Self::Avro => avro::parse(body),
        }
    }

    /// Reads a batch of at most `events_max` events; a member that is no event is an error of its own.
    ///
    /// # Errors
    /// As [`json::parse_batch`] and [`protobuf::parse_batch`]; SB-1109 where the format has no batch.
    pub fn parse_batch(
        self,
        body: &Bytes,
        events_max: usize,
    ) -> Result<Vec<Result<Event, EventError>>, EventError> {
        match self {
            Self::Json => json::parse_batch(body, events_max),
            Self::Protobuf => protobuf::parse_batch(body, events_max),
            Self::Avro => Err(EventError::unsupported_format()),
        }
    }

    /// Writes one event.
    #[must_use]
    pub fn to_bytes(self, event: &Event) -> Bytes {
        match self {
            Self::Json => json::to_bytes(event),
            Self::Protobuf => protobuf::to_bytes(event),
            Self::Avro => avro::to_bytes(event),
        }
    }

    /// Writes a batch; nothing where the format has none.
    pub fn batch_to_bytes<'a>(self, events: impl Iterator<Item = &'a Event>) -> Option<Bytes> {
        match self {
            Self::Json => Some(json::batch_to_bytes(events)),
            Self::Protobuf => Some(protobuf::batch_to_bytes(events)),
            Self::Avro => None,
        }
    }
}

/// How a message carries its event, as its content type says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The content type is the payload's; attributes stand beside it.
    Binary,
    /// One event in this format.
    Structured(Format),
    /// Events in this format.
    Batch(Format),
}

impl Mode {
    /// The mode a content type calls for (HTTP-1): any case, parameters allowed. What begins like a CloudEvents type and is
    /// none of those known is refused and never taken for binary mode, because that would lose the attributes (HTTP-7).
    ///
    /// # Errors
    /// SB-1109 for a format that is not known, and for JSON in a character set other than UTF-8.
    pub fn of(content_type: &str) -> Result<Self, EventError> {
        const PREFIX: &str = "application/cloudevents";
        let essence = media::essence(content_type);
        if !essence
            .get(..PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
        {
            return Ok(Self::Binary);
        }
        let known = Format::ALL.into_iter().find_map(|format| {
            let batch = format.batch_media_type();
            if batch.is_some_and(|batch| essence.eq_ignore_ascii_case(batch)) {
                Some((format, Self::Batch(format)))
            } else if essence.eq_ignore_ascii_case(format.media_type()) {
                Some((format, Self::Structured(format)))
            } else {
                None
            }
        });
        match known {
            Some((Format::Json, _)) if !media::utf8(content_type) => Err(EventError::unsupported_format()),
            Some((_, mode)) => Ok(mode),
            None => Err(EventError::unsupported_format()),
        }
    }
}
