//! Finds an event by (partner, id), newest first.
//!
//! The index names places, the log says whether they are meant. What the index has not come to yet is read, headers
//! only; so is everything where a process keeps no index, in windows that grow.

use std::sync::Arc;

use futures_util::StreamExt;
use stadtbus_broker::{Broker, LogName, Position, ReadFrom, ReadOptions};
use stadtbus_event::PartnerId;

use super::{Places, building, unreadable};
use crate::{
    Refusal,
    log::{self, Logged, log_of},
};

/// The newest events are looked at first; each further window is larger.
const WINDOW: u64 = 20_000;
/// How much larger.
const GROWTH: u64 = 8;

/// What is asked for.
struct Wanted<'a> {
    id: &'a str,
    source: Option<&'a str>,
}

impl Wanted<'_> {
    fn is(&self, logged: &Logged) -> bool {
        logged.event.id() == self.id && self.source.is_none_or(|source| logged.event.source() == source)
    }
}

/// The log and position of the newest event of `partner` with this `id` (and `source`, if given).
///
/// # Errors
/// `SB-2005` when there is none, `SB-1411` while the index is being built and does not know yet, `SB-1412` when it
/// cannot be read, `SB-15xx` when the broker does not answer.
pub async fn find(
    broker: &Arc<dyn Broker>,
    places: Option<&Places>,
    partner: &PartnerId,
    id: &str,
    source: Option<&str>,
) -> Result<(LogName, Position), Refusal> {
    let log = log_of(partner)?;
    let wanted = Wanted { id, source };
    let found = match places {
        Some(places) => indexed(broker, places, &log, &wanted).await?,
        None => read(broker, &log, &wanted).await?,
    };
    found.map(|position| (log, position)).ok_or_else(unknown)
}

fn unknown() -> Refusal {
    Refusal::new(
        "SB-2005",
        "This partner has published no such event, or it is no longer kept.",
    )
}

/// By the index, and by reading what it has not come to.
async fn indexed(
    broker: &Arc<dyn Broker>,
    places: &Places,
    log: &LogName,
    wanted: &Wanted<'_>,
) -> Result<Option<Position>, Refusal> {
    let found = places
        .of_event(log, wanted.id, wanted.source)
        .await
        .map_err(|error| unreadable(&error))?;
    let state = broker.state(log).await.map_err(|_| unknown())?;
    let to_read = found.covered.max(state.first.saturating_sub(1)) + 1;
    let newest = to_read.max(state.last.saturating_sub(WINDOW - 1));
    if newest <= state.last
        && let Some(position) = within(broker, log, newest, state.last, wanted).await?
    {
        return Ok(Some(position));
    }
    for position in found.places {
        if let Some(record) = broker.get(log, position).await?
            && log::decode(record).is_ok_and(|logged| wanted.is(&logged))
        {
            return Ok(Some(position));
        }
    }
    if newest > to_read {
        return Err(building(log, found.covered, state.last));
    }
    Ok(None)
}

/// By reading the log.
async fn read(
    broker: &Arc<dyn Broker>,
    log: &LogName,
    wanted: &Wanted<'_>,
) -> Result<Option<Position>, Refusal> {
    let state = broker.state(log).await.map_err(|_| unknown())?;
    let (mut to, mut width) = (state.last, WINDOW);
    while to >= state.first.max(1) && to > 0 {
        let from = to.saturating_sub(width - 1).max(state.first.max(1));
        if let Some(position) = within(broker, log, from, to, wanted).await? {
            return Ok(Some(position));
        }
        to = from - 1;
        width = width.saturating_mul(GROWTH);
    }
    Ok(None)
}

async fn within(
    broker: &Arc<dyn Broker>,
    log: &LogName,
    from: Position,
    to: Position,
    wanted: &Wanted<'_>,
) -> Result<Option<Position>, Refusal> {
    let options = ReadOptions {
        from: ReadFrom::Position(from),
        subject: None,
        headers_only: true,
    };
    let mut stream = broker.read(log, options).await?;
    let mut found = None;
    while let Some(record) = stream.next().await {
        let position = record.position;
        if position > to {
            break;
        }
        if log::decode(record).is_ok_and(|logged| wanted.is(&logged)) {
            found = Some(position);
        }
        if position >= to {
            break;
        }
    }
    Ok(found)
}
