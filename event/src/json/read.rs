//! Reading: one pass over the members, then the payload by what `datacontenttype` turned out to be.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::EventError;
use crate::event::{Core, Data, Event, Form};
use crate::media;
use crate::parts::Parts;
use crate::value::Value;

/// Senders differ on padding; nothing else is forgiven.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads one event. Its payload is a slice of `body`.
///
/// # Errors
/// SB-1101 other JSON than an object, SB-1102 not JSON in UTF-8, SB-1103 to SB-1107 and SB-1111 for what is wrong in it,
/// SB-1406 for too many extensions.
pub fn parse(body: &Bytes) -> Result<Event, EventError> {
    let text = std::str::from_utf8(body).map_err(|_| EventError::new("SB-1102", "the body is not UTF-8"))?;
    parse_text(body, text)
}

/// Reads a batch; the empty array is a valid one (JSON-3). A member that is no event is an error of its own.
///
/// # Errors
/// SB-1108 where the whole is not a JSON array, SB-1403 with more than `events_max` members.
pub fn parse_batch(body: &Bytes, events_max: usize) -> Result<Vec<Result<Event, EventError>>, EventError> {
    let text = std::str::from_utf8(body).map_err(|_| EventError::new("SB-1108", "the batch is not UTF-8"))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut batch = Batch {
        members: Vec::new(),
        events_max,
        too_many: false,
    };
    let read = deserializer
        .deserialize_seq(&mut batch)
        .and_then(|()| deserializer.end());
    if batch.too_many {
        let detail = format!("the batch has more than {events_max} events, the most taken at once");
        return Err(EventError::new("SB-1403", detail));
    }
    match read {
        Ok(()) => Ok(batch
            .members
            .into_iter()
            .map(|member| parse_text(body, member.get()))
            .collect()),
        Err(error) if error.is_data() => Err(EventError::new("SB-1108", "the batch is not a JSON array")),
        Err(error) => {
            let place = format!(
                "the batch is not JSON: line {} column {}",
                error.line(),
                error.column()
            );
            Err(EventError::new("SB-1108", place))
        }
    }
}

fn parse_text<'a>(body: &'a Bytes, text: &'a str) -> Result<Event, EventError> {
    let mut members = Members::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    if let Err(error) = deserializer
        .deserialize_map(&mut members)
        .and_then(|()| deserializer.end())
    {
        if error.is_data() {
            return Err(EventError::new(
                "SB-1101",
                "a CloudEvent is a JSON object, this is other JSON",
            ));
        }
        let place = format!("not JSON: line {} column {}", error.line(), error.column());
        return Err(EventError::new("SB-1102", place));
    }
    members.finish(body)
}

/// The members read so far. Meaning is judged while reading, but the first problem is kept until the text is known to be
/// JSON: what is not even JSON should be told so.
#[derive(Default)]
struct Members<'a> {
    parts: Parts<'a>,
    data: Option<&'a str>,
    base64: Option<&'a str>,
    problem: Option<EventError>,
}

impl<'a> Members<'a> {
    fn take(&mut self, name: Cow<'a, str>, raw: &'a str) -> Result<(), EventError> {
        match name.as_ref() {
            "data" => once(&mut self.data, "data", raw),
            "data_base64" => once(&mut self.base64, "data_base64", raw),
            _ => self.take_attribute(name, raw),
        }
    }

    fn take_attribute(&mut self, name: Cow<'a, str>, raw: &'a str) -> Result<(), EventError> {
        match raw.as_bytes().first() {
            Some(b'"') => {
                let Some(value) = string(raw) else {
                    return Err(EventError::bad_value(
                        &name,
                        "is not a string of Unicode characters",
                    ));
                };
                self.parts.set(&name, value)
            }
            Some(b'n') => self.parts.set_unset(name),
            _ if name == "specversion" || Core::of(&name).is_some() => {
                Err(EventError::bad_value(&name, "is not a JSON string"))
            }
            Some(b't') => self.parts.set_extension(&name, Value::Boolean(true)),
            Some(b'f') => self.parts.set_extension(&name, Value::Boolean(false)),
            Some(b'-' | b'0'..=b'9') => match raw.parse::<i32>() {
                Ok(number) => self.parts.set_extension(&name, Value::Integer(number)),
                Err(_) => Err(EventError::bad_value(&name, "is not an integer of 32 bits")),
            },
            _ => Err(EventError::bad_value(
                &name,
                "is neither a string nor a boolean nor an integer",
            )),
        }
    }

    fn finish(mut self, body: &Bytes) -> Result<Event, EventError> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        // `data_base64: null` is allowed by the published JSON schema and says there is none.
        let base64 = self.base64.filter(|raw| *raw != "null");
        self.parts.data = match (self.data, base64) {
            (Some(_), Some(_)) => {
                return Err(EventError::at(
                    "SB-1107",
                    "data_base64",
                    "an event has `data` or `data_base64`, not both",
                ));
            }
            (Some(raw), None) => Some(data(body, raw, self.parts.datacontenttype())?),
            (None, Some(raw)) => Some(binary(raw)?),
            (None, None) => None,
        };
        self.parts.finish()
    }
}

fn once<'a>(slot: &mut Option<&'a str>, name: &'static str, raw: &'a str) -> Result<(), EventError> {
    match slot.replace(raw) {
        None => Ok(()),
        Some(_) => Err(EventError::twice(name)),
    }
}

fn data(body: &Bytes, raw: &str, declared: Option<&str>) -> Result<Data, EventError> {
    if declared.is_none_or(media::is_json) {
        return Ok(Data::parsed_json(slice(body, raw)));
    }
    let Some(text) = string(raw) else {
        return Err(EventError::bad_value(
            "data",
            "is not a JSON string, and `datacontenttype` is not JSON",
        ));
    };
    if !declared.is_some_and(|declared| media::writes_as_utf8(declared, &text)) {
        let must = "is text in a character set other than UTF-8; such data goes as `data_base64`";
        return Err(EventError::bad_value("data", must));
    }
    let bytes = match text {
        Cow::Borrowed(text) => slice(body, text),
        Cow::Owned(text) => Bytes::from(text),
    };
    Ok(Data::new(bytes, Form::Text))
}

fn binary(raw: &str) -> Result<Data, EventError> {
    let decoded = string(raw).and_then(|text| BASE64.decode(text.as_bytes()).ok());
    let Some(bytes) = decoded else {
        return Err(EventError::bad_value("data_base64", "is not a string of base64"));
    };
    Ok(Data::new(Bytes::from(bytes), Form::Base64))
}

/// The string a raw JSON string means; nothing for other JSON and for unpaired surrogates.
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(raw).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// `part` as a slice sharing the memory of `body`, which it lies in.
fn slice(body: &Bytes, part: &str) -> Bytes {
    let start = part.as_ptr().addr().checked_sub(body.as_ptr().addr());
    let range = start.and_then(|start| Some(start..start.checked_add(part.len())?));
    match range {
        Some(range) if range.end <= body.len() => body.slice(range),
        _ => Bytes::copy_from_slice(part.as_bytes()),
    }
}

impl<'de> Visitor<'de> for &mut Members<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Name)? {
            let raw: &'de RawValue = map.next_value()?;
            if self.problem.is_none() {
                self.problem = self.take(name, raw.get()).err();
            }
        }
        Ok(())
    }
}

/// A member's name, borrowed unless it has escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

struct Batch<'a> {
    members: Vec<&'a RawValue>,
    events_max: usize,
    too_many: bool,
}

impl<'de> Visitor<'de> for &mut Batch<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of CloudEvents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(member) = sequence.next_element::<&'de RawValue>()? {
            if self.members.len() == self.events_max {
                self.too_many = true;
                return Err(A::Error::custom("too many"));
            }
            self.members.push(member);
        }
        Ok(())
    }
}
