//! A broker that cannot read part of its own files, as nats-server is when a file of it was cut: its figures are as before, a
//! reader that comes there hears nothing more, and a single record from there is not found.

use std::{ops::RangeInclusive, sync::Arc, time::SystemTime};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use stadtbus_broker::{
    Appended, Blobs, Broker, BrokerError, Cells, Entry, Health, LogName, LogSpec, LogState, Position, Proof,
    ReadOptions, Record, RecordStream,
};
use tokio::sync::watch;

pub(super) struct Stuck {
    pub(super) inner: Arc<dyn Broker>,
    pub(super) hole: RangeInclusive<Position>,
}

#[async_trait]
impl Broker for Stuck {
    async fn proof(&self) -> Result<Proof, BrokerError> {
        self.inner.proof().await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.inner.health()
    }

    async fn ensure_log(&self, spec: &LogSpec) -> Result<(), BrokerError> {
        self.inner.ensure_log(spec).await
    }

    async fn append(&self, log: &LogName, entry: Entry) -> Result<Appended, BrokerError> {
        self.inner.append(log, entry).await
    }

    async fn append_all(&self, log: &LogName, entries: Vec<Entry>) -> Vec<Result<Appended, BrokerError>> {
        self.inner.append_all(log, entries).await
    }

    async fn read(&self, log: &LogName, options: ReadOptions) -> Result<RecordStream, BrokerError> {
        let records = self.inner.read(log, options).await?;
        let hole = self.hole.clone();
        let readable = records.take_while(move |record| std::future::ready(!hole.contains(&record.position)));
        Ok(readable.chain(stream::pending()).boxed())
    }

    async fn get(&self, log: &LogName, position: Position) -> Result<Option<Record>, BrokerError> {
        if self.hole.contains(&position) {
            return Ok(None);
        }
        self.inner.get(log, position).await
    }

    async fn remove(&self, log: &LogName, position: Position) -> Result<(), BrokerError> {
        self.inner.remove(log, position).await
    }

    async fn state(&self, log: &LogName) -> Result<LogState, BrokerError> {
        self.inner.state(log).await
    }

    async fn schedule(
        &self,
        log: &LogName,
        at: SystemTime,
        key_subject: &str,
        target_subject: &str,
        entry: Entry,
    ) -> Result<Appended, BrokerError> {
        self.inner
            .schedule(log, at, key_subject, target_subject, entry)
            .await
    }

    async fn cells(&self, bucket: &str) -> Result<Arc<dyn Cells>, BrokerError> {
        self.inner.cells(bucket).await
    }

    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, BrokerError> {
        self.inner.blobs(bucket).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
