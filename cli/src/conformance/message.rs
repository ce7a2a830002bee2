//! From a case to the bytes on the wire, and to what they mean.

use super::cases::{Case, Expect, Mode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What the events of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    /// `source`; printable ASCII without `%`, `"` and `\`, so that it reads the same in every mode.
    pub(crate) source: String,
    /// `type`, likewise.
    pub(crate) ty: String,
    /// The data, JSON text.
    pub(crate) data: String,
    /// `dataschema` of the case about it.
    pub(crate) dataschema: String,
    /// What the ids of this run begin with.
    pub(crate) run: String,
}

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// Header fields in order; a name may stand there twice.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// What it means, where it is to be accepted.
    pub(crate) events: Vec<Meaning>,
}

/// What an event means, whatever its mode.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meaning {
    /// Its id.
    pub(crate) id: String,
    /// Attributes in canonical string form; `None` for those that must not be there.
    pub(crate) attributes: BTreeMap<String, Option<String>>,
    /// The payload.
    pub(crate) data: Payload,
}

/// What a payload means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Payload {
    /// There is none.
    None,
    /// A JSON value, and the text it came as.
    Json(Value, Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Plain {
    /// The id of a case in this run.
    pub(crate) fn id(&self, case: &str) -> String {
        format!("{}-{case}", self.run)
    }

    /// The request of a case.
    pub(crate) fn message(&self, case: &Case) -> Message {
        let mut message = match case.send.mode {
            Mode::Structured => self.structured(case),
            Mode::Binary => self.binary(case),
            Mode::Batch => self.batch(case),
            Mode::Options => Message::default(),
        };
        for (name, value) in &case.send.headers {
            message.headers.push((name.clone(), self.expand(case, value)));
        }
        for event in &mut message.events {
            for (name, value) in &case.returns {
                event.attributes.insert(name.clone(), value.clone());
            }
        }
        message
    }

    fn structured(&self, case: &Case) -> Message {
        let send = &case.send;
        let body = match &send.body {
            Some(body) => self.expand(case, body),
            None => {
                let mut members: IndexMap<&str, &str> = IndexMap::from_iter([
                    ("specversion", r#""1.0""#),
                    ("id", r#""${ID}""#),
                    ("source", r#""${SOURCE}""#),
                    ("type", r#""${TYPE}""#),
                    ("datacontenttype", r#""application/json""#),
                    ("data", "${DATA}"),
                ]);
                members.retain(|name, _| !send.without.iter().any(|without| without == name));
                members.extend(
                    send.with
                        .iter()
                        .map(|(name, value)| (name.as_str(), value.as_str())),
                );
                let again = send
                    .again
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()));
                let members: Vec<String> = members
                    .into_iter()
                    .chain(again)
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect();
                self.expand(case, &format!("{{{}}}", members.join(",")))
            }
        };
        let events = wanted(case).then(|| read(&body)).flatten().into_iter().collect();
        Message {
            headers: content_type(case, "application/cloudevents+json"),
            body,
            events,
        }
    }

    fn batch(&self, case: &Case) -> Message {
        let body = self.expand(case, case.send.body.as_deref().unwrap_or("[${EVENT:1}]"));
        let members: Vec<Box<RawValue>> = serde_json::from_slice(&body).unwrap_or_default();
        let events = members.iter().filter_map(|member| read(member.get().as_bytes()));
        Message {
            headers: content_type(case, "application/cloudevents-batch+json"),
            events: if wanted(case) {
                events.collect()
            } else {
                Vec::new()
            },
            body,
        }
    }

    fn binary(&self, case: &Case) -> Message {
        let send = &case.send;
        let mut attributes: IndexMap<&str, &str> = IndexMap::from_iter([
            ("specversion", "1.0"),
            ("id", "${ID}"),
            ("source", "${SOURCE}"),
            ("type", "${TYPE}"),
        ]);
        attributes.retain(|name, _| !send.without.iter().any(|without| without == name));
        attributes.extend(
            send.with
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let mut headers = content_type(case, "application/json");
        let declared = headers
            .first()
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let mut meaning = BTreeMap::from([("datacontenttype".to_owned(), declared.clone())]);
        for (name, value) in &attributes {
            let value = self.expand(case, value);
            meaning.insert((*name).to_owned(), String::from_utf8(value.clone()).ok());
            headers.push((format!("ce-{name}"), value));
        }
        for (name, value) in &send.again {
            headers.push((format!("ce-{name}"), self.expand(case, value)));
        }
        let body = self.expand(case, send.body.as_deref().unwrap_or("${DATA}"));
        let event = Meaning {
            id: self.id(&case.case),
            attributes: meaning,
            data: payload(&body, declared.as_deref()),
        };
        Message {
            headers,
            body,
            events: if wanted(case) { vec![event] } else { Vec::new() },
        }
    }

    /// Replaces `${…}`: the plain event's values, and what would be long or impossible to write into a case.
    fn expand(&self, case: &Case, text: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.extend_from_slice(before.as_bytes());
            let (word, tail) = after.split_once('}').unwrap_or((after, ""));
            let (name, argument) = word.split_once(':').unwrap_or((word, ""));
            out.extend_from_slice(&self.value(case, name, argument));
            rest = tail;
        }
        out.extend_from_slice(rest.as_bytes());
        out
    }

    fn value<'a>(&'a self, case: &Case, name: &str, argument: &str) -> Cow<'a, [u8]> {
        let count: usize = argument.parse().unwrap_or_default();
        let made: String = match name {
            "SOURCE" => return Cow::Borrowed(self.source.as_bytes()),
            "TYPE" => return Cow::Borrowed(self.ty.as_bytes()),
            "DATA" => return Cow::Borrowed(self.data.as_bytes()),
            "DATASCHEMA" => return Cow::Borrowed(self.dataschema.as_bytes()),
            "BYTE" => return Cow::Owned(vec![u8::from_str_radix(argument, 16).unwrap_or_default()]),
            "ID" => self.id(&case.case),
            "DATA64" => STANDARD.encode(&self.data),
            "FILL" => "x".repeat(count),
            "DEEP" => format!("{}{}", "[".repeat(count), "]".repeat(count)),
            "MANY" => (0..count)
                .map(|n| format!("\"suite{n}\":\"{n}\""))
                .collect::<Vec<_>>()
                .join(","),
            "EVENT" => format!(
                r#"{{"specversion":"1.0","id":"{}-{argument}","source":"{}","type":"{}","datacontenttype":"application/json","data":{}}}"#,
                self.id(&case.case),
                self.source,
                self.ty,
                self.data
            ),
            _ => String::new(),
        };
        Cow::Owned(made.into_bytes())
    }
}

/// Only what is to be accepted has a meaning.
fn wanted(case: &Case) -> bool {
    matches!(case.expect, Expect::Accepted)
}

fn content_type(case: &Case, of_mode: &str) -> Vec<(String, Vec<u8>)> {
    match case.send.content_type.as_deref().unwrap_or(of_mode) {
        "" => Vec::new(),
        declared => vec![("content-type".to_owned(), declared.as_bytes().to_vec())],
    }
}

/// The meaning of an event in the JSON format, read without the bus's own reader: what is judged must not be the judge.
pub(crate) fn read(body: &[u8]) -> Option<Meaning> {
    let members: IndexMap<String, Box<RawValue>> = serde_json::from_slice(body).ok()?;
    let mut attributes = BTreeMap::new();
    for (name, raw) in &members {
        if name == "data" || name == "data_base64" {
            continue;
        }
        let value = match serde_json::from_str(raw.get()).ok()? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        attributes.insert(name.clone(), value);
    }
    let declared = attributes.get("datacontenttype").cloned().flatten();
    let data = match (members.get("data"), members.get("data_base64")) {
        (Some(raw), _) if declared.as_deref().is_none_or(is_json) => Payload::Json(
            serde_json::from_str(raw.get()).ok()?,
            raw.get().as_bytes().to_vec(),
        ),
        (Some(raw), _) => Payload::Bytes(serde_json::from_str::<String>(raw.get()).ok()?.into_bytes()),
        (None, Some(raw)) => {
            let bytes = STANDARD
                .decode(serde_json::from_str::<String>(raw.get()).ok()?)
                .ok()?;
            match declared {
                Some(declared) => payload(&bytes, Some(&declared)),
                None => Payload::Bytes(bytes),
            }
        }
        (None, None) => Payload::None,
    };
    Some(Meaning {
        id: attributes.get("id").cloned().flatten()?,
        attributes,
        data,
    })
}

/// What bytes of this media type mean.
pub(crate) fn payload(bytes: &[u8], declared: Option<&str>) -> Payload {
    if bytes.is_empty() {
        return Payload::None;
    }
    let json = declared
        .is_some_and(is_json)
        .then(|| serde_json::from_slice(bytes).ok());
    match json.flatten() {
        Some(value) => Payload::Json(value, bytes.to_vec()),
        None => Payload::Bytes(bytes.to_vec()),
    }
}

/// Whether a media type declares JSON, in any case and with any parameters.
fn is_json(media_type: &str) -> bool {
    let essence = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}
