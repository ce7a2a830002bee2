//! Half two by webhook: from the log to a receiver, with and without a plugin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::{NO_CONTENT, Receiver};

use super::Setting;
use super::arrivals::{Arrivals, NumberFinder};
use super::city::{Sink, Subscription};
use super::drive::{Bounds, Closed, ONE_LANE, open, per_second, preload, requests_in};
use super::report::Row;
use super::rig::Rig;

const OPEN_RATE: u32 = 500;
/// Events stored beforehand, per second that is to be measured.
const STORED_PER_S: u64 = 12_000;
/// Most events of an end-to-end run that may be accepted and not yet delivered.
const UNDELIVERED_MAX: usize = 256;
const EVENTS_MAX: usize = 1_000_000;
/// As many as may be undelivered: what bounds the run is the bus, not the generator's connections.
const CONNECTIONS: usize = UNDELIVERED_MAX;
const ARRIVE_WITHIN: Duration = Duration::from_secs(60);
/// Share of a stored run that passes before the clock starts: the lane catches up and connections open meanwhile.
const WARM_UP_SHARE: u64 = 20;

/// A receiver that notes arrivals in a table.
pub(crate) async fn receiver(arrivals: &Arc<Arrivals>) -> Outcome<Receiver> {
    let (arrivals, finder) = (Arc::clone(arrivals), NumberFinder::default());
    let take = move |_: &[u8], body: &[u8]| {
        arrivals.arrive(finder.find(body).unwrap_or(u64::MAX));
        NO_CONTENT
    };
    Ok(Receiver::start(Arc::new(take)).await?)
}

fn subscription(receiver: &Receiver, mapped: bool) -> Subscription {
    Subscription {
        id: "messung-webhook".to_owned(),
        partner: "map",
        subject: Some("zaehler-0000".to_owned()),
        mapped,
        sink: Sink::Webhook(receiver.address().to_string()),
    }
}

/// Log → filter → webhook: events lie in the log, then the subscription is resumed. Latency, from scheduled send to arrival,
/// at 500 a second.
pub(crate) async fn dispatch(row: Row, setting: Setting) -> Outcome<Row> {
    let count = STORED_PER_S * setting.measure.as_secs() / 100 * 100;
    let quiet = requests_in(setting.measure, OPEN_RATE);
    let arrivals = Arc::new(Arrivals::new(
        1,
        usize::try_from(count + quiet).unwrap_or(EVENTS_MAX),
    ));
    let receiver = receiver(&arrivals).await?;
    let subscription = subscription(&receiver, false);
    let rig = Rig::start(setting, std::slice::from_ref(&subscription)).await?;

    let single = rig.publish(1).await?;
    let schedule = (1 + count, quiet, f64::from(OPEN_RATE));
    let (_, sent) = open(rig.bus, &single, ONE_LANE, schedule, Some(Arc::clone(&arrivals))).await?;
    arrivals.wait_for(quiet, ARRIVE_WITHIN).await?;
    let latencies = arrivals.latencies();

    rig.order(&subscription.id, "pause").await?;
    preload(rig.bus, &rig.publish(100).await?, 1, count).await?;
    if arrivals.arrived() > quiet {
        return Err(Failure::new("a paused subscription was delivered to"));
    }
    rig.order(&subscription.id, "resume").await?;
    let skipped = quiet + count / WARM_UP_SHARE;
    arrivals.wait_for(skipped, ARRIVE_WITHIN).await?;
    let (meter, from, before) = (rig.meter(), Instant::now(), arrivals.arrived());
    arrivals.wait_for(quiet + count, ARRIVE_WITHIN).await?;
    let rate = per_second(quiet + count - before, from.elapsed());
    let row = row
        .rate(rate)
        .latency(latencies)
        .errors(sent.errors() + arrivals.foreign());
    Ok(repeats(rig.costs(row, meter.read()), &arrivals))
}

/// Accept → plugin → webhook, with at most 256 events not yet delivered; latency at 500 a second.
pub(crate) async fn end_to_end(row: Row, setting: Setting) -> Outcome<Row> {
    let arrivals = Arc::new(Arrivals::new(1, EVENTS_MAX));
    let receiver = receiver(&arrivals).await?;
    let rig = Rig::start(setting, &[subscription(&receiver, true)]).await?;
    let template = rig.publish(1).await?;

    let quiet = requests_in(setting.measure, OPEN_RATE);
    let schedule = (1, quiet, f64::from(OPEN_RATE));
    let (_, sent) = open(
        rig.bus,
        &template,
        ONE_LANE,
        schedule,
        Some(Arc::clone(&arrivals)),
    )
    .await?;
    arrivals.wait_for(quiet, ARRIVE_WITHIN).await?;
    let latencies = arrivals.latencies();
    let idle_errors = sent.errors();

    // The permits given back so far belong to the open loop.
    while let Ok(permit) = arrivals.room.try_acquire() {
        permit.forget();
    }
    arrivals.room.add_permits(UNDELIVERED_MAX);
    let bounds = Bounds {
        connections: CONNECTIONS,
        first: 1 + quiet,
        events_max: EVENTS_MAX as u64 - quiet,
        arrivals: Some(Arc::clone(&arrivals)),
    };
    let load = Closed::start(rig.bus, &template, ONE_LANE, &bounds);
    let (from, before) = load.warm_up(|| arrivals.arrived()).await;
    let meter = rig.meter();
    tokio::time::sleep(setting.measure).await;
    let (spent, elapsed) = (meter.read(), from.elapsed());
    let rate = per_second(arrivals.arrived() - before, elapsed);
    let row = rig.costs(row.rate(rate).latency(latencies), spent);
    let sent = load.end().await?;
    arrivals.wait_for(quiet + sent.accepted(), ARRIVE_WITHIN).await?;
    let row = row.errors(idle_errors + sent.errors() + arrivals.foreign());
    Ok(match sent.trouble() {
        Some(trouble) => row.note(trouble),
        None => repeats(row, &arrivals),
    })
}

/// At least once is the promise, so a repeat is no error; but it is said.
pub(crate) fn repeats(row: Row, arrivals: &Arrivals) -> Row {
    match arrivals.repeated() {
        0 => row,
        repeated => row.note(format!("{repeated} events arrived more than once")),
    }
}
