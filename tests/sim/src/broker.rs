//! The broker as one process sees it: it can be cut off for a while, and when the process dies it hears nothing any more.
//!
//! A process that died is not stopped, for nothing can stop the tasks it has started; it stands still for ever at its
//! next word with the world. Nobody can tell the difference from outside.

use std::{
    future::{Future, pending},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use stadtbus_broker::{
    Appended, Blobs, Broker, BrokerError, Cell, CellStream, CellWrite, Cells, Entry, Health, LogName,
    LogSpec, LogState, Position, Proof, ReadOptions, Record, RecordStream,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// The thread by which a process hangs on the world.
#[derive(Clone, Default)]
pub(crate) struct Life {
    dead: CancellationToken,
    cut_off_until: Arc<Mutex<Option<Instant>>>,
    latency: Duration,
}

impl Life {
    /// One whose broker takes up to so long for an answer.
    pub(crate) fn with_latency(latency: Duration) -> Self {
        Self {
            latency,
            ..Self::default()
        }
    }

    pub(crate) fn end(&self) {
        self.dead.cancel();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.dead.is_cancelled()
    }

    pub(crate) fn cut_off(&self, until: Option<Instant>) {
        *self.cut_off_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    async fn connected(&self) {
        loop {
            let until = *self.cut_off_until.lock().unwrap_or_else(PoisonError::into_inner);
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until).await,
                None => return,
            }
        }
    }

    /// What the process gets to know of `work`; nothing once it is dead. Work that is under way when the connection is cut
    /// gets its answer, work that begins then waits.
    pub(crate) async fn of<T>(&self, work: impl Future<Output = T>) -> T {
        let slowly = async {
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency.mul_f64(fastrand::f64())).await;
            }
            work.await
        };
        self.heard(slowly).await
    }

    /// The same for what the broker sends by itself.
    async fn heard<T>(&self, work: impl Future<Output = T>) -> T {
        let alive = async {
            self.connected().await;
            work.await
        };
        tokio::select! {
            biased;
            () = self.dead.cancelled() => pending().await,
            answer = alive => answer,
        }
    }

    /// The same for what has nothing to do with the broker.
    pub(crate) async fn alone<T>(&self, work: impl Future<Output = T>) -> T {
        match self.seen_from_outside(work).await {
            Some(answer) => answer,
            None => pending().await,
        }
    }

    /// Until it is over.
    pub(crate) async fn ended(&self) {
        self.dead.cancelled().await;
    }

    /// What somebody outside gets to know of a process: nothing from the moment it dies.
    pub(crate) async fn seen_from_outside<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.dead.cancelled() => None,
            answer = work => Some(answer),
        }
    }
}

/// A broker on a [`Life`].
pub(crate) struct Severable {
    pub(crate) inner: Arc<dyn Broker>,
    pub(crate) life: Life,
}

#[async_trait]
impl Broker for Severable {
    async fn proof(&self) -> Result<Proof, BrokerError> {
        self.life.of(self.inner.proof()).await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.inner.health()
    }

    async fn ensure_log(&self, spec: &LogSpec) -> Result<(), BrokerError> {
        self.life.of(self.inner.ensure_log(spec)).await
    }

    async fn append(&self, log: &LogName, entry: Entry) -> Result<Appended, BrokerError> {
        self.life.of(self.inner.append(log, entry)).await
    }

    async fn append_all(&self, log: &LogName, entries: Vec<Entry>) -> Vec<Result<Appended, BrokerError>> {
        self.life.of(self.inner.append_all(log, entries)).await
    }

    async fn read(&self, log: &LogName, options: ReadOptions) -> Result<RecordStream, BrokerError> {
        let stream = self.life.of(self.inner.read(log, options)).await?;
        let life = self.life.clone();
        Ok(Box::pin(stream.then(move |record| {
            let life = life.clone();
            async move { life.heard(async { record }).await }
        })))
    }

    async fn get(&self, log: &LogName, position: Position) -> Result<Option<Record>, BrokerError> {
        self.life.of(self.inner.get(log, position)).await
    }

    async fn remove(&self, log: &LogName, position: Position) -> Result<(), BrokerError> {
        self.life.of(self.inner.remove(log, position)).await
    }

    async fn state(&self, log: &LogName) -> Result<LogState, BrokerError> {
        self.life.of(self.inner.state(log)).await
    }

    async fn schedule(
        &self,
        log: &LogName,
        at: SystemTime,
        key_subject: &str,
        target_subject: &str,
        entry: Entry,
    ) -> Result<Appended, BrokerError> {
        self.life
            .of(self.inner.schedule(log, at, key_subject, target_subject, entry))
            .await
    }

    async fn cells(&self, bucket: &str) -> Result<Arc<dyn Cells>, BrokerError> {
        let inner = self.life.of(self.inner.cells(bucket)).await?;
        let life = self.life.clone();
        Ok(Arc::new(SeverableCells { inner, life }))
    }

    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, BrokerError> {
        let inner = self.life.of(self.inner.blobs(bucket)).await?;
        let life = self.life.clone();
        Ok(Arc::new(SeverableBlobs { inner, life }))
    }

    async fn close(&self) {
        // The others go on with it.
    }
}

struct SeverableCells {
    inner: Arc<dyn Cells>,
    life: Life,
}

#[async_trait]
impl Cells for SeverableCells {
    async fn get(&self, key: &str) -> Result<Option<Cell>, BrokerError> {
        self.life.of(self.inner.get(key)).await
    }

    async fn write(&self, write: CellWrite) -> Result<u64, BrokerError> {
        self.life.of(self.inner.write(write)).await
    }

    async fn write_all(&self, writes: Vec<CellWrite>) -> Result<Vec<u64>, BrokerError> {
        self.life.of(self.inner.write_all(writes)).await
    }

    async fn last_revision(&self) -> Result<u64, BrokerError> {
        self.life.of(self.inner.last_revision()).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Cell>, BrokerError> {
        self.life.of(self.inner.list(prefix)).await
    }

    async fn watch(&self, prefix: &str) -> Result<CellStream, BrokerError> {
        let stream = self.life.of(self.inner.watch(prefix)).await?;
        let life = self.life.clone();
        Ok(Box::pin(stream.then(move |change| {
            let life = life.clone();
            async move { life.heard(async { change }).await }
        })))
    }
}

struct SeverableBlobs {
    inner: Arc<dyn Blobs>,
    life: Life,
}

#[async_trait]
impl Blobs for SeverableBlobs {
    async fn put(&self, name: &str, data: Bytes) -> Result<(), BrokerError> {
        self.life.of(self.inner.put(name, data)).await
    }

    async fn get(&self, name: &str) -> Result<Option<Bytes>, BrokerError> {
        self.life.of(self.inner.get(name)).await
    }

    async fn list(&self) -> Result<Vec<String>, BrokerError> {
        self.life.of(self.inner.list()).await
    }

    async fn delete(&self, name: &str) -> Result<(), BrokerError> {
        self.life.of(self.inner.delete(name)).await
    }
}
