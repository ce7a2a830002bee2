#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use stadtbus_broker::Broker;
use stadtbus_broker_memory::{Faults, MemoryBroker, Options};

use super::*;
use crate::{
    Limits,
    city::LiveCity,
    deliver::{
        egress::{Egress, EgressConfig},
        webhook::Webhook,
    },
    dispatch::{DeadLetters, Wanted},
    facts::Facts,
    lanes::{
        KeyState, Settlement, Standing,
        cursor::Marks,
        testing::{self, lane_of, logged, positions, take},
    },
    log::{LogWriter, own_log_specs},
};

mod ahead;

struct Bench {
    memory: MemoryBroker,
    broker: Arc<dyn Broker>,
    dispatcher: Dispatcher,
    limits: Limits,
    more: Value,
}

impl Bench {
    async fn new(more: Value) -> Self {
        let memory = MemoryBroker::new(Options::default());
        let broker: Arc<dyn Broker> = Arc::new(memory.clone());
        let limits = Limits {
            key_backlog_max: 2,
            ..Limits::default()
        };
        for spec in own_log_specs(&limits).unwrap() {
            broker.ensure_log(&spec).await.unwrap();
        }
        let egress = Arc::new(Egress::new(EgressConfig::default()).unwrap());
        let dispatcher = Dispatcher::new(
            Arc::clone(&broker),
            LogWriter::new(Arc::clone(&broker)),
            Webhook::new(egress),
            Arc::new(Facts::default()),
            limits.clone(),
        );
        Self {
            memory,
            broker,
            dispatcher,
            limits,
            more,
        }
    }

    /// A lane as it starts: from marks, with what was parked before.
    async fn lane(&self, marks: Marks) -> Lane {
        let lane = testing::lane(marks, &self.limits, self.more.clone());
        lane_of(&*self.broker, lane).await
    }

    async fn settle(&self, lane: &Lane, taken: &[(Position, String)], how: &Settlement) {
        let handles: Vec<String> = taken.iter().map(|(_, handle)| handle.clone()).collect();
        let (known, _, given_up) = lane.settle_handles(&handles, how);
        assert_eq!(known, taken.len());
        for (item, code, detail) in given_up {
            self.dispatcher.give_up(lane, item, code, detail).await;
        }
        self.dispatcher.keep(lane).await;
    }

    /// Fails the key's first event until it is given up.
    async fn fail(&self, lane: &Lane, position: Position) {
        for _ in 0..2 {
            let taken = take(lane).await;
            let failing: Vec<_> = taken.iter().filter(|(at, _)| *at == position).cloned().collect();
            let others: Vec<_> = taken.iter().filter(|(at, _)| *at != position).cloned().collect();
            self.settle(lane, &others, &Settlement::Acknowledge).await;
            self.settle(lane, &failing, &Settlement::Release(Duration::ZERO))
                .await;
        }
    }

    /// Acknowledges everything that comes; the positions in their order.
    async fn drain(&self, lane: &Lane) -> Vec<Position> {
        let mut gone = Vec::new();
        loop {
            // Each pass brings one event of a key back, or buries it.
            for _ in 0..8 {
                self.dispatcher.keep(lane).await;
            }
            let taken = take(lane).await;
            if taken.is_empty() {
                return gone;
            }
            gone.extend(positions(&taken));
            self.settle(lane, &taken, &Settlement::Acknowledge).await;
        }
    }

    async fn dead(&self) -> Vec<(Position, String)> {
        let (letters, _) = DeadLetters::new(Arc::clone(&self.broker))
            .list(&Wanted::default(), 100)
            .await
            .unwrap();
        let pair = |buried: crate::dispatch::Buried| (buried.letter.position, buried.letter.code);
        letters.into_iter().map(pair).collect()
    }
}

fn ordered() -> Value {
    json!({"order": {"by": "partitionkey"}})
}

fn offer(lane: &Lane, range: std::ops::RangeInclusive<Position>, key: &str) {
    for position in range {
        testing::offer(lane, &logged(position, "urn:a", key));
    }
}

fn state(lane: &Lane) -> Vec<(KeyState, usize)> {
    let keys = lane.parked_keys();
    keys.into_iter().map(|key| (key.state, key.events)).collect()
}

#[tokio::test]
async fn a_long_backlog_leaves_room_for_other_keys_and_comes_in_order() {
    let bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=9, "x");
    offer(&lane, 10..=10, "y");
    bench.dispatcher.keep(&lane).await;
    assert_eq!(lane.figures().parked, 6, "one is under way and two are in memory");
    assert_eq!(
        lane.standing(&testing::log(), 9),
        Some(Standing::Parked { stop: None })
    );
    let first = take(&lane).await;
    assert_eq!(positions(&first), [1, 10]);
    bench.settle(&lane, &first, &Settlement::Acknowledge).await;
    assert_eq!(bench.drain(&lane).await, [2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!((lane.figures().parked, lane.figures().open), (0, 0));
    assert!(state(&lane).is_empty());
}

#[tokio::test]
async fn a_key_that_keeps_failing_is_parked_and_waits_for_a_decision_over_a_restart() {
    let bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=4, "x");
    offer(&lane, 5..=5, "y");
    bench.fail(&lane, 1).await;
    assert_eq!(state(&lane), [(KeyState::Parked, 4)]);
    offer(&lane, 6..=6, "x");
    assert_eq!(bench.drain(&lane).await, Vec::<Position>::new());
    assert_eq!(lane.figures().parked, 5, "what comes later joins the backlog");
    let marks = testing::marks(&lane);
    assert!(
        marks.logs["LOG_WERK"].open.is_empty(),
        "the log of parked events owns them"
    );

    // Another life, in which all but the last is read again: its cursor was not written.
    let mut stale = marks.clone();
    stale.logs.get_mut("LOG_WERK").unwrap().seen = 4;
    let lane = bench.lane(stale).await;
    assert_eq!(state(&lane), [(KeyState::Parked, 5)]);
    offer(&lane, 6..=6, "x");
    assert_eq!(lane.figures().parked, 5, "it is not parked twice");
    let id = lane.parked_keys()[0].id.clone();
    let (shown, events) = bench.dispatcher.parked_key(&lane, &id).await.unwrap();
    assert_eq!((shown.attempts, shown.code.as_deref()), (2, Some("SB-3008")));
    assert_eq!((shown.value.as_str(), events.len()), ("x", 5));
    assert_eq!(events[0].provenance.by, "system:fahrzeug");

    bench.dispatcher.resume_key(&lane, &id).await.unwrap();
    let gone = bench.drain(&lane).await;
    assert_eq!(gone, [1, 2, 3, 4, 6]);
    assert!(bench.dead().await.is_empty());
    assert_eq!(
        bench.dispatcher.resume_key(&lane, &id).await.unwrap_err().code,
        "SB-2021"
    );
}

#[tokio::test]
async fn parked_events_wait_until_all_that_was_open_is_read_again() {
    let bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=6, "x");
    bench.dispatcher.keep(&lane).await;
    let marks = testing::marks(&lane);
    assert_eq!(marks.logs["LOG_WERK"].open, [1, 2, 3]);
    let lane = bench.lane(marks).await;
    bench.dispatcher.keep(&lane).await;
    assert!(take(&lane).await.is_empty(), "1 to 3 stand before what is parked");
    offer(&lane, 1..=3, "x");
    assert_eq!(bench.drain(&lane).await, [1, 2, 3, 4, 5, 6]);
}

fn edit(data: &str) -> Edit {
    Edit {
        data: bytes::Bytes::copy_from_slice(data.as_bytes()),
        by: "amt/empfang".to_owned(),
        reason: "Einheit".to_owned(),
    }
}

/// The next event of a key, fetched from where it is parked.
async fn next(bench: &Bench, lane: &Lane) -> Vec<crate::lanes::Handed> {
    for _ in 0..2 {
        bench.dispatcher.keep(lane).await;
    }
    lane.receive(1, Duration::ZERO, Duration::from_secs(60)).await
}

/// Corrects the second event of a parked key: within the contract, marked, with what was accepted beside it, over a restart.
async fn corrected(bench: &Bench, lane: &Lane, id: &str) {
    let city = LiveCity::of(testing::registry());
    let refused = bench.dispatcher.edit(lane, &city, id, edit(r#"{"id":7}"#)).await;
    assert_eq!(refused.unwrap_err().code, "SB-1203");
    let fixed = edit(r#"{"id":"corrected"}"#);
    bench.dispatcher.edit(lane, &city, id, fixed).await.unwrap();
    let again = bench.lane(testing::marks(lane)).await;
    for lane in [&again, lane] {
        let handed = next(bench, lane).await;
        // That it was skipped was not written down before the restart.
        let handed = match handed[0].logged.position {
            1 => {
                let skipped = [(1, handed[0].handle.clone())];
                bench.settle(lane, &skipped, &Settlement::Acknowledge).await;
                next(bench, lane).await
            }
            _ => handed,
        };
        let event = &handed[0].logged.event;
        assert_eq!((handed[0].logged.position, event.id()), (2, "e-2"));
        assert_eq!(event.data().unwrap().as_ref(), br#"{"id":"corrected"}"#);
        assert!(
            stadtbus_event::json::to_bytes(event)
                .windows(14)
                .any(|part| part == b"stadtbusedited")
        );
        let taken = [(2, handed[0].handle.clone())];
        bench.settle(lane, &taken, &Settlement::Acknowledge).await;
        let told = lane.unwritten(&testing::log(), 2).pop().unwrap();
        let detail = told.detail.as_deref().unwrap_or_default();
        assert!(detail.starts_with("edited by amt/empfang on "), "{detail}");
    }
}

#[tokio::test]
async fn the_first_is_skipped_or_corrected_and_a_backlog_is_buried() {
    let bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=3, "x");
    bench.fail(&lane, 1).await;
    let id = lane.parked_keys()[0].id.clone();
    let skipped = bench.dispatcher.skip(&lane, &id, "amt/empfang").await.unwrap();
    assert_eq!(skipped.events, 1);
    assert_eq!(bench.dead().await, [(1, "SB-3023".to_owned())]);

    bench.dispatcher.keep(&lane).await;
    bench.fail(&lane, 2).await;
    let (_, events) = bench.dispatcher.parked_key(&lane, &id).await.unwrap();
    assert_eq!(events[0].position, 2);
    corrected(&bench, &lane, &id).await;

    bench.fail(&lane, 3).await;
    offer(&lane, 4..=6, "x");
    bench.dispatcher.keep(&lane).await;
    let buried = bench
        .dispatcher
        .bury_key(&lane, &id, "amt/empfang")
        .await
        .unwrap();
    assert_eq!(buried.events, 4);
    offer(&lane, 7..=7, "x");
    assert_eq!(bench.drain(&lane).await, [7]);
    let dead: Vec<_> = bench
        .dead()
        .await
        .into_iter()
        .map(|(position, _)| position)
        .collect();
    assert_eq!(dead, [1, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_long_wait_keeps_its_place_and_its_attempts() {
    let bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=2, "x");
    let item = lane.take_ready().unwrap();
    let until = millis_now() + 3_600_000;
    assert!(
        bench
            .dispatcher
            .set_aside(&lane, item, "SB-3002", "no", Some(until))
            .await
    );
    assert_eq!(bench.drain(&lane).await, Vec::<Position>::new());
    assert_eq!(state(&lane), [(KeyState::Waiting, 2)]);

    // Over a restart, too. Then its time comes.
    let lane = bench.lane(testing::marks(&lane)).await;
    assert_eq!(state(&lane), [(KeyState::Waiting, 2)]);
    assert_eq!(bench.drain(&lane).await, Vec::<Position>::new());
    lane.wake_all_keys();
    assert_eq!(bench.drain(&lane).await, [1, 2]);
    assert!(state(&lane).is_empty());
}

#[tokio::test]
async fn with_dead_letters_instead_a_key_goes_on_by_itself() {
    let bench = Bench::new(json!({"order": {"by": "partitionkey", "on_failure": "dead-letter"}})).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=2, "x");
    bench.fail(&lane, 1).await;
    assert_eq!(bench.dead().await, [(1, "SB-3008".to_owned())]);
    assert_eq!(bench.drain(&lane).await, [2]);
}

#[tokio::test]
async fn what_is_parked_is_delivered_when_order_is_not_asked_for_any_more() {
    let mut bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=6, "x");
    bench.dispatcher.keep(&lane).await;
    let marks = testing::marks(&lane);
    bench.more = json!({});
    let lane = bench.lane(marks).await;
    offer(&lane, 1..=3, "x");
    let gone: std::collections::BTreeSet<_> = bench.drain(&lane).await.into_iter().collect();
    assert_eq!(gone, (1..=6).collect());
    assert!(state(&lane).is_empty());
}

#[tokio::test]
async fn what_came_before_the_failure_is_repeated_after_a_crash_and_the_rest_stays_parked() {
    let bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=4, "x");
    let first = take(&lane).await;
    bench.settle(&lane, &first, &Settlement::Acknowledge).await;
    bench.fail(&lane, 2).await;
    assert_eq!(state(&lane), [(KeyState::Parked, 3)]);

    // It dies before it has written its cursor.
    let lane = bench.lane(Marks::default()).await;
    offer(&lane, 1..=5, "x");
    assert_eq!(bench.drain(&lane).await, [1]);
    assert_eq!(state(&lane), [(KeyState::Parked, 4)]);
    let id = lane.parked_keys()[0].id.clone();
    bench.dispatcher.resume_key(&lane, &id).await.unwrap();
    assert_eq!(bench.drain(&lane).await, [2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn an_event_whose_parking_was_not_answered_stands_in_one_place_only() {
    let bench = Bench::new(ordered()).await;
    let lane = bench.lane(Marks::default()).await;
    testing::offer(&lane, &logged(1, "urn:a", "x"));
    bench.memory.set_faults(Faults {
        append_unknown: 1.0,
        append_unknown_stored: 1.0,
        ..Faults::default()
    });
    let heal = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        bench.memory.set_faults(Faults::default());
    };
    tokio::join!(bench.fail(&lane, 1), heal);
    let states: Vec<_> = lane.parked_keys().into_iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Parked]);
    let parked = LogName::new(PARKED_LOG).unwrap();
    assert_eq!(bench.broker.state(&parked).await.unwrap().count, 1);
    assert!(
        testing::marks(&lane)
            .logs
            .values()
            .all(|mark| mark.open.is_empty())
    );
}
