//! Replays that outlive a process: one cell for each.

use stadtbus_broker::{Broker, BrokerError, Cell, CellWrite, Expect};

use super::{Replay, Stage};
use crate::{Refusal, clock::millis_now, lanes::ledger::CURSORS};

/// The bucket of replays; the key is `<partner>.<subscription>.<id>`.
pub const REPLAYS: &str = "REPLAYS";
/// How often a change is tried that somebody else overtakes.
const TRIES: usize = 5;

/// All replays whose key begins so, oldest first.
///
/// # Errors
/// When the broker does not answer.
pub async fn list(broker: &dyn Broker, prefix: &str) -> Result<Vec<Replay>, BrokerError> {
    let cells = broker.cells(REPLAYS).await?.list(prefix).await?;
    let mut replays: Vec<Replay> = cells.iter().filter_map(read).collect();
    replays.sort_by(|one, other| (one.created_ms, &one.id).cmp(&(other.created_ms, &other.id)));
    Ok(replays)
}

/// One replay.
///
/// # Errors
/// `SB-2077` when there is none, `SB-15xx`.
pub async fn get(broker: &dyn Broker, key: &str) -> Result<Replay, Refusal> {
    let cell = broker.cells(REPLAYS).await?.get(key).await?;
    cell.as_ref().and_then(read).ok_or_else(unknown)
}

/// Stores a new one, which begins by that.
///
/// # Errors
/// `SB-15xx`.
pub async fn create(broker: &dyn Broker, replay: &Replay) -> Result<(), Refusal> {
    let write = CellWrite::put(replay.key(), written(replay)?).expect(Expect::Absent);
    broker.cells(REPLAYS).await?.write(write).await?;
    Ok(())
}

/// Changes one that has not ended.
///
/// # Errors
/// `SB-2077` when there is none, `SB-2078` when it has ended, `SB-15xx`.
pub async fn change(
    broker: &dyn Broker,
    key: &str,
    change: impl Fn(&mut Replay) + Send,
) -> Result<Replay, Refusal> {
    let cells = broker.cells(REPLAYS).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        let cell = cells.get(key).await?.ok_or_else(unknown)?;
        let mut replay = read(&cell).ok_or_else(unknown)?;
        if replay.stage.has_ended() {
            return Err(Refusal::new("SB-2078", "This replay has ended."));
        }
        change(&mut replay);
        let write = CellWrite::put(key, written(&replay)?).expect(Expect::Revision(cell.revision));
        match cells.write(write).await {
            Ok(_) => return Ok(replay),
            Err(BrokerError::Conflict(_)) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ends one.
///
/// # Errors
/// As [`change`].
pub async fn end(broker: &dyn Broker, key: &str, stage: Stage) -> Result<Replay, Refusal> {
    change(broker, key, |replay| {
        replay.stage = stage;
        replay.why = None;
        replay.ended_ms = Some(millis_now());
    })
    .await
}

/// Forgets one that has ended, and its cursor.
///
/// # Errors
/// `SB-15xx`.
pub async fn forget(broker: &dyn Broker, key: &str) -> Result<(), Refusal> {
    broker.cells(REPLAYS).await?.write(CellWrite::delete(key)).await?;
    broker.cells(CURSORS).await?.write(CellWrite::delete(key)).await?;
    Ok(())
}

/// Reads a cell; one that is no replay is passed over and said.
pub(super) fn read(cell: &Cell) -> Option<Replay> {
    match serde_json::from_slice(&cell.value) {
        Ok(replay) => Some(replay),
        Err(error) => {
            tracing::error!(key = cell.key, %error, "A stored replay cannot be read; it is passed over.");
            None
        }
    }
}

fn written(replay: &Replay) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(replay).map_err(|error| Refusal::new("SB-1507", error.to_string()))
}

fn unknown() -> Refusal {
    Refusal::new("SB-2077", "This subscription has no such replay.")
}
