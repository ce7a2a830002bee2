use serde_json::json;

use super::*;
use crate::{
    deliver::outcome::Outcome as Answer,
    lanes::{item::Outcome, state::FACTS_HELD_MAX, testing},
};

#[tokio::test(start_paused = true)]
async fn a_breaker_whose_time_is_up_waits_for_what_is_due() {
    let limits = Limits {
        breaker_failures_max: 1,
        ..Limits::default()
    };
    let webhook = json!({"sink": {"webhook": {"url": "https://receiver.example/", "mode": "binary"}}});
    let lane = testing::lane(Marks::default(), &limits, webhook);
    testing::offer(&lane, &testing::logged(1, "urn:a", "k"));
    let item = lane.take(1).pop().unwrap();
    lane.answered(&Answer::Retry {
        code: "SB-3002",
        detail: String::new(),
        after: None,
    });
    let due = Instant::now() + Duration::from_secs(600);
    assert!(lane.wait(item, Duration::from_secs(600)).is_ok());
    tokio::time::advance(Duration::from_secs(300)).await;
    assert!(lane.take(1).is_empty());
    assert_eq!(
        lane.next_retry(),
        Some(due),
        "whoever asked again before would ask without end"
    );
    testing::offer(&lane, &testing::logged(2, "urn:a", "k"));
    assert!(lane.next_retry().is_some_and(|at| at <= Instant::now()));
    assert_eq!(lane.take(2).len(), 1, "one goes and decides");
}

/// Where outcomes cannot be written down, a lane takes no more events than it can remember the outcomes of.
#[test]
fn a_lane_that_cannot_tell_what_it_did_does_no_more() {
    let lane = testing::lane(
        Marks::default(),
        &Limits::default(),
        json!({"sink": {"pull": {}}}),
    );
    let offer = |position: usize| {
        let logged = testing::logged(u64::try_from(position).unwrap(), "urn:a", "k");
        lane.offer(&logged, Hang::Behind)
    };
    let end = |position: usize| {
        assert_eq!(offer(position), Offer::Taken);
        let item = lane.state().ready.pop_front().unwrap();
        lane.settle(item, Outcome::Delivered, None, None);
    };
    (1..=FACTS_HELD_MAX).for_each(end);
    let next = FACTS_HELD_MAX + 1;
    assert_eq!(offer(next), Offer::Full);
    let facts = lane.collect_facts(1).unwrap();
    assert_eq!(offer(next), Offer::Full, "being written is not written");
    lane.give_back_facts(facts);
    assert_eq!(offer(next), Offer::Full);
    assert!(!lane.has_room(Room::Some));
    let facts = lane.collect_facts(1).unwrap();
    lane.facts_written(facts.len());
    assert!(lane.has_room(Room::Some));
    assert_eq!(offer(next), Offer::Taken);
}

#[tokio::test(start_paused = true)]
async fn after_an_attempt_that_came_to_nothing_an_open_breaker_waits_for_the_pace() {
    let limits = Limits {
        breaker_failures_max: 1,
        ..Limits::default()
    };
    let webhook = json!({
        "sink": {"webhook": {"url": "https://receiver.example/", "mode": "binary"}},
        "delivery": {"rate_per_s": 1},
    });
    let lane = testing::lane(Marks::default(), &limits, webhook);
    testing::offer(&lane, &testing::logged(1, "urn:a", "k"));
    testing::offer(&lane, &testing::logged(2, "urn:a", "k"));
    lane.answered(&Answer::Retry {
        code: "SB-3002",
        detail: String::new(),
        after: None,
    });
    tokio::time::advance(Duration::from_secs(60)).await;
    let expired = lane.take(1).pop().unwrap();
    lane.untried();
    lane.settle(expired, Outcome::Expired, None, None);
    assert!(lane.take(1).is_empty());
    assert!(
        lane.next_retry().is_some_and(|at| at > Instant::now()),
        "whoever asked again before would ask without end"
    );
}
