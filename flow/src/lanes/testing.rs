//! A lane without a bus around it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};
use stadtbus_broker::{LogName, Position};
use stadtbus_contracts::{Registry, load};
use stadtbus_event::{Event, PartnerId};

use super::{Lane, cursor::Marks};
use crate::{
    Limits,
    city::Order,
    log::{Logged, Provenance},
};

pub(crate) const TYPE: &str = "de.teststadt.werk.thing.v1";

pub(crate) fn log() -> LogName {
    LogName::new("LOG_WERK").unwrap()
}

/// An event with a `partitionkey`, and data as its contract wants it.
pub(crate) fn logged(position: Position, source: &str, key: &str) -> Arc<Logged> {
    let event = Event::builder(format!("e-{position}"), source, TYPE)
        .extension("partitionkey", key.to_owned())
        .datacontenttype("application/json")
        .data(format!(r#"{{"id":"e-{position}"}}"#))
        .build()
        .unwrap();
    Arc::new(Logged {
        log: log(),
        position,
        event: Arc::new(event),
        provenance: Provenance {
            partner: PartnerId::parse("werk").unwrap(),
            by: "system:fahrzeug".to_owned(),
            token_id: "t".to_owned(),
            accepted: std::time::SystemTime::now(),
            contract: "urn:c@1.0.0".to_owned(),
            hops: 0,
            cause: None,
            traceparent: None,
        },
    })
}

/// The city of the lanes.
pub(crate) fn registry() -> Registry {
    let city = load(Path::new("../contracts/registry/tests/cities/sound"), &|_| None).unwrap();
    Registry::compile(city).unwrap()
}

/// A lane of `amt-probe`, which takes two attempts, by pull unless `more` says otherwise.
pub(crate) fn lane(marks: Marks, limits: &Limits, more: Value) -> Lane {
    let mut subscription = json!({
        "subscription": "amt-probe", "partner": "amt", "title": "Probe", "purpose": "https://w3id.org/dpv#ServiceProvision",
        "types": [TYPE], "sink": {"pull": {}}, "delivery": {"attempts_max": 2},
    });
    for (name, value) in more.as_object().unwrap() {
        subscription[name] = value.clone();
    }
    let registry = Arc::new(registry());
    let order = Order::new(
        serde_json::from_value(subscription).unwrap(),
        registry,
        None,
        None,
    )
    .unwrap();
    Lane::new(Arc::new(order), &[log()], marks, None, None, limits)
}

/// What a receiver gets now: position and handle of each.
pub(crate) async fn take(lane: &Lane) -> Vec<(Position, String)> {
    let handed = lane.receive(100, Duration::ZERO, Duration::from_secs(60)).await;
    let pair = |one: super::Handed| (one.logged.position, one.handle);
    handed.into_iter().map(pair).collect()
}

pub(crate) fn positions(taken: &[(Position, String)]) -> Vec<Position> {
    taken.iter().map(|(position, _)| *position).collect()
}

/// Offers an event as the lane's own reader does.
pub(crate) fn offer(lane: &Lane, logged: &Arc<Logged>) {
    let offered = lane.offer(logged, super::lane::Hang::Behind);
    assert_ne!(offered, super::Offer::Full);
    lane.pass(&logged.log, logged.position);
}

/// The lane with what was parked of it before.
pub(crate) async fn lane_of(broker: &dyn stadtbus_broker::Broker, lane: Lane) -> Lane {
    let ordered = lane.order.subscription().order.is_some();
    let backlog = super::parked::load(broker, &lane.order.key(), ordered, &[])
        .await
        .unwrap();
    lane.restore(backlog);
    lane
}

/// What would be written of its cursors now.
pub(crate) fn marks(lane: &Lane) -> Marks {
    lane.collect(&super::feed::Still::default(), true)
        .map(|collected| collected.marks)
        .unwrap()
}

impl Lane {
    /// The next event that a receiver would get, as if it was carried.
    pub(crate) fn take_ready(&self) -> Option<super::Item> {
        let mut state = self.state();
        let item = state.ready.pop_front()?;
        state.carried += 1;
        Some(item)
    }

    /// As if an hour had passed for keys that wait.
    pub(crate) fn wake_all_keys(&self) {
        let now = tokio::time::Instant::now() + Duration::from_secs(7_200);
        let mut state = self.state();
        for item in state.keys.wake(now) {
            state.may_go(item);
        }
    }
}
