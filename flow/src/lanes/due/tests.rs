use std::collections::BTreeMap;

use stadtbus_broker::Entry;
use stadtbus_broker_memory::{MemoryBroker, Options};

use super::*;
use crate::{Limits, log::own_log_specs};

const GROUPS: u32 = 2;
const SOON: Duration = Duration::from_secs(20);

/// A subscription of each group.
fn keys() -> BTreeMap<u32, String> {
    (0..100)
        .map(|n| format!("amt.amt-{n}"))
        .map(|key| (group_of(&key, GROUPS), key))
        .collect()
}

async fn broker() -> Arc<MemoryBroker> {
    let broker = MemoryBroker::new(Options::default());
    for spec in own_log_specs(&Limits::default()).unwrap() {
        broker.ensure_log(&spec).await.unwrap();
    }
    Arc::new(broker)
}

async fn due(broker: &MemoryBroker, key: &str) -> Position {
    let log = LogName::new(RETRY_LOG).unwrap();
    let entry = Entry::new(format!("due.{key}"), "{}");
    broker.append(&log, entry).await.unwrap().position
}

async fn until(index: &DueIndex, key: &str, expected: &[Position]) {
    let reached = async {
        while index.first(key) != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let found = tokio::time::timeout(SOON, reached).await;
    assert!(
        found.is_ok(),
        "{key}: {:?} and not {expected:?}",
        index.first(key)
    );
}

#[tokio::test(start_paused = true)]
async fn it_knows_what_is_due_for_its_groups_and_finds_the_rest_when_they_come() {
    let (broker, keys) = (broker().await, keys());
    let (mine, other) = (&keys[&0], &keys[&1]);
    let index = Arc::new(DueIndex::new(GROUPS));
    let stop = CancellationToken::new();
    let reader: Arc<dyn Broker> = Arc::clone(&broker) as _;
    let task = tokio::spawn(run(reader, Arc::clone(&index), stop.clone()));
    index.hold(BTreeSet::from([0]));
    let (one, two) = (due(&broker, mine).await, due(&broker, other).await);
    let three = due(&broker, mine).await;
    until(&index, mine, &[one, three]).await;
    assert!(!index.has(other), "another process has it");

    index.forget(mine, one);
    index.hold(BTreeSet::from([0, 1]));
    until(&index, other, &[two]).await;
    assert_eq!(
        index.first(mine),
        [three],
        "what was given to a lane is not found again"
    );

    index.take_back(mine, BTreeSet::from([one]));
    assert_eq!(index.first(mine), [one, three]);
    index.hold(BTreeSet::from([1]));
    index.take_back(mine, BTreeSet::from([one]));
    assert!(!index.has(mine), "it went with its group");
    index.hold(BTreeSet::from([0, 1]));
    until(&index, mine, &[one, three]).await;
    assert_eq!(index.first(other), [two]);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_due_for_nobody_is_swept_up_after_a_while() {
    let (broker, keys) = (broker().await, keys());
    let (gone, there) = (&keys[&0], &keys[&1]);
    let index = DueIndex::new(GROUPS);
    index.hold(BTreeSet::from([0, 1]));
    let log = LogName::new(RETRY_LOG).unwrap();
    let mut positions = Vec::new();
    for key in [gone, there] {
        let position = due(&broker, key).await;
        index.take_back(key, BTreeSet::from([position]));
        positions.push(position);
    }
    let ordered = |key: &str| key == there;
    index.sweep(&*broker, ordered).await;
    tokio::time::advance(ORPHANED_FOR / 2).await;
    // It is ordered again: the time begins anew.
    index.sweep(&*broker, |_| true).await;
    tokio::time::advance(ORPHANED_FOR / 2).await;
    index.sweep(&*broker, ordered).await;
    assert!(index.has(gone));
    tokio::time::advance(ORPHANED_FOR).await;
    index.sweep(&*broker, ordered).await;
    assert!(!index.has(gone) && index.has(there));
    assert_eq!(broker.get(&log, positions[0]).await.unwrap(), None);
    assert!(broker.get(&log, positions[1]).await.unwrap().is_some());
}
