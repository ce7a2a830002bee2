//! Blobs by name.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use stadtbus_broker::{Blobs, BrokerError, check_blob_name};

use crate::state::Shared;

pub(crate) struct MemoryBlobs {
    pub(crate) shared: Arc<Shared>,
    pub(crate) bucket: String,
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, name: &str, data: Bytes) -> Result<(), BrokerError> {
        check_blob_name(name)?;
        self.shared.up()?;
        let mut store = self.shared.store();
        let weight = data.len() as u64;
        self.shared.room(&store, weight)?;
        let blobs = store.blobs.entry(self.bucket.clone()).or_default();
        let freed = blobs
            .insert(name.to_owned(), data)
            .map_or(0, |was| was.len() as u64);
        store.bytes = (store.bytes + weight).saturating_sub(freed);
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, BrokerError> {
        check_blob_name(name)?;
        self.shared.up()?;
        Ok(self
            .shared
            .store()
            .blobs
            .get(&self.bucket)
            .and_then(|blobs| blobs.get(name))
            .cloned())
    }

    async fn list(&self) -> Result<Vec<String>, BrokerError> {
        self.shared.up()?;
        let store = self.shared.store();
        Ok(store
            .blobs
            .get(&self.bucket)
            .map(|blobs| blobs.keys().cloned().collect())
            .unwrap_or_default())
    }

    async fn delete(&self, name: &str) -> Result<(), BrokerError> {
        check_blob_name(name)?;
        self.shared.up()?;
        let mut store = self.shared.store();
        let freed = store
            .blobs
            .get_mut(&self.bucket)
            .and_then(|blobs| blobs.remove(name))
            .map_or(0, |was| was.len());
        store.bytes = store.bytes.saturating_sub(freed as u64);
        Ok(())
    }
}
