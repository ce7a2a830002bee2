//! The Kafka binding (CloudEvents Kafka binding 1.0; KAFKA-1 to KAFKA-3): records in, events out, and back, without naming a
//! client library. Topics and partitions are not the event's; its key may come from it, see [`Key`].
//!
//! In binary mode attributes are `ce_` headers in plain UTF-8, and no data is a record without a value, which in a
//! compacted topic deletes what had the same key. All values are strings.

use std::fmt;

use bytes::Bytes;

use crate::error::EventError;
use crate::event::{Core, Data, Event, Form};
use crate::format::{Format, Mode};
use crate::parts::Parts;

#[cfg(test)]
mod tests;

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";

/// What of a Kafka record is the event's.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The record's key.
    pub key: Option<Bytes>,
    /// The headers, in order; names may repeat, and a value may be null.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// The record's value.
    pub value: Option<Bytes>,
}

/// Where the key of a record comes from (KAFKA-2). No way to choose it changes the event.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Key {
    /// No key: the client spreads the records.
    #[default]
    None,
    /// The key the caller gives, as it is.
    Given(Bytes),
    /// The extension `partitionkey` as it is, which stays on the event; without one, no key.
    PartitionKey,
}

impl Key {
    fn of(&self, event: &Event) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::Given(key) => Some(key.clone()),
            Self::PartitionKey => event
                .extension("partitionkey")
                .map(|value| Bytes::from(value.canonical().into_owned())),
        }
    }
}

/// Writes binary mode: attributes in `ce_` headers, `datacontenttype` in `content-type`, the payload as it is (KAFKA-1), and
/// no value where there is no payload (KAFKA-3).
#[must_use]
pub fn encode_binary(event: &Event, key: &Key) -> Record {
    let mut headers = Vec::with_capacity(4 + Core::ALL.len() + event.extensions.len());
    let mut put = |name: &str, value: &str| {
        let value = Bytes::copy_from_slice(value.as_bytes());
        headers.push((format!("{PREFIX}{name}"), Some(value)));
    };
    put("specversion", "1.0");
    for core in Core::ALL {
        let value = event.core(core);
        if core != Core::DataContentType && !value.is_empty() {
            put(core.name(), value);
        }
    }
    for (name, value) in event.extensions() {
        put(name, &value.canonical());
    }
    if let Some(declared) = event.explicit_content_type() {
        let value = Bytes::copy_from_slice(declared.as_bytes());
        headers.push((CONTENT_TYPE.to_owned(), Some(value)));
    }
    Record {
        key: key.of(event),
        headers,
        value: event.data().cloned(),
    }
}

/// Writes structured mode in this format.
#[must_use]
pub fn encode_structured(event: &Event, format: Format, key: &Key) -> Record {
    let media_type = Bytes::from_static(format.media_type().as_bytes());
    Record {
        key: key.of(event),
        headers: vec![(CONTENT_TYPE.to_owned(), Some(media_type))],
        value: Some(format.to_bytes(event)),
    }
}

/// Reads a record in either mode, as the header `content-type` says. The key is not looked at; a header that is null is an
/// attribute that is not set.
///
/// # Errors
/// SB-1101 where there are neither `ce_` headers nor a CloudEvents content type, SB-1109 for a format that is not in
/// [`Format`] and for batches, which this binding does not have, SB-1103 to SB-1106, SB-1111 and SB-1406 for what
/// is wrong in it (header values that are no UTF-8 included), else as [`Format::parse`].
pub fn decode(record: &Record) -> Result<Event, EventError> {
    let content_type = content_type(record)?;
    if let Some(declared) = content_type {
        match Mode::of(declared)? {
            Mode::Structured(format) => return format.parse(record.value.as_ref().unwrap_or(&Bytes::new())),
            Mode::Batch(_) => return Err(EventError::unsupported_format()),
            Mode::Binary => {}
        }
    }
    let mut parts = Parts::default();
    let mut marked = false;
    for (name, value) in &record.headers {
        let Some(attribute) = name.strip_prefix(PREFIX) else {
            continue;
        };
        marked = true;
        match value {
            Some(value) => parts.set(attribute, text(attribute, value)?.into())?,
            None => parts.set_unset(attribute.into())?,
        }
    }
    if !marked {
        return Err(EventError::no_event(
            "neither a CloudEvents content type nor `ce_` headers: this is not a CloudEvent",
        ));
    }
    parts.declare(content_type)?;
    parts.data = record
        .value
        .as_ref()
        .map(|value| Data::new(value.clone(), Form::Bytes));
    parts.finish()
}

fn content_type(record: &Record) -> Result<Option<&str>, EventError> {
    let mut values = record
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE))
        .filter_map(|(_, value)| value.as_ref());
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(EventError::twice("datacontenttype"));
    }
    let declared = text("datacontenttype", first)?.trim();
    Ok(Some(declared).filter(|declared| !declared.is_empty()))
}

fn text<'a>(attribute: &str, value: &'a Bytes) -> Result<&'a str, EventError> {
    std::str::from_utf8(value).map_err(|_| EventError::bad_value(attribute, "is not UTF-8"))
}

/// Shows sizes, not content.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("key_bytes", &self.key.as_ref().map(Bytes::len))
            .field("headers", &self.headers.len())
            .field("value_bytes", &self.value.as_ref().map(Bytes::len))
            .finish()
    }
}
