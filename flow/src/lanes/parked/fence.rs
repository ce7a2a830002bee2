//! Which life of a lane wrote what stands in the log of parked events.
//!
//! *Why*: a process that was cut off may still write there after another has taken over its lane and has read what was
//! parked. Nobody would know of such a record until the lane starts again, long after its event went on without it. So
//! each life of a lane begins with a mark in that log, and its position is the life's number: it stands in the lane's cell
//! and on each record. What a life wrote behind the mark of a later one counts for nothing, and is removed by its writer,
//! who looks into the cell after each write, or by the next life that reads.

use stadtbus_broker::{Broker, BrokerError, Cell, CellWrite, Entry, Expect, LogName, Position, Record};

use super::STOPS;
use crate::log::PARKED_LOG;

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

/// The life in a lane's cell; none in the cell of a bus that knew of no lives.
pub(super) fn life_in(cell: &Cell) -> Option<Position> {
    std::str::from_utf8(&cell.value).ok()?.parse().ok()
}

/// Whether a record was written by a life that was over by then: one of `lives` had begun.
pub(super) fn is_stale(record: &Record, lives: &[Position]) -> bool {
    let Some(by) = record.header(LIFE).and_then(|by| by.parse::<Position>().ok()) else {
        return false;
    };
    let begun = |life: &Position| by < *life && record.position > *life;
    lives.iter().any(begun)
}

/// The first mark of a life, written down: what is behind it and by another is stale from now on. `before` is the lane's
/// cell as it was: a process that was held up in here must not bring back the life of before another's.
pub(super) async fn begin(
    broker: &dyn Broker,
    lane: &str,
    before: Option<&Cell>,
) -> Result<Position, BrokerError> {
    let life = mark(broker, lane).await?;
    let expect = before.map_or(Expect::Absent, |cell| Expect::Revision(cell.revision));
    let cell = CellWrite::put(lane, life.to_string()).expect(expect);
    broker.cells(STOPS).await?.write(cell).await?;
    Ok(life)
}

/// A mark in the log of parked events.
pub(super) async fn mark(broker: &dyn Broker, lane: &str) -> Result<Position, BrokerError> {
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
    let cell = broker.cells(STOPS).await?.get(lane).await?;
    let Some(now) = cell.as_ref().map(life_in) else {
        // Its subscription is gone.
        return Ok(true);
    };
    Ok(now.is_some_and(|now| life < now && record > now))
}
