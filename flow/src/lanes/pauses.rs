//! Pauses that outlive a process: one cell for each subscription that stands still.

use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, BrokerError, CellWrite, Expect};

use super::lane::Pause;

/// The bucket of pauses; the key is `<partner>.<subscription>`.
pub const PAUSES: &str = "PAUSES";

#[derive(Serialize, Deserialize)]
struct Stored {
    code: String,
    reason: String,
}

/// Writes a pause, or ends it.
///
/// # Errors
/// When the broker does not answer.
pub async fn write(broker: &dyn Broker, key: &str, pause: Option<&Pause>) -> Result<(), BrokerError> {
    let value = pause
        .map(|pause| {
            serde_json::to_vec(&Stored {
                code: pause.code.clone(),
                reason: pause.reason.clone(),
            })
        })
        .transpose()
        .map_err(|error| BrokerError::Refused(error.to_string()))?;
    let write = CellWrite {
        key: key.to_owned(),
        value: value.map(Into::into),
        expect: Expect::Any,
        ttl: None,
    };
    broker.cells(PAUSES).await?.write(write).await?;
    Ok(())
}

/// Reads a pause.
///
/// # Errors
/// When the broker does not answer.
pub async fn read(broker: &dyn Broker, key: &str) -> Result<Option<Pause>, BrokerError> {
    let cell = broker.cells(PAUSES).await?.get(key).await?;
    Ok(cell
        .and_then(|cell| serde_json::from_slice::<Stored>(&cell.value).ok())
        .map(|stored| Pause {
            code: stored.code,
            reason: stored.reason,
        }))
}
