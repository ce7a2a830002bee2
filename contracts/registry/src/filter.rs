//! Which events of its types a subscription wants: the filter dialects of the CloudEvents
//! Subscriptions API 1.0-wip (`exact prefix suffix all any not sql`) and our own `x-data`, as a tree.
//!
//! Strict: an unknown dialect, an empty dialect, an empty prefix or a tree too deep is refused when
//! the city is loaded. A filter that is silently ignored would deliver more than was ordered.

pub(crate) mod data;
pub(crate) mod fault;
mod file;
pub(crate) mod pointer;
pub(crate) mod scalar;

use std::fmt;

use cloudevents_sql::{Expression, FindingKind};
use indexmap::IndexMap;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use data::{Comparison, DataFilter, Field, Order};
pub(crate) use file::read;
pub use pointer::Pointer;
pub use scalar::{NumberKey, Scalar};

/// Dialects by their name in the document.
pub(crate) const DIALECTS: &[&str] = &["exact", "prefix", "suffix", "all", "any", "not", "sql", "x-data"];

/// Characters of a filter that are shown where it is explained.
const SHOWN_CHARS_MAX: usize = 1_000;

/// Filters nest at most this deep.
pub const FILTER_DEPTH_MAX: usize = 8;

/// Attribute name → value it is compared with. All pairs must hold.
pub type Attributes = IndexMap<String, String>;

/// A filter expression. Attributes are compared in their canonical string form; one that the event
/// does not carry never matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Every named attribute has exactly the value.
    Exact(Attributes),
    /// Every named attribute starts with the value.
    Prefix(Attributes),
    /// Every named attribute ends with the value.
    Suffix(Attributes),
    /// Every filter of the list matches.
    All(Vec<Filter>),
    /// At least one filter of the list matches.
    Any(Vec<Filter>),
    /// The filter does not match.
    Not(Box<Filter>),
    /// The CloudEvents SQL expression is true and has no error (SUB-2, SUB-5).
    Sql(Expression),
    /// The conditions on the JSON data all hold.
    Data(DataFilter),
}

impl Filter {
    /// Name of the dialect in the document.
    pub fn dialect(&self) -> &'static str {
        match self {
            Self::Exact(_) => "exact",
            Self::Prefix(_) => "prefix",
            Self::Suffix(_) => "suffix",
            Self::All(_) => "all",
            Self::Any(_) => "any",
            Self::Not(_) => "not",
            Self::Sql(_) => "sql",
            Self::Data(_) => "x-data",
        }
    }

    /// The filters below this one that hold none themselves, each with the JSON pointer from here to what stands beside its
    /// dialect; this one if it is such.
    pub(crate) fn leaves(&self) -> Vec<(String, &Self)> {
        let mut found = Vec::new();
        self.collect(&mut String::new(), &mut found);
        found
    }

    fn collect<'f>(&'f self, way: &mut String, found: &mut Vec<(String, &'f Self)>) {
        let before = way.len();
        way.push('/');
        way.push_str(self.dialect());
        match self {
            Self::All(list) | Self::Any(list) => {
                for (at, filter) in list.iter().enumerate() {
                    let here = way.len();
                    way.push_str(&format!("/{at}"));
                    filter.collect(way, found);
                    way.truncate(here);
                }
            }
            Self::Not(inner) => inner.collect(way, found),
            _ => found.push((way.clone(), self)),
        }
        way.truncate(before);
    }

    /// The filter as the subscription spells it, for a person: coordinates are left out, and what is too long is cut.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = serde_json::to_string(self).unwrap_or_default();
        let has_data = |(_, leaf): (String, &Self)| matches!(leaf, Self::Data(_));
        if words.len() > SHOWN_CHARS_MAX && self.leaves().into_iter().any(has_data) {
            let mut value = serde_json::to_value(self).unwrap_or_default();
            shorten(&mut value);
            words = value.to_string();
        }
        if let Some((cut, _)) = words.char_indices().nth(SHOWN_CHARS_MAX) {
            words.truncate(cut);
            words.push('…');
        }
        words
    }

    fn depth(&self) -> usize {
        match self {
            Self::Exact(_) | Self::Prefix(_) | Self::Suffix(_) | Self::Sql(_) | Self::Data(_) => 1,
            Self::All(list) | Self::Any(list) => 1 + list.iter().map(Self::depth).max().unwrap_or(0),
            Self::Not(inner) => 1 + inner.depth(),
        }
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Exact(value) | Self::Prefix(value) | Self::Suffix(value) => {
                map.serialize_entry(self.dialect(), value)?;
            }
            Self::All(value) | Self::Any(value) => map.serialize_entry(self.dialect(), value)?,
            Self::Not(value) => map.serialize_entry(self.dialect(), value)?,
            Self::Sql(expression) => map.serialize_entry(self.dialect(), expression.source())?,
            Self::Data(value) => map.serialize_entry(self.dialect(), value)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let filter = deserializer.deserialize_map(FilterVisitor)?;
        if filter.depth() > FILTER_DEPTH_MAX {
            return Err(D::Error::custom(format!(
                "filters nest at most {FILTER_DEPTH_MAX} deep"
            )));
        }
        Ok(filter)
    }
}

struct FilterVisitor;

impl<'de> Visitor<'de> for FilterVisitor {
    type Value = Filter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one filter: exact, prefix, suffix, all, any, not, sql or x-data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Filter, A::Error> {
        let dialect: String = map
            .next_key()?
            .ok_or_else(|| A::Error::custom("an empty filter"))?;
        let filter = match dialect.as_str() {
            "exact" => Filter::Exact(attributes(&mut map)?),
            "prefix" => Filter::Prefix(attributes(&mut map)?),
            "suffix" => Filter::Suffix(attributes(&mut map)?),
            "all" => Filter::All(list(&mut map)?),
            "any" => Filter::Any(list(&mut map)?),
            "not" => Filter::Not(map.next_value()?),
            "sql" => Filter::Sql(expression(&mut map)?),
            "x-data" => Filter::Data(map.next_value()?),
            other => {
                return Err(A::Error::unknown_field(
                    &other.chars().take(40).collect::<String>(),
                    DIALECTS,
                ));
            }
        };
        match map.next_key::<String>()? {
            None => Ok(filter),
            Some(_) => Err(A::Error::custom("one dialect per filter; put several into `all`")),
        }
    }
}

fn attributes<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Attributes, A::Error> {
    let pairs: Attributes = map.next_value()?;
    if pairs.is_empty() {
        return Err(A::Error::custom("a filter without attributes"));
    }
    for (name, value) in &pairs {
        let well_named =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !well_named {
            return Err(A::Error::custom("attribute names consist of a-z and 0-9"));
        }
        if value.is_empty() {
            return Err(A::Error::custom(
                "an attribute is compared with a text that is not empty",
            ));
        }
    }
    Ok(pairs)
}

fn list<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<Filter>, A::Error> {
    let filters: Vec<Filter> = map.next_value()?;
    if filters.is_empty() {
        return Err(A::Error::custom("an empty list of filters"));
    }
    Ok(filters)
}

/// An expression that can pass some event: what is known to fail always is refused when it is ordered.
fn expression<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Expression, A::Error> {
    let source: String = map.next_value()?;
    let expression = Expression::parse(&source).map_err(A::Error::custom)?;
    let futile = expression.findings().into_iter().find(|finding| {
        !matches!(
            finding.kind,
            FindingKind::MixedLogic | FindingKind::NotBindsTighter
        )
    });
    match futile {
        None => Ok(expression),
        Some(finding) => Err(A::Error::custom(finding)),
    }
}

/// Coordinates say nothing to a reader.
fn shorten(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::Array(_) if name == "coordinates" => *value = Value::from("…"),
                    value => shorten(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
