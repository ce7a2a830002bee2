#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{
    cell::Cell,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use proptest::prelude::*;
use serde_json::json;
use stadtbus_broker::Record;

use super::*;
use crate::{
    Limits,
    lanes::{
        Feed, Offer, Routing,
        feed::Still,
        item::Item,
        lane::{Hang, Lane},
        testing::{self, TYPE, log, logged},
    },
    log::{Logged, encode},
    route::Matcher,
};

/// A lane over a log of which `last` events were accepted.
struct Bench {
    lane: Arc<Lane>,
    last: Position,
    first: Position,
    looks: Cell<u64>,
}

fn lane(marks: Marks) -> Arc<Lane> {
    let only_some = json!({"filters": [{"not": {"exact": {"partitionkey": "no"}}}]});
    Arc::new(testing::lane(marks, &Limits::default(), only_some))
}

fn event(position: Position) -> Arc<Logged> {
    logged(
        position,
        "urn:a",
        if position.is_multiple_of(5) { "no" } else { "yes" },
    )
}

impl Bench {
    fn new() -> Self {
        let marks = Marks {
            logs: BTreeMap::from([(log().as_str().to_owned(), Mark::default())]),
            ..Marks::default()
        };
        Self {
            lane: lane(marks),
            last: 0,
            first: 1,
            looks: Cell::new(0),
        }
    }

    /// As the lane's own reader does.
    fn read(&mut self, position: Position) {
        let logged = event(position);
        if self.lane.order.wants(&logged.event, crate::clock::now()) {
            assert_ne!(self.lane.offer(&logged, Hang::Behind), Offer::Full);
        } else {
            self.lane.pass_over(&logged);
        }
        self.lane.pass(&log(), position);
    }

    fn read_all(&mut self) {
        let next = self.lane.next(&log()).unwrap();
        (next..=self.last).for_each(|position| self.read(position));
    }

    fn marks(&self) -> Marks {
        self.lane.marks(&Still::default())
    }

    fn balance(&self) -> Balance {
        self.balance_of(self.marks())
    }

    fn balance_of(&self, mut marks: Marks) -> Balance {
        let mut books = marks.balance.take().unwrap();
        let surveys = BTreeMap::from([(
            log().as_str().to_owned(),
            Survey::made(TYPE, self.first, self.last),
        )]);
        self.looks.set(self.looks.get() + 1);
        assert!(books.compare(&marks.logs, &surveys, self.looks.get()));
        let balance = books.last.clone().unwrap();
        drop(self.lane.compared(books));
        balance
    }

    /// The next event that is under way.
    fn take(&self) -> Option<Item> {
        let mut state = self.lane.state();
        let item = state.ready.pop_front()?;
        state.carried += 1;
        Some(item)
    }

    fn end(&self, outcome: Outcome) {
        let item = self.take().unwrap();
        self.lane.settle(item, outcome, None, None);
    }
}

#[test]
fn every_event_is_under_one_head() {
    let mut bench = Bench::new();
    bench.last = 11;
    bench.read_all();
    let told = |balance: &Balance| {
        (
            balance.accepted,
            balance.filtered,
            balance.pending,
            balance.difference,
        )
    };
    assert_eq!(told(&bench.balance()), (11, 2, 9, 0));
    for outcome in [
        Outcome::Delivered,
        Outcome::Filtered,
        Outcome::Expired,
        Outcome::DeadLettered,
        Outcome::Retry,
    ] {
        bench.end(outcome);
    }
    bench.last = 15;
    let balance = bench.balance();
    assert_eq!(told(&balance), (15, 3, 9, 0), "four of them are not read yet");
    assert_eq!(
        (balance.delivered, balance.expired, balance.dead_lettered),
        (1, 1, 1)
    );
}

#[test]
fn a_settle_that_forgets_to_write_is_found() {
    let mut bench = Bench::new();
    bench.last = 4;
    bench.read_all();
    bench.end(Outcome::Delivered);
    assert_eq!(bench.balance().difference, 0);
    let item = bench.take().unwrap();
    if let Some((cursor, _)) = bench.lane.state().hangs.get_mut(&log()) {
        cursor.settle(item.logged.position);
    }
    let balance = bench.balance();
    assert_eq!((balance.accepted, balance.difference), (4, 1));
    let mut marks = bench.marks();
    let mut books = marks.balance.take().unwrap();
    let surveys = BTreeMap::from([(log().as_str().to_owned(), Survey::made(TYPE, 1, 4))]);
    books.compare(&marks.logs, &surveys, 9);
    let off = bench
        .lane
        .compared(books)
        .expect("a second look makes it a fault");
    assert_eq!(off.difference, 1);
}

#[test]
fn what_was_offered_to_nobody_is_found() {
    let mut bench = Bench::new();
    bench.last = 3;
    bench.read_all();
    bench.last = 6;
    // As a lane that joins the shared reader too late would.
    bench.lane.pass(&log(), 6);
    assert_eq!(bench.balance().difference, 3);
}

#[test]
fn what_the_logs_age_removed_before_it_was_counted_is_no_fault() {
    let mut bench = Bench::new();
    bench.last = 8;
    bench.read_all();
    bench.first = 6;
    assert_eq!(bench.balance().difference, 0);
}

fn record(position: Position) -> Record {
    let logged = event(position);
    let entry = encode(&logged.provenance.partner, &logged.event, &logged.provenance);
    Record {
        log: log(),
        position,
        subject: entry.subject,
        headers: entry.headers,
        payload: entry.payload,
        stored_at: SystemTime::now(),
    }
}

/// The shared reader comes to a lane that has read further, one that is level and one that fills up meanwhile.
#[tokio::test]
async fn the_shared_reader_counts_nothing_twice() {
    for (read, joined_at) in [(12, 3), (12, 12), (12, 11)] {
        let mut bench = Bench::new();
        bench.last = read;
        bench.read_all();
        let routing = Routing {
            matcher: Matcher::new(vec![Arc::clone(&bench.lane.order.rule)]),
            lanes: vec![Some(Arc::clone(&bench.lane))],
        };
        let routing = Arc::new(ArcSwap::from_pointee(routing));
        let feed = Arc::new(Feed::new(log(), joined_at, routing));
        let feeds = BTreeMap::from([(log(), Arc::clone(&feed))]);
        assert!(feed.join(&bench.lane));
        // In the end more than the lane holds.
        for to in [joined_at + 1, 12, 13, 15, 40, 3_000] {
            let from = feed.position() + 1;
            let records = futures_util::stream::iter((from..=to).map(record));
            Arc::clone(&feed).run(Box::pin(records)).await;
            bench.last = bench.last.max(to);
            let balance = bench.balance_of(bench.lane.marks(&Still::of(&feeds, &bench.lane)));
            assert_eq!(
                balance.difference, 0,
                "joined at {joined_at}, read to {to}: {balance:?}"
            );
        }
    }
}

/// Records outside the lane: position of the record, of the event, the life that wrote it, whether it is a dead letter.
type Kept = (Position, Position, u64, bool);

#[derive(Debug, Clone)]
enum Step {
    Accept,
    Read,
    End(Outcome),
    Due,
    Again,
    Flush,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Accept),
        5 => Just(Step::Read),
        2 => Just(Step::End(Outcome::Delivered)),
        2 => Just(Step::End(Outcome::DeadLettered)),
        2 => Just(Step::End(Outcome::Retry)),
        1 => Just(Step::End(Outcome::Expired)),
        3 => Just(Step::Due),
        2 => Just(Step::Again),
        2 => Just(Step::Flush),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..120)
}

/// A lane with what the broker keeps for it.
struct World {
    bench: Bench,
    records: Vec<Kept>,
    next: Position,
    written: Marks,
    revision: u64,
}

impl World {
    fn new() -> Self {
        let bench = Bench::new();
        let written = Marks {
            logs: BTreeMap::from([(log().as_str().to_owned(), Mark::default())]),
            ..Marks::default()
        };
        Self {
            bench,
            records: Vec::new(),
            next: 1,
            written,
            revision: 0,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Accept => self.bench.last += 1,
            Step::Read => {
                let next = self.bench.lane.next(&log()).unwrap();
                if next <= self.bench.last {
                    self.bench.read(next);
                }
            }
            Step::End(outcome) => {
                let Some(item) = self.bench.take() else { return };
                // What an outcome needs is written before the event counts as settled.
                if matches!(outcome, Outcome::Retry | Outcome::DeadLettered) {
                    let dead = outcome == Outcome::DeadLettered;
                    let life = self.bench.lane.life_for(&item);
                    self.records.push((self.next, item.logged.position, life, dead));
                    self.next += 1;
                }
                self.bench.lane.settle(item, outcome, None, None);
            }
            Step::Due | Step::Again => {
                let dead = matches!(step, Step::Again);
                let open = self.bench.lane.due_left();
                let found = self
                    .records
                    .iter()
                    .find(|kept| kept.3 == dead && !open.contains(&kept.0));
                if let Some((record, position, life, dead)) = found.copied() {
                    let mut item = Item::new(event(position));
                    item.due = Some(record);
                    self.bench.lane.offer_due(item, record, Origin { life, dead });
                }
            }
            Step::Flush => {
                let collected = self.bench.lane.collect(&Still::default(), true);
                let Some(collected) = collected else { return };
                self.revision += 1;
                self.written = collected.marks.clone();
                self.bench.lane.written(collected.marks, self.revision);
                self.records.retain(|kept| !collected.due_done.contains(&kept.0));
            }
            Step::Crash => {
                std::thread::sleep(Duration::from_millis(1));
                self.bench.lane = lane(self.written.clone());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is settled, given up, tried again, sent again and lost by crashes in whatever order: the sides are even at every
    /// moment.
    #[test]
    fn the_books_are_even_over_crashes(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            prop_assert_eq!(world.bench.balance().difference, 0);
        }
    }
}
