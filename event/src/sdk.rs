//! To and from `cloudevents::Event` of the Rust SDK, which publishers written in Rust use.
//!
//! That type holds less than this one: times as UTC with nanoseconds, schema URIs normalised, JSON as a tree, integers
//! wider than the specification allows. Where an event would come out meaning something else, the conversion fails
//! (SB-1112) rather than change it. Spelling that carries no meaning (key order, white space, `+00:00` for `Z`) may
//! change; who needs the bytes uses the bindings of this crate.

use bytes::Bytes;
use cloudevents::event::{ExtensionValue, SpecVersion};
use cloudevents::{AttributesReader, AttributesWriter, Data as SdkData, EventBuilder as _, EventBuilderV10};

use crate::error::EventError;
use crate::event::{Core, Data, Event, Form, Member};
use crate::media;
use crate::parts::Parts;
use crate::value::Value;

#[cfg(test)]
mod tests;

impl TryFrom<&Event> for cloudevents::Event {
    type Error = EventError;

    fn try_from(event: &Event) -> Result<Self, EventError> {
        let mut builder = EventBuilderV10::new()
            .id(event.id())
            .source(event.source())
            .ty(event.ty());
        if let Some(subject) = event.subject() {
            builder = builder.subject(subject);
        }
        if let Some(time) = event.time() {
            if !utc_nanoseconds(time) {
                return Err(lossy("time"));
            }
            builder = builder.time(time);
        }
        for (name, value) in event.extensions() {
            builder = match value {
                Value::String(text) => builder.extension(name, text.as_str()),
                Value::Integer(number) => builder.extension(name, i64::from(*number)),
                Value::Boolean(truth) => builder.extension(name, *truth),
            };
        }
        // The SDK's builder takes a schema only together with a payload, so both go in and come apart again.
        if let Some(schema) = event.dataschema() {
            builder = builder.data_with_schema("", schema, "");
        }
        let mut converted = builder.build().map_err(|_| lossy("time or dataschema"))?;
        let (_, schema, _) = converted.take_data();
        if schema.as_ref().map(AsRef::as_ref) != event.dataschema() {
            return Err(lossy("dataschema"));
        }
        converted.set_dataschema(schema);
        converted.set_datacontenttype(event.datacontenttype());
        if let Some(data) = sdk_data(event)? {
            converted.set_data_unchecked(data);
        }
        Ok(converted)
    }
}

fn lossy(attribute: &str) -> EventError {
    EventError::at(
        "SB-1112",
        attribute,
        format!("the SDK's event type cannot hold this `{attribute}` unchanged"),
    )
}

fn sdk_data(event: &Event) -> Result<Option<SdkData>, EventError> {
    Ok(Some(match event.member() {
        None => return Ok(None),
        Some(Member::Text(text)) => SdkData::String(text.to_owned()),
        Some(Member::Base64(bytes)) => SdkData::Binary(bytes.to_vec()),
        Some(Member::Json(text)) => match faithful(text) {
            Some(tree) => SdkData::Json(tree),
            // As bytes it is whole, as long as the content type says what the bytes are.
            None if event.datacontenttype().is_some() => SdkData::Binary(text.as_bytes().to_vec()),
            None => return Err(lossy("data")),
        },
    }))
}

/// Whether a time is in UTC with no more than nine fraction digits, which is all the SDK keeps.
fn utc_nanoseconds(time: &str) -> bool {
    let Some(local) = ["Z", "z", "+00:00"]
        .iter()
        .find_map(|zone| time.strip_suffix(zone))
    else {
        return false;
    };
    local
        .split_once('.')
        .is_none_or(|(_, fraction)| fraction.len() <= 9)
}

/// The JSON as a tree, where the tree says the same: every number as spelled, no member lost to a second of its name.
fn faithful(text: &str) -> Option<serde_json::Value> {
    let tree: serde_json::Value = serde_json::from_str(text).ok()?;
    let mut colons = 0_usize;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => string_length(rest)?,
            '-' | '0'..='9' => {
                let length = rest
                    .find([',', ']', '}', ' ', '\n', '\r', '\t'])
                    .unwrap_or(rest.len());
                let number = rest.get(..length)?;
                if serde_json::from_str::<serde_json::Number>(number)
                    .ok()?
                    .to_string()
                    != number
                {
                    return None;
                }
                length
            }
            _ => {
                colons += usize::from(c == ':');
                c.len_utf8()
            }
        };
        rest = rest.get(length..)?;
    }
    (members(&tree) == colons).then_some(tree)
}

fn string_length(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, b)) = bytes.next() {
        match b {
            b'\\' => {
                bytes.next()?;
            }
            b'"' => return at.checked_add(1),
            _ => {}
        }
    }
    None
}

/// Depth is bounded: the parser has refused anything nested deeper than 128.
fn members(tree: &serde_json::Value) -> usize {
    match tree {
        serde_json::Value::Object(map) => map.len() + map.values().map(members).sum::<usize>(),
        serde_json::Value::Array(list) => list.iter().map(members).sum(),
        _ => 0,
    }
}

impl TryFrom<cloudevents::Event> for Event {
    type Error = EventError;

    /// Takes an SDK event of specversion 1.0; what the SDK's builder lets through unchecked is checked here.
    fn try_from(sdk: cloudevents::Event) -> Result<Self, EventError> {
        if sdk.specversion() != SpecVersion::V10 {
            return Err(EventError::at(
                "SB-1111",
                "specversion",
                "only specversion 1.0 is supported",
            ));
        }
        let mut parts = Parts::with_specversion();
        let time = sdk.time().map(|time| {
            let text = time.to_rfc3339();
            text.strip_suffix("+00:00")
                .map(|local| format!("{local}Z"))
                .unwrap_or(text)
        });
        let mut put =
            |core, value: Option<&str>| parts.replace(core, value.map(|value| value.to_owned().into()));
        put(Core::Id, Some(sdk.id()));
        put(Core::Source, Some(sdk.source()));
        put(Core::Type, Some(sdk.ty()));
        put(Core::Subject, sdk.subject());
        put(Core::Time, time.as_deref());
        put(Core::DataContentType, sdk.datacontenttype());
        put(Core::DataSchema, sdk.dataschema().map(AsRef::as_ref));
        for (name, value) in sdk.iter_extensions() {
            let value = match value {
                ExtensionValue::String(text) => Value::String(text.clone()),
                ExtensionValue::Boolean(truth) => Value::Boolean(*truth),
                ExtensionValue::Integer(number) => match i32::try_from(*number) {
                    Ok(number) => Value::Integer(number),
                    Err(_) => return Err(EventError::bad_value(name, "is not an integer of 32 bits")),
                },
            };
            parts.set_extension(name, value)?;
        }
        parts.data = sdk.data().map(|data| own_data(data, sdk.datacontenttype()));
        parts.finish()
    }
}

fn own_data(data: &SdkData, declared: Option<&str>) -> Data {
    match data {
        SdkData::Binary(bytes) => Data::new(Bytes::from(bytes.clone()), Form::Base64),
        SdkData::Json(tree) => Data::new(Bytes::from(tree.to_string()), Form::Json),
        // The SDK writes it as a JSON string, whatever its type; under a JSON type that string is the payload.
        SdkData::String(text) if declared.is_none_or(media::is_json) => Data::new(
            Bytes::from(serde_json::Value::from(text.as_str()).to_string()),
            Form::Json,
        ),
        SdkData::String(text) => Data::new(Bytes::from(text.clone()), Form::Text),
    }
}
