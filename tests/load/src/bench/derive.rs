//! Log → plugin → log: every event runs through a fresh plugin instance and its output is published as a derived event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::{self, stream::Stream};
use futures_util::StreamExt;
use stadtbus_harness::{Failure, Outcome};

use super::Setting;
use super::arrivals::{Arrivals, NumberFinder};
use super::broker::{connect, failed};
use super::city::{MAPPED_STREAM, Sink, Subscription};
use super::drive::{ONE_LANE, open, per_second, preload, requests_in};
use super::report::Row;
use super::rig::Rig;

const OPEN_RATE: u32 = 500;
/// Events stored beforehand, per second that is to be measured.
const STORED_PER_S: u64 = 25_000;
const ARRIVE_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
const WARM_UP_SHARE: u64 = 20;

/// Events lie in the log of one partner, then the derivation is resumed; the clock stops when the other partner's log holds
/// one derived event for each. Latency, from scheduled send to the derived event being read from its log, at 500 a second.
pub(crate) async fn transform_loop(row: Row, setting: Setting) -> Outcome<Row> {
    let derivation = Subscription {
        id: "messung-ableitung".to_owned(),
        partner: "map",
        subject: None,
        mapped: true,
        sink: Sink::Log,
    };
    let rig = Rig::start(setting, std::slice::from_ref(&derivation)).await?;
    let context = jetstream::new(connect(&rig.world.nats).await?);
    let derived = context.get_stream(MAPPED_STREAM).await.map_err(failed)?;

    let quiet = requests_in(setting.measure, OPEN_RATE);
    let arrivals = Arc::new(Arrivals::new(1, usize::try_from(quiet).unwrap_or_default()));
    let reader = tokio::spawn(read(derived.clone(), Arc::clone(&arrivals)));
    let single = rig.publish(1).await?;
    let schedule = (1, quiet, f64::from(OPEN_RATE));
    let (_, sent) = open(rig.bus, &single, ONE_LANE, schedule, Some(Arc::clone(&arrivals))).await?;
    let complete = arrivals.wait_for(quiet, ARRIVE_WITHIN).await;
    reader.abort();
    complete?;

    let count = STORED_PER_S * setting.measure.as_secs() / 100 * 100;
    rig.order(&derivation.id, "pause").await?;
    preload(rig.bus, &rig.publish(100).await?, 1 + quiet, count).await?;
    rig.order(&derivation.id, "resume").await?;
    let before = reach(&derived, quiet + count / WARM_UP_SHARE).await?;
    let (meter, from) = (rig.meter(), Instant::now());
    let after = reach(&derived, quiet + count).await?;
    let rate = per_second(after - before, from.elapsed());
    let spent = meter.read();
    let row = row
        .rate(rate)
        .latency(arrivals.latencies())
        .errors(sent.errors() + after.abs_diff(quiet + count));
    Ok(rig.costs(row, spent))
}

/// Waits until a log holds so many events; gives how many it holds.
async fn reach(log: &Stream, count: u64) -> Outcome<u64> {
    let until = Instant::now() + ARRIVE_WITHIN;
    loop {
        let held = log.get_info().await.map_err(failed)?.state.messages;
        if held >= count {
            return Ok(held);
        }
        if Instant::now() > until {
            return Err(Failure::new(format!("{held} of {count} derived events")));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn read(log: Stream, arrivals: Arc<Arrivals>) -> Outcome<()> {
    let consumer = log.create_consumer(pull::OrderedConfig {
        deliver_policy: DeliverPolicy::All,
        ..pull::OrderedConfig::default()
    });
    let mut messages = consumer.await.map_err(failed)?.messages().await.map_err(failed)?;
    let finder = NumberFinder::default();
    while let Some(message) = messages.next().await {
        let message = message.map_err(failed)?;
        arrivals.arrive(finder.find(&message.payload).unwrap_or(u64::MAX));
    }
    Ok(())
}
