//! How an expression reaches the event.

use std::borrow::{Borrow, Cow};
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};

use crate::value::Value;

/// The attributes every valid event has, so that `EXISTS` is true of them whatever the event says (§3.4.4).
pub const REQUIRED_ATTRIBUTES: [&str; 4] = ["id", "source", "specversion", "type"];

/// An event, as far as an expression can see it: its context attributes and extensions, never its data (§1).
///
/// Implement it for your event type by lending what it holds. Nothing is copied unless you copy it: a
/// [`Value::String`] borrows, or owns where the canonical string has to be made (a timestamp kept as a number).
///
/// ```
/// use cloudevents_sql::{Attributes, Expression, Value};
///
/// struct Reading { id: String, station: String, level: i32 }
///
/// impl Attributes for Reading {
///     fn get(&self, name: &str) -> Option<Value<'_>> {
///         match name {
///             "specversion" => Some("1.0".into()),
///             "id" => Some(self.id.as_str().into()),
///             "source" => Some(self.station.as_str().into()),
///             "type" => Some("org.example.reading".into()),
///             "level" => Some(self.level.into()),
///             _ => None,
///         }
///     }
/// }
///
/// let reading = Reading { id: "1".into(), station: "urn:gauge:7".into(), level: 812 };
/// assert!(Expression::parse("level > 800 AND source LIKE 'urn:gauge:%'")?.matches(&reading));
/// # Ok::<(), cloudevents_sql::ParseError>(())
/// ```
pub trait Attributes {
    /// The attribute called `name` (always in lower case), or none where the event does not have it.
    fn get(&self, name: &str) -> Option<Value<'_>>;
}

impl<T: Attributes + ?Sized> Attributes for &T {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        (**self).get(name)
    }
}

/// No attributes at all: for expressions without any.
impl Attributes for () {
    fn get(&self, _name: &str) -> Option<Value<'_>> {
        None
    }
}

impl<K: Borrow<str> + Ord> Attributes for BTreeMap<K, Value<'_>> {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        BTreeMap::get(self, name).map(Value::borrowed)
    }
}

impl<K: Borrow<str> + Eq + Hash, S: BuildHasher> Attributes for HashMap<K, Value<'_>, S> {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        HashMap::get(self, name).map(Value::borrowed)
    }
}

/// Pairs of name and value; of several pairs with one name the first counts.
impl<K: AsRef<str>> Attributes for [(K, Value<'_>)] {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        let (_, value) = self.iter().find(|(key, _)| key.as_ref() == name)?;
        Some(value.borrowed())
    }
}

/// Pairs of name and value; of several pairs with one name the first counts.
impl<K: AsRef<str>, const N: usize> Attributes for [(K, Value<'_>); N] {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        Attributes::get(self.as_slice(), name)
    }
}

/// Pairs of strings; of several pairs with one name the first counts.
impl<K: AsRef<str>, const N: usize> Attributes for [(K, &str); N] {
    fn get(&self, name: &str) -> Option<Value<'_>> {
        let (_, value) = self.iter().find(|(key, _)| key.as_ref() == name)?;
        Some(Value::String(Cow::Borrowed(value)))
    }
}
