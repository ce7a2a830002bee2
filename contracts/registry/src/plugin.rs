//! What the city needs to know of a plugin: whose it is, what goes in and out, and which bytes.
//!
//! The manifest's full meaning is the plugin host's; here are only the parts that other documents
//! of the city refer to. The component itself is not part of the city, only its digest.

use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use stadtbus_event::{EventType, PartnerId};

use crate::finding::Text;
use crate::provenance::PluginSignature;
use crate::reader::Reader;
use crate::rules;
use crate::yaml::{Kind, Node};

/// `partner/name` of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginName {
    /// Who owns it.
    pub partner: PartnerId,
    /// Its name within the partner: `[a-z][a-z0-9-]{0,39}`.
    pub name: String,
}

impl FromStr for PluginName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a plugin is named `partner/name`, in a-z, 0-9 and `-`";
        let (partner, name) = text.split_once('/').ok_or(rule)?;
        let partner = PartnerId::parse(partner).map_err(|_| rule)?;
        // The rule of a partner's name is the rule of a plugin's.
        PartnerId::parse(name).map_err(|_| rule)?;
        Ok(Self {
            partner,
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partner, self.name)
    }
}

impl Serialize for PluginName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PluginName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The three plugin roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Foreign bytes → events.
    Decode,
    /// Event → events.
    Transform,
    /// Event → foreign bytes.
    Encode,
}

/// A plugin of the city.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginRef {
    /// Who owns it.
    pub partner: PartnerId,
    /// Its name within the partner.
    pub name: String,
    /// Its version, as written in the manifest.
    pub version: String,
    /// Its role.
    pub role: Role,
    /// Event types it takes (transform, encode).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumes: Vec<EventType>,
    /// Event types it makes (decode, transform).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub produces: Vec<EventType>,
    /// Lookup tables it asks for, by its own names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// SHA-256 of the component, lower-case hex.
    pub digest: String,
    /// The whole manifest as text, for the plugin host.
    pub manifest: String,
    /// Who vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<PluginSignature>,
    /// A Sigstore bundle that came with it. It is carried, not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigstore: Option<serde_json::Value>,
}

impl PluginRef {
    /// Its full name.
    pub fn full_name(&self) -> PluginName {
        PluginName {
            partner: self.partner.clone(),
            name: self.name.clone(),
        }
    }

    /// `partner/name@version`, which has one component for ever.
    pub fn versioned_name(&self) -> String {
        format!("{}/{}@{}", self.partner, self.name, self.version)
    }
}

/// A plugin put to use in a route or subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginUse {
    /// Which plugin.
    pub name: PluginName,
    /// Its configuration, any JSON value; `{}` when none is given.
    #[serde(default = "no_config")]
    pub config: serde_json::Value,
    /// The plugin's name of a table → the city's name of it.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub tables: IndexMap<String, String>,
}

fn no_config() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

const ROLES: &[(&str, Role)] = &[
    ("decode", Role::Decode),
    ("transform", Role::Transform),
    ("encode", Role::Encode),
];

/// Fields of a manifest; those not read here are the plugin host's.
const MANIFEST: &[&str] = &[
    "plugin",
    "partner",
    "version",
    "title",
    "role",
    "world",
    "instances",
    "language",
    "consumes",
    "produces",
    "state",
    "tables",
    "log",
    "license",
    "limits",
];

pub(crate) fn read(reader: &Reader, node: &Node, manifest: &str, digest: String) -> Option<PluginRef> {
    let fields = reader.fields(node, MANIFEST)?;
    let partner = fields.required("partner", |r, n| r.parsed(n, rules::NAME, PartnerId::parse));
    // The rule of a partner's name is the rule of a plugin's.
    let name = fields.required("plugin", |r, n| r.parsed(n, rules::NAME, PartnerId::parse));
    let version = fields.required("version", Reader::text);
    let role = fields.required("role", |r, n| r.one_of(n, ROLES));
    let consumes = fields.or("consumes", Vec::new(), read_types);
    let produces = fields.or("produces", Vec::new(), read_types);
    let tables = fields.or("tables", Vec::new(), |r, n| r.list(n, Reader::text));
    Some(PluginRef {
        partner: partner?,
        name: name?.as_str().to_owned(),
        version: version?,
        role: role?,
        consumes: consumes?,
        produces: produces?,
        tables: tables?,
        digest,
        manifest: manifest.to_owned(),
        signature: None,
        sigstore: None,
    })
}

/// `plugin: {name, config, tables}` of a subscription.
pub(crate) fn read_use(reader: &Reader, node: &Node) -> Option<PluginUse> {
    let fields = reader.fields(node, &["name", "config", "tables"])?;
    let name = fields.required("name", |r, n| {
        r.parsed(n, rules::PLUGIN, str::parse::<PluginName>)
    });
    let config = fields.or("config", no_config(), |_, n| Some(n.to_value()));
    let tables = fields.or("tables", IndexMap::new(), read_tables);
    Some(PluginUse {
        name: name?,
        config: config?,
        tables: tables?,
    })
}

pub(crate) fn read_tables(reader: &Reader, node: &Node) -> Option<IndexMap<String, String>> {
    let Kind::Map(entries) = &node.kind else {
        reader.expected(
            node,
            &Text::new("eine Zuordnung von Tabellen", "a mapping of tables"),
        );
        return None;
    };
    let pairs = entries
        .iter()
        .map(|entry| Some((entry.key.clone(), reader.text(&entry.value)?)));
    Some(pairs.flatten().collect())
}

pub(crate) fn read_types(reader: &Reader, node: &Node) -> Option<Vec<EventType>> {
    reader.list(node, |r, n| r.parsed(n, rules::EVENT_TYPE, EventType::parse))
}
