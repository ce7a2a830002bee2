//! The rows the bus is compared with: publishing with ids, and consume → publish → acknowledge, with no bus between.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::{AckKind, Message};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::{Latencies, Template, pace};

use super::Setting;
use super::broker::{RawBroker, failed, message_id, publish_batch};
use super::city::event_text;
use super::drive::{per_second, requests_in};
use super::report::Row;
use super::usage::{Meter, resident_mib};

const WINDOW: usize = 256;
/// Messages of one atomic batch, and batches on their way at once.
const BATCH: usize = 256;
const BATCHES: usize = 4;
const OPEN_RATE: u32 = 500;
const OPEN_FIRST: u64 = 5_000_000;
/// Bounds of the raw rows: without fsync a broker takes hundreds of thousands a second, and all of them land on the disk.
const MESSAGES_MAX: u64 = 600_000;
/// What the relay moves, per second that is to be measured.
const RELAY_PER_S: u64 = 256 * 120;

/// Ready payloads: the same event as everywhere, with its number in it.
#[derive(Clone)]
struct Payloads(Arc<Mutex<Template>>);

impl Payloads {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Template::new(event_text().into_bytes(), 1))))
    }

    fn of(&self, number: u64) -> Bytes {
        let mut template = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Bytes::copy_from_slice(template.write(number, |_| 0))
    }
}

/// 256 single publishes in flight, each with an id, each acknowledged; latency at 500 a second.
pub(crate) async fn publish(row: Row, setting: Setting) -> Outcome<Row> {
    let broker = RawBroker::start(setting.durability).await?;
    broker.stream("RAW").await?;
    let payloads = Payloads::new();
    let latencies = open_publish(&broker, &payloads, setting.measure).await?;
    let context = broker.context.clone();
    let one = |number: u64| {
        let (context, payload) = (context.clone(), payloads.of(number));
        async move {
            let ack = context
                .publish_with_headers("raw.event", message_id(number), payload)
                .await;
            ack.map_err(failed)?.await.map_err(failed)?;
            Ok::<u64, Failure>(1)
        }
    };
    let row = sustained(
        row,
        setting,
        &broker,
        stream::iter(1..).map(one).buffer_unordered(WINDOW),
    )
    .await?;
    Ok(row.latency(latencies))
}

/// Atomic batches of 256 with ids, four on their way.
pub(crate) async fn publish_atomic(row: Row, setting: Setting) -> Outcome<Row> {
    let broker = RawBroker::start(setting.durability).await?;
    broker.stream("RAW").await?;
    let payloads = Payloads::new();
    let client = broker.client.clone();
    let one = |batch: u64| {
        let first = batch * BATCH as u64;
        let messages = (first..)
            .take(BATCH)
            .map(|number| (number, payloads.of(number)))
            .collect();
        let client = client.clone();
        async move {
            publish_batch(client, "raw.event".to_owned(), format!("b{batch}"), messages).await?;
            Ok::<u64, Failure>(BATCH as u64)
        }
    };
    sustained(
        row,
        setting,
        &broker,
        stream::iter(1..).map(one).buffered(BATCHES),
    )
    .await
}

/// Drives a stream of publishes until the time or the messages are up.
async fn sustained(
    row: Row,
    setting: Setting,
    broker: &RawBroker,
    publishes: impl stream::Stream<Item = Outcome<u64>>,
) -> Outcome<Row> {
    let mut publishes = Box::pin(publishes);
    let (meter, start) = (Meter::start(None, broker.server.process().ok()), Instant::now());
    let mut published = 0;
    while start.elapsed() < setting.measure && published < MESSAGES_MAX {
        let next = publishes.next().await;
        published += next.ok_or_else(|| Failure::new("nothing more to publish"))??;
    }
    let elapsed = start.elapsed();
    Ok(finish(row.rate(per_second(published, elapsed)), broker, &meter))
}

fn finish(row: Row, broker: &RawBroker, meter: &Meter) -> Row {
    let resident = broker.server.process().ok().and_then(resident_mib);
    row.spent(meter.read()).bus_rss(resident).broker_rss(resident)
}

async fn open_publish(broker: &RawBroker, payloads: &Payloads, time: Duration) -> Outcome<Latencies> {
    let schedule = pace(f64::from(OPEN_RATE), requests_in(time, OPEN_RATE));
    let due = stream::unfold(schedule, |schedule| async move {
        let due = schedule.lock().await.recv().await?;
        Some((due, schedule))
    });
    let context = broker.context.clone();
    due.map(|due| {
        let (context, number) = (context.clone(), OPEN_FIRST + due.index);
        let payload = payloads.of(number);
        async move {
            let ack = context
                .publish_with_headers("raw.event", message_id(number), payload)
                .await;
            ack.map_err(failed)?.await.map_err(failed)?;
            Ok::<_, Failure>(due.at.elapsed())
        }
    })
    .buffer_unordered(WINDOW)
    .try_fold(Latencies::default(), |mut all, latency| async move {
        all.push(latency);
        Ok(all)
    })
    .await
}

/// Consume → atomic batch of 256 → acknowledge, from one stream into another, all messages stored beforehand.
pub(crate) async fn relay(row: Row, setting: Setting) -> Outcome<Row> {
    let broker = RawBroker::start(setting.durability).await?;
    let from = broker.stream("FROM").await?;
    broker.stream("TO").await?;
    let count = (RELAY_PER_S * setting.measure.as_secs()).min(MESSAGES_MAX) / BATCH as u64 * BATCH as u64;
    fill(&broker, count).await?;

    let consumer = from.create_consumer(pull::Config {
        durable_name: Some("relay".to_owned()),
        ack_policy: AckPolicy::All,
        max_ack_pending: 20_000,
        ..pull::Config::default()
    });
    let consumer = consumer.await.map_err(failed)?;
    let messages = consumer
        .stream()
        .max_messages_per_batch(1_000)
        .messages()
        .await
        .map_err(failed)?;
    let moved = AtomicU64::new(0);
    let (meter, start) = (Meter::start(None, broker.server.process().ok()), Instant::now());
    let mut batches = messages
        .map_err(failed)
        .try_chunks(BATCH)
        .enumerate()
        .map(|(index, chunk)| {
            let client = broker.client.clone();
            async move {
                let chunk: Vec<Message> = chunk.map_err(failed)?;
                let numbered = (1 + (index * BATCH) as u64..).zip(&chunk);
                let copies = numbered
                    .map(|(number, message)| (number, message.payload.clone()))
                    .collect();
                publish_batch(client, "to.event".to_owned(), format!("r{index}"), copies).await?;
                Ok::<_, Failure>(chunk)
            }
        })
        .buffered(BATCHES);
    while moved.load(Relaxed) < count {
        let chunk = batches
            .next()
            .await
            .ok_or_else(|| Failure::new("the stream ended"))??;
        if let Some(last) = chunk.last() {
            last.ack_with(AckKind::Ack).await.map_err(failed)?;
        }
        moved.fetch_add(chunk.len() as u64, Relaxed);
    }
    Ok(finish(
        row.rate(per_second(count, start.elapsed())),
        &broker,
        &meter,
    ))
}

async fn fill(broker: &RawBroker, count: u64) -> Outcome<()> {
    let payloads = Payloads::new();
    stream::iter(0..count / BATCH as u64)
        .map(|batch| {
            let first = batch * BATCH as u64;
            let messages = (first..)
                .take(BATCH)
                .map(|number| (number, payloads.of(number)))
                .collect();
            let client = broker.client.clone();
            publish_batch(client, "from.event".to_owned(), format!("f{batch}"), messages)
        })
        .buffered(BATCHES)
        .try_collect::<Vec<()>>()
        .await
        .map(|_| ())
}
