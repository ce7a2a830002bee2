//! How a foreign format comes in: the raw bytes of one partner's system, through one decode plugin.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use stadtbus_event::{EventType, PartnerId, SubscriptionId};

use crate::plugin::{PluginName, PluginUse, read_tables, read_types};
use crate::reader::Reader;
use crate::rules;
use crate::yaml::Node;

/// A registered foreign format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name, part of the path `/v1/ingest/{route}`; the rule of a subscription's name.
    pub route: String,
    /// Whose it is; only this partner's publishing systems may use it.
    pub partner: PartnerId,
    /// Media types it takes, without parameters.
    pub accepts: Vec<String>,
    /// `source` of the events it makes.
    pub source: String,
    /// The decode plugin.
    pub plugin: PluginUse,
    /// Event types it may publish.
    pub publishes: Vec<EventType>,
}

pub(crate) fn read(reader: &Reader, node: &Node) -> Option<Route> {
    let names = &[
        "route",
        "partner",
        "title",
        "accepts",
        "source",
        "plugin",
        "config",
        "tables",
        "publishes",
    ];
    let fields = reader.fields(node, names)?;
    // Routes and subscriptions share one rule of naming, because both are segments of a path.
    let route = fields.required("route", |r, n| {
        r.parsed(n, rules::LONG_NAME, SubscriptionId::parse)
    });
    let partner = fields.required("partner", |r, n| r.parsed(n, rules::NAME, PartnerId::parse));
    let accepts = fields.required("accepts", |r, n| {
        r.list(n, |r, n| r.parsed(n, rules::MEDIA_TYPE, media_type))
    });
    let source = fields.required("source", Reader::text);
    let name = fields.required("plugin", |r, n| {
        r.parsed(n, rules::PLUGIN, str::parse::<PluginName>)
    });
    let config = fields.or("config", serde_json::json!({}), |_, n| Some(n.to_value()));
    let tables = fields.or("tables", IndexMap::new(), read_tables);
    let publishes = fields.required("publishes", read_types);
    Some(Route {
        route: route?.as_str().to_owned(),
        partner: partner?,
        accepts: accepts?,
        source: source?,
        plugin: PluginUse {
            name: name?,
            config: config?,
            tables: tables?,
        },
        publishes: publishes?,
    })
}

fn media_type(text: &str) -> Result<String, &'static str> {
    let token = |s: &str| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    match text.split_once('/') {
        Some((kind, sub)) if token(kind) && token(sub) => Ok(text.to_ascii_lowercase()),
        _ => Err("a media type such as application/json, without parameters"),
    }
}
