//! Rollouts that outlive a process: one cell for each plugin, and one for what each process counted.

use stadtbus_broker::{Broker, BrokerError, Cell, CellWrite, Expect};
use std::time::Duration;

use super::{Counts, Rollout};
use crate::Refusal;

/// The bucket of rollouts; the key is `<partner>.<plugin>`.
pub const ROLLOUTS: &str = "ROLLOUTS";
/// The bucket of their counts; the key is `<partner>.<plugin>.<rollout>.<process>`.
pub const ROLLOUT_COUNTS: &str = "ROLLOUT_COUNTS";
/// How long counts are kept after they last changed.
const COUNTS_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How often a change is tried that somebody else overtakes.
const TRIES: usize = 8;

/// The key of a plugin named `partner/name`.
pub(super) fn key(plugin: &str) -> String {
    plugin.replace('/', ".")
}

/// All rollouts.
///
/// # Errors
/// `SB-15xx`.
pub async fn list(broker: &dyn Broker) -> Result<Vec<Rollout>, Refusal> {
    let cells = broker.cells(ROLLOUTS).await?.list("").await?;
    Ok(cells.iter().filter_map(read).collect())
}

/// The rollout of a plugin, if there is one.
///
/// # Errors
/// `SB-15xx`.
pub async fn get(broker: &dyn Broker, plugin: &str) -> Result<Option<Rollout>, Refusal> {
    let cell = broker.cells(ROLLOUTS).await?.get(&key(plugin)).await?;
    Ok(cell.as_ref().and_then(read))
}

/// Changes the rollout of a plugin: `change` is given what is stored and answers what is to be. It is asked again where somebody
/// else was faster; without an answer nothing is written.
///
/// # Errors
/// What `change` refuses, `SB-15xx`.
pub async fn change(
    broker: &dyn Broker,
    plugin: &str,
    change: impl Fn(Option<Rollout>) -> Result<Option<Rollout>, Refusal> + Send,
) -> Result<Option<Rollout>, Refusal> {
    let cells = broker.cells(ROLLOUTS).await?;
    let key = key(plugin);
    let mut tries = 0;
    loop {
        tries += 1;
        let cell = cells.get(&key).await?;
        let Some(next) = change(cell.as_ref().and_then(read))? else {
            return Ok(None);
        };
        let value = serde_json::to_vec(&next).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        let expect = cell.map_or(Expect::Absent, |cell| Expect::Revision(cell.revision));
        match cells.write(CellWrite::put(&key, value).expect(expect)).await {
            Ok(_) => return Ok(Some(next)),
            Err(BrokerError::Conflict(_)) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What all processes counted in a rollout, as they wrote it down.
///
/// # Errors
/// `SB-15xx`.
pub async fn counts(broker: &dyn Broker, rollout: &Rollout) -> Result<Counts, Refusal> {
    let prefix = format!("{}.{}.", key(&rollout.plugin), rollout.id);
    let cells = broker.cells(ROLLOUT_COUNTS).await?.list(&prefix).await?;
    let mut all = Counts::default();
    for counted in cells
        .iter()
        .filter_map(|cell| serde_json::from_slice(&cell.value).ok())
    {
        all.merge(counted);
    }
    Ok(all)
}

/// Writes down what this process counted.
pub(super) async fn write_counts(
    broker: &dyn Broker,
    rollout: &Rollout,
    member: &str,
    counts: &Counts,
) -> Result<(), BrokerError> {
    let key = format!("{}.{}.{member}", key(&rollout.plugin), rollout.id);
    let value = serde_json::to_vec(counts).map_err(|error| BrokerError::Refused(error.to_string()))?;
    let write = CellWrite::put(key, value).ttl(COUNTS_KEPT);
    broker.cells(ROLLOUT_COUNTS).await?.write(write).await?;
    Ok(())
}

/// Reads a cell; one that is no rollout is passed over and said.
pub(super) fn read(cell: &Cell) -> Option<Rollout> {
    match serde_json::from_slice(&cell.value) {
        Ok(rollout) => Some(rollout),
        Err(error) => {
            tracing::error!(key = cell.key, %error, "A stored rollout cannot be read; it is passed over.");
            None
        }
    }
}
