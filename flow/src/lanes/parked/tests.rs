use stadtbus_broker_memory::{MemoryBroker, Options};

use super::*;
use crate::{
    Limits,
    lanes::{cursor::Marks, ledger::Ledger, testing},
    log::own_log_specs,
};

#[tokio::test]
async fn what_was_parked_goes_with_its_subscription_and_no_other() {
    let broker = MemoryBroker::new(Options::default());
    for spec in own_log_specs(&Limits::default()).unwrap() {
        broker.ensure_log(&spec).await.unwrap();
    }
    let log = LogName::new(PARKED_LOG).unwrap();
    let key = Key::new(testing::log(), "urn:a", "k");
    for lane in ["amt.amt-weg", "amt.amt-weg-2"] {
        load(&broker, lane, true, &[]).await.unwrap();
        for position in 1..=3 {
            let parked = entry(lane, &key, &testing::logged(position, "urn:a", "k"), 1);
            broker.append(&log, parked).await.unwrap();
        }
        let stop = Stop::new(1, 7);
        write_stop(&broker, lane, &key, Some(&stop)).await.unwrap();
    }
    forget(&broker, "amt.amt-weg").await.unwrap();
    let gone = load(&broker, "amt.amt-weg", true, &[]).await.unwrap();
    assert_eq!((gone.records.len(), gone.stops.len()), (0, 0));
    let other = load(&broker, "amt.amt-weg-2", true, &[]).await.unwrap();
    assert_eq!((other.records.len(), other.stops.len()), (3, 1));
}

#[tokio::test]
async fn what_a_process_writes_after_another_has_taken_over_counts_for_nothing() {
    let broker = MemoryBroker::new(Options::default());
    for spec in own_log_specs(&Limits::default()).unwrap() {
        broker.ensure_log(&spec).await.unwrap();
    }
    let log = LogName::new(PARKED_LOG).unwrap();
    let (lane, key) = ("amt.amt-ordnung", Key::new(testing::log(), "urn:a", "k"));
    let write = |position, life| {
        let parked = entry(lane, &key, &testing::logged(position, "urn:a", "k"), life);
        let (broker, log) = (&broker, &log);
        async move { broker.append(log, parked).await.unwrap().position }
    };
    let ledger = Ledger::open(Arc::new(broker.clone())).await.unwrap();
    let (mut lives, mut revision) = (Vec::new(), None);
    let mut begin = async || {
        let life = mark(&broker, lane).await.unwrap();
        let marks = Marks {
            parking: Some(life),
            ..Marks::default()
        };
        revision = Some(ledger.begin(lane, &marks, revision).await.unwrap());
        lives.push(life);
        let last_two = lives.iter().rev().take(2).copied().collect::<Vec<_>>();
        (life, load(&broker, lane, true, &last_two).await.unwrap())
    };
    let (one, _) = begin().await;
    let before = write(1, one).await;
    let (two, found) = begin().await;
    assert_eq!(found.records.len(), 1, "it was written in time");
    let after = write(2, one).await;
    let own = write(2, two).await;
    assert_ne!(after, own, "a later life's record is no repeat");
    let mut late = Vec::new();
    for (life, record) in [(one, before), (one, after), (two, own)] {
        late.push(came_too_late(&broker, lane, life, record).await.unwrap());
    }
    assert_eq!(late, [false, true, false]);
    // Its writer died before it could remove it.
    let (_, found) = begin().await;
    let records: Vec<_> = found.records.iter().map(|(_, _, record)| *record).collect();
    assert_eq!(records, [before, own]);
    assert!(broker.get(&log, after).await.unwrap().is_none());
    let gone = came_too_late(&broker, "amt.amt-weg", one, before).await;
    assert!(gone.unwrap());
}
