//! A broker in front of the broker: every append passes the witness.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use stadtbus_broker::{
    Appended, Blobs, Broker, BrokerError, Cells, Entry, Health, LogName, LogSpec, LogState, Position, Proof,
    ReadOptions, Record, RecordStream,
};
use tokio::sync::watch;

use super::{Witness, buckets::WitnessedCells, digest, watched::Watched};

/// The broker that the flow is given when there is a witness.
pub struct Witnessed {
    inner: Arc<dyn Broker>,
    witness: Arc<Witness>,
}

impl Witnessed {
    /// `inner`, under the eye of `witness`.
    #[must_use]
    pub fn new(inner: Arc<dyn Broker>, witness: Arc<Witness>) -> Self {
        Self { inner, witness }
    }

    fn tell(
        &self,
        watched: &Watched,
        before: Position,
        digest: Option<digest::Digest>,
        appended: Appended,
    ) -> Result<Appended, BrokerError> {
        match watched.acknowledged(before, digest, appended) {
            Ok(()) => Ok(appended),
            Err(damage) => {
                let why = format!("{}: {}", watched.name, damage.sentence());
                self.witness.raise(watched, damage);
                Err(BrokerError::Untrusted(why))
            }
        }
    }
}

#[async_trait]
impl Broker for Witnessed {
    async fn proof(&self) -> Result<Proof, BrokerError> {
        self.inner.proof().await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.inner.health()
    }

    /// A log that is known to have existed is not made anew: that would hide its loss.
    async fn ensure_log(&self, spec: &LogSpec) -> Result<(), BrokerError> {
        let watched = self.witness.watched(&spec.name)?;
        watched.set_spec(spec);
        if watched.mark() > 0
            && let Err(BrokerError::NotFound(_)) = self.inner.state(&spec.name).await
        {
            self.witness.look_at(&*self.inner, &watched).await;
            return Ok(());
        }
        self.inner.ensure_log(spec).await
    }

    async fn append(&self, log: &LogName, entry: Entry) -> Result<Appended, BrokerError> {
        self.witness.refuse_if_stopped(log)?;
        let watched = self.witness.watched(log)?;
        let (before, digest) = (watched.mark(), digest::of_entry(&entry));
        let appended = self.inner.append(log, entry).await?;
        self.tell(&watched, before, Some(digest), appended)
    }

    async fn append_all(&self, log: &LogName, entries: Vec<Entry>) -> Vec<Result<Appended, BrokerError>> {
        let watched = self
            .witness
            .refuse_if_stopped(log)
            .and_then(|()| self.witness.watched(log));
        let watched = match watched {
            Ok(watched) => watched,
            Err(error) => return entries.iter().map(|_| Err(error.clone())).collect(),
        };
        let before = watched.mark();
        let digests: Vec<_> = entries.iter().map(digest::of_entry).collect();
        let answers = self.inner.append_all(log, entries).await;
        let told = answers.into_iter().zip(digests);
        told.map(|(answer, digest)| self.tell(&watched, before, Some(digest), answer?))
            .collect()
    }

    async fn read(&self, log: &LogName, options: ReadOptions) -> Result<RecordStream, BrokerError> {
        self.inner.read(log, options).await
    }

    async fn get(&self, log: &LogName, position: Position) -> Result<Option<Record>, BrokerError> {
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
        let watched = self.witness.watched(log)?;
        let before = watched.mark();
        let appended = self
            .inner
            .schedule(log, at, key_subject, target_subject, entry)
            .await?;
        self.tell(&watched, before, None, appended)
    }

    async fn cells(&self, bucket: &str) -> Result<Arc<dyn Cells>, BrokerError> {
        let inner = self.inner.cells(bucket).await?;
        Ok(Arc::new(WitnessedCells::new(
            inner,
            bucket,
            Arc::clone(&self.witness),
        )))
    }

    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, BrokerError> {
        self.inner.blobs(bucket).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
