//! The dialect `x-data`: conditions on the JSON data of an event. Our own; CloudEvents' dialects see attributes only.
//!
//! ```yaml
//! x-data:
//!   /status: open                                    # the same as {equals: open}
//!   /customers: {atLeast: 1000}
//!   /location: {near: {lat: 51.333, lon: 6.562, metres: 500}}
//! ```
//!
//! A JSON Pointer (RFC 6901) leads to a value, and all comparisons beside it must hold. Comparisons are typed: a number is
//! never equal to a text, and has no order with one. What is not there fulfils nothing but `exists: false`, and data that is
//! not JSON fulfils nothing at all.

mod read;
mod write;

use std::cmp::Ordering;
use std::fmt;

use regex::Regex;
use serde_json::Value;

use super::pointer::Pointer;
use super::scalar::Scalar;
use crate::geo::{Area, Circle};
use crate::view::DataView;

/// Pointers in one filter, comparisons beside each included.
pub(crate) const DATA_FIELDS_MAX: usize = 64;

/// Values of one `in`.
pub(crate) const IN_VALUES_MAX: usize = 1_000;

/// Bytes of one `pattern`.
pub(crate) const PATTERN_BYTES_MAX: usize = 512;

/// Bytes that one compiled pattern, and each of its caches, may take.
const PATTERN_COMPILED_BYTES_MAX: usize = 256 * 1024;

/// Conditions on the data of an event; all must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFilter {
    fields: Box<[Field]>,
}

/// One place in the data and what must hold there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The way to the place.
    pub pointer: Pointer,
    /// All of these.
    pub comparisons: Box<[Comparison]>,
}

/// One comparison with the value at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// `equals`: it is this value.
    Equals(Scalar),
    /// `in`: it is one of these values.
    In(Box<[Scalar]>),
    /// `less`, `atMost`, `greater`, `atLeast`: so it stands to a number or a text of the same kind.
    Ordered(Order, Scalar),
    /// `before`, `after`: an RFC 3339 time so stands to this one, whatever the zones.
    Timed(Order, Moment),
    /// `exists`: whether anything is there, `null` included.
    Exists(bool),
    /// `pattern`: a text in which the regular expression is found.
    Pattern(Pattern),
    /// `near`: a GeoJSON geometry that comes so near to a position.
    Near(Circle),
    /// `within`: a GeoJSON geometry of which some part lies in the area.
    Within(Area),
}

/// How a value stands to a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Below it.
    Less,
    /// Below or equal.
    AtMost,
    /// Above it.
    Greater,
    /// Above or equal.
    AtLeast,
}

impl Order {
    fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

/// An instant with its spelling. Two are equal when the instants are.
#[derive(Debug, Clone)]
pub struct Moment {
    instant: jiff::Timestamp,
    text: Box<str>,
}

impl PartialEq for Moment {
    fn eq(&self, other: &Self) -> bool {
        self.instant == other.instant
    }
}

impl Eq for Moment {}

/// A regular expression of linear time, found anywhere in a text unless `^` and `$` say otherwise.
#[derive(Clone)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.as_str(), f)
    }
}

impl DataFilter {
    /// The places and what must hold there, ordered by pointer.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether all conditions hold.
    #[must_use]
    pub fn holds(&self, data: &DataView<'_>) -> bool {
        data.root().is_some() && self.fields.iter().all(|field| field.failed(data).is_none())
    }

    /// Why they do not: the first condition that fails, in the words of the filter, and what kind of value was there. Never
    /// the value. None where all hold.
    #[must_use]
    pub fn refusal(&self, data: &DataView<'_>) -> Option<String> {
        if data.root().is_none() {
            return Some("the data is not JSON".to_owned());
        }
        self.fields.iter().find_map(|field| {
            let failed = field.failed(data)?;
            let there = match data.find(&field.pointer) {
                None => "nothing is there",
                Some(value) if field.suits(failed, value, data) => "what is there does not fulfil it",
                Some(value) => match value {
                    Value::Null => "null is there",
                    Value::Bool(_) => "a boolean is there",
                    Value::Number(_) => "a number is there",
                    Value::String(_) => "a text of another kind is there",
                    Value::Array(_) => "a list is there",
                    Value::Object(_) => "an object of another kind is there",
                },
            };
            Some(format!("`{}` {}: {there}", field.pointer, failed.words()))
        })
    }
}

impl Field {
    /// The first comparison that does not hold.
    fn failed(&self, data: &DataView<'_>) -> Option<&Comparison> {
        let found = data.find(&self.pointer);
        self.comparisons.iter().find(|one| !self.holds(one, found, data))
    }

    fn holds(&self, comparison: &Comparison, found: Option<&Value>, data: &DataView<'_>) -> bool {
        let Some(value) = found else {
            return *comparison == Comparison::Exists(false);
        };
        let geometry = || data.geometry(&self.pointer);
        match comparison {
            Comparison::Equals(scalar) => scalar.equals(value),
            Comparison::In(scalars) => scalars.iter().any(|scalar| scalar.equals(value)),
            Comparison::Ordered(order, bound) => bound.order(value).is_some_and(|found| order.admits(found)),
            Comparison::Timed(order, moment) => {
                instant(value).is_some_and(|found| order.admits(found.cmp(&moment.instant)))
            }
            Comparison::Exists(wanted) => *wanted,
            Comparison::Pattern(Pattern(regex)) => value.as_str().is_some_and(|text| regex.is_match(text)),
            Comparison::Near(circle) => geometry().is_some_and(|found| circle.touches(&found)),
            Comparison::Within(area) => geometry().is_some_and(|found| area.touches(&found)),
        }
    }

    /// Whether the value is of a kind with which the comparison could hold.
    fn suits(&self, comparison: &Comparison, value: &Value, data: &DataView<'_>) -> bool {
        match comparison {
            Comparison::Equals(scalar) => same_kind(scalar, value),
            Comparison::In(scalars) => scalars.iter().any(|scalar| same_kind(scalar, value)),
            Comparison::Ordered(_, bound) => bound.order(value).is_some(),
            Comparison::Timed(..) => instant(value).is_some(),
            Comparison::Exists(_) => true,
            Comparison::Pattern(_) => value.is_string(),
            Comparison::Near(_) | Comparison::Within(_) => data.geometry(&self.pointer).is_some(),
        }
    }
}

fn same_kind(scalar: &Scalar, value: &Value) -> bool {
    matches!(
        (scalar, value),
        (Scalar::Null, Value::Null)
            | (Scalar::Boolean(_), Value::Bool(_))
            | (Scalar::Number(_), Value::Number(_))
            | (Scalar::Text(_), Value::String(_))
    )
}

fn instant(value: &Value) -> Option<jiff::Timestamp> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests;
