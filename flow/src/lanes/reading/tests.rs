use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    Limits,
    lanes::{
        cursor::Marks,
        testing::{lane, log, logged, marks, offer, positions, take},
    },
};

fn plain() -> Lane {
    lane(Marks::default(), &Limits::default(), json!({}))
}

fn offered(lane: &Lane, places: impl IntoIterator<Item = Position>) {
    for place in places {
        offer(lane, &logged(place, "urn:a", "x"));
    }
}

/// What a reader with this turn is handed now.
fn handed(lane: &Lane, turn: u64, max: usize) -> Batch {
    lane.hand_out(turn, max, Instant::now(), &Level::new()).unwrap()
}

fn places(batch: &Batch) -> Vec<Position> {
    batch.events.iter().map(|given| given.logged.position).collect()
}

fn open(lane: &Lane) -> Vec<Position> {
    marks(lane).logs[log().as_str()].open.clone()
}

#[test]
fn delivered_is_what_a_bookmark_that_was_shown_covers() {
    let lane = plain();
    offered(&lane, 1..=5);
    let (turn, _) = lane.begin_reading(None);
    let first = handed(&lane, turn, 3);
    assert_eq!(places(&first), [1, 2, 3]);
    assert_eq!(open(&lane), [1, 2, 3, 4, 5], "handed out is not delivered");
    assert_eq!(lane.confirm(&first.events[1].bookmark), 2);
    assert_eq!(open(&lane), [3, 4, 5]);
    assert_eq!(lane.confirm(&first.events[1].bookmark), 0, "said once more");
    let rest = handed(&lane, turn, 9);
    assert_eq!(places(&rest), [4, 5]);
    assert_eq!(lane.confirm(&rest.next), 3);
    assert_eq!(open(&lane), [] as [Position; 0]);
}

#[test]
fn the_same_bookmark_gives_the_same_events() {
    let lane = plain();
    offered(&lane, 1..=4);
    let (turn, _) = lane.begin_reading(None);
    let first = handed(&lane, turn, 2);
    for _ in 0..2 {
        let (turn, _) = lane.begin_reading(Some(&first.next));
        assert_eq!(places(&handed(&lane, turn, 9)), [3, 4]);
    }
    assert_eq!(open(&lane), [3, 4]);
}

#[test]
fn who_began_last_is_heard() {
    let lane = plain();
    offered(&lane, 1..=2);
    let (one, _) = lane.begin_reading(None);
    assert_eq!(places(&handed(&lane, one, 9)), [1, 2]);
    let (two, _) = lane.begin_reading(None);
    let end = lane.hand_out(one, 9, Instant::now(), &Level::new());
    assert!(matches!(end, Err(Ended::Displaced)), "{end:?}");
    assert_eq!(places(&handed(&lane, two, 9)), [1, 2]);
    lane.close();
    let end = lane.hand_out(two, 9, Instant::now(), &Level::new());
    assert!(matches!(end, Err(Ended::Closed)), "{end:?}");
}

#[test]
fn only_the_first_unconfirmed_event_counts_an_attempt() {
    // Two attempts at most.
    let lane = plain();
    offered(&lane, 1..=3);
    let mut buried = Vec::new();
    for _ in 0..3 {
        let (turn, given_up) = lane.begin_reading(None);
        buried.extend(
            given_up
                .into_iter()
                .map(|(item, code, _)| (item.logged.position, code)),
        );
        handed(&lane, turn, 9);
    }
    assert_eq!(buried, [(1, "SB-3008")]);
    let (turn, given_up) = lane.begin_reading(None);
    assert!(given_up.is_empty(), "the next one has its own attempts");
    assert_eq!(places(&handed(&lane, turn, 9)), [2, 3]);
}

#[test]
fn no_more_stands_unconfirmed_than_may() {
    let limits = Limits {
        unconfirmed_events_max: 2,
        ..Limits::default()
    };
    let lane = lane(Marks::default(), &limits, json!({}));
    offered(&lane, 1..=4);
    let (turn, _) = lane.begin_reading(None);
    let first = handed(&lane, turn, 9);
    assert_eq!(places(&first), [1, 2]);
    let end = lane.hand_out(turn, 9, Instant::now(), &Level::new());
    assert!(matches!(end, Err(Ended::Unconfirmed)), "{end:?}");
    lane.confirm(&first.events[0].bookmark);
    assert_eq!(places(&handed(&lane, turn, 9)), [3]);
}

#[test]
fn a_bookmark_of_an_earlier_life_confirms_what_it_covers() {
    let before = plain();
    offered(&before, 1..=4);
    let (turn, _) = before.begin_reading(None);
    let batch = handed(&before, turn, 3);
    let after = lane(marks(&before), &Limits::default(), json!({}));
    // The reader is there before the lane has read its log again.
    let (turn, _) = after.begin_reading(Some(&batch.events[1].bookmark));
    offered(&after, 1..=4);
    assert_eq!(places(&handed(&after, turn, 9)), [3, 4]);
    assert_eq!(open(&after), [3, 4]);
    assert_eq!(
        marks(&after).confirmed,
        BTreeMap::from([(log().as_str().to_owned(), 2)])
    );
}

#[tokio::test]
async fn what_somebody_has_on_loan_is_covered_by_no_bookmark() {
    let before = plain();
    offered(&before, 1..=1);
    let lent = take(&before).await;
    assert_eq!(positions(&lent), [1]);
    offered(&before, 2..=3);
    let (turn, _) = before.begin_reading(None);
    let batch = handed(&before, turn, 9);
    assert_eq!(places(&batch), [2, 3]);
    before.confirm(&batch.next);
    assert_eq!(open(&before), [1], "it is still on loan");
    let after = lane(marks(&before), &Limits::default(), json!({}));
    let (turn, _) = after.begin_reading(Some(&batch.next));
    offered(&after, 1..=1);
    assert_eq!(
        places(&handed(&after, turn, 9)),
        [1],
        "the loan ended with the process"
    );
}

#[test]
fn the_events_of_a_key_wait_for_the_confirmation() {
    let order = json!({"order": {"by": "partitionkey"}});
    let lane = lane(Marks::default(), &Limits::default(), order);
    for (place, key) in [(1, "a"), (2, "a"), (3, "b")] {
        offer(&lane, &logged(place, "urn:a", key));
    }
    let (turn, _) = lane.begin_reading(None);
    let batch = handed(&lane, turn, 9);
    assert_eq!(places(&batch), [1, 3]);
    let up_to = batch.next.read.get(&log()).copied();
    assert_eq!(
        up_to,
        Some(1),
        "2 is kept back, so 3 is covered by its number alone"
    );
    assert_eq!(lane.confirm(&batch.next), 2);
    assert_eq!(places(&handed(&lane, turn, 9)), [2]);
}

#[test]
fn a_bookmark_goes_on_with_the_shared_reader_without_an_event() {
    let lane = plain();
    offered(&lane, 1..=1);
    lane.hang_level(&log(), 1, 1);
    let (turn, _) = lane.begin_reading(None);
    let level = Level::from([(log(), 70)]);
    let batch = lane.hand_out(turn, 9, Instant::now(), &level).unwrap();
    assert_eq!(places(&batch), [1]);
    assert_eq!(batch.next.read.get(&log()), Some(&70));
    let cell = serde_json::to_value(marks(&lane)).unwrap();
    assert!(cell.get("confirmed").is_none(), "nothing was confirmed: {cell}");
}

#[tokio::test(start_paused = true)]
async fn what_a_reader_left_goes_to_whoever_takes_on_loan() {
    let lane = plain();
    offered(&lane, 1..=2);
    let (turn, _) = lane.begin_reading(None);
    handed(&lane, turn, 9);
    assert!(take(&lane).await.is_empty(), "the reader may still come back");
    tokio::time::advance(HOLD).await;
    assert_eq!(positions(&take(&lane).await), [1, 2]);
}

#[derive(Debug, Clone)]
enum Step {
    Offer,
    Read(usize),
    Begin(prop::sample::Index),
    Confirm(prop::sample::Index),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Offer),
        3 => (1..5_usize).prop_map(Step::Read),
        1 => any::<prop::sample::Index>().prop_map(Step::Begin),
        1 => any::<prop::sample::Index>().prop_map(Step::Confirm),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    /// Whatever a reader does, with whatever bookmark it was given, over crashes: what ended as delivered was handed out
    /// before it, or with it; and all the rest is open.
    #[test]
    fn no_event_is_confirmed_that_was_not_handed_out(steps in prop::collection::vec(step(), 1..80), keyed: bool) {
        let more = if keyed { json!({"order": {"by": "partitionkey"}, "delivery": {"attempts_max": 100}}) } else { json!({"delivery": {"attempts_max": 100}}) };
        let mut lane = lane(Marks::default(), &Limits::default(), more.clone());
        let (mut turn, _) = lane.begin_reading(None);
        let mut last = 0;
        let mut given: Vec<(Bookmark, BTreeSet<Position>)> = Vec::new();
        let mut handed_out: BTreeSet<Position> = BTreeSet::new();
        let mut confirmed: BTreeSet<Position> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Offer => {
                    last += 1;
                    offer(&lane, &logged(last, "urn:a", if last % 3 == 0 { "a" } else { "b" }));
                }
                Step::Read(max) => {
                    for one in handed(&lane, turn, max).events {
                        handed_out.insert(one.logged.position);
                        given.push((one.bookmark, handed_out.clone()));
                    }
                }
                Step::Begin(at) if !given.is_empty() => {
                    let (bookmark, before) = &given[at.index(given.len())];
                    turn = lane.begin_reading(Some(bookmark)).0;
                    confirmed.extend(before);
                }
                Step::Confirm(at) if !given.is_empty() => {
                    let (bookmark, before) = &given[at.index(given.len())];
                    lane.confirm(bookmark);
                    confirmed.extend(before);
                }
                Step::Begin(_) | Step::Confirm(_) => turn = lane.begin_reading(None).0,
                Step::Crash => {
                    let left = marks(&lane);
                    lane = crate::lanes::testing::lane(left, &Limits::default(), more.clone());
                    turn = lane.begin_reading(None).0;
                    offered_again(&lane, last);
                }
            }
            let open = lane.still_open();
            for place in 1..=last {
                prop_assert!(open.contains(&place) || confirmed.contains(&place), "{place} was settled, and nobody has it");
            }
        }
    }
}

fn offered_again(lane: &Lane, last: Position) {
    for place in 1..=last {
        offer(
            lane,
            &logged(place, "urn:a", if place % 3 == 0 { "a" } else { "b" }),
        );
    }
}

impl Lane {
    fn still_open(&self) -> BTreeSet<Position> {
        let state = self.state();
        let cursors = state.hangs.values();
        cursors.flat_map(|(cursor, _)| cursor.mark(None).open).collect()
    }
}
