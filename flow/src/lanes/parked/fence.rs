//! Which life of a lane wrote what stands in the log of parked events.
//!
//! *Why*: a process that was cut off may still write there after another has taken over its lane and has read what was
//! parked. Nobody would know of such a record until the lane starts again, long after its event went on without it. So
//! each life of a lane begins with a mark in that log, and its position is the life's number: it stands with the lane's
//! cursors, which only one process can write, and on each record. What a life wrote behind the mark of a later one counts
//! for nothing, and is removed by its writer, who looks at the cursors after each write, or by the next life that reads.

use stadtbus_broker::{Broker, BrokerError, Entry, LogName, Position, Record};

use crate::{
    lanes::{cursor::Marks, ledger::CURSORS},
    log::PARKED_LOG,
};

/// Header of a record: the life that wrote it.
const LIFE: &str = "sb-parked-by";

/// Says who writes an entry.
pub(super) fn sign(entry: &mut Entry, life: Position) {
    entry.headers.push((LIFE.to_owned(), life.to_string()));
    // What an earlier life wrote may have been removed: to the broker this is no repeat of it.
    entry.message_id = entry.message_id.take().map(|id| format!("{id}.{life}"));
}

pub(super) fn is_signature(name: &str) -> bool {
    name == LIFE
}

/// Whether a record was written by a life that was over by then: one of `lives` had begun.
pub(super) fn is_stale(record: &Record, lives: &[Position]) -> bool {
    let Some(by) = record.header(LIFE).and_then(|by| by.parse::<Position>().ok()) else {
        return false;
    };
    let begun = |life: &Position| by < *life && record.position > *life;
    lives.iter().any(begun)
}

/// A mark in the log of parked events.
pub(in crate::lanes) async fn mark(broker: &dyn Broker, lane: &str) -> Result<Position, BrokerError> {
    let entry = Entry::new(format!("parked.{lane}.end"), "");
    let appended = broker.append(&LogName::new(PARKED_LOG)?, entry).await?;
    Ok(appended.position)
}

/// Whether a record that this life wrote came too late: a later one has begun before it, and does not know of it.
///
/// # Errors
/// When the broker does not answer.
pub(crate) async fn came_too_late(
    broker: &dyn Broker,
    lane: &str,
    life: Position,
    record: Position,
) -> Result<bool, BrokerError> {
    let Some(cell) = broker.cells(CURSORS).await?.get(lane).await? else {
        // Its subscription is gone.
        return Ok(life != 0);
    };
    let marks: Marks = serde_json::from_slice(&cell.value)
        .map_err(|error| BrokerError::Refused(format!("the cursor {lane} cannot be read: {error}")))?;
    Ok(marks.parking.is_some_and(|now| life < now && record > now))
}
