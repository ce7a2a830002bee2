//! The city's tables as plugins see them: entries by their key, areas by a place in them.

use bytes::Bytes;
use serde_json::Value;
use stadtbus_contracts::Areas;
use stadtbus_plugin_host::{Lookup, Table, Tables};

/// Tables under the names that a plugin has for them.
pub fn tables<'a>(named: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Tables {
    let table = |(name, value): (&str, &'a Value)| {
        let table = match Areas::of(value) {
            Some(areas) => Table::Rule(Box::new(Places(areas))),
            None => Table::from(value),
        };
        (name.to_owned(), table)
    };
    named.into_iter().map(table).collect()
}

#[derive(Debug)]
struct Places(Areas);

impl Lookup for Places {
    fn get(&self, place: &str) -> Option<Bytes> {
        Some(Bytes::from(self.0.at(place)?.to_string()))
    }
}
