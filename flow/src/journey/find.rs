//! Finds an event by (partner, id), newest first: only headers are read, in windows that grow.

use std::sync::Arc;

use futures_util::StreamExt;
use stadtbus_broker::{Broker, LogName, Position, ReadFrom, ReadOptions};
use stadtbus_event::PartnerId;

use crate::{
    Refusal,
    log::{self, log_of},
};

/// The newest events are looked at first; each further window is larger.
const WINDOW: u64 = 20_000;
/// How much larger.
const GROWTH: u64 = 8;

/// The log and position of the newest event of `partner` with this `id` (and `source`, if given).
///
/// # Errors
/// `SB-2005` when there is none, `SB-15xx` when the broker does not answer.
pub async fn find(
    broker: &Arc<dyn Broker>,
    partner: &PartnerId,
    id: &str,
    source: Option<&str>,
) -> Result<(LogName, Position), Refusal> {
    let log = log_of(partner)?;
    let unknown = || {
        Refusal::new(
            "SB-2005",
            "This partner has published no such event, or it is no longer kept.",
        )
    };
    let state = broker.state(&log).await.map_err(|_| unknown())?;
    let (mut to, mut width) = (state.last, WINDOW);
    while to >= state.first.max(1) && to > 0 {
        let from = to.saturating_sub(width - 1).max(state.first.max(1));
        if let Some(position) = within(broker, &log, from, to, id, source).await? {
            return Ok((log, position));
        }
        to = from - 1;
        width = width.saturating_mul(GROWTH);
    }
    Err(unknown())
}

async fn within(
    broker: &Arc<dyn Broker>,
    log: &LogName,
    from: Position,
    to: Position,
    id: &str,
    source: Option<&str>,
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
        if let Ok(logged) = log::decode(record)
            && logged.event.id() == id
            && source.is_none_or(|source| logged.event.source() == source)
        {
            found = Some(position);
        }
        if position >= to {
            break;
        }
    }
    Ok(found)
}
