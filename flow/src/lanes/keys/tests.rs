use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use stadtbus_contracts::KeyPath;

use super::*;
use crate::{
    Limits,
    lanes::{
        Lane, Outcome, Settlement,
        cursor::{Mark, Marks},
        lane::{Hang, Offer},
        testing::{self, log, logged, positions, take},
    },
};

fn lane(marks: Marks) -> Lane {
    testing::lane(
        marks,
        &Limits::default(),
        json!({"order": {"by": "partitionkey"}}),
    )
}

fn settle(lane: &Lane, taken: &[(Position, String)], position: Position, how: &Settlement) -> usize {
    let handle = taken.iter().find(|(at, _)| *at == position).unwrap().1.clone();
    let (known, _, buried) = lane.settle_handles(&[handle], how);
    assert_eq!(known, 1);
    buried.len()
}

#[tokio::test]
async fn the_next_of_a_key_comes_when_the_one_before_is_settled_and_others_do_not_wait() {
    let lane = lane(Marks::default());
    for (position, source, key) in [
        (1, "urn:a", "x"),
        (2, "urn:a", "x"),
        (3, "urn:a", "y"),
        (4, "urn:b", "x"),
        (5, "urn:a", "x"),
    ] {
        assert_eq!(
            lane.offer(&logged(position, source, key), Hang::Behind),
            Offer::Taken
        );
    }
    let first = take(&lane).await;
    assert_eq!(positions(&first), [1, 3, 4], "another source is another key");
    assert!(take(&lane).await.is_empty());
    assert_eq!(lane.standing(&log(), 2), Some(crate::lanes::Standing::Behind));
    assert_eq!(lane.figures().open, 5);

    // Given back, it keeps its place before the others of its key.
    settle(&lane, &first, 1, &Settlement::Release(Duration::ZERO));
    settle(&lane, &first, 3, &Settlement::Acknowledge);
    let again = take(&lane).await;
    assert_eq!(positions(&again), [1]);
    // For the second time: it has used up its attempts, and its key waits until the dead letter is written.
    let handle = again[0].1.clone();
    let (_, _, buried) = lane.settle_handles(&[handle], &Settlement::Release(Duration::ZERO));
    assert_eq!(buried.len(), 1);
    assert!(take(&lane).await.is_empty());
    let (item, code, detail) = buried.into_iter().next().unwrap();
    lane.settle(item, Outcome::DeadLettered, Some(code), Some(detail));
    let next = take(&lane).await;
    assert_eq!(positions(&next), [2]);
    settle(&lane, &next, 2, &Settlement::Acknowledge);
    assert_eq!(positions(&take(&lane).await), [5]);
}

#[tokio::test]
async fn a_new_life_begins_each_key_with_its_earliest_open_event() {
    let mark = Mark {
        seen: 4,
        open: vec![2, 4],
    };
    let lane = lane(Marks {
        logs: [("LOG_WERK".to_owned(), mark)].into(),
        ..Marks::default()
    });
    for position in 1..=6 {
        lane.offer(&logged(position, "urn:a", "x"), Hang::Behind);
    }
    let mut order = Vec::new();
    loop {
        let taken = take(&lane).await;
        let [(position, _)] = taken.as_slice() else { break };
        order.push(*position);
        settle(&lane, &taken, *position, &Settlement::Acknowledge);
    }
    assert_eq!(order, [2, 4, 5, 6]);
}

/// A lane reduced to its keys: what is under way, and a log of parked events.
struct Model {
    keys: Keys,
    under_way: Vec<Item>,
    entered: Position,
    records: BTreeMap<Position, Position>,
    gone: BTreeMap<Key, Vec<Position>>,
}

impl Model {
    fn enter(&mut self, key: u8) {
        self.entered += 1;
        let logged = logged(self.entered, "urn:a", &key.to_string());
        let by = KeyPath::parse("partitionkey").unwrap();
        let item = Item {
            key: Key::of(&by, &logged),
            ..Item::new(logged)
        };
        self.under_way.extend(self.keys.enter(item));
    }

    fn record(&mut self, item: &Item) -> Position {
        let next = 1_000 + self.records.len() as u64;
        let record = item.parked.unwrap_or(next);
        self.records.insert(record, item.logged.position);
        record
    }

    fn step(&mut self, step: u8, which: usize, now: Instant) {
        let at = which % self.under_way.len().max(1);
        match step {
            0 | 1 => self.enter((which % 3) as u8),
            2 | 3 if !self.under_way.is_empty() => {
                let item = self.under_way.swap_remove(at);
                let key = item.key.clone().unwrap();
                self.gone.entry(key).or_default().push(item.logged.position);
                self.under_way.extend(self.keys.leave(&item));
            }
            4 if !self.under_way.is_empty() => {
                let item = self.under_way.swap_remove(at);
                let record = self.record(&item);
                let stop = Stop::at(&item, "SB-3002", "", 0, which.is_multiple_of(2).then_some(1));
                let until = stop.until_ms.map(|_| now);
                self.keys.rest(&item, record, stop, until);
            }
            5 => {
                for (n, item) in self.keys.crowd(4).into_iter().enumerate() {
                    if (which + n).is_multiple_of(3) {
                        self.under_way.extend(self.keys.not_moved(item));
                    } else {
                        let record = self.record(&item);
                        let key = item.key.clone().unwrap();
                        self.under_way
                            .extend(self.keys.moved(&key, item.logged.position, record));
                    }
                }
            }
            6 => self.fetch(which),
            7 => self.under_way.extend(self.keys.wake(now)),
            8 => {
                let keys: Vec<Key> = self.keys.resting().map(|(key, _)| key.clone()).collect();
                if let Some(key) = keys.get(which % keys.len().max(1)) {
                    self.under_way.extend(self.keys.set_stop(key, None, None));
                }
            }
            _ => {}
        }
    }

    fn fetch(&mut self, which: usize) {
        for (key, position, record, _) in self.keys.fetch(3, |_, _| true) {
            if which.is_multiple_of(4) {
                self.keys.not_fetched(&key);
                continue;
            }
            assert_eq!(self.records.get(&record), Some(&position));
            let logged = logged(position, "urn:a", key.value());
            self.under_way.push(Item {
                key: Some(key),
                parked: Some(record),
                ..Item::new(logged)
            });
        }
    }

    fn check(&self) {
        let keys: BTreeSet<_> = self.under_way.iter().map(|item| item.key.clone()).collect();
        assert_eq!(keys.len(), self.under_way.len(), "two of one key are under way");
        for positions in self.gone.values() {
            assert!(positions.is_sorted(), "{positions:?}");
        }
    }
}

proptest! {
    /// Whatever ends, fails, is parked, moved, fetched or refused by the broker: of each key one event is under way at a
    /// time, all leave in the order of positions, and none is forgotten.
    #[test]
    fn one_of_each_key_in_order(steps in prop::collection::vec((0_u8..9, 0_usize..12), 1..160)) {
        let now = Instant::now();
        let mut model = Model {
            keys: Keys::with_share(2),
            under_way: Vec::new(),
            entered: 0,
            records: BTreeMap::new(),
            gone: BTreeMap::new(),
        };
        for (step, which) in steps {
            model.step(step, which, now);
            model.check();
        }
        // Everything goes well from now on.
        for _ in 0..1_000 {
            for (step, which) in [(8, 0), (7, 0), (5, 1), (6, 1), (2, 0)] {
                model.step(step, which, now);
                model.check();
            }
        }
        prop_assert_eq!(model.gone.values().map(Vec::len).sum::<usize>() as u64, model.entered);
        prop_assert_eq!((model.keys.held(), model.keys.parked(), model.keys.lines.len()), (0, 0, 0));
    }
}
