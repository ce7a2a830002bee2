//! What a span of time or of positions means in the logs, and how many events lie in it for a subscription.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, LogName, Position, ReadFrom, ReadOptions};
use stadtbus_contracts::DataView;
use tokio::time::Instant;

use super::{Range, missing::Delivered};
use crate::{Refusal, city::Order, clock, log, route::Decision};

/// How long the record that must be there is waited for.
const NEXT_WITHIN: Duration = Duration::from_secs(2);
/// How long a count may take; it says if it did not come to its end.
const COUNT_WITHIN: Duration = Duration::from_secs(6);

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first event that was accepted then or later.
    Time(SystemTime),
    /// This position.
    Position(Position),
}

/// What is to be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// In this log alone; positions need one.
    pub log: Option<String>,
    /// From here.
    pub from: Place,
    /// To here: before this time, or up to and with this position. To what is there now if not said.
    pub to: Option<Place>,
}

/// How many events a replay would deliver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Events looked at.
    pub read: u64,
    /// Events that would be delivered.
    pub matching: u64,
    /// Events that were delivered before and would be passed over.
    pub skipped: u64,
    /// Events that the recipient may not have now.
    pub refused: u64,
    /// Whether all of them were looked at.
    pub complete: bool,
}

/// What the span means in the logs of a subscription, without those in which nothing lies in it.
///
/// # Errors
/// `SB-2074` for a log that the subscription does not read and for a position without a log, `SB-15xx`.
pub async fn resolve(
    broker: &dyn Broker,
    logs: &[LogName],
    span: &Span,
) -> Result<BTreeMap<String, Range>, Refusal> {
    let by_position = matches!(span.from, Place::Position(_)) || matches!(span.to, Some(Place::Position(_)));
    let logs: Vec<&LogName> = match &span.log {
        Some(name) => logs.iter().filter(|log| log.as_str() == name).collect(),
        None => logs.iter().collect(),
    };
    if logs.is_empty() {
        return Err(Refusal::new("SB-2074", "This subscription does not read such a log.").at("/log"));
    }
    if by_position && span.log.is_none() && logs.len() > 1 {
        return Err(Refusal::new("SB-2074", "A position means nothing without its log.").at("/log"));
    }
    let mut ranges = BTreeMap::new();
    for log in logs {
        let state = match broker.state(log).await {
            Ok(state) => state,
            Err(BrokerError::NotFound(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let first = match span.from {
            Place::Position(position) => position,
            Place::Time(time) => position_at(broker, log, time).await?,
        };
        let last = match span.to {
            None => state.last,
            Some(Place::Position(position)) => position.min(state.last),
            Some(Place::Time(time)) => position_at(broker, log, time).await?.saturating_sub(1),
        };
        let first = first.max(state.first).max(1);
        if first <= last {
            ranges.insert(log.as_str().to_owned(), Range { first, last });
        }
    }
    Ok(ranges)
}

/// The first position stored at this time or later; behind the last one if there is none.
async fn position_at(broker: &dyn Broker, log: &LogName, time: SystemTime) -> Result<Position, BrokerError> {
    let state = broker.state(log).await?;
    let behind = state.last + 1;
    let last = broker.get(log, state.last).await?;
    // Where the last record is older nothing would ever come, and there is nothing to wait for.
    if state.count == 0 || last.is_some_and(|record| record.stored_at < time) {
        return Ok(behind);
    }
    let options = ReadOptions {
        headers_only: true,
        ..ReadOptions::from(ReadFrom::Time(time))
    };
    let mut stream = broker.read(log, options).await?;
    let next = tokio::time::timeout(NEXT_WITHIN, stream.next()).await;
    Ok(next.ok().flatten().map_or(behind, |record| record.position))
}

/// Counts what a replay of these ranges would deliver now, at most `positions_max` positions of it.
///
/// # Errors
/// `SB-15xx`.
pub async fn count(
    broker: &dyn Broker,
    order: &Order,
    ranges: &BTreeMap<String, Range>,
    only_missing: bool,
    positions_max: u64,
) -> Result<Count, Refusal> {
    let until = Instant::now() + COUNT_WITHIN;
    let delivered = match only_missing {
        true => Some(Delivered::read(broker, &order.rule.key(), ranges).await?),
        false => None,
    };
    let mut counted = Count::default();
    for (name, range) in ranges {
        let log = LogName::new(name)?;
        let mut stream = broker
            .read(&log, ReadOptions::from(ReadFrom::Position(range.first)))
            .await?;
        loop {
            if counted.read >= positions_max {
                return Ok(counted);
            }
            let Ok(Some(record)) = tokio::time::timeout_at(until, stream.next()).await else {
                return Ok(counted);
            };
            let position = record.position;
            if position > range.last {
                break;
            }
            counted.read += 1;
            if let Ok(logged) = log::decode(record) {
                let known = delivered
                    .as_ref()
                    .is_some_and(|delivered| delivered.has(name, position));
                match order.explain_in(&DataView::new(&logged.event), clock::now()) {
                    Decision::Match if known => counted.skipped += 1,
                    Decision::Match => counted.matching += 1,
                    Decision::Refused { .. } => counted.refused += 1,
                    Decision::OtherType | Decision::NoMatch { .. } => {}
                }
            }
            if position == range.last {
                break;
            }
        }
    }
    counted.complete = true;
    Ok(counted)
}
