//! The city as the oracle knows it: who may get what, in which order, how fast.

use crate::payload;

pub(crate) const SENT_BY_PUB: &str = "de.simulation.pub.probe.sent.v1";
pub(crate) const SENT_BY_NAH: &str = "de.simulation.nah.probe.sent.v1";
/// Of the same log as [`SENT_BY_NAH`], and not for everybody who may have that.
pub(crate) const SECRET_OF_NAH: &str = "de.simulation.nah.geheim.sent.v1";
pub(crate) const COUNTED: &str = "de.simulation.abl.probe.counted.v1";
/// The subscription that publishes [`COUNTED`].
pub(crate) const DERIVATION: &str = "zaehlung";
/// Those who fetch for themselves.
pub(crate) const PULLS: [&str; 2] = ["abholung", "folge"];

/// A subscription, and the types that it may get.
pub(crate) struct Subscription {
    pub(crate) name: &'static str,
    pub(crate) partner: &'static str,
    pub(crate) types: &'static [&'static str],
    /// What its events are ordered by.
    pub(crate) order: Option<Order>,
    /// Attempts in a second.
    pub(crate) rate_per_s: Option<u32>,
}

/// By what events are ordered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    PartitionKey,
    Subject,
    Place,
}

impl Order {
    /// The key of the event with this number; one without waits for nobody.
    pub(crate) fn key(self, number: u64) -> Option<String> {
        match self {
            Self::PartitionKey => payload::partition_key(number),
            Self::Subject => Some(payload::subject(number)),
            Self::Place => Some(payload::place(number)),
        }
    }
}

/// A subscription of the recipient that most go to.
const fn kom(name: &'static str, types: &'static [&'static str]) -> Subscription {
    Subscription {
        name,
        partner: "kom",
        types,
        order: None,
        rate_per_s: None,
    }
}

/// All subscriptions of the city.
pub(crate) static SUBSCRIPTIONS: [Subscription; 9] = [
    Subscription {
        rate_per_s: Some(5),
        ..kom("stetig", &[SENT_BY_PUB])
    },
    kom("knapp", &[SENT_BY_PUB, SENT_BY_NAH, SECRET_OF_NAH]),
    kom("abholung", &[SENT_BY_PUB]),
    kom("abgeleitet", &[COUNTED]),
    Subscription {
        order: Some(Order::PartitionKey),
        ..kom("geordnet", &[SENT_BY_PUB, SENT_BY_NAH])
    },
    Subscription {
        order: Some(Order::Place),
        ..kom("gereiht", &[SENT_BY_PUB])
    },
    Subscription {
        order: Some(Order::Subject),
        ..kom("folge", &[SENT_BY_PUB, SECRET_OF_NAH])
    },
    Subscription {
        partner: "abl",
        ..kom(DERIVATION, &[SENT_BY_PUB])
    },
    Subscription {
        partner: "fremd",
        ..kom("nachbar", &[SENT_BY_NAH])
    },
];

/// The subscription of this name.
pub(crate) fn subscription(name: &str) -> Option<&'static Subscription> {
    SUBSCRIPTIONS.iter().find(|one| one.name == name)
}
