//! The broker itself: the port's calls, each a line or two onto the rooms beside it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use async_trait::async_trait;
use stadtbus_broker::{
    Appended, Blobs, Broker, BrokerError, Cells, Entry, Health, LogName, LogSpec, LogState, Position, Proof,
    ReadOptions, Record, RecordStream, check_bucket, subject,
};
use tokio::{sync::watch, time::Instant};

use crate::{
    append::{Appender, Queued},
    blobs::NatsBlobs,
    cells::NatsCells,
    link::Link,
    log::ensure_log_spec,
    options::Options,
    read,
    soft_limit::{self, SoftLimit},
    wire::{self, Extra},
};

/// What JetStream adds to a message on the wire at most: batch id, number, schedule.
const WIRE_OVERHEAD_BYTES: usize = 512;

/// What is known of a log that is written to.
#[derive(Clone)]
struct Known {
    subjects: Arc<[String]>,
    schedules: bool,
    soft_limit: Option<Arc<SoftLimit>>,
    appender: Appender,
}

/// A NATS server or cluster with JetStream. Clones share the connection.
#[derive(Clone)]
pub struct NatsBroker {
    link: Arc<Link>,
    logs: Arc<Mutex<HashMap<LogName, Known>>>,
}

impl std::fmt::Debug for NatsBroker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsBroker")
            .field("name", &self.link.options.name)
            .finish_non_exhaustive()
    }
}

impl NatsBroker {
    /// Connects. Afterwards the connection is kept up by itself, until [`Broker::close`].
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`] when no server can be reached, [`BrokerError::Refused`] when the options cannot be
    /// used. Whether the server is good enough is for the caller to decide, from [`Broker::proof`].
    pub async fn connect(options: Options) -> Result<Self, BrokerError> {
        Ok(Self {
            link: Link::connect(options).await?,
            logs: Arc::default(),
        })
    }

    fn logs(&self) -> MutexGuard<'_, HashMap<LogName, Known>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of this log; asked of the server the first time, or when these subjects are not among what it is
    /// known to take, because somebody else may have changed it.
    async fn known(&self, log: &LogName, subjects: &[&str]) -> Result<Known, BrokerError> {
        let takes = |known: &Known| {
            subjects
                .iter()
                .all(|one| known.subjects.iter().any(|filter| subject::matches(filter, one)))
        };
        if let Some(known) = self.logs().get(log).filter(|known| takes(known)) {
            return Ok(known.clone());
        }
        let config = self.link.info(log.as_str(), &format!("log {log}")).await?.config;
        let known = {
            let soft = config
                .metadata
                .get(soft_limit::METADATA)
                .and_then(|bytes| bytes.parse().ok());
            self.learn(log, config.subjects, config.allow_msg_schedules, soft)
        };
        if takes(&known) {
            Ok(known)
        } else {
            Err(BrokerError::Refused(format!(
                "log {log} does not take this subject"
            )))
        }
    }

    fn learn(&self, log: &LogName, subjects: Vec<String>, schedules: bool, soft: Option<u64>) -> Known {
        let mut logs = self.logs();
        let known = logs.entry(log.clone()).or_insert_with(|| Known {
            subjects: Arc::from([]),
            schedules,
            soft_limit: None,
            appender: Appender::start(Arc::clone(&self.link), log.as_str()),
        });
        known.subjects = subjects.into();
        known.schedules = schedules;
        known.soft_limit = soft.map(SoftLimit::new);
        known.clone()
    }

    fn check_size(&self, entry: &Entry) -> Result<(), BrokerError> {
        let most = self.link.client.max_payload();
        if entry.size_bytes() + WIRE_OVERHEAD_BYTES > most {
            return Err(BrokerError::TooLarge(format!(
                "an entry may have at most {most} bytes with its headers"
            )));
        }
        Ok(())
    }

    async fn queue(&self, log: &LogName, entry: Entry, until: Instant) -> Result<Queued, BrokerError> {
        entry.check()?;
        self.check_size(&entry)?;
        self.link.up().map_err(BrokerError::Unavailable)?;
        let known = self.known(log, &[&entry.subject]).await?;
        self.enqueue(log, &known, entry, Extra::new(), until).await
    }

    async fn enqueue(
        &self,
        log: &LogName,
        known: &Known,
        entry: Entry,
        extra: Extra,
        until: Instant,
    ) -> Result<Queued, BrokerError> {
        if let Some(limit) = &known.soft_limit {
            limit.take(&self.link, log, entry.size_bytes()).await?;
        }
        known.appender.queue(entry, extra, until).await
    }
}

#[async_trait]
impl Broker for NatsBroker {
    async fn proof(&self) -> Result<Proof, BrokerError> {
        self.link.proof().await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.link.health.subscribe()
    }

    async fn ensure_log(&self, spec: &LogSpec) -> Result<(), BrokerError> {
        ensure_log_spec(&self.link, spec).await?;
        let soft = spec.bytes_max.filter(|_| spec.schedules);
        self.learn(&spec.name, spec.subjects.clone(), spec.schedules, soft);
        Ok(())
    }

    async fn append(&self, log: &LogName, entry: Entry) -> Result<Appended, BrokerError> {
        self.queue(log, entry, self.link.deadline()).await?.answer().await
    }

    async fn append_all(&self, log: &LogName, entries: Vec<Entry>) -> Vec<Result<Appended, BrokerError>> {
        let until = self.link.deadline();
        // Queued one after the other, so that they are stored in this order; the writer answers meanwhile.
        let mut queued = Vec::with_capacity(entries.len());
        for entry in entries {
            queued.push(self.queue(log, entry, until).await);
        }
        let mut answers = Vec::with_capacity(queued.len());
        for queued in queued {
            answers.push(match queued {
                Ok(queued) => queued.answer().await,
                Err(refused) => Err(refused),
            });
        }
        answers
    }

    async fn read(&self, log: &LogName, options: ReadOptions) -> Result<RecordStream, BrokerError> {
        read::read(Arc::clone(&self.link), log.clone(), options).await
    }

    async fn get(&self, log: &LogName, position: Position) -> Result<Option<Record>, BrokerError> {
        self.link.get(log, position).await
    }

    async fn remove(&self, log: &LogName, position: Position) -> Result<(), BrokerError> {
        self.link.remove(log, position).await
    }

    async fn state(&self, log: &LogName) -> Result<LogState, BrokerError> {
        self.link.state(log).await
    }

    async fn schedule(
        &self,
        log: &LogName,
        at: SystemTime,
        key_subject: &str,
        target_subject: &str,
        mut entry: Entry,
    ) -> Result<Appended, BrokerError> {
        subject::check(key_subject)?;
        subject::check(target_subject)?;
        key_subject.clone_into(&mut entry.subject);
        entry.check()?;
        self.check_size(&entry)?;
        self.link.up().map_err(BrokerError::Unavailable)?;
        let known = self.known(log, &[key_subject, target_subject]).await?;
        if !known.schedules {
            return Err(BrokerError::Refused(format!(
                "log {log} was made without schedules"
            )));
        }
        let when = format!("@at {}", wire::rfc3339(at)?);
        let extra = vec![
            ("Nats-Schedule", when),
            ("Nats-Schedule-Target", target_subject.to_owned()),
        ];
        known
            .appender
            .queue(entry, extra, self.link.deadline())
            .await?
            .answer()
            .await
    }

    async fn cells(&self, bucket: &str) -> Result<Arc<dyn Cells>, BrokerError> {
        Ok(Arc::new(NatsCells::open(Arc::clone(&self.link), bucket).await?))
    }

    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, BrokerError> {
        check_bucket(bucket)?;
        Ok(Arc::new(NatsBlobs::open(Arc::clone(&self.link), bucket).await?))
    }

    async fn close(&self) {
        let until = self.link.deadline();
        // What is being written is finished, what still waits is refused.
        self.link.closed.send_replace(true);
        let logs: Vec<Known> = self.logs().drain().map(|(_, known)| known).collect();
        for known in logs {
            // What is not written by then is answered as unknown or unavailable by its own deadline.
            let _ = tokio::time::timeout_at(until, known.appender.ended()).await;
        }
        self.link.health.send_replace(Health::Down("closed".to_owned()));
        let _ = tokio::time::timeout_at(until, self.link.client.drain()).await;
    }
}
