//! The whole configuration of a bus as one document.
//!
//! Self-contained JSON: what `apply` sends, what the broker keeps, what every router compiles.
//! Only the plugins' components stay outside; the document names them by digest.

use std::fmt::Write as _;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use stadtbus_event::{PartnerId, SubscriptionId};

use crate::contract::Contract;
use crate::partner::Partner;
use crate::plugin::{PluginName, PluginRef};
use crate::route::Route;
use crate::subscription::Subscription;
use crate::zone::Zone;

/// A city: partners, contracts, routes, subscriptions, tables, plugins, zones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct City {
    /// Its short name, part of URNs and event types.
    pub name: String,
    /// Its name as people write it.
    pub title: String,
    /// Who is on the bus.
    pub partners: IndexMap<PartnerId, Partner>,
    /// What they promise.
    pub contracts: Vec<Contract>,
    /// Foreign formats that come in.
    pub routes: IndexMap<String, Route>,
    /// Standing orders.
    pub subscriptions: IndexMap<SubscriptionId, Subscription>,
    /// Standing orders that partners placed over the API; no folder defines them, and applying one keeps them.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub ordered: IndexMap<SubscriptionId, Subscription>,
    /// Lookup tables for plugins: JSON objects or arrays.
    pub tables: IndexMap<String, Value>,
    /// Plugins, each with the digest of its component.
    pub plugins: Vec<PluginRef>,
    /// Where webhooks may go besides public https.
    pub zones: Vec<Zone>,
}

impl City {
    /// A city with nothing in it.
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            ..Self::default()
        }
    }

    /// Digests (SHA-256, lower-case hex) of the components its plugins need, each once.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        let mut seen = std::collections::HashSet::new();
        self.plugins
            .iter()
            .map(|p| p.digest.as_str())
            .filter(move |digest| seen.insert(*digest))
    }

    /// All subscriptions: those of the folder, then those ordered over the API.
    pub fn standing_orders(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.values().chain(self.ordered.values())
    }

    /// The subscription of this id, wherever it comes from.
    pub fn subscription(&self, id: &str) -> Option<&Subscription> {
        self.subscriptions.get(id).or_else(|| self.ordered.get(id))
    }

    /// Takes over the orders that partners placed with the city `before`. An order whose id and partner this city
    /// defines itself has moved into the folder and is not kept twice.
    pub fn keep_orders_of(&mut self, before: &Self) {
        for (id, order) in &before.ordered {
            let moved = self
                .subscriptions
                .get(id)
                .is_some_and(|own| own.partner == order.partner);
            if !moved {
                self.ordered.insert(id.clone(), order.clone());
            }
        }
    }

    /// The plugin of this name.
    pub fn plugin(&self, name: &PluginName) -> Option<&PluginRef> {
        self.plugins
            .iter()
            .find(|p| p.partner == name.partner && p.name == name.name)
    }

    /// SHA-256 over the document with sorted keys: the same city has the same digest, whoever
    /// wrote it down and in whatever order.
    pub fn digest(&self) -> String {
        let mut text = String::new();
        canonical(&serde_json::to_value(self).unwrap_or_default(), &mut text);
        hex(&Sha256::digest(text.as_bytes()))
    }
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for key in keys {
                let _ = write!(out, "{}:", Value::String(key.clone()));
                canonical(map.get(key).unwrap_or(&Value::Null), out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
}

/// The version of a lookup table: SHA-256 over its content with sorted keys. The same table has the same version, whoever
/// wrote it down; each change of an entry is another one.
pub fn table_version(table: &Value) -> String {
    let mut text = String::new();
    canonical(table, &mut text);
    hex(&Sha256::digest(text.as_bytes()))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// SHA-256 of a component, as cities name it.
pub fn component_digest(component: &[u8]) -> String {
    hex(&Sha256::digest(component))
}
