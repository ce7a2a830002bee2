//! Writing: typed attributes, the payload by what it is.

use bytes::Bytes;
use prost::Message;

use super::is_protobuf;
use super::message::{Any, Attr, AttributeValue, CloudEvent, EVENTS_KEY, Entry, Payload, Timestamp};
use crate::documented::{Documented, canonical_binary};
use crate::event::{Core, Event, Form};
use crate::value::Value;
use crate::{instant, media};

/// One event in this format.
#[must_use]
pub fn to_bytes(event: &Event) -> Bytes {
    Bytes::from(message(event).encode_to_vec())
}

/// A batch in this format.
pub fn batch_to_bytes<'a>(events: impl Iterator<Item = &'a Event>) -> Bytes {
    let mut out = Vec::new();
    for event in events {
        // A member is its field's key, its length, itself; so the batch is never held twice.
        out.push(EVENTS_KEY);
        let message = message(event);
        // A vector takes what memory there is; the only error is a buffer that is full.
        let _ = message.encode_length_delimited(&mut out);
    }
    Bytes::from(out)
}

fn message(event: &Event) -> CloudEvent {
    let mut attributes = Vec::with_capacity(4 + event.extensions.len());
    for core in [Core::Subject, Core::Time, Core::DataContentType, Core::DataSchema] {
        let value = match core {
            Core::DataContentType => event.explicit_content_type().unwrap_or_default(),
            _ => event.core(core),
        };
        if !value.is_empty() {
            attributes.push(entry(core.name(), text(core.name(), value)));
        }
    }
    for (name, value) in event.extensions() {
        let attr = match value {
            Value::String(value) => text(name, value),
            Value::Integer(number) => Attr::Integer(*number),
            Value::Boolean(truth) => Attr::Boolean(*truth),
        };
        attributes.push(entry(name, attr));
    }
    CloudEvent {
        id: event.id().to_owned(),
        source: event.source().to_owned(),
        spec_version: "1.0".to_owned(),
        ty: event.ty().to_owned(),
        attributes,
        data: payload(event),
    }
}

fn entry(name: &str, attr: Attr) -> Entry {
    Entry {
        key: name.to_owned(),
        value: Some(AttributeValue { attr: Some(attr) }),
    }
}

fn text(name: &str, value: &str) -> Attr {
    let string = || Attr::String(value.to_owned());
    match Documented::of(name) {
        None => string(),
        Some(Documented::Uri) => Attr::Uri(value.to_owned()),
        Some(Documented::UriReference) => Attr::UriRef(value.to_owned()),
        Some(Documented::Binary) => canonical_binary(value).map_or_else(string, Attr::Bytes),
        Some(Documented::Timestamp) => match instant::exact(value) {
            Some((seconds, nanos)) => Attr::Timestamp(Timestamp { seconds, nanos }),
            None => string(),
        },
    }
}

fn payload(event: &Event) -> Option<Payload> {
    let data = event.data.as_ref()?;
    let declared = event.explicit_content_type();
    if let (Some(declared), Some(schema)) = (declared, event.dataschema())
        && is_protobuf(declared)
        && data.form != Form::Text
    {
        return Some(Payload::Proto(Any {
            type_url: schema.to_owned(),
            value: data.bytes.clone(),
        }));
    }
    let textual = match (data.form, declared) {
        (Form::Base64, _) => false,
        (Form::Text, Some(_)) => true,
        (_, Some(declared)) => media::is_text(declared) || media::is_json(declared) && media::utf8(declared),
        (_, None) => false,
    };
    let text = textual.then(|| std::str::from_utf8(&data.bytes).ok()).flatten();
    Some(match text {
        Some(text) => Payload::Text(text.to_owned()),
        None => Payload::Binary(data.bytes.clone()),
    })
}
