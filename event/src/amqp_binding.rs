//! The AMQP 1.0 binding (CloudEvents AMQP binding 1.0; AMQP-1, AMQP-2): messages in, events out, and back, without naming a
//! client library.
//!
//! In binary mode attributes are application properties with a prefix in one of two spellings, each in the AMQP type of its
//! own or as canonical string. Both are read, and what else a sender may mean by a number. Written are booleans and
//! integers in their own types and everything else as strings: AMQP timestamps end at the millisecond and know no zone,
//! so the string is what keeps its meaning (CORE-12). An empty body cannot be told from none.

use std::fmt;

use bytes::Bytes;

use crate::documented::binary_text;
use crate::error::EventError;
use crate::event::{Core, Data, Event, Form};
use crate::format::{Format, Mode};
use crate::instant;
use crate::parts::Parts;
use crate::value::Value;

#[cfg(test)]
mod tests;

/// The prefix that is written: the one clients of JMS 2.0 can select on.
const PREFIX: &str = "cloudEvents_";
/// The other one.
const PREFIX_COLON: &str = "cloudEvents:";

/// What of an AMQP message is the event's.
#[derive(Clone, Default, PartialEq)]
pub struct Message {
    /// `content-type` of the properties section.
    pub content_type: Option<String>,
    /// The application properties, in order.
    pub application_properties: Vec<(String, Property)>,
    /// The application data: one data section, or several put together.
    pub body: Bytes,
}

/// The value of an application property.
#[derive(Clone, PartialEq)]
pub enum Property {
    /// `null`: the attribute is not set.
    Null,
    /// `boolean`.
    Boolean(bool),
    /// `long`, and every other whole number that fits. An unsigned one that does not is [`Property::Other`].
    Long(i64),
    /// `string`.
    String(String),
    /// `symbol`.
    Symbol(String),
    /// `binary`.
    Binary(Bytes),
    /// `timestamp`: milliseconds since 1970 in UTC.
    Timestamp(i64),
    /// Any other type. Under the prefix it is refused, elsewhere it is not looked at.
    Other,
}

/// Writes binary mode with the prefix `cloudEvents_` (AMQP-1), integers and booleans in their AMQP types, everything else as
/// canonical string (AMQP-2).
#[must_use]
pub fn encode_binary(event: &Event) -> Message {
    let mut application_properties = Vec::with_capacity(4 + Core::ALL.len() + event.extensions.len());
    let mut put = |name: &str, value| application_properties.push((format!("{PREFIX}{name}"), value));
    put("specversion", Property::String("1.0".to_owned()));
    for core in Core::ALL {
        let value = event.core(core);
        if core != Core::DataContentType && !value.is_empty() {
            put(core.name(), Property::String(value.to_owned()));
        }
    }
    for (name, value) in event.extensions() {
        let value = match value {
            Value::String(text) => Property::String(text.clone()),
            Value::Integer(number) => Property::Long(i64::from(*number)),
            Value::Boolean(truth) => Property::Boolean(*truth),
        };
        put(name, value);
    }
    Message {
        content_type: event.explicit_content_type().map(str::to_owned),
        application_properties,
        body: event.data().cloned().unwrap_or_default(),
    }
}

/// Writes structured mode in this format.
#[must_use]
pub fn encode_structured(event: &Event, format: Format) -> Message {
    Message {
        content_type: Some(format.media_type().to_owned()),
        application_properties: Vec::new(),
        body: format.to_bytes(event),
    }
}

/// Reads a message in either mode, as `content-type` says. A message that mixes the two spellings of the prefix is read, as
/// long as no attribute comes twice.
///
/// # Errors
/// SB-1101 where there are neither prefixed properties nor a CloudEvents content type, SB-1109 for a format that is not in
/// [`Format`] and for batches, which this binding does not have, SB-1103 to SB-1106, SB-1111 and SB-1406 for what is wrong
/// in it, else as [`Format::parse`].
pub fn decode(message: &Message) -> Result<Event, EventError> {
    let content_type = message
        .content_type
        .as_deref()
        .map(str::trim)
        .filter(|declared| !declared.is_empty());
    if let Some(declared) = content_type {
        match Mode::of(declared)? {
            Mode::Structured(format) => return format.parse(&message.body),
            Mode::Batch(_) => return Err(EventError::unsupported_format()),
            Mode::Binary => {}
        }
    }
    let mut parts = Parts::default();
    let mut marked = false;
    for (name, value) in &message.application_properties {
        let attribute = name
            .strip_prefix(PREFIX)
            .or_else(|| name.strip_prefix(PREFIX_COLON));
        if let Some(attribute) = attribute {
            marked = true;
            take(&mut parts, attribute, value)?;
        }
    }
    if !marked {
        return Err(EventError::no_event(
            "neither a CloudEvents content type nor `cloudEvents_` properties: this is not a CloudEvent",
        ));
    }
    parts.declare(content_type)?;
    if !message.body.is_empty() {
        parts.data = Some(Data::new(message.body.clone(), Form::Bytes));
    }
    parts.finish()
}

fn take<'a>(parts: &mut Parts<'a>, name: &'a str, value: &'a Property) -> Result<(), EventError> {
    match value {
        Property::Null => parts.set_unset(name.into()),
        Property::Boolean(truth) => parts.set_typed(name, Value::Boolean(*truth)),
        Property::Long(number) => match i32::try_from(*number) {
            Ok(number) => parts.set_typed(name, Value::Integer(number)),
            Err(_) => Err(EventError::bad_value(name, "is not an integer of 32 bits")),
        },
        Property::String(text) | Property::Symbol(text) => parts.set(name, text.into()),
        Property::Binary(bytes) => parts.set_typed(name, binary_text(bytes).into()),
        Property::Timestamp(at) => match timestamp(*at) {
            Some(text) => parts.set(name, text.into()),
            None => Err(EventError::bad_value(
                name,
                "is not a timestamp between the years 1 and 9999",
            )),
        },
        Property::Other => Err(EventError::bad_value(
            name,
            "is of an AMQP type that no CloudEvents type has",
        )),
    }
}

fn timestamp(milliseconds: i64) -> Option<String> {
    let nanos = i32::try_from(milliseconds.rem_euclid(1000))
        .ok()?
        .checked_mul(1_000_000)?;
    instant::spelled(milliseconds.div_euclid(1000), nanos)
}

/// Shows sizes, not content.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("content_type", &self.content_type)
            .field("application_properties", &self.application_properties.len())
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Shows the type, not the value.
impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Long(_) => "long",
            Self::String(_) => "string",
            Self::Symbol(_) => "symbol",
            Self::Binary(_) => "binary",
            Self::Timestamp(_) => "timestamp",
            Self::Other => "other",
        })
    }
}
