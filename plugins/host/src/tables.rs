//! Lookup tables as a plugin sees them: a name, a key, a JSON value.
//!
//! Entries are written as JSON text once, when the tables are made, so that a lookup copies bytes and parses nothing.
//! A clone shares them.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

/// Lookup tables under the names the plugin uses. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tables(Arc<HashMap<String, HashMap<String, Bytes>>>);

impl Tables {
    /// No tables.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Tables from (name, JSON object or array). The entries of an array are found under their index in decimal; a
    /// value that is neither is a table without entries.
    pub fn new<'a>(tables: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Self {
        let entries = |value: &Value| -> HashMap<String, Bytes> {
            match value {
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
            }
        };
        Self(Arc::new(
            tables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), entries(value)))
                .collect(),
        ))
    }

    /// The entry as JSON text.
    #[must_use]
    pub fn lookup(&self, table: &str, key: &str) -> Option<&Bytes> {
        self.0.get(table)?.get(key)
    }
}

fn text(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}
