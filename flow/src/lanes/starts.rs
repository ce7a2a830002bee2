//! Where a subscription begins in a log that a change of the city gave it.
//!
//! The change happens before its lane knows: the lane's own cursor belongs to the lane, so the place is left here, and
//! an event accepted between the change and the lane's next start is not missed.

use std::collections::BTreeMap;

use stadtbus_broker::{Broker, BrokerError, CellWrite, Position};

/// The bucket of starts; the key is `<partner>.<subscription>`.
pub const STARTS: &str = "STARTS";

/// By log name, the last position before the subscription began there.
pub type Starts = BTreeMap<String, Position>;

/// Leaves the starts of a subscription for its lane.
///
/// # Errors
/// When the broker does not answer.
pub async fn write(broker: &dyn Broker, key: &str, starts: &Starts) -> Result<(), BrokerError> {
    let value = serde_json::to_vec(starts).map_err(|error| BrokerError::Refused(error.to_string()))?;
    broker
        .cells(STARTS)
        .await?
        .write(CellWrite::put(key, value))
        .await?;
    Ok(())
}

/// Reads them; empty where no change gave the subscription another log.
///
/// # Errors
/// When the broker does not answer.
pub async fn read(broker: &dyn Broker, key: &str) -> Result<Starts, BrokerError> {
    let cell = broker.cells(STARTS).await?.get(key).await?;
    Ok(cell
        .and_then(|cell| serde_json::from_slice(&cell.value).ok())
        .unwrap_or_default())
}
