//! What must be true of an event for a list of filters to hold, as far as an index can use it.
//!
//! A cover errs on one side only: whatever it says is true of every event for which the filters hold.

use std::borrow::Cow;

use cloudevents_sql::Necessary;
use stadtbus_contracts::{Comparison, DataFilter, Envelope, Field, Filter, Order, Pointer, Scalar};

/// One thing an index can look up.
#[derive(Debug, Clone)]
pub(super) enum Key<'f> {
    /// An attribute's canonical string.
    Text { name: &'f str, is: Is<'f> },
    /// An attribute's value as CloudEvents SQL casts it to Integer, both bounds included.
    Integer { name: &'f str, least: f64, most: f64 },
    /// What stands in the data where the pointer leads.
    Data { pointer: &'f Pointer, is: There<'f> },
}

/// How an attribute is.
#[derive(Debug, Clone)]
pub(super) enum Is<'f> {
    Equal(Cow<'f, str>),
    Starting(&'f str),
    Ending(&'f str),
}

/// What stands at a place in the data.
#[derive(Debug, Clone, Copy)]
pub(super) enum There<'f> {
    Equal(&'f Scalar),
    /// A number between these, both included, all rounded to the nearest floating-point number.
    Between(f64, f64),
    /// A geometry whose envelope touches this one.
    Touching(Envelope),
    /// Anything.
    Something,
}

/// What must be true.
#[derive(Debug, Clone)]
pub(super) enum Cover<'f> {
    /// This.
    Key(Key<'f>),
    /// All of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
    /// Nothing an index could use.
    Unknown,
}

impl<'f> Cover<'f> {
    /// What must be true for all filters of a list to hold.
    pub(super) fn of(filters: &'f [Filter]) -> Self {
        Self::All(filters.iter().map(|filter| Self::one(filter, true)).collect())
    }

    /// What must be true for the filter to hold, or not to hold.
    fn one(filter: &'f Filter, holds: bool) -> Self {
        let text = |name: &'f str, is: Is<'f>| Self::Key(Key::Text { name, is });
        let list = |filters: &'f [Filter]| filters.iter().map(|filter| Self::one(filter, holds)).collect();
        match filter {
            Filter::All(filters) if holds => Self::All(list(filters)),
            Filter::All(filters) => Self::Any(list(filters)),
            Filter::Any(filters) if holds => Self::Any(list(filters)),
            Filter::Any(filters) => Self::All(list(filters)),
            Filter::Not(inner) => Self::one(inner, !holds),
            Filter::Exact(pairs) if holds => {
                let keys = pairs
                    .iter()
                    .map(|(name, value)| text(name, Is::Equal(Cow::Borrowed(value))));
                Self::All(keys.collect())
            }
            Filter::Prefix(pairs) if holds => {
                let keys = pairs.iter().map(|(name, value)| text(name, Is::Starting(value)));
                Self::All(keys.collect())
            }
            Filter::Suffix(pairs) if holds => {
                let keys = pairs.iter().map(|(name, value)| text(name, Is::Ending(value)));
                Self::All(keys.collect())
            }
            Filter::Sql(expression) if holds => Self::sql(expression.necessary()),
            Filter::Data(conditions) if holds => Self::data(conditions),
            Filter::Exact(_) | Filter::Prefix(_) | Filter::Suffix(_) | Filter::Sql(_) | Filter::Data(_) => {
                Self::Unknown
            }
        }
    }

    fn sql(necessary: Necessary<'f>) -> Self {
        let text = |name: &'f str, is: Is<'f>| Self::Key(Key::Text { name, is });
        match necessary {
            Necessary::All(list) => Self::All(list.into_iter().map(Self::sql).collect()),
            Necessary::Any(list) => Self::Any(list.into_iter().map(Self::sql).collect()),
            Necessary::Equals { attribute, text: is } => text(attribute, Is::Equal(is)),
            Necessary::StartsWith { attribute, text: is } => text(attribute, Is::Starting(is)),
            Necessary::EndsWith { attribute, text: is } => text(attribute, Is::Ending(is)),
            Necessary::Between {
                attribute,
                least,
                most,
            } => Self::Key(Key::Integer {
                name: attribute,
                // Little more than 32 bits, so exact.
                least: least as f64,
                most: most as f64,
            }),
            _ => Self::Unknown,
        }
    }

    fn data(conditions: &'f DataFilter) -> Self {
        Self::All(conditions.fields().iter().flat_map(Self::field).collect())
    }

    fn field(field: &'f Field) -> Vec<Self> {
        let pointer = &field.pointer;
        let key = |is: There<'f>| Self::Key(Key::Data { pointer, is });
        let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut found = Vec::with_capacity(field.comparisons.len());
        for comparison in &field.comparisons {
            match comparison {
                Comparison::Equals(scalar) => found.push(key(There::Equal(scalar))),
                Comparison::In(scalars) => {
                    let any = scalars.iter().map(|scalar| key(There::Equal(scalar)));
                    found.push(Self::Any(any.collect()));
                }
                Comparison::Ordered(order, Scalar::Number(bound)) => {
                    let bound = bound.as_f64();
                    match order {
                        Order::Less | Order::AtMost => most = most.min(bound.unwrap_or(most)),
                        Order::Greater | Order::AtLeast => least = least.max(bound.unwrap_or(least)),
                    }
                }
                Comparison::Near(circle) => found.push(key(There::Touching(circle.envelope()))),
                Comparison::Within(area) => found.push(key(There::Touching(area.envelope()))),
                Comparison::Exists(false) => {}
                Comparison::Ordered(..)
                | Comparison::Timed(..)
                | Comparison::Exists(true)
                | Comparison::Pattern(_) => found.push(key(There::Something)),
            }
        }
        if least.is_finite() || most.is_finite() {
            found.push(key(There::Between(least, most)));
        }
        found
    }
}
