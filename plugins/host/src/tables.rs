//! Lookup tables as a plugin sees them: a name, a key, a JSON value.
//!
//! Entries are written as JSON text once, when the tables are made, so that a lookup copies bytes and parses nothing.
//! A clone shares them. What is not found by its name but by some other rule, such as a place, is asked for
//! ([`Lookup`]): the rule is none of the sandbox's business.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

/// A table whose entries are found by a rule of its own.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The entry under `key` as JSON text.
    fn get(&self, key: &str) -> Option<Bytes>;
}

/// One lookup table.
#[derive(Debug)]
pub enum Table {
    /// Each entry has its key.
    Entries(HashMap<String, Bytes>),
    /// Entries are found by a rule.
    Rule(Box<dyn Lookup>),
}

impl From<&Value> for Table {
    /// The entries of an array are found under their index in decimal; a value that is neither object nor array is a
    /// table without entries.
    fn from(value: &Value) -> Self {
        let text = |value: &Value| Bytes::from(value.to_string());
        Self::Entries(match value {
            Value::Object(map) => map
                .iter()
                .map(|(key, value)| (key.clone(), text(value)))
                .collect(),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(index, value)| (index.to_string(), text(value)))
                .collect(),
            _ => HashMap::new(),
        })
    }
}

/// Lookup tables under the names the plugin uses. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tables(Arc<HashMap<String, Table>>);

impl FromIterator<(String, Table)> for Tables {
    fn from_iter<T: IntoIterator<Item = (String, Table)>>(tables: T) -> Self {
        Self(Arc::new(tables.into_iter().collect()))
    }
}

impl Tables {
    /// No tables.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Tables from (name, JSON object or array), each entry under its key.
    pub fn new<'a>(tables: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let table = |(name, value): (&str, &'a Value)| (name.to_owned(), Table::from(value));
        tables.into_iter().map(table).collect()
    }

    /// The entry as JSON text.
    #[must_use]
    pub fn lookup(&self, table: &str, key: &str) -> Option<Bytes> {
        match self.0.get(table)? {
            Table::Entries(entries) => entries.get(key).cloned(),
            Table::Rule(rule) => rule.get(key),
        }
    }
}
