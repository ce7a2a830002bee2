use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use stadtbus_broker::{Broker, Entry, LogName, LogSpec, Position};
use stadtbus_broker_memory::{MemoryBroker, Options};
use stadtbus_event::{Event, PartnerId, SubscriptionId};

use super::*;
use crate::{
    journey::find,
    lanes::{
        Outcome,
        settled::{Fact, Page},
    },
    log::{Provenance, encode, log_of},
};

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("stadtbus-places-{name}-{}", std::process::id()));
    drop(fs::remove_dir_all(&dir));
    dir
}

fn partner() -> PartnerId {
    PartnerId::parse("werk").unwrap()
}

fn entry(source: &str, id: &str) -> Entry {
    let event = Event::builder(id, source, "de.probe.v1").build().unwrap();
    let provenance = Provenance {
        partner: partner(),
        by: "system:sender".to_owned(),
        token_id: String::new(),
        accepted: SystemTime::now(),
        contract: "c@1".to_owned(),
        hops: 0,
        cause: None,
        traceparent: None,
    };
    Entry {
        message_id: None,
        ..encode(&partner(), &event, &provenance)
    }
}

async fn broker() -> (Arc<dyn Broker>, LogName) {
    let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(Options::default()));
    let log = log_of(&partner()).unwrap();
    for (name, subjects) in [(log.as_str(), "log.>"), (SETTLED_LOG, "settled.>")] {
        let spec = LogSpec::new(LogName::new(name).unwrap(), vec![subjects.to_owned()]);
        broker.ensure_log(&spec).await.unwrap();
    }
    (broker, log)
}

/// An index that reads, and what stops it.
fn reading(dir: &Path, broker: &Arc<dyn Broker>, log: &LogName) -> (Places, JoinSet<()>) {
    let places = Places::open(dir).unwrap();
    let mut readers = JoinSet::new();
    let settled = LogName::new(SETTLED_LOG).unwrap();
    let wanted = vec![(log.clone(), Matter::Events), (settled, Matter::Pages)];
    places.tend(broker, wanted, &mut readers);
    (places, readers)
}

async fn until_covered(places: &Places, log: &LogName, position: Position) {
    for _ in 0..1_000 {
        let series = places.series().get(log).cloned();
        if series.is_some_and(|series| series.covered() >= position) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the index does not come to {position}");
}

async fn fill(broker: &Arc<dyn Broker>, log: &LogName, from: u64, to: u64) {
    let entries = (from..=to).map(|n| entry("urn:a", &format!("e-{n}"))).collect();
    for appended in broker.append_all(log, entries).await {
        appended.unwrap();
    }
}

#[tokio::test]
async fn an_event_is_found_over_files_and_memory_and_after_a_restart() {
    let dir = scratch("restart");
    let (broker, log) = broker().await;
    fill(&broker, &log, 1, 70_000).await;
    broker.append(&log, entry("urn:b", "e-5")).await.unwrap();
    for life in 0..2 {
        let (places, readers) = reading(&dir, &broker, &log);
        until_covered(&places, &log, 70_001).await;
        let seek = async |id: &str, source: Option<&str>| {
            find(&broker, Some(&places), &partner(), id, source)
                .await
                .map(|(_, position)| position)
        };
        for n in [1, 2, 65_536, 65_537, 70_000] {
            assert_eq!(seek(&format!("e-{n}"), None).await.unwrap(), n, "life {life}");
        }
        assert_eq!(seek("e-5", None).await.unwrap(), 70_001, "the newest of an id");
        assert_eq!(
            seek("e-5", Some("urn:a")).await.unwrap(),
            5,
            "its source is heeded"
        );
        assert_eq!(seek("e-0", None).await.unwrap_err().code, "SB-2005");
        drop(readers);
    }
    assert_eq!(fs::read_dir(dir.join("0").join(log.as_str())).unwrap().count(), 1);
    fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn a_damaged_file_and_one_of_another_log_are_made_again() {
    let dir = scratch("damaged");
    let (broker_a, log) = broker().await;
    fill(&broker_a, &log, 1, 66_000).await;
    let (places, readers) = reading(&dir, &broker_a, &log);
    until_covered(&places, &log, 66_000).await;
    drop((places, readers));
    let file = fs::read_dir(dir.join("0").join(log.as_str()))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();

    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (places, readers) = reading(&dir, &broker_a, &log);
    until_covered(&places, &log, 66_000).await;
    for n in [1, 30_000, 65_000] {
        let found = find(&broker_a, Some(&places), &partner(), &format!("e-{n}"), None).await;
        assert_eq!(found.unwrap().1, n, "one bit was turned");
    }
    drop((places, readers));

    // The same log by name and length, and not the same.
    let (broker_b, _) = broker().await;
    fill(&broker_b, &log, 100_001, 166_001).await;
    let (places, readers) = reading(&dir, &broker_b, &log);
    until_covered(&places, &log, 66_001).await;
    let found = find(&broker_b, Some(&places), &partner(), "e-100007", None).await;
    assert_eq!(found.unwrap().1, 7);
    drop((places, readers));
    fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn what_the_index_has_not_read_is_read_or_refused_and_never_denied() {
    let dir = scratch("behind");
    let (broker, log) = broker().await;
    fill(&broker, &log, 1, 25_000).await;
    let places = Places::open(&dir).unwrap();
    let found = find(&broker, Some(&places), &partner(), "e-24000", None).await;
    assert_eq!(found.unwrap().1, 24_000, "the newest are read");
    let refused = find(&broker, Some(&places), &partner(), "e-7", None)
        .await
        .unwrap_err();
    assert_eq!((refused.code, refused.status()), ("SB-1411", 503));
    drop(places);
    fs::remove_dir_all(dir).unwrap();
}

#[tokio::test]
async fn pages_are_found_by_exactly_the_positions_they_tell_of() {
    let dir = scratch("pages");
    let (broker, log) = broker().await;
    let settled = LogName::new(SETTLED_LOG).unwrap();
    let (amt, subscription) = (
        PartnerId::parse("amt").unwrap(),
        SubscriptionId::parse("amt-alles").unwrap(),
    );
    for positions in [vec![1, 2, 17], vec![3, 900_000], vec![2]] {
        let facts = positions.into_iter().map(|position| Fact {
            log: log.clone(),
            position,
            outcome: Outcome::Delivered,
            at_ms: 1,
            attempts: 1,
            code: None,
            detail: None,
            next_ms: None,
            notes: Box::default(),
            ran: None,
        });
        let page = Page {
            plugin: None,
            tables: crate::transform::TableVersions::new(),
            replay: None,
            elsewhere: false,
            facts: facts.collect(),
        };
        broker
            .append(
                &settled,
                page.entry(format!("settled.{amt}.{subscription}")).unwrap(),
            )
            .await
            .unwrap();
    }
    let (places, readers) = reading(&dir, &broker, &log);
    until_covered(&places, &settled, 3).await;
    for (position, pages) in [
        (1, vec![1]),
        (2, vec![3, 1]),
        (3, vec![2]),
        (4, vec![]),
        (17, vec![1]),
        (900_000, vec![2]),
    ] {
        let found = places.of_facts(&log, position, 0).await.unwrap();
        assert_eq!((found.places, found.covered), (pages, 3), "{position}");
    }
    let other = LogName::new("LOG_OTHER").unwrap();
    assert!(places.of_facts(&other, 1, 0).await.unwrap().places.is_empty());
    drop((places, readers));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn two_processes_do_not_share_a_directory() {
    let dir = scratch("slots");
    let (one, two) = (Places::open(&dir).unwrap(), Places::open(&dir).unwrap());
    assert_ne!(one.dir, two.dir);
    let first = one.dir.clone();
    drop(one);
    assert_eq!(Places::open(&dir).unwrap().dir, first, "a restart finds its own");
    fs::remove_dir_all(dir).unwrap();
}
