//! "Wo ist mein Ereignis?" among millions: how long one answer takes, and how long the index takes to be built.
//!
//! The events and the pages of settle facts are written straight into the broker, as the bus writes them: what is measured
//! is the question, and a bus that accepts and delivers ten million events first would be measured a quarter of an hour for it.

use std::time::{Duration, Instant, SystemTime};

use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use stadtbus_event::{Event, nats_binding};
use stadtbus_harness::{Failure, Outcome, eventually};
use stadtbus_load::Latencies;

use super::Setting;
use super::broker::{connect, publish_all};
use super::city::{READ_TYPE, Sink, Subscription};
use super::report::Row;
use super::rig::Rig;

/// Events for each second that is to be measured: ten million by default.
const EVENTS_PER_S: u64 = 2_000_000;
/// Size of a log that holds them.
const LOG_BYTES_MAX: u64 = 9 << 30;
/// Messages of one atomic batch, and batches on their way at once.
const BATCH: u64 = 500;
const BATCHES: usize = 4;
/// Facts in one page, and subscriptions that have facts of every event.
const FACTS: u64 = 2_000;
const SUBSCRIPTIONS: [&str; 3] = ["messung-a", "messung-b", "messung-c"];
/// Pages are large, so few make a batch.
const PAGES: u64 = 16;
/// Questions asked, one after another.
const QUESTIONS: u64 = 1_000;
/// Longest that building the index may take.
const BUILT_WITHIN: Duration = Duration::from_secs(420);
/// Any odd number without common factor spreads the questions over the log.
const STRIDE: u64 = 7_777_777_777;

const SOURCE: &str = "urn:messstand:swk:fernauslesung";

pub(crate) async fn journey(row: Row, setting: Setting) -> Outcome<Row> {
    let events = EVENTS_PER_S * setting.measure.as_secs();
    let subscriptions = SUBSCRIPTIONS.map(|id| Subscription {
        id: id.to_owned(),
        partner: "kom",
        subject: None,
        mapped: false,
        sink: Sink::Pull,
    });
    let limits = format!("log_bytes_max = {LOG_BYTES_MAX}\n");
    let mut rig = Rig::start_with(setting, &subscriptions, &limits).await?;
    // What the bus made in the broker stays; while it is away nothing but the writing costs.
    rig.world.bus.stop().await?;
    let client = connect(&rig.world.nats).await?;
    let start = Instant::now();
    write_events(&client, events).await?;
    write_facts(&client, events).await?;
    let written = start.elapsed();

    let built = Instant::now();
    rig.world.bus.start_again().await?;
    let meter = rig.meter();
    let asking = rig
        .world
        .client("swk", "fernauslesung", "publish subscribe")
        .await?;
    let known = |id: String, within: Duration| {
        let asking = &asking;
        async move {
            eventually(within, "the index", || async {
                asking.journey("swk", &id).await?.expect(200).map(drop)
            })
            .await
        }
    };
    known(id_of(1), BUILT_WITHIN).await?;
    known(id_of(events), BUILT_WITHIN).await?;
    let (built, spent) = (built.elapsed(), meter.read());
    let first = ask(&rig, events).await?;

    rig.world.bus.kill_hard().await?;
    let again = Instant::now();
    rig.world.bus.start_again().await?;
    known(id_of(1), BUILT_WITHIN).await?;
    let again = again.elapsed();
    let (latencies, unknown) = (ask(&rig, events).await?, ask_in_vain(&rig).await?);
    let note = format!(
        "{events} events, {} facts, written in {:.0} s; index built in {:.0} s; first run p50/p99 {}; after kill -9 ready in {:.1} s; unknown ids p50/p99 {}; index {:.0} MiB",
        events * SUBSCRIPTIONS.len() as u64,
        written.as_secs_f64(),
        built.as_secs_f64(),
        words(first),
        again.as_secs_f64(),
        words(unknown),
        mebibytes(&rig.world.bus.dir().join("journey")),
    );
    Ok(rig.costs(row.latency(latencies).note(note), spent))
}

fn words(latencies: Latencies) -> String {
    match latencies.percentiles([0.5, 0.99]) {
        Some([p50, p99]) => format!("{p50:.1}/{p99:.1} ms"),
        None => "–".to_owned(),
    }
}

fn id_of(number: u64) -> String {
    format!("ablesung-{number:09}")
}

/// One question after another, all over the log; each answer must be right.
async fn ask(rig: &Rig, events: u64) -> Outcome<Latencies> {
    let client = rig
        .world
        .client("swk", "fernauslesung", "publish subscribe")
        .await?;
    let mut latencies = Latencies::default();
    for n in 0..QUESTIONS {
        let number = n.wrapping_mul(STRIDE) % events + 1;
        let start = Instant::now();
        let answer = client.journey("swk", &id_of(number)).await?.expect(200)?;
        latencies.push(start.elapsed());
        let journey = answer.json();
        let delivered = |stands: &Vec<serde_json::Value>| {
            stands.len() == SUBSCRIPTIONS.len()
                && stands
                    .iter()
                    .all(|stand| stand.get("state") == Some(&json!("delivered")))
        };
        let position = journey.pointer("/event/position") == Some(&json!(number));
        let stands = journey.get("subscriptions").and_then(|stands| stands.as_array());
        if !position || !stands.is_some_and(delivered) {
            return Err(Failure::new(format!("event {number}: {journey}")));
        }
    }
    Ok(latencies)
}

async fn ask_in_vain(rig: &Rig) -> Outcome<Latencies> {
    let client = rig
        .world
        .client("swk", "fernauslesung", "publish subscribe")
        .await?;
    let mut latencies = Latencies::default();
    for n in 0..QUESTIONS {
        let start = Instant::now();
        client.journey("swk", &format!("nie-{n}")).await?.expect(404)?;
        latencies.push(start.elapsed());
    }
    Ok(latencies)
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or_default())
}

/// Small events, as the bus keeps them in a log.
async fn write_events(client: &Client, events: u64) -> Outcome<()> {
    let batches = events / BATCH;
    let subject = format!("log.swk.{READ_TYPE}");
    stream::iter(0..batches)
        .map(|batch| {
            let messages = (1..=BATCH)
                .map(|n| event(batch * BATCH + n))
                .collect::<Outcome<Vec<_>>>();
            let (client, subject) = (client.clone(), subject.clone());
            async move { publish_all(client, subject, format!("e{batch}"), messages?).await }
        })
        .buffered(BATCHES)
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
}

fn event(number: u64) -> Outcome<(HeaderMap, Bytes)> {
    let built = Event::builder(id_of(number), SOURCE, READ_TYPE).build();
    let event = built.map_err(|error| Failure::new(format!("{error:?}")))?;
    let (headers, payload) = nats_binding::encode_binary(&event);
    let mut all = HeaderMap::new();
    for (name, value) in &headers {
        all.insert(name.as_str(), value.as_str());
    }
    let provenance = json!({"by": "system:fernauslesung", "accepted": now_ms(), "contract": "messung@1.0.0", "token": "t"});
    all.insert("sb-provenance", provenance.to_string());
    Ok((all, payload))
}

/// Pages in which every subscription has got every event.
async fn write_facts(client: &Client, events: u64) -> Outcome<()> {
    let of = |subscription: &'static str| (0..events / FACTS / PAGES).map(move |batch| (subscription, batch));
    stream::iter(SUBSCRIPTIONS.into_iter().flat_map(of))
        .map(|(subscription, batch)| {
            let pages = (batch * PAGES..(batch + 1) * PAGES).map(|page| (HeaderMap::new(), facts(page)));
            let (client, pages) = (client.clone(), pages.collect());
            let subject = format!("settled.kom.{subscription}");
            async move { publish_all(client, subject, format!("f{subscription}-{batch}"), pages).await }
        })
        .buffered(BATCHES)
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
}

fn facts(page: u64) -> Bytes {
    let now = now_ms();
    let facts: Vec<_> = (1..=FACTS)
        .map(|n| json!({"l": "LOG_SWK", "p": page * FACTS + n, "o": "delivered", "t": now}))
        .collect();
    json!({"facts": facts}).to_string().into()
}

/// What a folder weighs.
fn mebibytes(folder: &std::path::Path) -> f64 {
    fn bytes(folder: &std::path::Path) -> u64 {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries
            .map(|entry| match entry.metadata() {
                Ok(data) if data.is_dir() => bytes(&entry.path()),
                Ok(data) => data.len(),
                Err(_) => 0,
            })
            .sum()
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let mib = bytes(folder) as f64 / f64::from(1 << 20);
    mib
}
