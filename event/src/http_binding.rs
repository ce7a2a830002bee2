//! The HTTP binding: binary, structured and batched mode (CloudEvents HTTP binding 1.0; HTTP-1 to HTTP-7).
//!
//! Purpose: headers and body in, events out, and back. It refuses rather than guesses: a format it does not know is
//! never taken for binary mode, because that would lose the attributes inside (HTTP-7).

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::EventError;
use crate::event::{Core, Data, Event, Form};
use crate::format::{Format, Mode};
use crate::parts::Parts;
use crate::value::Value;
use crate::{json, percent};

#[cfg(test)]
mod tests;

/// What a request carried.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// One event, in binary or structured mode.
    Single(Event),
    /// Batched mode; members that are no events are errors of their own.
    Batch(Vec<Result<Event, EventError>>),
}

/// Reads a message. The mode follows from `Content-Type` (HTTP-1); in structured and batched mode `ce-` headers are
/// not looked at (HTTP-6). In binary mode an empty body is no payload, and all extensions are strings.
///
/// # Errors
/// SB-1101 where it is no CloudEvent at all, SB-1109 for a format that is not in [`Format`], SB-1110 for header values that
/// cannot be decoded, else as [`Format::parse`] and [`Format::parse_batch`].
pub fn decode(headers: &HeaderMap, body: Bytes, events_max: usize) -> Result<Incoming, EventError> {
    let content_type = content_type(headers)?;
    if let Some(declared) = content_type {
        match Mode::of(declared)? {
            Mode::Batch(format) => return format.parse_batch(&body, events_max).map(Incoming::Batch),
            Mode::Structured(format) => return format.parse(&body).map(Incoming::Single),
            Mode::Binary => {}
        }
    }
    decode_binary(headers, content_type, body).map(Incoming::Single)
}

fn content_type(headers: &HeaderMap) -> Result<Option<&str>, EventError> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(first) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(EventError::twice("datacontenttype"));
    }
    match first.to_str().map(str::trim) {
        Ok("") => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(EventError::bad_value(
            "datacontenttype",
            "is not a media type such as application/json",
        )),
    }
}

fn decode_binary(headers: &HeaderMap, content_type: Option<&str>, body: Bytes) -> Result<Event, EventError> {
    let mut parts = Parts::default();
    let mut marked = false;
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix("ce-") else {
            continue;
        };
        marked = true;
        if attribute == "datacontenttype" {
            let detail = "`ce-datacontenttype` must not be present over HTTP; Content-Type says it";
            return Err(EventError::at("SB-1104", attribute, detail));
        }
        let text = percent::decode(value.as_bytes()).ok_or_else(|| EventError::bad_percent(attribute))?;
        parts.set(attribute, text)?;
    }
    if !marked {
        let detail = "neither a CloudEvents content type nor ce- headers: this is not a CloudEvent";
        return Err(EventError::new("SB-1101", detail));
    }
    if let Some(declared) = content_type {
        parts.set("datacontenttype", declared.into())?;
    }
    if !body.is_empty() {
        parts.data = Some(Data::new(body, Form::Bytes));
    }
    parts.finish()
}

/// Writes binary mode: attributes in `ce-` headers, the payload as body. Where the JSON format had left
/// `datacontenttype` out, `application/json` is said (CORE-11). Integers and booleans become their canonical strings,
/// and an empty payload cannot be told from none.
#[must_use]
pub fn encode_binary(event: &Event) -> (HeaderMap, Bytes) {
    let mut headers = HeaderMap::with_capacity(16);
    put(&mut headers, HeaderName::from_static("ce-specversion"), "1.0");
    for core in Core::ALL {
        let value = event.core(core);
        if core == Core::DataContentType || value.is_empty() {
            continue;
        }
        put(&mut headers, core_header(core), value);
    }
    for (name, value) in event.extensions() {
        if let Ok(header) = HeaderName::from_bytes(format!("ce-{name}").as_bytes()) {
            match value {
                Value::String(text) => put(&mut headers, header, text),
                Value::Integer(_) | Value::Boolean(_) => put(&mut headers, header, &value.canonical()),
            }
        }
    }
    if let Some(Ok(value)) = event.explicit_content_type().map(HeaderValue::from_str) {
        headers.insert(CONTENT_TYPE, value);
    }
    (headers, event.data().cloned().unwrap_or_default())
}

/// Writes structured mode in the JSON format, which every receiver reads.
#[must_use]
pub fn encode_structured(event: &Event) -> (HeaderMap, Bytes) {
    encode_structured_as(event, Format::Json)
}

/// Writes structured mode in this format, for receivers that asked for it.
#[must_use]
pub fn encode_structured_as(event: &Event, format: Format) -> (HeaderMap, Bytes) {
    (format_headers(format.media_type()), format.to_bytes(event))
}

/// Writes batched mode in the JSON format; only for receivers that asked for it (HTTP-2).
pub fn encode_batch<'a>(events: impl Iterator<Item = &'a Event>) -> (HeaderMap, Bytes) {
    (
        format_headers(json::BATCH_MEDIA_TYPE),
        json::batch_to_bytes(events),
    )
}

/// Writes batched mode in this format; nothing where the format has no batch.
pub fn encode_batch_as<'a>(
    events: impl Iterator<Item = &'a Event>,
    format: Format,
) -> Option<(HeaderMap, Bytes)> {
    let media_type = format.batch_media_type()?;
    Some((format_headers(media_type), format.batch_to_bytes(events)?))
}

fn format_headers(media_type: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers
}

fn core_header(core: Core) -> HeaderName {
    HeaderName::from_static(match core {
        Core::Id => "ce-id",
        Core::Source => "ce-source",
        Core::Type => "ce-type",
        Core::Subject => "ce-subject",
        Core::Time => "ce-time",
        Core::DataContentType => "ce-datacontenttype",
        Core::DataSchema => "ce-dataschema",
    })
}

/// Cannot fail for a checked event: encoded values are visible ASCII, and the number of extensions is bounded far below
/// what a header map holds.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(&percent::encode(value)) {
        let _ = headers.try_insert(name, value);
    }
}
