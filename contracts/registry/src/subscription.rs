//! A standing order: which events, for which purpose, changed how, to where, and how persistently.

use serde::{Deserialize, Serialize};
use stadtbus_event::{EventType, PartnerId, SubscriptionId};

use crate::agreement::iri;
use crate::delivery::{self, Delivery};
use crate::filter::{self, Attributes, Filter};
use crate::finding::Text;
use crate::in_order::{self, InOrder};
use crate::plugin::{PluginUse, read_types, read_use};
use crate::reader::Reader;
use crate::rules;
use crate::sink::{self, Sink};
use crate::yaml::{Kind, Node};

/// A subscription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Its name, unique on the bus.
    pub subscription: SubscriptionId,
    /// Whose it is.
    pub partner: PartnerId,
    /// What it is for, in German.
    pub title: String,
    /// The purpose, an IRI; equal to the one of the usage agreement it stands on.
    pub purpose: String,
    /// The one `source` whose events it takes; all sources, where it names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Event types it takes, at least one.
    pub types: Vec<EventType>,
    /// Conditions beyond the type; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// What changes the events on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginUse>,
    /// Where they go.
    pub sink: Sink,
    /// Which of them must not overtake each other; none keeps the others back, where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<InOrder>,
    /// How persistently.
    #[serde(default)]
    pub delivery: Delivery,
}

impl Subscription {
    /// The subscription as routing evaluates it: the source it names is one more condition.
    #[must_use]
    pub fn as_routed(&self) -> Self {
        let mut routed = self.clone();
        if let Some(source) = routed.source.take() {
            let only = Attributes::from_iter([("source".to_owned(), source)]);
            routed.filters.insert(0, Filter::Exact(only));
        }
        routed
    }
}

pub(crate) fn read(
    reader: &Reader,
    node: &Node,
    env: &dyn Fn(&str) -> Option<String>,
) -> Option<Subscription> {
    let names = &[
        "subscription",
        "partner",
        "title",
        "purpose",
        "source",
        "types",
        "filters",
        "plugin",
        "sink",
        "order",
        "delivery",
    ];
    let fields = reader.fields(node, names)?;
    let subscription = fields.required("subscription", |r, n| {
        r.parsed(n, rules::LONG_NAME, SubscriptionId::parse)
    });
    let partner = fields.required("partner", |r, n| r.parsed(n, rules::NAME, PartnerId::parse));
    let title = fields.required("title", Reader::text);
    let purpose = fields.required("purpose", |r, n| r.parsed(n, rules::IRI, iri));
    let source = fields.optional("source", Reader::text);
    let types = fields.required("types", |r, n| {
        if matches!(&n.kind, Kind::List(items) if items.is_empty()) {
            r.bad(
                n,
                Text::new(
                    "Ein Abonnement nennt mindestens einen Ereignistyp.",
                    "a subscription names at least one event type",
                ),
            );
            return None;
        }
        read_types(r, n)
    });
    let filters = fields.or("filters", Vec::new(), |r, n| r.list(n, filter::read));
    let plugin = fields.optional("plugin", read_use);
    let sink = fields.required("sink", |r, n| sink::read(r, n, env));
    let order = fields.optional("order", in_order::read);
    let delivery = fields.or("delivery", Delivery::default(), delivery::read);
    Some(Subscription {
        subscription: subscription?,
        partner: partner?,
        title: title?,
        purpose: purpose?,
        source: source?,
        types: types?,
        filters: filters?,
        plugin: plugin?,
        sink: sink?,
        order: order?,
        delivery: delivery?,
    })
}
