//! The broker in memory keeps the promises of every broker, and its faults do what they say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use stadtbus_broker::{Broker, BrokerError, Entry, LogName, LogSpec, ReadFrom, ReadOptions, kit};
use stadtbus_broker_memory::{Faults, MemoryBroker, Options};

struct Memory(MemoryBroker);

#[async_trait]
impl kit::Fixture for Memory {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.0.clone())
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
        let likely = if lose { 1.0 } else { 0.0 };
        self.0.set_faults(Faults {
            append_unknown: likely,
            append_unknown_stored: 0.5,
            cell_unknown: likely,
            ..Faults::default()
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_promises_of_every_broker() {
    let fixture = Arc::new(Memory(MemoryBroker::default()));
    kit::run(fixture, |line| println!("{line}"))
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
}

async fn with_log(options: Options) -> (MemoryBroker, LogName) {
    let broker = MemoryBroker::new(options);
    let name = LogName::new("LOG_A").unwrap();
    broker
        .ensure_log(&LogSpec::new(name.clone(), vec!["a.>".into()]))
        .await
        .unwrap();
    (broker, name)
}

/// The same seed brings the same trouble.
#[tokio::test]
async fn faults_follow_the_seed() {
    let mut outcomes = Vec::new();
    for seed in [1, 1, 2] {
        let (broker, log) = with_log(Options {
            seed,
            ..Options::default()
        })
        .await;
        broker.set_faults(Faults {
            append_refuse: 0.3,
            append_unknown: 0.3,
            append_unknown_stored: 0.5,
            ..Faults::default()
        });
        let mut codes = Vec::new();
        for n in 0..200 {
            codes.push(
                broker
                    .append(&log, Entry::new("a.b", n.to_string()))
                    .await
                    .map_err(|e| e.code()),
            );
        }
        outcomes.push(codes);
    }
    assert_eq!(outcomes[0], outcomes[1]);
    assert_ne!(outcomes[0], outcomes[2]);
    for code in ["SB-1501", "SB-1503"] {
        assert!(outcomes[0].contains(&Err(code)), "{code} never came");
    }
}

/// What was refused is not there; what was lost is there in about the ordered share of cases.
#[tokio::test]
async fn refused_appends_leave_nothing_and_lost_ones_may() {
    let (broker, log) = with_log(Options::default()).await;
    broker.set_faults(Faults {
        append_refuse: 1.0,
        ..Faults::default()
    });
    assert!(matches!(
        broker.append(&log, Entry::new("a.b", "x")).await,
        Err(BrokerError::Unavailable(_))
    ));
    broker.set_faults(Faults {
        append_unknown: 1.0,
        append_unknown_stored: 0.5,
        ..Faults::default()
    });
    for _ in 0..100 {
        assert!(matches!(
            broker.append(&log, Entry::new("a.b", "x")).await,
            Err(BrokerError::Unknown(_))
        ));
    }
    let count = broker.state(&log).await.unwrap().count;
    assert!((20..80).contains(&count), "{count}");
}

/// An answer that would come after the deadline is unknown, and the entry is stored.
#[tokio::test]
async fn late_answers_are_unknown() {
    let options = Options {
        deadline: Duration::from_millis(20),
        ..Options::default()
    };
    let (broker, log) = with_log(options).await;
    broker.set_faults(Faults {
        ack_delay: Duration::from_secs(100),
        ..Faults::default()
    });
    assert!(matches!(
        broker.append(&log, Entry::new("a.b", "x")).await,
        Err(BrokerError::Unknown(_))
    ));
    assert_eq!(broker.state(&log).await.unwrap().count, 1);
}

/// Memory is bounded: by the broker's own limit and by the ordered one, over logs, cells and blobs together.
#[tokio::test]
async fn storage_is_bounded() {
    let (broker, log) = with_log(Options {
        bytes_max: 100_000,
        ..Options::default()
    })
    .await;
    let entry = || Entry::new("a.b", vec![0; 9_000]);
    let cells = broker.cells("c").await.unwrap();
    let blobs = broker.blobs("b").await.unwrap();
    blobs.put("x", vec![0; 50_000].into()).await.unwrap();
    let mut stored = 0;
    while broker.append(&log, entry()).await.is_ok() {
        stored += 1;
    }
    assert_eq!(stored, 5);
    let big = stadtbus_broker::CellWrite::put("k", vec![0; 9_000]);
    assert!(matches!(
        cells.write(big.clone()).await,
        Err(BrokerError::Full(_))
    ));
    blobs.delete("x").await.unwrap();
    cells.write(big).await.unwrap();
    broker.set_faults(Faults {
        full_at_bytes: Some(50_000),
        ..Faults::default()
    });
    assert!(matches!(
        broker.append(&log, entry()).await,
        Err(BrokerError::Full(_))
    ));
    broker.remove(&log, 1).await.unwrap();
    broker.remove(&log, 2).await.unwrap();
    broker.append(&log, entry()).await.unwrap();
}

/// Message ids are forgotten after the window, records after their age.
#[tokio::test]
async fn ids_and_records_age() {
    let broker = MemoryBroker::default();
    let log = LogName::new("LOG_A").unwrap();
    let mut spec = LogSpec::new(log.clone(), vec!["a.>".into()]);
    spec.duplicate_window = Duration::from_millis(50);
    spec.age_max = Some(Duration::from_millis(150));
    broker.ensure_log(&spec).await.unwrap();
    let entry = || Entry::new("a.b", "x").with_id("1");
    assert!(!broker.append(&log, entry()).await.unwrap().duplicate);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while broker.append(&log, entry()).await.unwrap().duplicate {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the id is never forgotten"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    while broker.state(&log).await.unwrap().count > 0 {
        assert!(tokio::time::Instant::now() < deadline, "the records never go");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let state = broker.state(&log).await.unwrap();
    assert_eq!((state.first, state.last, state.bytes), (3, 2, 0));
    assert!(broker.read(&log, ReadOptions::from(ReadFrom::New)).await.is_ok());
}
