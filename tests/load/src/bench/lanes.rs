//! A thousand subscriptions, each for a subject of its own: every event is for exactly one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::{Connection, Latencies};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Setting;
use super::arrivals::Arrivals;
use super::city::{Sink, Subscription};
use super::drive::{Bounds, Closed, Lane, open, per_second, requests_in};
use super::pull::Puller;
use super::report::Row;
use super::rig::Rig;

pub(crate) const SUBSCRIBERS: usize = 1_000;
const CONNECTIONS: usize = 8;
/// Every subscriber looks once in this time, as people's systems do; faster would measure polling.
const ROUND: Duration = Duration::from_secs(1);
/// Events accepted and not yet fetched: room for more than one round.
const AHEAD_MAX: usize = 40_000;
const EVENTS_MAX: usize = 1_000_000;
const OPEN_RATE: u32 = 500;
const OPEN_FIRST: u64 = 5_000_000;
/// Subscribers that wait on a connection of their own while latency is measured.
const WAITING: usize = 64;
const RECEIVE_MAX: u32 = 1_000;

const ALL_LANES: Lane = |number| number % SUBSCRIBERS as u64;
const WAITING_LANES: Lane = |number| number % WAITING as u64;

/// Events accepted, matched against a thousand filters, fetched by the one they are for and acknowledged, per second. Latency
/// from scheduled send to the fetch, for 64 subscribers that wait, at 500 events a second.
pub(crate) async fn lanes(row: Row, setting: Setting) -> Outcome<Row> {
    let subscriptions: Vec<_> = (0..SUBSCRIBERS).map(subscription).collect();
    let rig = Rig::start(setting, &subscriptions).await?;
    let token = rig.subscriber().await?;
    let latencies = quiet(&rig, &token, setting).await?;

    let arrivals = Arc::new(Arrivals::new(1, EVENTS_MAX));
    arrivals.room.add_permits(AHEAD_MAX);
    let over = Arc::new(AtomicBool::new(false));
    let strays = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let mine = (connection..SUBSCRIBERS).step_by(CONNECTIONS);
        let mine = mine.map(|index| {
            (
                index as u64,
                Puller::new(rig.bus, &token, &name(index), RECEIVE_MAX, 0),
            )
        });
        let shared = (Arc::clone(&arrivals), Arc::clone(&strays), Arc::clone(&over));
        readers.spawn(drain(Connection::new(rig.bus), mine.collect(), shared));
    }
    let bounds = Bounds {
        connections: 16,
        first: 1,
        events_max: EVENTS_MAX as u64,
        arrivals: Some(Arc::clone(&arrivals)),
    };
    let load = Closed::start(rig.bus, &rig.publish(100).await?, ALL_LANES, &bounds);
    // Two rounds: until then the subscribers have nothing to fetch, or the first pile at once.
    tokio::time::sleep(ROUND).await;
    let (from, before) = load.warm_up(|| arrivals.arrived()).await;
    let meter = rig.meter();
    tokio::time::sleep(setting.measure).await;
    let (spent, elapsed) = (meter.read(), from.elapsed());
    let rate = per_second(arrivals.arrived() - before, elapsed);
    let row = rig.costs(row.rate(rate).latency(latencies), spent);
    let sent = load.end().await?;
    let complete = arrivals.wait_for(sent.accepted(), Duration::from_secs(30)).await;
    over.store(true, Relaxed);
    let mut errors = sent.errors() + arrivals.foreign() + strays.load(Relaxed);
    let mut trouble = sent
        .trouble()
        .or_else(|| complete.err().map(|failure| failure.to_string()));
    while let Some(done) = readers.join_next().await {
        if let Err(failure) = done
            .map_err(|error| Failure::new(error.to_string()))
            .and_then(|done| done)
        {
            trouble.get_or_insert(failure.to_string());
        }
    }
    errors += u64::from(trouble.is_some());
    let row = row.errors(errors);
    Ok(match trouble {
        Some(trouble) => row.note(trouble),
        None => row,
    })
}

fn name(index: usize) -> String {
    format!("messung-{index:04}")
}

pub(crate) fn subscription(index: usize) -> Subscription {
    Subscription {
        id: name(index),
        partner: "kom",
        subject: Some(format!("zaehler-{index:04}")),
        mapped: false,
        sink: Sink::Pull,
    }
}

type Shared = (Arc<Arrivals>, Arc<AtomicU64>, Arc<AtomicBool>);

async fn drain(mut connection: Connection, mut pullers: Vec<(u64, Puller)>, shared: Shared) -> Outcome<()> {
    let (arrivals, strays, over) = shared;
    let mut round = Instant::now();
    while !over.load(Relaxed) {
        for (lane, puller) in &mut pullers {
            let note = |number| {
                arrivals.arrive(number);
                if ALL_LANES(number) != *lane {
                    strays.fetch_add(1, Relaxed);
                }
            };
            puller.round(&mut connection, note).await?;
        }
        round += ROUND;
        tokio::time::sleep_until(round).await;
    }
    Ok(())
}

async fn quiet(rig: &Rig, token: &str, setting: Setting) -> Outcome<Latencies> {
    let events = requests_in(setting.measure, OPEN_RATE);
    let arrivals = Arc::new(Arrivals::new(
        OPEN_FIRST,
        usize::try_from(events).unwrap_or_default(),
    ));
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for index in 0..WAITING {
        let mut puller = Puller::new(rig.bus, token, &name(index), RECEIVE_MAX, 500);
        let (arrivals, over) = (Arc::clone(&arrivals), Arc::clone(&over));
        let mut connection = Connection::new(rig.bus);
        readers.spawn(async move {
            while !over.load(Relaxed) {
                puller
                    .round(&mut connection, |number| arrivals.arrive(number))
                    .await?;
            }
            Ok::<_, Failure>(())
        });
    }
    let single = rig.publish(1).await?;
    let schedule = (OPEN_FIRST, events, f64::from(OPEN_RATE));
    open(
        rig.bus,
        &single,
        WAITING_LANES,
        schedule,
        Some(Arc::clone(&arrivals)),
    )
    .await?;
    let complete = arrivals.wait_for(events, Duration::from_secs(20)).await;
    over.store(true, Relaxed);
    while let Some(done) = readers.join_next().await {
        done.map_err(|error| Failure::new(error.to_string()))??;
    }
    complete?;
    Ok(arrivals.latencies())
}
