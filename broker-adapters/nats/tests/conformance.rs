//! The adapter keeps the promises of every broker on a real nats-server, and those that are its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]
#![allow(unreachable_pub, dead_code)]

mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, CellWrite, Entry, LogName, LogSpec, ReadFrom, ReadOptions, kit};
use stadtbus_broker_nats::{NatsBroker, Options};
use support::Server;

struct Nats {
    server: Server,
    broker: NatsBroker,
}

const DEADLINE: Duration = Duration::from_secs(3);

async fn connect(server: &Server) -> NatsBroker {
    let mut options = Options::new(server.url());
    options.monitor = Some(server.monitor());
    options.ack_timeout = DEADLINE;
    NatsBroker::connect(options).await.unwrap()
}

async fn log(broker: &NatsBroker) -> LogName {
    let name = LogName::new("LOG_A").unwrap();
    broker
        .ensure_log(&LogSpec::new(name.clone(), vec!["a.>".into()]))
        .await
        .unwrap();
    name
}

#[async_trait]
impl kit::Fixture for Nats {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::new(self.broker.clone())
    }
    fn deadline(&self) -> Duration {
        DEADLINE
    }
    async fn stop(&self) {
        self.server.kill();
    }
    async fn start(&self) {
        self.server.run();
    }
    async fn lose_answers(&self, lose: bool) {
        self.server.freeze(lose);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_promises_of_every_broker() {
    let Some(server) = Server::start("always") else {
        return;
    };
    let broker = connect(&server).await;
    let fixture = Arc::new(Nats { server, broker });
    kit::run(fixture, |line| println!("{line}"))
        .await
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// The proof is a proof: only `sync_interval: always`, and only from the monitor of the server connected to.
#[tokio::test]
async fn durability_is_proven_or_not_claimed() {
    let (Some(always), Some(lazy)) = (Server::start("always"), Server::start("2m")) else {
        return;
    };
    for (server, monitor, durable) in [
        (&always, Some(always.monitor()), true),
        (&always, None, false),
        (&always, Some("http://127.0.0.1:1".to_owned()), false),
        (&always, Some("nonsense".to_owned()), false),
        (&lazy, Some(lazy.monitor()), false),
        (&lazy, Some(always.monitor()), false),
    ] {
        let options = Options {
            monitor: monitor.clone(),
            ..Options::new(server.url())
        };
        let broker = NatsBroker::connect(options).await.unwrap();
        let proof = broker.proof().await.unwrap();
        assert_eq!(proof.durable, durable, "{monitor:?}: {proof:?}");
        assert!(proof.supported && proof.version.starts_with("2."), "{proof:?}");
        broker.close().await;
    }
}

/// Nothing that was answered is missing after kill -9 under load, and repeats under the same id store nothing twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_being_killed() {
    let Some(server) = Server::start("always") else {
        return;
    };
    let broker = connect(&server).await;
    let log = log(&broker).await;
    let until = Instant::now() + Duration::from_secs(4);
    let tasks = (0..100).map(|task| {
        let (broker, log) = (broker.clone(), log.clone());
        tokio::spawn(async move {
            let mut answered = Vec::new();
            let mut n = 0;
            while Instant::now() < until {
                let id = format!("{task}-{n}");
                match broker
                    .append(&log, Entry::new("a.b", id.clone()).with_id(id.clone()))
                    .await
                {
                    Ok(appended) => {
                        answered.push((appended.position, id));
                        n += 1;
                    }
                    Err(error) => {
                        assert!(error.is_transient(), "{error}");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
            answered
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.kill();
        server.run();
    }
    let mut answered = Vec::new();
    for task in tasks {
        answered.extend(task.await.unwrap());
    }
    answered.sort();
    assert!(answered.len() > 1000, "{}", answered.len());
    let last = answered.last().unwrap().0;
    let reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await
        .unwrap();
    let stored: Vec<_> = reader
        .map(|record| {
            (
                record.position,
                String::from_utf8(record.payload.to_vec()).unwrap(),
            )
        })
        .take_while(|(position, _)| std::future::ready(*position < last))
        .collect()
        .await;
    let stored: std::collections::BTreeMap<_, _> = stored.into_iter().collect();
    let ids: std::collections::BTreeSet<_> = stored.values().collect();
    assert_eq!(ids.len(), stored.len(), "something is stored twice");
    for (position, id) in &answered[..answered.len() - 1] {
        assert_eq!(stored.get(position), Some(id));
    }
}

/// The server's own limit of storage is an answer too.
#[tokio::test]
async fn a_full_server_says_so() {
    let Some(server) = Server::start_with("always", ", max_file_store: 2MiB") else {
        return;
    };
    let broker = connect(&server).await;
    let log = log(&broker).await;
    let mut stored = 0;
    let error = loop {
        match broker.append(&log, Entry::new("a.b", vec![0; 100_000])).await {
            Ok(appended) => stored = appended.position,
            Err(error) => break error,
        }
        assert!(stored < 100);
    };
    assert!(matches!(error, BrokerError::Full(_)), "{error:?}");
    let answers = broker
        .append_all(&log, vec![Entry::new("a.b", vec![0; 100_000]); 30])
        .await;
    assert!(
        answers
            .iter()
            .any(|answer| matches!(answer, Err(BrokerError::Full(_)))),
        "{answers:?}"
    );
    for position in 1..=stored {
        broker.remove(&log, position).await.unwrap();
    }
    broker
        .append(&log, Entry::new("a.b", vec![0; 100_000]))
        .await
        .unwrap();
}

/// Stopping in mid-flight: what `close` lets through is answered, what it does not is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_answers_everything() {
    let Some(server) = Server::start("always") else {
        return;
    };
    let broker = connect(&server).await;
    let log = log(&broker).await;
    let entries = (0..5000)
        .map(|n| Entry::new("a.b", n.to_string()).with_id(n.to_string()))
        .collect();
    let appender = broker.clone();
    let (name, start) = (log.clone(), Instant::now());
    let appends = tokio::spawn(async move { appender.append_all(&name, entries).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    broker.close().await;
    let answers = appends.await.unwrap();
    assert!(start.elapsed() < DEADLINE * 3);
    let stored = answers.iter().flatten().count() as u64;
    let unknown = answers
        .iter()
        .filter(|a| matches!(a, Err(BrokerError::Unknown(_))))
        .count() as u64;
    let again = connect(&server).await;
    let count = again.state(&log).await.unwrap().count;
    assert!(
        (stored..=stored + unknown).contains(&count),
        "{stored} + {unknown}: {count}"
    );
}

/// Schedules and cells are what the usual tools see: the spelling on the wire is part of the promise.
#[tokio::test]
async fn schedules_survive_a_restart() {
    let Some(server) = Server::start("always") else {
        return;
    };
    let broker = connect(&server).await;
    let mut spec = LogSpec::new(LogName::new("LOG_A").unwrap(), vec!["a.>".into()]);
    spec.schedules = true;
    broker.ensure_log(&spec).await.unwrap();
    let due = SystemTime::now() + Duration::from_millis(1500);
    broker
        .schedule(
            &spec.name,
            due,
            "a.wait.1",
            "a.due.1",
            Entry::new("", "x").with_id("1"),
        )
        .await
        .unwrap();
    let cells = broker.cells("c").await.unwrap();
    cells
        .write(CellWrite::put("k", "v").ttl(Duration::from_secs(2)))
        .await
        .unwrap();
    server.kill();
    server.run();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut reader = loop {
        match broker
            .read(
                &spec.name,
                ReadOptions::from(ReadFrom::Position(1)).subject("a.due.>"),
            )
            .await
        {
            Ok(reader) => break reader,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let record = tokio::time::timeout(Duration::from_secs(20), reader.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (record.subject.as_str(), &record.payload[..]),
        ("a.due.1", &b"x"[..])
    );
    while cells.get("k").await.unwrap().is_some() {
        assert!(Instant::now() < deadline, "the cell never expires");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
