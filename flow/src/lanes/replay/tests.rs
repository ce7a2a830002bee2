use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use stadtbus_broker::Broker;
use stadtbus_broker_memory::{MemoryBroker, Options};
use stadtbus_contracts::{Registry, Subscription, load};
use stadtbus_event::PartnerId;
use tokio::sync::Semaphore;

use super::{missing::Delivered, *};
use crate::{
    Limits,
    city::{LiveCity, Order},
    clock::millis_now,
    lanes::{
        Settlement,
        settled::{Fact, Page},
    },
    log::{LogWriter, Provenance, own_log_specs, partner_log_spec},
    written::from_millis,
};

const TYPE: &str = "de.teststadt.werk.thing.v1";
const LEASE: Duration = Duration::from_secs(60);

fn city() -> LiveCity {
    let mut city = load(Path::new("../contracts/registry/tests/cities/sound"), &|_| None).unwrap();
    let order: Subscription = serde_json::from_value(serde_json::json!({
        "subscription": "amt-probe", "partner": "amt", "title": "Probe",
        "purpose": "https://w3id.org/dpv#ServiceProvision", "types": [TYPE], "sink": {"pull": {}},
        "filters": [{"not": {"exact": {"subject": "x"}}}],
    }))
    .unwrap();
    city.subscriptions.insert(order.subscription.clone(), order);
    LiveCity::of(Registry::compile(city).unwrap())
}

struct World {
    broker: Arc<dyn Broker>,
    order: Arc<Order>,
    log: LogName,
}

/// A log of `count` events, every third of which the subscription does not ask for.
async fn world(count: u64) -> World {
    let broker: Arc<dyn Broker> = Arc::new(MemoryBroker::new(Options::default()));
    let limits = Limits::default();
    let werk = PartnerId::parse("werk").unwrap();
    let mut specs = own_log_specs(&limits).unwrap();
    specs.push(partner_log_spec(&werk, &limits).unwrap());
    for spec in &specs {
        broker.ensure_log(spec).await.unwrap();
    }
    let writer = LogWriter::new(Arc::clone(&broker));
    for n in 1..=count {
        let event = Event::builder(format!("e-{n}"), "urn:teststadt:werk:x", TYPE)
            .subject(if n % 3 == 0 { "x" } else { "y" })
            .build()
            .unwrap();
        let provenance = Provenance {
            partner: werk.clone(),
            by: "system:x".to_owned(),
            token_id: String::new(),
            accepted: SystemTime::now(),
            contract: String::new(),
            hops: 0,
            cause: None,
            traceparent: None,
        };
        writer.append(&werk, &event, &provenance).await.unwrap();
    }
    World {
        broker,
        order: Arc::clone(city().order("amt-probe").unwrap()),
        log: LogName::new("LOG_WERK").unwrap(),
    }
}

fn replay(first: u64, last: u64, only_missing: bool) -> Replay {
    Replay {
        id: "r1".to_owned(),
        subscription: "amt-probe".to_owned(),
        partner: "amt".to_owned(),
        ranges: BTreeMap::from([("LOG_WERK".to_owned(), Range { first, last })]),
        only_missing,
        rate_per_s: 10_000,
        sink: None,
        by: "amt/x".to_owned(),
        created_ms: millis_now(),
        stage: Stage::Running,
        why: None,
        ended_ms: None,
    }
}

impl World {
    /// A life of the replay's lane, from these marks on.
    fn lane(&self, replay: &Replay, marks: Marks) -> (Arc<Lane>, tokio::task::JoinHandle<()>) {
        let order = Arc::new(self.order.replaying(&replay.id, None).unwrap());
        let logs = replay.logs();
        let marks = replay.begin(marks);
        let lane = Arc::new(Lane::new(order, &logs, marks, None, None, &Limits::default()));
        let reader = Reader {
            broker: Arc::clone(&self.broker),
            lane: Arc::clone(&lane),
            replay: Arc::new(replay.clone()),
            readers: Arc::new(Semaphore::new(1)),
        };
        (lane, tokio::spawn(reader.run()))
    }

    async fn tell(&self, subject: &str, elsewhere: bool, positions: &[u64]) {
        let fact = |position: &u64| Fact {
            log: self.log.clone(),
            position: *position,
            outcome: Outcome::Delivered,
            at_ms: millis_now(),
            attempts: 1,
            code: None,
            detail: None,
            next_ms: None,
            notes: Box::default(),
            ran: None,
        };
        let page = Page {
            plugin: None,
            tables: crate::transform::TableVersions::new(),
            replay: None,
            elsewhere,
            facts: positions.iter().map(fact).collect(),
        };
        let settled = LogName::new("SETTLED").unwrap();
        self.broker
            .append(&settled, page.entry(subject.to_owned()).unwrap())
            .await
            .unwrap();
    }
}

fn marks(lane: &Lane) -> Marks {
    lane.collect(&crate::lanes::feed::Still::default(), true)
        .map(|one| one.marks)
        .unwrap()
}

/// Takes up to `count` and acknowledges them; positions, and whether each was marked.
async fn take(lane: &Lane, count: usize) -> Vec<u64> {
    let handed = lane.receive(count, Duration::from_secs(10), LEASE).await;
    for one in &handed {
        assert_eq!(one.logged.event.extension(MARK).unwrap().to_string(), "r1");
    }
    let handles: Vec<String> = handed.iter().map(|one| one.handle.clone()).collect();
    assert_eq!(
        lane.settle_handles(&handles, &Settlement::Acknowledge).0,
        handed.len()
    );
    handed.iter().map(|one| one.logged.position).collect()
}

#[tokio::test]
async fn a_replay_goes_on_where_it_was_killed_and_ends_by_itself() {
    let world = world(20).await;
    let replay = replay(4, 14, false);
    let (lane, reader) = world.lane(&replay, Marks::default());
    reader.await.unwrap();
    let mut taken = take(&lane, 3).await;
    // Two more are on loan when it dies.
    let lent = lane.receive(2, Duration::from_secs(10), LEASE).await;
    assert_eq!((lent.len(), lane.has_replayed(&replay)), (2, false));
    let written = marks(&lane);
    assert!(!replay.is_settled(&written));

    let (lane, reader) = world.lane(&replay, written);
    reader.await.unwrap();
    while taken.len() < 8 {
        taken.extend(take(&lane, 10).await);
    }
    taken.sort_unstable();
    assert_eq!(
        taken,
        [4, 5, 7, 8, 10, 11, 13, 14],
        "what is asked for of 4 to 14"
    );
    assert!(lane.has_replayed(&replay));
    let written = marks(&lane);
    assert!(replay.is_settled(&written));
    assert_eq!(replay.progress(&written), (11, 11));
    let tally = written.tally.unwrap();
    assert_eq!((tally.delivered, tally.unmatched), (8, 3));
}

#[tokio::test]
async fn what_was_delivered_is_passed_over_and_what_went_elsewhere_is_not() {
    let world = world(8).await;
    world.tell("settled.amt.amt-probe", false, &[1, 4]).await;
    world.tell("settled.amt.amt-probe.r0", false, &[5]).await;
    world.tell("settled.amt.amt-probe.r9", true, &[7]).await;
    world.tell("settled.amt.amt-probe2", false, &[8]).await;
    let replay = replay(1, 8, true);
    let delivered = Delivered::read(&*world.broker, "amt.amt-probe", &replay.ranges)
        .await
        .unwrap();
    let known: Vec<u64> = (0..=9)
        .filter(|position| delivered.has("LOG_WERK", *position))
        .collect();
    assert_eq!(known, [1, 4, 5]);
    let (lane, reader) = world.lane(&replay, Marks::default());
    reader.await.unwrap();
    assert_eq!(take(&lane, 10).await, [2, 7, 8]);
    assert_eq!(marks(&lane).tally.unwrap().skipped, 3);
    let counted = count(&*world.broker, &world.order, &replay.ranges, true, 100)
        .await
        .unwrap();
    assert_eq!(
        (counted.matching, counted.skipped, counted.read, counted.complete),
        (3, 3, 8, true)
    );
    let counted = count(&*world.broker, &world.order, &replay.ranges, false, 4)
        .await
        .unwrap();
    assert_eq!(
        (counted.matching, counted.complete),
        (3, false),
        "no more than is allowed"
    );
}

#[tokio::test]
async fn a_full_lane_holds_the_reader_and_loses_nothing() {
    let world = world(200).await;
    let replay = replay(1, 200, false);
    let (lane, reader) = world.lane(&replay, Marks::default());
    let mut taken = Vec::new();
    while taken.len() < 134 {
        taken.extend(take(&lane, 16).await);
    }
    reader.await.unwrap();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(taken.len(), 134);
    assert!(lane.has_replayed(&replay));
}

#[tokio::test]
async fn a_span_of_time_or_positions_is_found_in_the_log() {
    let world = world(9).await;
    let logs = std::slice::from_ref(&world.log);
    let record = |position| {
        let (broker, log) = (Arc::clone(&world.broker), world.log.clone());
        async move { broker.get(&log, position).await.unwrap().unwrap().stored_at }
    };
    let span = |from, to| Span { log: None, from, to };
    let later = SystemTime::now() + Duration::from_secs(3600);
    let fifth = record(5).await;
    let first_at = {
        let mut at = 5;
        while at > 1 && record(at - 1).await == fifth {
            at -= 1;
        }
        at
    };
    for (span, expected) in [
        (span(Place::Time(from_millis(0)), None), Some((1, 9))),
        (span(Place::Time(fifth), None), Some((first_at, 9))),
        (span(Place::Time(later), None), None),
        (span(Place::Position(3), Some(Place::Position(99))), Some((3, 9))),
        (span(Place::Position(7), Some(Place::Position(6))), None),
        (span(Place::Position(2), Some(Place::Time(later))), Some((2, 9))),
    ] {
        let found = resolve(&*world.broker, logs, &span).await.unwrap();
        let found = found.get("LOG_WERK").map(|range| (range.first, range.last));
        assert_eq!(found, expected, "{span:?}");
    }
    let other = Span {
        log: Some("LOG_NGN".to_owned()),
        ..span(Place::Position(1), None)
    };
    assert_eq!(
        resolve(&*world.broker, logs, &other).await.unwrap_err().code,
        "SB-2074"
    );
}

#[tokio::test]
async fn what_has_ended_does_not_change_any_more() {
    let world = world(0).await;
    let replay = replay(1, 1, false);
    let broker = &*world.broker;
    store::create(broker, &replay).await.unwrap();
    let paused = store::change(broker, &replay.key(), |replay| replay.stage = Stage::Paused).await;
    assert_eq!(paused.unwrap().stage, Stage::Paused);
    store::end(broker, &replay.key(), Stage::Cancelled).await.unwrap();
    let late = store::change(broker, &replay.key(), |replay| replay.stage = Stage::Running).await;
    assert_eq!(late.unwrap_err().code, "SB-2078");
    assert_eq!(store::list(broker, "amt.amt-probe.").await.unwrap().len(), 1);
    store::forget(broker, &replay.key()).await.unwrap();
    assert_eq!(
        store::get(broker, &replay.key()).await.unwrap_err().code,
        "SB-2077"
    );
}

#[test]
fn a_replay_belongs_to_whoever_serves_its_subscription() {
    for groups in [1, 7, 16, 256] {
        let group = |key: &str| crate::lanes::lease::group_of(key, groups);
        assert_eq!(group("amt.amt-probe"), group("amt.amt-probe.r1"));
    }
}
