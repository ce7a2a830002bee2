//! Order by key: which events of a subscription must not overtake each other, and what follows when one of them fails.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::filter::Pointer;
use crate::finding::{Finding, Text};
use crate::reader::Reader;
use crate::view::DataView;
use crate::yaml::Node;

/// The longest name of an attribute (CloudEvents recommends 20 characters; the bus takes no more).
const ATTRIBUTE_BYTES_MAX: usize = 20;
/// The longest key, in bytes; a longer one is cut, so that two keys with so long a common beginning count as one.
pub const KEY_BYTES_MAX: usize = 512;

/// Events of one source and one key come in the order in which they were accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InOrder {
    /// Where an event has its key.
    pub by: KeyPath,
    /// What follows when one of them has failed for good.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// Where an event has its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPath {
    /// In a context attribute.
    Attribute(String),
    /// In its data, where that is JSON.
    Data(Pointer),
}

/// What follows when an event of a key has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The key is parked: its events wait until somebody decides.
    #[default]
    Park,
    /// The event goes to the dead letters, and the key goes on with the next one.
    DeadLetter,
}

impl KeyPath {
    /// Reads a name or a JSON Pointer.
    ///
    /// # Errors
    /// What is wrong with it, without a full stop.
    pub fn parse(text: &str) -> Result<Self, Text> {
        if text.starts_with('/') {
            return Pointer::parse(text).map(Self::Data).map_err(|fault| fault.text);
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if text.is_empty() || text.len() > ATTRIBUTE_BYTES_MAX || !text.bytes().all(plain) {
            return Err(Text::new(
                "Erwartet wird der Name eines Attributs (a–z, 0–9, höchstens 20 Zeichen) oder ein JSON-Zeiger wie „/nr“",
                "expected the name of an attribute (a–z, 0–9, at most 20 characters) or a JSON pointer such as `/nr`",
            ));
        }
        Ok(Self::Attribute(text.to_owned()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Attribute(name) => name,
            Self::Data(pointer) => pointer.as_str(),
        }
    }

    /// The key of an event; none where there is nothing, or nothing that can be a key. A number is never the key that a
    /// text is.
    #[must_use]
    pub fn key(&self, view: &DataView<'_>) -> Option<String> {
        let mut key = match self {
            Self::Attribute(name) => view.event().attribute(name).map(Cow::into_owned)?,
            Self::Data(pointer) => match view.find(pointer)? {
                Value::String(text) => text.clone(),
                Value::Number(number) => match number.as_f64() {
                    // 7 and 7.0 are one number.
                    Some(float) if float.fract() == 0.0 && float.abs() < 9e15 => format!("#{float:.0}"),
                    _ => format!("#{number}"),
                },
                Value::Bool(truth) => format!("#{truth}"),
                Value::Null | Value::Array(_) | Value::Object(_) => return None,
            },
        };
        key.truncate(key.floor_char_boundary(KEY_BYTES_MAX));
        Some(key)
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for KeyPath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for KeyPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        Self::parse(&text).map_err(|text| de::Error::custom(text.en))
    }
}

pub(crate) fn read(reader: &Reader, node: &Node) -> Option<InOrder> {
    let fields = reader.fields(node, &["by", "on_failure"])?;
    let by = fields.required("by", |r, n| {
        let text = r.text(n)?;
        match KeyPath::parse(&text) {
            Ok(path) => Some(path),
            Err(Text { de, en }) => {
                let text = Text::new(format!("{de}."), en);
                r.report(Finding::error("SB-5005", r.file.as_str(), text).at(n.at));
                None
            }
        }
    });
    let words = &[("park", OnFailure::Park), ("dead-letter", OnFailure::DeadLetter)];
    let on_failure = fields.or("on_failure", OnFailure::default(), |r, n| r.one_of(n, words));
    Some(InOrder {
        by: by?,
        on_failure: on_failure?,
    })
}

#[cfg(test)]
mod tests {
    use stadtbus_event::Event;

    use super::*;

    fn key(path: &str, data: &'static str) -> Option<String> {
        let event = Event::builder("1", "urn:a", "a.b")
            .subject("s")
            .datacontenttype("application/json")
            .data(data)
            .build()
            .unwrap();
        KeyPath::parse(path).unwrap().key(&DataView::new(&event))
    }

    #[test]
    fn keys_are_what_the_event_says() {
        for (path, data, found) in [
            ("subject", "{}", Some("s")),
            ("partitionkey", "{}", None),
            ("/nr", r#"{"nr": "7"}"#, Some("7")),
            ("/nr", r#"{"nr": 7}"#, Some("#7")),
            ("/nr", r#"{"nr": 7.0}"#, Some("#7")),
            ("/nr", r#"{"nr": 7.5}"#, Some("#7.5")),
            ("/nr", r#"{"nr": true}"#, Some("#true")),
            ("/nr", r#"{"nr": null}"#, None),
            ("/nr", r#"{"nr": {}}"#, None),
            ("/a/0", r#"{"a": ["x"]}"#, Some("x")),
            ("/nr", "no JSON", None),
        ] {
            assert_eq!(key(path, data).as_deref(), found, "{path} in {data}");
        }
        let long = "ä".repeat(KEY_BYTES_MAX);
        let event = Event::builder("1", "urn:a", "a.b").subject(long).build().unwrap();
        let cut = KeyPath::parse("subject")
            .unwrap()
            .key(&DataView::new(&event))
            .unwrap();
        assert_eq!(cut.len(), KEY_BYTES_MAX);
    }

    #[test]
    fn what_is_neither_name_nor_pointer_is_refused() {
        for text in ["", "Nr", "a-b", "a.b", "/~2", "abcdefghijklmnopqrstu"] {
            assert!(KeyPath::parse(text).is_err(), "{text}");
        }
    }
}
