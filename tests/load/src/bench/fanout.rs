//! One event to a hundred subscribers, who all fetch it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::{Connection, Latencies};
use tokio::task::JoinSet;

use super::Setting;
use super::arrivals::Arrivals;
use super::city::{Sink, Subscription};
use super::drive::{Bounds, Closed, ONE_LANE, open, per_second, requests_in};
use super::pull::Puller;
use super::report::Row;
use super::rig::Rig;

const SUBSCRIBERS: usize = 100;
const CONNECTIONS: usize = 8;
const OPEN_RATE: u32 = 20;
/// Events ahead of the subscribers: below what a lane queues, so that every lane stays with the shared reader.
const AHEAD_MAX: u64 = 600;
const EVENTS_MAX: u64 = 200_000;
const OPEN_FIRST: u64 = 5_000_000;
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// After the last event is sent, until every subscriber has it.
const QUIET_WITHIN: Duration = Duration::from_secs(20);
const RECEIVE_MAX: u32 = 300;

/// Deliveries received and acknowledged per second; latency of a single event to each of its subscribers, who wait for it,
/// at 20 events (2,000 deliveries) a second.
pub(crate) async fn fanout(row: Row, setting: Setting) -> Outcome<Row> {
    let subscriptions: Vec<_> = (0..SUBSCRIBERS).map(subscription).collect();
    let rig = Rig::start(setting, &subscriptions).await?;
    let token = rig.subscriber().await?;
    let latencies = quiet(&rig, &token, setting).await?;

    let received = Arc::new(AtomicU64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let mine = (connection..SUBSCRIBERS)
            .step_by(CONNECTIONS)
            .map(|index| Puller::new(rig.bus, &token, &name(index), RECEIVE_MAX, 20));
        readers.spawn(drain(
            Connection::new(rig.bus),
            mine.collect(),
            Arc::clone(&received),
            Arc::clone(&over),
        ));
    }

    // Permits stand for events that may still be sent; they are given back as the subscribers get on.
    let flow = Arc::new(Arrivals::new(0, 0));
    flow.room
        .add_permits(usize::try_from(AHEAD_MAX).unwrap_or_default());
    let keeper = tokio::spawn(give_back(Arc::clone(&flow), Arc::clone(&received)));
    let bounds = Bounds {
        connections: 2,
        first: 1,
        events_max: EVENTS_MAX,
        arrivals: Some(flow),
    };
    let load = Closed::start(rig.bus, &rig.publish(100).await?, ONE_LANE, &bounds);
    let (from, before) = load.warm_up(|| received.load(Relaxed)).await;
    let meter = rig.meter();
    tokio::time::sleep(setting.measure).await;
    let (spent, elapsed) = (meter.read(), from.elapsed());
    let rate = per_second(received.load(Relaxed) - before, elapsed);
    let row = rig.costs(row.rate(rate).latency(latencies), spent);
    let sent = load.end().await;
    over.store(true, Relaxed);
    keeper.abort();
    // A reader that failed is why publishing stalls, so it is asked first.
    while let Some(done) = readers.join_next().await {
        done.map_err(|error| Failure::new(error.to_string()))??;
    }
    let sent = match sent {
        Ok(sent) => sent,
        Err(failure) => return Err(failure.while_(rig.behind().await)),
    };
    let row = row.errors(sent.errors());
    Ok(row.note(
        sent.trouble()
            .unwrap_or_else(|| "events_per_s counts deliveries".to_owned()),
    ))
}

fn name(index: usize) -> String {
    format!("messung-{index:04}")
}

pub(crate) fn subscription(index: usize) -> Subscription {
    Subscription {
        id: name(index),
        partner: "kom",
        subject: None,
        mapped: false,
        sink: Sink::Pull,
    }
}

async fn drain(
    mut connection: Connection,
    mut pullers: Vec<Puller>,
    received: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
) -> Outcome<()> {
    while !over.load(Relaxed) {
        for puller in &mut pullers {
            let events = puller.round(&mut connection, |_| {}).await?;
            received.fetch_add(events, Relaxed);
        }
    }
    Ok(())
}

async fn give_back(flow: Arc<Arrivals>, received: Arc<AtomicU64>) {
    let mut given = 0;
    let before = received.load(Relaxed);
    loop {
        let done = (received.load(Relaxed) - before) / SUBSCRIBERS as u64;
        flow.room
            .add_permits(usize::try_from(done - given).unwrap_or_default());
        given = done;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Every subscriber waits on a connection of its own; few events, so that none waits for another.
async fn quiet(rig: &Rig, token: &str, setting: Setting) -> Outcome<Latencies> {
    let events = requests_in(setting.measure, OPEN_RATE);
    let arrivals = Arc::new(Arrivals::new(
        OPEN_FIRST,
        usize::try_from(events).unwrap_or_default(),
    ));
    let mut readers = JoinSet::new();
    for index in 0..SUBSCRIBERS {
        let mut puller = Puller::new(rig.bus, token, &name(index), RECEIVE_MAX, 2_000);
        let (mut connection, arrivals) = (Connection::new(rig.bus), Arc::clone(&arrivals));
        readers.spawn(async move {
            let mut latencies = Latencies::default();
            let mut received = 0;
            while received < events {
                let note = |number| {
                    if let Some(latency) = arrivals.since_due(number) {
                        latencies.push(latency);
                    }
                };
                received += puller.round(&mut connection, note).await?;
            }
            Ok::<_, Failure>(latencies)
        });
    }
    let single = rig.publish(1).await?;
    let schedule = (OPEN_FIRST, events, f64::from(OPEN_RATE));
    open(rig.bus, &single, ONE_LANE, schedule, Some(arrivals)).await?;
    let every = async {
        let mut all = Latencies::default();
        while let Some(done) = readers.join_next().await {
            all.append(done.map_err(|error| Failure::new(error.to_string()))??);
        }
        Ok(all)
    };
    match tokio::time::timeout(QUIET_WITHIN, every).await {
        Ok(all) => all,
        Err(_) => {
            Err(Failure::new(format!("not every subscriber got {events} events")).while_(rig.behind().await))
        }
    }
}
