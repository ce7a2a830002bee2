//! Reading: count what is repeated, then decode, then check like everything else.

use bytes::{Buf, Bytes};
use prost::Message;

use super::is_protobuf;
use super::message::{ATTRIBUTES, Attr, CloudEvent, EVENTS, Payload};
use crate::documented::binary_text;
use crate::error::EventError;
use crate::event::{CORE_COUNT, Core, Data, Event, Form};
use crate::parts::{EXTENSIONS_MAX, Parts, too_many};
use crate::value::Value;
use crate::{check, instant, media};

/// Reads one event. A payload in `binary_data` or `proto_data` is a slice of `body`.
///
/// # Errors
/// SB-1113 where it is not in this format, SB-1103 to SB-1106 and SB-1111 for what is wrong in it, SB-1406 for too many
/// extensions.
pub fn parse(body: &Bytes) -> Result<Event, EventError> {
    let attributes = Fields(body.clone())
        .filter(|field| !matches!(field, Ok((number, _)) if *number != ATTRIBUTES))
        .take(EXTENSIONS_MAX + CORE_COUNT + 1)
        .collect::<Result<Vec<_>, _>>()?;
    if attributes.len() > EXTENSIONS_MAX + CORE_COUNT {
        return Err(too_many());
    }
    let message = CloudEvent::decode(body.clone()).map_err(|_| malformed())?;
    event(message)
}

/// Reads a batch. A member that is no event is an error of its own.
///
/// # Errors
/// SB-1113 where the whole is not in this format, SB-1403 with more than `events_max` members.
pub fn parse_batch(body: &Bytes, events_max: usize) -> Result<Vec<Result<Event, EventError>>, EventError> {
    let mut members = Vec::new();
    for field in Fields(body.clone()) {
        match field? {
            (EVENTS, Some(member)) if members.len() < events_max => members.push(member),
            (EVENTS, Some(_)) => {
                let detail = format!("the batch has more than {events_max} events, the most taken at once");
                return Err(EventError::new("SB-1403", detail));
            }
            (EVENTS, None) => return Err(malformed()),
            _ => {}
        }
    }
    Ok(members.iter().map(parse).collect())
}

fn malformed() -> EventError {
    EventError::new(
        "SB-1113",
        "the body is not in the Protobuf format of CloudEvents (io.cloudevents.v1)",
    )
}

/// The fields of a message, one after the other: number, and content where the field has a length. Nothing is copied.
struct Fields(Bytes);

impl Fields {
    fn step(&mut self) -> Option<(u64, Option<Bytes>)> {
        let key = self.varint()?;
        let content = match key & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Some(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                None
            }
            // Groups left the language before this format was made.
            _ => return None,
        };
        Some((key >> 3, content))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.0.try_get_u8().ok()?;
            value |= u64::from(byte & 0x7F).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }
}

impl Iterator for Fields {
    type Item = Result<(u64, Option<Bytes>), EventError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.step();
        if field.is_none() {
            self.0.clear();
        }
        Some(field.ok_or_else(malformed))
    }
}

fn event(message: CloudEvent) -> Result<Event, EventError> {
    let mut parts = Parts::default();
    parts.set("specversion", message.spec_version.into())?;
    parts.set("id", message.id.into())?;
    parts.set("source", message.source.into())?;
    parts.set("type", message.ty.into())?;
    for entry in message.attributes {
        let name = entry.key;
        let Some(attr) = entry.value.and_then(|value| value.attr) else {
            parts.set_unset(name.into())?;
            continue;
        };
        match attr {
            Attr::Boolean(truth) => parts.set_typed(&name, Value::Boolean(truth))?,
            Attr::Integer(number) => parts.set_typed(&name, Value::Integer(number))?,
            Attr::String(text) | Attr::Uri(text) | Attr::UriRef(text) => parts.set(&name, text.into())?,
            Attr::Bytes(bytes) => parts.set_typed(&name, binary_text(&bytes).into())?,
            Attr::Timestamp(at) => {
                let Some(text) = instant::spelled(at.seconds, at.nanos) else {
                    let must = "is not a timestamp between the years 1 and 9999";
                    return Err(EventError::bad_value(&name, must));
                };
                parts.set(&name, text.into())?;
            }
        }
    }
    parts.data = match message.data {
        None => None,
        Some(Payload::Binary(bytes)) => Some(Data::new(bytes, Form::Bytes)),
        Some(Payload::Text(text)) => Some(text_data(text, parts.datacontenttype())?),
        Some(Payload::Proto(any)) => {
            adopt_schema(&mut parts, any.type_url)?;
            Some(Data::new(any.value, Form::Bytes))
        }
    };
    parts.finish()
}

fn text_data(text: String, declared: Option<&str>) -> Result<Data, EventError> {
    if declared.is_some_and(|declared| !media::writes_as_utf8(declared, &text)) {
        let must = "is text in a character set other than UTF-8; such data goes as `binary_data`";
        return Err(EventError::bad_value("data", must));
    }
    Ok(Data::new(text.into(), Form::Text))
}

/// Which message the payload is, said where an event says it. An `Any` without a scheme means `https`.
fn adopt_schema(parts: &mut Parts<'_>, type_url: String) -> Result<(), EventError> {
    match parts.datacontenttype() {
        None => parts.set("datacontenttype", "application/protobuf".into())?,
        Some(declared) if is_protobuf(declared) => {}
        Some(_) => {
            let must = "is not a Protobuf type, and the data is a Protobuf message";
            return Err(EventError::bad_value("datacontenttype", must));
        }
    }
    if type_url.is_empty() {
        return Ok(());
    }
    let absolute = if check::uri(&type_url, true) {
        type_url.clone()
    } else {
        format!("https://{type_url}")
    };
    match parts.core(Core::DataSchema) {
        None => parts.set("dataschema", absolute.into()),
        Some(schema) if schema == absolute => Ok(()),
        Some(schema) if schema == type_url => {
            parts.replace(Core::DataSchema, Some(absolute.into()));
            Ok(())
        }
        Some(_) => {
            let must = "is another schema than the type URL of the data; an event can name one only";
            Err(EventError::bad_value("dataschema", must))
        }
    }
}
