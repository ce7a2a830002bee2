//! What a bucket of the broker holds, as every process knows it: read at the start, and followed from then on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, Cell, CellChange, Cells};

/// How long to wait before the broker is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// One bucket, each cell read into a `T`. Knows nothing until [`Followed::load`].
pub(super) struct Followed<T> {
    broker: Arc<dyn Broker>,
    bucket: &'static str,
    known: ArcSwap<BTreeMap<String, T>>,
}

impl<T: Clone + Send + Sync> Followed<T> {
    pub(super) fn new(broker: Arc<dyn Broker>, bucket: &'static str) -> Self {
        Self {
            broker,
            bucket,
            known: ArcSwap::default(),
        }
    }

    /// The bucket itself, to write to.
    pub(super) async fn cells(&self) -> Result<Arc<dyn Cells>, BrokerError> {
        self.broker.cells(self.bucket).await
    }

    pub(super) fn get(&self, key: &str) -> Option<T> {
        self.known.load().get(key).cloned()
    }

    /// What this process wrote itself holds here at once; none: it was deleted.
    pub(super) fn remember(&self, key: &str, value: Option<T>) {
        self.known.rcu(|known| {
            let mut known = BTreeMap::clone(known);
            match &value {
                Some(value) => known.insert(key.to_owned(), value.clone()),
                None => known.remove(key),
            };
            known
        });
    }

    /// Reads all of it.
    pub(super) async fn load(&self, read: impl Fn(&Cell) -> Option<T>) -> Result<(), BrokerError> {
        let cells = self.cells().await?.list("").await?;
        let known = cells
            .into_iter()
            .filter_map(|cell| read(&cell).map(|value| (cell.key, value)))
            .collect();
        self.known.store(Arc::new(known));
        Ok(())
    }

    /// Follows every change, for ever.
    pub(super) async fn follow(&self, read: impl Fn(&Cell) -> Option<T> + Sync) {
        loop {
            if let Err(error) = self.follow_once(&read).await {
                tracing::warn!(bucket = self.bucket, %error, "A bucket cannot be followed yet.");
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    async fn follow_once(&self, read: &(impl Fn(&Cell) -> Option<T> + Sync)) -> Result<(), BrokerError> {
        let mut changes = self.cells().await?.watch("").await?;
        // What was deleted while nobody followed is told by no change.
        self.load(read).await?;
        while let Some(change) = changes.next().await {
            match change {
                CellChange::Put(cell) => self.remember(&cell.key, read(&cell)),
                CellChange::Deleted { key, .. } => self.remember(&key, None),
                CellChange::Level => {}
            }
        }
        Ok(())
    }
}
