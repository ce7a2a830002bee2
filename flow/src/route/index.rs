//! Numbers filed under keys, and those found whose key is true of an event.
//!
//! Time goes with what is found and with the event's own size, not with what is filed: hash tables for values, one chain of
//! prefixes, intervals ordered by their beginning, a tree of rectangles, and one walk through the data.

mod data;
mod prefixes;
mod ranges;

use std::collections::{BTreeMap, HashMap};

use cloudevents_sql::Attributes as _;
use data::{DataIndex, DataKeys};
use prefixes::Prefixes;
use ranges::Ranges;
use stadtbus_contracts::DataView;

use super::cover::{Is, Key};
use super::filter::Context;

/// Mostly one number stands under a key.
#[derive(Debug)]
enum Ids {
    One(u32),
    Many(Box<[u32]>),
}

impl Ids {
    fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }
}

impl From<Vec<u32>> for Ids {
    fn from(ids: Vec<u32>) -> Self {
        match ids.as_slice() {
            [id] => Self::One(*id),
            _ => Self::Many(ids.into()),
        }
    }
}

fn table<K: Eq + std::hash::Hash, L: Into<K>>(keys: HashMap<L, Vec<u32>>) -> HashMap<K, Ids> {
    let mut table: HashMap<K, Ids> = keys
        .into_iter()
        .map(|(key, ids)| (key.into(), ids.into()))
        .collect();
    table.shrink_to_fit();
    table
}

/// The values of one attribute.
#[derive(Debug)]
struct AttributeIndex {
    equal: HashMap<Box<str>, Ids>,
    starting: Prefixes,
    /// Of the values read backwards.
    ending: Prefixes,
    integers: Ranges,
}

#[derive(Default)]
struct AttributeKeys<'k> {
    equal: HashMap<&'k str, Vec<u32>>,
    starting: BTreeMap<Box<[u8]>, Vec<u32>>,
    ending: BTreeMap<Box<[u8]>, Vec<u32>>,
    integers: Vec<(f64, f64, u32)>,
}

fn backwards(text: &str) -> Box<[u8]> {
    text.bytes().rev().collect()
}

/// All keys of one event type.
#[derive(Debug, Default)]
pub(super) struct Index {
    attributes: Vec<(Box<str>, AttributeIndex)>,
    data: DataIndex,
}

impl Index {
    /// Files numbers under their keys; one number may have several.
    pub(super) fn new<'k, 'f: 'k>(entries: impl IntoIterator<Item = (u32, Vec<&'k Key<'f>>)>) -> Self {
        let mut attributes: BTreeMap<&str, AttributeKeys<'k>> = BTreeMap::new();
        let mut data = DataKeys::default();
        for (id, keys) in entries {
            for key in keys {
                match key {
                    Key::Text { name, is } => {
                        let at = attributes.entry(name).or_default();
                        match is {
                            Is::Equal(text) => at.equal.entry(text).or_default().push(id),
                            Is::Starting(text) => {
                                at.starting.entry(text.as_bytes().into()).or_default().push(id);
                            }
                            Is::Ending(text) => at.ending.entry(backwards(text)).or_default().push(id),
                        }
                    }
                    Key::Integer { name, least, most } => {
                        let at = attributes.entry(name).or_default();
                        at.integers.push((*least, *most, id));
                    }
                    Key::Data { pointer, is } => data.add(pointer, is, id),
                }
            }
        }
        let index = |keys: AttributeKeys<'_>| AttributeIndex {
            equal: table(keys.equal),
            starting: Prefixes::new(keys.starting),
            ending: Prefixes::new(keys.ending),
            integers: Ranges::new(keys.integers),
        };
        Self {
            attributes: attributes
                .into_iter()
                .map(|(name, keys)| (name.into(), index(keys)))
                .collect(),
            data: data.into(),
        }
    }

    /// Calls `hit` with every number of which at least one key is true; perhaps more than once.
    pub(super) fn find(&self, view: &DataView<'_>, hit: &mut impl FnMut(u32)) {
        let event = view.event();
        for (name, index) in &self.attributes {
            let Some(value) = event.attribute(name) else {
                continue;
            };
            let equal = index.equal.get(&*value);
            equal.into_iter().flat_map(Ids::as_slice).for_each(|id| hit(*id));
            if !index.starting.is_empty() {
                index.starting.find(value.as_bytes(), hit);
            }
            if !index.ending.is_empty() {
                index.ending.find(&backwards(&value), hit);
            }
            if !index.integers.is_empty() {
                let integer = Context(event).get(name).and_then(|value| value.to_integer());
                integer
                    .into_iter()
                    .for_each(|integer| index.integers.find(f64::from(integer), hit));
            }
        }
        if !self.data.is_empty() {
            self.data.find(view, hit);
        }
    }
}

#[cfg(test)]
mod tests;
