//! What a bucket of the broker holds, as every process knows it: read at the start, and followed from then on.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use stadtbus_broker::{Broker, BrokerError, Cell, Cells};

use crate::follow::{Told, follow};

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
        self.replace(cells, read);
        Ok(())
    }

    /// Follows every change, for ever.
    pub(super) async fn follow(&self, read: impl Fn(&Cell) -> Option<T> + Send + Sync) {
        let heed = |told| match told {
            Told::All(cells) => self.replace(cells, &read),
            Told::Put(cell) => self.remember(&cell.key, read(&cell)),
            Told::Deleted(key) => self.remember(&key, None),
        };
        follow(&*self.broker, self.bucket, heed).await;
    }

    fn replace(&self, cells: Vec<Cell>, read: impl Fn(&Cell) -> Option<T>) {
        let known = cells
            .into_iter()
            .filter_map(|cell| read(&cell).map(|value| (cell.key, value)))
            .collect();
        self.known.store(Arc::new(known));
    }
}
