//! How fast appends and reads are on a given server: latency of one append, appends per second by number of callers,
//! time from append to record, records read per second.
//!
//! `cargo run --release -p stadtbus-broker-nats --example append_rate -- nats://127.0.0.1:4222 [seconds per step]`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt;
use stadtbus_broker::{Broker, Entry, LogName, LogSpec, ReadFrom, ReadOptions};
use stadtbus_broker_nats::{NatsBroker, Options};

fn entry(run: u32, id: Option<u64>) -> Entry {
    let mut entry = Entry::new(format!("rate.{run}.event"), Bytes::from(vec![b'x'; 1024]));
    for name in [
        "ce-specversion",
        "ce-id",
        "ce-source",
        "ce-type",
        "ce-time",
        "content-type",
    ] {
        entry = entry.with_header(name, "urn:krefeld:ngn:leitwarte");
    }
    entry.message_id = id.map(|id| format!("{run}-{id}"));
    entry
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1000.0
}

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "nats://127.0.0.1:4222".to_owned());
    let step = Duration::from_secs(
        args.next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(3)
            .clamp(1, 60),
    );
    let broker = NatsBroker::connect(Options::new(url)).await.unwrap();
    let run = std::process::id();
    let log = LogName::new(&format!("RATE_{run}")).unwrap();
    let mut spec = LogSpec::new(log.clone(), vec![format!("rate.{run}.>")]);
    spec.bytes_max = Some(4 << 30);
    broker.ensure_log(&spec).await.unwrap();
    let next = Arc::new(AtomicU64::new(0));

    for callers in [1, 4, 16, 64, 256, 1000] {
        let until = Instant::now() + step;
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (broker, log, next) = (broker.clone(), log.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    while Instant::now() < until {
                        let id = next.fetch_add(1, Ordering::Relaxed);
                        let start = Instant::now();
                        broker.append(&log, entry(run, Some(id))).await.unwrap();
                        took.push(start.elapsed());
                    }
                    took
                })
            })
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.unwrap());
        }
        took.sort();
        println!(
            "{callers:5} callers: {:8.0} appends/s, p50 {:.2} ms, p99 {:.2} ms",
            took.len() as f64 / step.as_secs_f64(),
            percentile(&took, 50),
            percentile(&took, 99)
        );
    }

    let start = Instant::now();
    for _ in 0..10 {
        let entries = (0..5000).map(|_| entry(run, Some(next.fetch_add(1, Ordering::Relaxed))));
        let answers = broker.append_all(&log, entries.collect()).await;
        assert!(answers.iter().all(Result::is_ok));
    }
    println!(
        "append_all of 5000, ten times: {:.0} appends/s",
        50_000.0 / start.elapsed().as_secs_f64()
    );

    let mut reader = broker.read(&log, ReadOptions::from(ReadFrom::New)).await.unwrap();
    let mut delays = Vec::new();
    for _ in 0..500 {
        let start = Instant::now();
        let append = broker.append(&log, entry(run, None));
        let (_, appended) = tokio::join!(
            async {
                reader.next().await.unwrap();
                delays.push(start.elapsed());
            },
            append
        );
        appended.unwrap();
    }
    delays.sort();
    println!(
        "append to record, idle: p50 {:.2} ms, p99 {:.2} ms",
        percentile(&delays, 50),
        percentile(&delays, 99)
    );

    let count = broker.state(&log).await.unwrap().count;
    let start = Instant::now();
    let mut reader = broker
        .read(&log, ReadOptions::from(ReadFrom::Position(1)))
        .await
        .unwrap();
    // In a task of its own, as the bus reads: the main thread would be woken for every record.
    let reading = tokio::spawn(async move {
        for _ in 0..count {
            reader.next().await.unwrap();
        }
    });
    reading.await.unwrap();
    println!(
        "read {count}: {:8.0} records/s",
        count as f64 / start.elapsed().as_secs_f64()
    );
    broker.close().await;
}
