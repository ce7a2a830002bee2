//! Half one alone: nobody subscribes, so what is measured is HTTP, identity, contract, log and receipt.

use std::time::Duration;

use stadtbus_harness::Outcome;

use super::Setting;
use super::drive::{Bounds, Closed, ONE_LANE, open, per_second, requests_in};
use super::report::Row;
use super::rig::Rig;

/// Events per second of the open loop.
const OPEN_RATE: u32 = 500;
/// Batches per second of the open loop.
const OPEN_BATCH_RATE: u32 = 20;
/// No run publishes more than this.
const EVENTS_MAX: u64 = 2_000_000;
/// Numbers of the open loop lie above those of the closed one.
const OPEN_FIRST: u64 = 5_000_000;

/// One event per request, 256 requests in flight; latency at 500 requests a second.
pub(crate) async fn single(row: Row, setting: Setting) -> Outcome<Row> {
    accept(row, setting, 1, 256, OPEN_RATE).await
}

/// 100 events per request, 16 requests in flight; latency at 20 requests (2,000 events) a second.
pub(crate) async fn batch(row: Row, setting: Setting) -> Outcome<Row> {
    accept(row, setting, 100, 16, OPEN_BATCH_RATE).await
}

async fn accept(
    row: Row,
    setting: Setting,
    events: usize,
    connections: usize,
    open_rate: u32,
) -> Outcome<Row> {
    let rig = Rig::start(setting, &[]).await?;
    let template = rig.publish(events).await?;
    let requests = requests_in(setting.measure, open_rate);
    let schedule = (OPEN_FIRST, requests, f64::from(open_rate));
    let (latencies, quiet) = open(rig.bus, &template, ONE_LANE, schedule, None).await?;

    let bounds = Bounds {
        connections,
        first: 1,
        events_max: EVENTS_MAX,
        arrivals: None,
    };
    let load = Closed::start(rig.bus, &template, ONE_LANE, &bounds);
    let sent = std::sync::Arc::clone(&load.sent);
    let (from, before) = load.warm_up(|| sent.accepted()).await;
    let meter = rig.meter();
    tokio::time::sleep(setting.measure).await;
    let (spent, elapsed): (_, Duration) = (meter.read(), from.elapsed());
    let rate = per_second(sent.accepted() - before, elapsed);
    let row = rig.costs(row.rate(rate).latency(latencies), spent);
    let sent = load.end().await?;
    let row = row.errors(sent.errors() + quiet.errors());
    Ok(match sent.trouble().or_else(|| quiet.trouble()) {
        Some(trouble) => row.note(trouble),
        None => row,
    })
}
