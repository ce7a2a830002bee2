//! The NATS binding (CloudEvents NATS binding 1.0.3; NATS-1 to NATS-5), which is also how the log keeps events.
//!
//! Promise: what goes in comes out, to the byte and to the type. The binding alone cannot promise that, for headers hold
//! strings only, so two headers of our own say what it loses, each only where there is something to say:
//! `sb-types` names the extensions that are not strings (`count:i,urgent:b`), `sb-data` the member of the JSON format
//! the payload came from (`json`, `text`, `base64`), or `bytes` for an empty payload that is not none. A message without
//! them decodes all the same. They are hints, not trusted: a claim the bytes or the content type contradict is dropped.

use bytes::Bytes;

use crate::error::EventError;
use crate::event::{Core, Data, Event, Form};
use crate::format::Mode;
use crate::media;
use crate::parts::Parts;
use crate::value::Value;
use crate::{json, percent};

#[cfg(test)]
mod tests;

const TYPES: &str = "sb-types";
const DATA: &str = "sb-data";

/// Writes binary mode: every attribute, `datacontenttype` included, in a `ce-` header (NATS-2), the payload as it is.
#[must_use]
pub fn encode_binary(event: &Event) -> (Vec<(String, String)>, Bytes) {
    let mut headers = Vec::with_capacity(4 + Core::ALL.len() + event.extensions.len());
    headers.push(("ce-specversion".to_owned(), "1.0".to_owned()));
    for core in Core::ALL {
        let value = event.core(core);
        if !value.is_empty() {
            headers.push((header(core.name()), percent::encode(value).into_owned()));
        }
    }
    let mut types = String::new();
    for (name, value) in event.extensions() {
        let text = match value {
            Value::String(text) => percent::encode(text).into_owned(),
            Value::Integer(number) => {
                note_type(&mut types, name, ":i");
                number.to_string()
            }
            Value::Boolean(truth) => {
                note_type(&mut types, name, ":b");
                truth.to_string()
            }
        };
        headers.push((header(name), text));
    }
    if !types.is_empty() {
        headers.push((TYPES.to_owned(), types));
    }
    if let Some(form) = event.data.as_ref().and_then(|data| form_header(event, data)) {
        headers.push((DATA.to_owned(), form.to_owned()));
    }
    (headers, event.data().cloned().unwrap_or_default())
}

fn header(attribute: &str) -> String {
    let mut name = String::with_capacity(3 + attribute.len());
    name.push_str("ce-");
    name.push_str(attribute);
    name
}

fn note_type(types: &mut String, name: &str, kind: &str) {
    if !types.is_empty() {
        types.push(',');
    }
    types.push_str(name);
    types.push_str(kind);
}

fn form_header(event: &Event, data: &Data) -> Option<&'static str> {
    match data.form {
        Form::Json if event.datacontenttype().is_some_and(media::is_json) => None,
        Form::Json => Some("json"),
        Form::Text => Some("text"),
        Form::Base64 => Some("base64"),
        Form::Bytes if data.bytes.is_empty() => Some("bytes"),
        Form::Bytes => None,
    }
}

/// Reads a message in either mode: structured where `Content-Type` says a CloudEvents format (NATS-1), or where there
/// are no headers of ours and the payload is a JSON object (what 1.0.2 and older senders do); else binary, taking the
/// payload's type from `Content-Type` where `ce-datacontenttype` is absent (NATS-5). Header names match in any case.
///
/// # Errors
/// As [`crate::http_binding::decode`]; there is no batched mode, so a batch is SB-1109.
pub fn decode(headers: &[(String, String)], payload: Bytes) -> Result<Event, EventError> {
    let content_type = content_type(headers)?;
    if let Some(declared) = content_type {
        match Mode::of(declared)? {
            Mode::Structured(format) => return format.parse(&payload),
            Mode::Batch(_) => return Err(EventError::unsupported_format()),
            Mode::Binary => {}
        }
    }
    let mut parts = Parts::default();
    let mut marked = false;
    let mut types = None;
    let mut form = None;
    for (name, value) in headers {
        if let Some(attribute) = attribute(name) {
            marked = true;
            let Some(text) = percent::decode(value.as_bytes()) else {
                return Err(EventError::bad_percent(attribute));
            };
            if attribute.bytes().any(|b| b.is_ascii_uppercase()) {
                parts.set(&attribute.to_ascii_lowercase(), text)?;
            } else {
                parts.set(attribute, text)?;
            }
        } else if name == TYPES {
            types = Some(value);
        } else if name == DATA {
            form = Some(value.as_str());
        }
    }
    if !marked {
        return without_headers(content_type, &payload);
    }
    if let Some(types) = types {
        retype(&mut parts, types);
    }
    if let Some(declared) = content_type
        && parts.datacontenttype().is_none()
    {
        parts.set("datacontenttype", declared.into())?;
    }
    parts.data = data(payload, form);
    parts.finish()
}

fn content_type(headers: &[(String, String)]) -> Result<Option<&str>, EventError> {
    let mut values = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    match (values.next(), values.next()) {
        (Some(_), Some(_)) => Err(EventError::twice("datacontenttype")),
        (first, _) => Ok(first
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())),
    }
}

fn attribute(header: &str) -> Option<&str> {
    let (prefix, attribute) = header.split_at_checked(3)?;
    prefix.eq_ignore_ascii_case("ce-").then_some(attribute)
}

fn without_headers(content_type: Option<&str>, payload: &Bytes) -> Result<Event, EventError> {
    let object = payload.trim_ascii_start().first() == Some(&b'{');
    if content_type.is_none() && object {
        return json::parse(payload);
    }
    Err(EventError::new(
        "SB-1101",
        "neither ce- headers nor an event in the JSON format: this is not a CloudEvent",
    ))
}

fn retype(parts: &mut Parts<'_>, types: &str) {
    for entry in types.split(',') {
        match entry.split_once(':') {
            Some((name, "i")) => parts.retype(name, integer),
            Some((name, "b")) => parts.retype(name, boolean),
            _ => {}
        }
    }
}

fn integer(text: &str) -> Option<Value> {
    let number: i32 = text.parse().ok()?;
    (number.to_string() == text).then_some(Value::Integer(number))
}

fn boolean(text: &str) -> Option<Value> {
    text.parse().ok().map(Value::Boolean)
}

fn data(payload: Bytes, form: Option<&str>) -> Option<Data> {
    let form = match form {
        Some("json") => Form::Json,
        Some("text") => Form::Text,
        Some("base64") => Form::Base64,
        Some("bytes") => Form::Bytes,
        _ if payload.is_empty() => return None,
        _ => Form::Bytes,
    };
    Some(Data::new(payload, form))
}
