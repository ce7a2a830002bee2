//! Where an unsettled event is: from the lane, where this process works for the subscription, else from what its lane
//! wrote down last.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::{StreamExt, TryStreamExt, stream};
use stadtbus_broker::{Broker, BrokerError, LogName, Position};

use crate::{
    city::Order,
    lanes::{Lane, Lanes, Pause, Standing, cursor::Marks, ledger::CURSORS, pauses},
    log::Logged,
};

/// Cursors read side by side.
const READ_MAX: usize = 16;

/// What is known of an event in one lane, facts aside.
#[derive(Debug, Clone)]
pub(super) struct Whereabouts {
    /// Nothing, if the lane has passed it.
    pub(super) standing: Option<Standing>,
    /// Why the lane stands still, if it does.
    pub(super) pause: Option<Pause>,
    /// Since when the subscription asks for what it asks for now, in milliseconds; 0 where that is not known.
    pub(super) since_ms: u64,
    /// Whether its lane works in this process, and knows by the moment.
    pub(super) here: bool,
}

/// Where the event is with these orders, by the subscription's key.
pub(super) async fn read(
    broker: &Arc<dyn Broker>,
    lanes: Option<&Lanes>,
    orders: &[Arc<Order>],
    logged: &Logged,
) -> Result<BTreeMap<String, Whereabouts>, BrokerError> {
    let mut known = BTreeMap::new();
    let mut elsewhere = Vec::new();
    for order in orders {
        match lanes.and_then(|lanes| lanes.lane(order.id().as_str())) {
            Some(lane) => drop(known.insert(order.key(), here(&lane, &logged.log, logged.position))),
            None => elsewhere.push(order.key()),
        }
    }
    let read = stream::iter(elsewhere)
        .map(|key| async move {
            let there = written(broker, &key, logged).await?;
            Ok::<_, BrokerError>((key, there))
        })
        .buffered(READ_MAX);
    let read: Vec<_> = read.try_collect().await?;
    known.extend(read);
    Ok(known)
}

fn here(lane: &Lane, log: &LogName, position: Position) -> Whereabouts {
    Whereabouts {
        standing: lane.standing(log, position),
        pause: lane.standstill(),
        since_ms: lane.figures().watch.since_ms,
        here: true,
    }
}

/// By the cursor that the lane wrote last, wherever it works.
async fn written(broker: &Arc<dyn Broker>, key: &str, logged: &Logged) -> Result<Whereabouts, BrokerError> {
    let cell = broker.cells(CURSORS).await?.get(key).await?;
    let marks: Marks = cell
        .and_then(|cell| serde_json::from_slice(&cell.value).ok())
        .unwrap_or_default();
    let standing = match marks.logs.get(logged.log.as_str()) {
        Some(mark) if mark.open.contains(&logged.position) => Some(Standing::UnderWay),
        Some(mark) if mark.seen >= logged.position => None,
        _ => Some(Standing::NotYetRead),
    };
    Ok(Whereabouts {
        standing,
        pause: pauses::read(&**broker, key).await?,
        since_ms: marks.watch.since_ms,
        here: false,
    })
}
