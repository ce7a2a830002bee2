//! The log of parked events: the backlogs of keys that do not move on.
//!
//! *Promise*: what stands here was accepted, is on no other way to its subscription, and comes in order when its key goes
//! on; no age removes it. *Why events and not positions*: somebody may take weeks to decide, and the publisher's log has
//! an end. *Why beside it a cell for each key that was stopped*: attempts and reasons change, events do not.

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use stadtbus_broker::{
    Broker, BrokerError, CellWrite, Entry, LogName, Position, ReadFrom, ReadOptions, Record,
};
use stadtbus_event::PartnerId;

mod fence;
#[cfg(test)]
mod tests;

pub(crate) use fence::came_too_late;
pub(super) use fence::mark;

use super::{
    item::{AttemptNote, Item},
    keys::Key,
};
use crate::{
    deliver::dead_letter::{Edits, Structured},
    log::{self, Logged, PARKED_LOG},
};

/// The bucket of stops: `<partner>.<subscription>` for a subscription that may have parked events, and below it a cell
/// for each key that was stopped.
const STOPS: &str = "STOPS";
/// Header of a record: log and position of the event, then source and key in base64.
const PLACE: &str = "sb-parked";
/// Records removed side by side.
const REMOVED_SIDE_BY_SIDE: usize = 64;
/// Header of a record whose payload is a [`Kept`].
const EDITED: &str = "sb-edited";
/// How long the broker may be silent while what is parked is read.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Why a key does not move on, and what is remembered of its first event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Position of the event that stopped it.
    pub position: Position,
    /// When it goes on by itself, in milliseconds since 1970; never, where it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// All up to this position goes to the dead letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bury_to: Option<Position>,
    /// Attempts made at its first event.
    pub attempts: u32,
    /// The last attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<AttemptNote>,
    /// Code of the reason.
    pub code: String,
    /// The reason in words, without payload.
    pub detail: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
    #[serde(skip)]
    over: bool,
}

impl Stop {
    /// A stop at `item`.
    #[must_use]
    pub fn at(item: &Item, code: &str, detail: &str, now_ms: u64, until_ms: Option<u64>) -> Self {
        Self {
            until_ms,
            attempts: item.attempts,
            notes: item.notes.clone(),
            code: code.to_owned(),
            detail: detail.to_owned(),
            ..Self::new(item.logged.position, now_ms)
        }
    }

    /// A stop at a position, about which nothing is remembered.
    #[must_use]
    pub fn new(position: Position, now_ms: u64) -> Self {
        Self {
            position,
            until_ms: None,
            bury_to: None,
            attempts: 0,
            notes: Vec::new(),
            code: String::new(),
            detail: String::new(),
            since_ms: now_ms,
            over: false,
        }
    }

    /// Whether its key moves all the same: its time has come, or its events are being buried.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.over || self.bury_to.is_some()
    }

    /// Its time has come.
    pub(super) fn is_over(&mut self) {
        self.over = true;
    }

    /// Whether its time had come.
    pub(super) fn was_waited_for(&self) -> bool {
        self.over
    }
}

/// A parked event, and what was done to it, if it was edited.
pub(crate) type Parked = (Logged, Option<Edits>);

/// An edited event in the log of parked events.
#[derive(Serialize, Deserialize)]
struct Kept {
    event: Structured,
    edits: Edits,
}

/// What was parked of one subscription.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Key, position of the event, position of the record; in the order of the records.
    pub(super) records: Vec<(Key, Position, Position)>,
    /// By the id of the key.
    pub(super) stops: Vec<(String, Stop)>,
}

fn subject(lane: &str, key: &Key) -> String {
    format!("parked.{lane}.{}", key.id())
}

fn cell(lane: &str, key: &Key) -> String {
    format!("{lane}.{}", key.id())
}

/// The entry for an event that was edited; `edition` tells it from others in its place.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn edited_entry(
    lane: &str,
    key: &Key,
    logged: &Logged,
    edits: &Edits,
    edition: u64,
    life: Position,
) -> Result<Entry, BrokerError> {
    let mut entry = entry(lane, key, logged, life);
    let kept = Kept {
        event: Structured((*logged.event).clone()),
        edits: edits.clone(),
    };
    let payload = serde_json::to_vec(&kept).map_err(|error| BrokerError::Refused(error.to_string()))?;
    entry.payload = payload.into();
    entry.headers.push((EDITED.to_owned(), "1".to_owned()));
    entry.message_id = entry.message_id.map(|id| format!("{id}.{edition}"));
    Ok(entry)
}

/// The entry for an event as it was accepted, written by this life of its lane.
pub(crate) fn entry(lane: &str, key: &Key, logged: &Logged, life: Position) -> Entry {
    let mut entry = log::encode(&logged.provenance.partner, &logged.event, &logged.provenance);
    entry.subject = subject(lane, key);
    let place = format!(
        "{} {} {} {}",
        logged.log,
        logged.position,
        STANDARD.encode(key.source()),
        STANDARD.encode(key.value())
    );
    entry.headers.push((PLACE.to_owned(), place));
    entry.message_id = Some(format!("{lane}.{}.{}", logged.log, logged.position));
    fence::sign(&mut entry, life);
    entry
}

fn place(record: &Record) -> Option<(Key, Position)> {
    let (_, place) = record.headers.iter().find(|(name, _)| name == PLACE)?;
    let mut parts = place.split(' ');
    let log = LogName::new(parts.next()?).ok()?;
    let position = parts.next()?.parse().ok()?;
    let mut text = || String::from_utf8(STANDARD.decode(parts.next()?).ok()?).ok();
    let (source, value) = (text()?, text()?);
    Some((Key::new(log, &source, &value), position))
}

/// The event of a record, and what was done to it.
fn event(mut record: Record) -> Option<Parked> {
    let (key, position) = place(&record)?;
    let publisher = key.log().as_str().strip_prefix("LOG_")?.to_ascii_lowercase();
    let publisher = PartnerId::parse(&publisher).ok()?;
    let kept = match record.header(EDITED) {
        None => None,
        Some(_) => Some(serde_json::from_slice::<Kept>(&record.payload).ok()?),
    };
    record
        .headers
        .retain(|(name, _)| name != PLACE && name != EDITED && !fence::is_signature(name));
    record.subject = format!("log.{publisher}.parked");
    record.position = position;
    record.log = key.log().clone();
    let mut logged = log::decode(record).ok()?;
    let edits = kept.map(|kept| {
        logged.event = Arc::new(kept.event.0);
        kept.edits
    });
    Some((logged, edits))
}

/// Reads an event that was parked; from its own log, should its record be gone.
///
/// # Errors
/// When the broker does not answer.
pub(crate) async fn fetch(
    broker: &dyn Broker,
    key: &Key,
    position: Position,
    record: Position,
) -> Result<Option<Parked>, BrokerError> {
    let parked = broker.get(&LogName::new(PARKED_LOG)?, record).await?;
    if let Some(parked) = parked.and_then(event) {
        return Ok(Some(parked));
    }
    let first = broker.get(key.log(), position).await?;
    Ok(first.and_then(|record| Some((log::decode(record).ok()?, None))))
}

/// Writes why a key was stopped, or forgets it.
///
/// # Errors
/// When the broker does not answer.
pub(crate) async fn write_stop(
    broker: &dyn Broker,
    lane: &str,
    key: &Key,
    stop: Option<&Stop>,
) -> Result<(), BrokerError> {
    let key = cell(lane, key);
    let write = match stop {
        None => CellWrite::delete(key),
        Some(stop) => {
            let value = serde_json::to_vec(stop).map_err(|error| BrokerError::Refused(error.to_string()))?;
            CellWrite::put(key, value)
        }
    };
    broker.cells(STOPS).await?.write(write).await?;
    Ok(())
}

/// Whether something may be parked of a subscription.
///
/// # Errors
/// When the broker does not answer.
pub(super) async fn is_known(broker: &dyn Broker, lane: &str) -> Result<bool, BrokerError> {
    Ok(broker.cells(STOPS).await?.get(lane).await?.is_some())
}

/// What was parked of a subscription, without what is stale in these lives of its lane. `ordered` says whether it asks for
/// order now; of one that does not, something may be left all the same.
///
/// # Errors
/// When the broker does not answer.
pub(super) async fn load(
    broker: &dyn Broker,
    lane: &str,
    ordered: bool,
    lives: &[Position],
) -> Result<Backlog, BrokerError> {
    let cells = broker.cells(STOPS).await?;
    if ordered {
        cells.write(CellWrite::put(lane, "1")).await?;
    }
    let records = records(broker, lane, lives).await?;
    if !ordered && records.is_empty() {
        cells.write(CellWrite::delete(lane)).await?;
    }
    let prefix = format!("{lane}.");
    let stops = cells.list(&prefix).await?;
    let read = |cell: stadtbus_broker::Cell| {
        let id = cell.key.strip_prefix(&prefix)?.to_owned();
        Some((id, serde_json::from_slice(&cell.value).ok()?))
    };
    Ok(Backlog {
        records,
        stops: stops.into_iter().filter_map(read).collect(),
    })
}

/// Forgets all that was parked of a subscription that is gone.
///
/// # Errors
/// When the broker does not answer; some of it may be left then.
pub(super) async fn forget(broker: &dyn Broker, lane: &str) -> Result<(), BrokerError> {
    let cells = broker.cells(STOPS).await?;
    if cells.get(lane).await?.is_none() {
        return Ok(());
    }
    let log = LogName::new(PARKED_LOG)?;
    let records = records(broker, lane, &[]).await?;
    stream::iter(records)
        .map(|(_, _, record)| broker.remove(&log, record))
        .buffer_unordered(REMOVED_SIDE_BY_SIDE)
        .try_collect::<()>()
        .await?;
    for stop in cells.list(&format!("{lane}.")).await? {
        cells.write(CellWrite::delete(stop.key)).await?;
    }
    cells.write(CellWrite::delete(lane)).await?;
    Ok(())
}

/// All records of a subscription; those that are stale in these lives are removed. Where they end is marked by a record of
/// our own: behind it nobody of an earlier life writes what stays.
async fn records(
    broker: &dyn Broker,
    lane: &str,
    lives: &[Position],
) -> Result<Vec<(Key, Position, Position)>, BrokerError> {
    let log = LogName::new(PARKED_LOG)?;
    let mark = fence::mark(broker, lane).await?;
    let first = broker.state(&log).await?.first;
    let options = ReadOptions {
        from: ReadFrom::Position(first),
        subject: Some(format!("parked.{lane}.>")),
        headers_only: true,
    };
    let mut stream = broker.read(&log, options).await?;
    let mut records = Vec::new();
    loop {
        let silent = || BrokerError::Unavailable("what is parked could not be read to its end".to_owned());
        let next = tokio::time::timeout(SILENCE_MAX, stream.next()).await;
        let record = next.map_err(|_| silent())?.ok_or_else(silent)?;
        if record.position >= mark {
            break;
        }
        if fence::is_stale(&record, lives) {
            broker.remove(&log, record.position).await?;
        } else if let Some((key, position)) = place(&record) {
            records.push((key, position, record.position));
        } else if record.subject.ends_with(".end") {
            // Of this life, or of one that ended before it could remove it.
            broker.remove(&log, record.position).await?;
        }
    }
    broker.remove(&log, mark).await?;
    Ok(records)
}
