//! The city's tables as plugins see them: entries by their key, areas by a place in them.
//!
//! A table has no number that somebody would have to raise. Its version is the digest of its content, so what is recorded
//! says which table an answer rests on, whoever changed it and back.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde_json::Value;
use stadtbus_contracts::{Areas, table_version};
use stadtbus_plugin_host::{Lookup, Table, Tables};

/// Tables by the name that the city has for them, each with its version.
pub type TableVersions = BTreeMap<String, String>;

/// What one place gives its plugin to look up in.
#[derive(Debug, Clone, Default)]
pub struct GivenTables {
    /// As the plugin sees them.
    pub tables: Tables,
    /// Which they are.
    pub versions: Arc<TableVersions>,
}

impl GivenTables {
    /// From (the plugin's name for a table, the city's name for it, its content).
    pub fn new<'a>(given: impl IntoIterator<Item = (&'a str, &'a str, &'a Value)>) -> Self {
        let given: Vec<_> = given.into_iter().collect();
        let version =
            |(_, ours, table): &(&str, &'a str, &'a Value)| ((*ours).to_owned(), table_version(table));
        Self {
            tables: tables(given.iter().map(|(inside, _, table)| (*inside, *table))),
            versions: Arc::new(given.iter().map(version).collect()),
        }
    }
}

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
