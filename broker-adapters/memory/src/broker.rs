//! The broker itself.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use stadtbus_broker::{
    Appended, Blobs, Broker, BrokerError, Cells, Entry, Health, LogName, LogSpec, LogState, Position, Proof,
    ReadOptions, Record, RecordStream, check_bucket, subject,
};
use tokio::sync::watch;

use crate::{
    blobs::MemoryBlobs,
    cells::{Bucket, MemoryCells},
    faults::{Fate, Faults},
    log::Log,
    read,
    state::Shared,
};

/// How many entries of one call wait for their answers at the same time.
const SIDE_BY_SIDE_MAX: usize = 1000;

/// What a broker in memory is made with.
#[derive(Debug, Clone)]
pub struct Options {
    /// What decides the faults that are left to chance.
    pub seed: u64,
    /// How much it may hold altogether, in bytes.
    pub bytes_max: u64,
    /// The largest payload of an entry or value of a cell, in bytes.
    pub payload_bytes_max: usize,
    /// How long a caller waits for an answer.
    pub deadline: Duration,
    /// What its clock says when it is made; it goes on with tokio's.
    pub started: SystemTime,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            bytes_max: 1 << 30,
            payload_bytes_max: 1 << 20,
            deadline: Duration::from_secs(5),
            started: SystemTime::now(),
        }
    }
}

/// A broker in this process. Clones share everything.
#[derive(Debug, Clone)]
pub struct MemoryBroker {
    shared: Arc<Shared>,
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl MemoryBroker {
    /// An empty broker without faults.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            shared: Arc::new(Shared::new(options)),
        }
    }

    /// What goes wrong at present.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.dice().faults.clone()
    }

    /// Replaces what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    fn store(&self, log: &LogName, entry: Entry, kind: Kind<'_>) -> Result<Appended, BrokerError> {
        let now = self.shared.clock.now();
        let mut store = self.shared.store();
        let (found, _) = store.log(log, now)?;
        if let Some(known) = found.known(&entry) {
            return Ok(known);
        }
        let own = match kind {
            Kind::Append => entry.subject.as_str(),
            Kind::Schedule { key, .. } => key,
        };
        let target = if let Kind::Schedule { target, .. } = kind {
            target
        } else {
            own
        };
        if !found.takes(own) || !found.takes(target) {
            return Err(BrokerError::Refused(format!(
                "log {log} does not take this subject"
            )));
        }
        let weight = Log::weight(own, &entry);
        found.room(weight)?;
        self.shared.room(&store, weight)?;
        let (found, _) = store.log(log, now)?;
        let (appended, freed) = match kind {
            Kind::Append => (found.store(entry.subject.clone(), entry, now), 0),
            Kind::Schedule { at, key, target } => {
                if !found.spec.schedules {
                    return Err(BrokerError::Refused(format!(
                        "log {log} was made without schedules"
                    )));
                }
                found.schedule(key, target, now.steady_at(at), entry, now)
            }
        };
        store.bytes = (store.bytes + weight).saturating_sub(freed);
        Ok(appended)
    }

    async fn write(&self, log: &LogName, entry: Entry, kind: Kind<'_>) -> Result<Appended, BrokerError> {
        self.shared.up()?;
        if entry.payload.len() > self.shared.options.payload_bytes_max {
            let most = self.shared.options.payload_bytes_max;
            return Err(BrokerError::TooLarge(format!(
                "an entry may have at most {most} bytes"
            )));
        }
        let fate = self.shared.dice().append();
        match fate {
            Fate::Refused => Err(BrokerError::Unavailable("ordered to refuse".to_owned())),
            Fate::Through => {
                let appended = self.store(log, entry, kind)?;
                self.shared.answer_delay().await?;
                Ok(appended)
            }
            Fate::Lost { stored } => {
                if stored {
                    self.store(log, entry, kind)?;
                }
                Err(self.shared.lost())
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Append,
    Schedule {
        at: SystemTime,
        key: &'a str,
        target: &'a str,
    },
}

#[async_trait]
impl Broker for MemoryBroker {
    async fn proof(&self) -> Result<Proof, BrokerError> {
        self.shared.up()?;
        Ok(Proof {
            broker: "memory".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            supported: true,
            durable: false,
            detail: "everything is in this process and ends with it".to_owned(),
        })
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    async fn ensure_log(&self, spec: &LogSpec) -> Result<(), BrokerError> {
        self.shared.up()?;
        if spec.subjects.is_empty() {
            return Err(BrokerError::Refused(format!("log {} has no subjects", spec.name)));
        }
        for filter in &spec.subjects {
            subject::check_filter(filter)?;
        }
        let mut store = self.shared.store();
        let others = store.logs.values().filter(|log| log.spec.name != spec.name);
        for other in others {
            let pairs = spec
                .subjects
                .iter()
                .flat_map(|one| other.spec.subjects.iter().map(move |two| (one, two)));
            if pairs.into_iter().any(|(one, two)| subject::overlap(one, two)) {
                let (one, two) = (&spec.name, &other.spec.name);
                return Err(BrokerError::Refused(format!(
                    "the subjects of log {one} overlap with those of {two}"
                )));
            }
        }
        match store.logs.get_mut(&spec.name) {
            Some(log) => log.spec = spec.clone(),
            None => {
                store.logs.insert(spec.name.clone(), Log::new(spec.clone()));
            }
        }
        Ok(())
    }

    async fn append(&self, log: &LogName, entry: Entry) -> Result<Appended, BrokerError> {
        entry.check()?;
        self.write(log, entry, Kind::Append).await
    }

    async fn append_all(&self, log: &LogName, entries: Vec<Entry>) -> Vec<Result<Appended, BrokerError>> {
        // Started in order, so stored in order; the delays of their answers pass side by side.
        let appends = entries.into_iter().map(|entry| self.append(log, entry));
        stream::iter(appends).buffered(SIDE_BY_SIDE_MAX).collect().await
    }

    async fn read(&self, log: &LogName, options: ReadOptions) -> Result<RecordStream, BrokerError> {
        self.shared.up()?;
        if let Some(filter) = &options.subject {
            subject::check_filter(filter)?;
        }
        let (next, changed) = {
            let now = self.shared.clock.now();
            let mut store = self.shared.store();
            let (found, _) = store.log(log, now)?;
            (found.start(options.from), found.changed.listen())
        };
        Ok(read::read(
            Arc::clone(&self.shared),
            log.clone(),
            options,
            next,
            changed,
        ))
    }

    async fn get(&self, log: &LogName, position: Position) -> Result<Option<Record>, BrokerError> {
        self.shared.up()?;
        let now = self.shared.clock.now();
        Ok(self.shared.store().log(log, now)?.0.get(position))
    }

    async fn remove(&self, log: &LogName, position: Position) -> Result<(), BrokerError> {
        self.shared.up()?;
        let now = self.shared.clock.now();
        let mut store = self.shared.store();
        let freed = store.log(log, now)?.0.remove(position);
        store.bytes = store.bytes.saturating_sub(freed);
        Ok(())
    }

    async fn state(&self, log: &LogName) -> Result<LogState, BrokerError> {
        self.shared.up()?;
        let now = self.shared.clock.now();
        Ok(self.shared.store().log(log, now)?.0.state())
    }

    async fn schedule(
        &self,
        log: &LogName,
        at: SystemTime,
        key_subject: &str,
        target_subject: &str,
        entry: Entry,
    ) -> Result<Appended, BrokerError> {
        subject::check(key_subject)?;
        subject::check(target_subject)?;
        entry.check_headers()?;
        self.write(
            log,
            entry,
            Kind::Schedule {
                at,
                key: key_subject,
                target: target_subject,
            },
        )
        .await
    }

    async fn cells(&self, bucket: &str) -> Result<Arc<dyn Cells>, BrokerError> {
        check_bucket(bucket)?;
        self.shared.up()?;
        self.shared
            .store()
            .buckets
            .entry(bucket.to_owned())
            .or_insert_with(Bucket::new);
        Ok(Arc::new(MemoryCells {
            shared: Arc::clone(&self.shared),
            bucket: bucket.to_owned(),
        }))
    }

    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, BrokerError> {
        check_bucket(bucket)?;
        self.shared.up()?;
        self.shared.store().blobs.entry(bucket.to_owned()).or_default();
        Ok(Arc::new(MemoryBlobs {
            shared: Arc::clone(&self.shared),
            bucket: bucket.to_owned(),
        }))
    }

    async fn close(&self) {
        self.shared.closed.send_replace(true);
        self.shared.health.send_replace(Health::Down("closed".to_owned()));
        self.shared.trouble.raise();
    }
}
