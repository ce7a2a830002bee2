//! YAML and JSON files as a tree that remembers where each value stands.
//!
//! Own tree rather than a typed parse, because a typed parse stops at the first error and forgets
//! the lines: the person who wrote the folder is owed all errors at once, each with its line, also
//! those found later by comparing one file with another.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::finding::{Finding, Text};

/// A value with the place it stands at (1-based line and column, 0 when unknown).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) at: (u32, u32),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: (u32, u32),
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|e| e.key == name).map(|e| &e.value),
            _ => None,
        }
    }

    /// The deepest node on the way of a JSON pointer: a finding about `/types/3` of a file in
    /// which `types` is missing still gets the line of what is there.
    pub(crate) fn nearest_to(&self, pointer: &str) -> &Node {
        let mut node = self;
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::List(items) => segment.parse::<usize>().ok().and_then(|i| items.get(i)),
                _ => node.get(&segment),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// The same value without places.
    pub(crate) fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Boolean(b) => Value::Bool(*b),
            Kind::Number(n) => Value::Number(n.clone()),
            Kind::Text(s) => Value::String(s.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|e| (e.key.clone(), e.value.to_value()))
                    .collect(),
            ),
        }
    }

    /// What kind of value this is, in both languages; never the value itself.
    pub(crate) fn kind_text(&self) -> Text {
        match &self.kind {
            Kind::Null => Text::new("nichts", "nothing"),
            Kind::Boolean(_) => Text::new("ein Wahrheitswert", "a boolean"),
            Kind::Number(_) => Text::new("eine Zahl", "a number"),
            Kind::Text(_) => Text::new("ein Text", "a text"),
            Kind::List(_) => Text::new("eine Liste", "a list"),
            Kind::Map(_) => Text::new("eine Zuordnung", "a mapping"),
        }
    }
}

/// Reads a YAML document (JSON is YAML).
pub(crate) fn parse(file: &str, text: &str) -> Result<Node, Finding> {
    let mut options = serde_saphyr::Options::default();
    options.with_snippet = false;
    serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
        let at = error
            .location()
            .map_or((0, 0), |l| (narrow(l.line()), narrow(l.column())));
        if matches!(
            error.without_snippet(),
            serde_saphyr::Error::DuplicateMappingKey { .. }
        ) {
            let text = Text::new("Dieses Feld steht zweimal da.", "this field is given twice");
            return Finding::error("SB-5007", file, text).at(at);
        }
        let said = first_line(&error.without_snippet().to_string());
        Finding::error(
            "SB-5002",
            file,
            Text::new(
                format!("Die Datei ist kein lesbares YAML: {said}"),
                format!("the file is not readable YAML: {said}"),
            ),
        )
        .at(at)
        .hint(Text::new(
            "Einrückung, Anführungszeichen und doppelte Schlüssel in dieser Zeile prüfen.",
            "Check indentation, quotes and repeated keys in this line.",
        ))
    })
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect()
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(0)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self {
            kind: spanned.value,
            at: (
                narrow(spanned.referenced.line()),
                narrow(spanned.referenced.column()),
            ),
        })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }
    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_bool<E>(self, v: bool) -> Result<Kind, E> {
        Ok(Kind::Boolean(v))
    }
    fn visit_i64<E>(self, v: i64) -> Result<Kind, E> {
        Ok(Kind::Number(v.into()))
    }
    fn visit_u64<E>(self, v: u64) -> Result<Kind, E> {
        Ok(Kind::Number(v.into()))
    }
    fn visit_f64<E>(self, v: f64) -> Result<Kind, E> {
        Ok(serde_json::Number::from_f64(v).map_or(Kind::Null, Kind::Number))
    }
    fn visit_str<E>(self, v: &str) -> Result<Kind, E> {
        Ok(Kind::Text(v.to_owned()))
    }
    fn visit_string<E>(self, v: String) -> Result<Kind, E> {
        Ok(Kind::Text(v))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Node>()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            entries.push(Entry {
                at: (narrow(key.referenced.line()), narrow(key.referenced.column())),
                key: key.value,
                value: map.next_value::<Node>()?,
            });
        }
        Ok(Kind::Map(entries))
    }
}

#[cfg(test)]
mod tests;
