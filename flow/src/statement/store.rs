//! Where statements are kept: the compact form as a blob, and a cell for each day that is made once.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Blobs, Broker, BrokerError, CellWrite, Cells, Expect};

/// The bucket of statements: cells by day, blobs by day and digest.
const STATEMENTS: &str = "STATEMENTS";

/// What is known of a statement without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// SHA-256 of its compact form.
    pub sha256: String,
    /// When it was made, RFC 3339.
    pub made: String,
    /// Whether every account adds up.
    pub even: bool,
    /// Whether no source lacks anything.
    pub complete: bool,
}

fn blob(day: &str, kept: &Kept) -> String {
    format!("{day}.{}", kept.sha256)
}

pub(super) struct Store {
    cells: Arc<dyn Cells>,
    blobs: Arc<dyn Blobs>,
}

impl Store {
    pub(super) async fn open(broker: &dyn Broker) -> Result<Self, BrokerError> {
        Ok(Self {
            cells: broker.cells(STATEMENTS).await?,
            blobs: broker.blobs(STATEMENTS).await?,
        })
    }

    /// All days that have one.
    pub(super) async fn list(&self) -> Result<BTreeMap<String, Kept>, BrokerError> {
        let cells = self.cells.list("").await?.into_iter();
        let read = |cell: stadtbus_broker::Cell| Some((cell.key, serde_json::from_slice(&cell.value).ok()?));
        Ok(cells.filter_map(read).collect())
    }

    /// What is known of a day's, and its compact form.
    pub(super) async fn get(&self, day: &str) -> Result<Option<(Kept, String)>, BrokerError> {
        let cell = self.cells.get(day).await?;
        let Some(kept) = cell.and_then(|cell| serde_json::from_slice::<Kept>(&cell.value).ok()) else {
            return Ok(None);
        };
        let bytes = self.blobs.get(&blob(day, &kept)).await?;
        let compact = bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
        Ok(compact.map(|compact| (kept, compact)))
    }

    /// Keeps a day's statement, unless another process was faster. Says whether this one is kept.
    pub(super) async fn put(&self, day: &str, kept: &Kept, compact: &str) -> Result<bool, BrokerError> {
        let name = blob(day, kept);
        self.blobs
            .put(&name, Bytes::copy_from_slice(compact.as_bytes()))
            .await?;
        let value = serde_json::to_vec(kept).map_err(|error| BrokerError::Refused(error.to_string()))?;
        match self
            .cells
            .write(CellWrite::put(day, value).expect(Expect::Absent))
            .await
        {
            Ok(_) => Ok(true),
            Err(BrokerError::Conflict(_)) => {
                // It may be our own write, whose answer was lost.
                let ours = self.get(day).await?.is_some_and(|(stands, _)| stands == *kept);
                if !ours {
                    self.blobs.delete(&name).await?;
                }
                Ok(ours)
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets all but the newest.
    pub(super) async fn prune(&self, most: usize) -> Result<(), BrokerError> {
        let all = self.list().await?;
        for (day, kept) in all.iter().take(all.len().saturating_sub(most)) {
            self.cells.write(CellWrite::delete(day.as_str())).await?;
            self.blobs.delete(&blob(day, kept)).await?;
        }
        Ok(())
    }
}
