//! The conformance kit finds a broker that does not keep its promises: each lie below is caught by the case that is
//! there for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use stadtbus_broker::{
    Appended, Blobs, Broker, BrokerError, Cells, Entry, Health, LogName, LogSpec, LogState, Position, Proof,
    ReadOptions, Record, RecordStream, kit,
};
use stadtbus_broker_memory::{Faults, MemoryBroker};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    /// Readers miss a record now and then.
    Skip,
    /// Readers get a record twice now and then.
    Twice,
    /// Message ids are ignored.
    ForgetIds,
    /// There is no limit.
    NeverFull,
    /// Schedules go to another key each, so that none replaces another.
    EveryScheduleFires,
    /// An append that is refused because the broker is away is called done.
    AlwaysDone,
    /// What is removed stays.
    KeepRemoved,
}

/// Which case must find which lie.
const CAUGHT_BY: [(Lie, &str); 7] = [
    (Lie::Skip, "readers_see_each_record_once_in_order"),
    (Lie::Twice, "a_slow_reader_loses_nothing"),
    (Lie::ForgetIds, "a_repeat_has_the_first_position"),
    (Lie::NeverFull, "a_full_log_says_so_and_recovers"),
    (Lie::EveryScheduleFires, "a_later_schedule_replaces_the_earlier"),
    (Lie::AlwaysDone, "an_outage_fails_fast_and_ends"),
    (Lie::KeepRemoved, "get_remove_and_state_agree"),
];

#[derive(Clone)]
struct Liar(MemoryBroker, Lie);

#[async_trait]
impl Broker for Liar {
    async fn proof(&self) -> Result<Proof, BrokerError> {
        self.0.proof().await
    }
    fn health(&self) -> watch::Receiver<Health> {
        self.0.health()
    }
    async fn ensure_log(&self, spec: &LogSpec) -> Result<(), BrokerError> {
        let mut spec = spec.clone();
        if self.1 == Lie::NeverFull {
            spec.bytes_max = None;
        }
        self.0.ensure_log(&spec).await
    }
    async fn append(&self, log: &LogName, mut entry: Entry) -> Result<Appended, BrokerError> {
        if self.1 == Lie::ForgetIds {
            entry.message_id = None;
        }
        match self.0.append(log, entry).await {
            Err(BrokerError::Unavailable(_)) if self.1 == Lie::AlwaysDone => Ok(Appended {
                position: 1,
                duplicate: false,
            }),
            answer => answer,
        }
    }
    async fn append_all(&self, log: &LogName, entries: Vec<Entry>) -> Vec<Result<Appended, BrokerError>> {
        stream::iter(entries)
            .then(|entry| self.append(log, entry))
            .collect()
            .await
    }
    async fn read(&self, log: &LogName, options: ReadOptions) -> Result<RecordStream, BrokerError> {
        let lie = self.1;
        let now_and_then = |record: &Record| record.position.is_multiple_of(1499);
        Ok(Box::pin(self.0.read(log, options).await?.flat_map(
            move |record| {
                stream::iter(match lie {
                    Lie::Skip if now_and_then(&record) => vec![],
                    Lie::Twice if now_and_then(&record) => vec![record.clone(), record],
                    _ => vec![record],
                })
            },
        )))
    }
    async fn get(&self, log: &LogName, position: Position) -> Result<Option<Record>, BrokerError> {
        self.0.get(log, position).await
    }
    async fn remove(&self, log: &LogName, position: Position) -> Result<(), BrokerError> {
        if self.1 == Lie::KeepRemoved {
            Ok(())
        } else {
            self.0.remove(log, position).await
        }
    }
    async fn state(&self, log: &LogName) -> Result<LogState, BrokerError> {
        self.0.state(log).await
    }
    async fn schedule(
        &self,
        log: &LogName,
        at: SystemTime,
        key_subject: &str,
        target_subject: &str,
        entry: Entry,
    ) -> Result<Appended, BrokerError> {
        let mut key = key_subject.to_owned();
        if self.1 == Lie::EveryScheduleFires {
            key = format!("{key}.{}", fastrand::u64(..));
        }
        self.0.schedule(log, at, &key, target_subject, entry).await
    }
    async fn cells(&self, bucket: &str) -> Result<Arc<dyn Cells>, BrokerError> {
        self.0.cells(bucket).await
    }
    async fn blobs(&self, bucket: &str) -> Result<Arc<dyn Blobs>, BrokerError> {
        self.0.blobs(bucket).await
    }
    async fn close(&self) {
        self.0.close().await;
    }
}

#[async_trait]
impl kit::Fixture for Liar {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.clone())
    }
    fn deadline(&self) -> Duration {
        Duration::from_secs(5)
    }
    async fn stop(&self) {
        self.0.set_faults(Faults {
            down: true,
            ..Faults::default()
        });
    }
    async fn start(&self) {
        self.0.set_faults(Faults::default());
    }
    async fn lose_answers(&self, lose: bool) {
        self.0.set_faults(Faults {
            append_unknown: if lose { 1.0 } else { 0.0 },
            ..Faults::default()
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_lie_is_caught_by_its_case() {
    let trials = CAUGHT_BY.map(|(lie, name)| async move {
        let case = kit::cases().into_iter().find(|case| case.name == name).unwrap();
        let outcome = case.run(Arc::new(Liar(MemoryBroker::default(), lie))).await;
        assert!(outcome.is_err(), "{name} does not notice {lie:?}");
    });
    stream::iter(trials)
        .buffer_unordered(CAUGHT_BY.len())
        .collect::<Vec<_>>()
        .await;
}
