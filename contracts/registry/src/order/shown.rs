//! A subscription as the API shows it, wherever it was defined.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stadtbus_event::{EventType, PartnerId, SubscriptionId};

use super::respell::{HTTP, LOG, PULL, SSE};
use crate::delivery::Delivery;
use crate::filter::Filter;
use crate::in_order::InOrder;
use crate::plugin::PluginUse;
use crate::sink::Sink;
use crate::subscription::Subscription;

/// A subscription in the field names of the CloudEvents Subscriptions API. A credential is not among them (SUB-8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Representation {
    /// Assigned by the manager, immutable (SUB-6).
    pub id: SubscriptionId,
    /// The one source whose events are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Event types, at least one.
    pub types: Vec<EventType>,
    /// Conditions beyond that; all must hold (SUB-3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Where events go: the receiver's URL; for the bus's own protocols, where they are to be had.
    pub sink: String,
    /// `HTTP`, `STADTBUS-PULL`, `STADTBUS-SSE` or `STADTBUS-LOG`; compared with case.
    pub protocol: String,
    /// What the protocol needs to know.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub protocolsettings: IndexMap<String, Value>,
    /// What this bus needs to know beyond the API.
    pub config: Config,
}

/// What a subscription of this bus names beyond the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Whose it is.
    pub partner: PartnerId,
    /// What it is for, in German.
    pub title: String,
    /// The purpose, an IRI, as in the usage agreement.
    pub purpose: String,
    /// What changes the events on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginUse>,
    /// Which of them must not overtake each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<InOrder>,
    /// How persistently they are delivered.
    pub delivery: Delivery,
}

impl Representation {
    /// The subscription as the API shows it.
    #[must_use]
    pub fn of(subscription: &Subscription) -> Self {
        let id = &subscription.subscription;
        let (protocol, sink, settings) = match &subscription.sink {
            Sink::Webhook(webhook) => (
                HTTP,
                webhook.url.clone(),
                vec![("method", json!("POST")), ("mode", json!(webhook.mode))],
            ),
            Sink::Pull {} => (PULL, format!("/v1/subscriptions/{id}/receive"), Vec::new()),
            Sink::Sse {} => (SSE, format!("/v1/subscriptions/{id}/stream"), Vec::new()),
            Sink::Log(log) => (
                LOG,
                "urn:stadtbus:log".to_owned(),
                vec![("source", json!(log.source)), ("publishes", json!(log.publishes))],
            ),
        };
        Self {
            id: id.clone(),
            source: subscription.source.clone(),
            types: subscription.types.clone(),
            filters: subscription.filters.clone(),
            sink,
            protocol: protocol.to_owned(),
            protocolsettings: settings
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            config: Config {
                partner: subscription.partner.clone(),
                title: subscription.title.clone(),
                purpose: subscription.purpose.clone(),
                plugin: subscription.plugin.clone(),
                order: subscription.order.clone(),
                delivery: subscription.delivery,
            },
        }
    }
}
