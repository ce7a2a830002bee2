//! A receiver that takes every event and never answers, beside twenty that answer at once: what it costs the others (P6).
//!
//! Machines change while one measures. So there is one run, in which the silent receiver's subscription is resumed and paused
//! by turns, and what counts is the ratio of both.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stadtbus_harness::{Failure, Outcome, eventually};
use stadtbus_load::{Latencies, NO_CONTENT, Receiver};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Setting;
use super::arrivals::{Arrivals, NumberFinder};
use super::city::{Sink, Subscription};
use super::drive::{ONE_LANE, open, requests_in};
use super::report::Row;
use super::rig::{LOG_BYTES_MAX, Rig};

const HEALTHY: u64 = 20;
/// Events a second, each for all of them.
const RATE: u32 = 50;
/// Each has a phase with the silent receiver and one without, in changing order: what drifts, drifts for both.
const PAIRS: u64 = 6;
const SILENT: &str = "messung-stumm";
/// Fewer attempts than this under way are not what is measured.
const HELD_MIN: u64 = 32;
/// Longer than one of its attempts takes to be given up.
const SWITCHED_WITHIN: Duration = Duration::from_secs(30);
const ARRIVE_WITHIN: Duration = Duration::from_secs(30);

/// Latency from scheduled send to each of the healthy receivers, at 50 events (1,000 deliveries) a second, while one hangs; the
/// note tells the same without it.
pub(crate) async fn hanging(row: Row, setting: Setting) -> Outcome<Row> {
    let count = requests_in(setting.measure, RATE);
    let heard = Arc::new(Heard::new(2 * PAIRS * count));
    let (mut receivers, mut subscriptions) = (Vec::new(), Vec::new());
    for index in 0..HEALTHY {
        let receiver = heard.receiver().await?;
        let sink = Sink::Webhook(receiver.address().to_string());
        subscriptions.push(subscription(format!("messung-{index:02}"), sink));
        receivers.push(receiver);
    }
    let silent = Silent::listen().await?;
    subscriptions.push(subscription(
        SILENT.to_owned(),
        Sink::Silent(silent.address.clone()),
    ));
    // A breaker would soon spare the bus the attempts whose cost is asked for.
    let limits = format!("log_bytes_max = {LOG_BYTES_MAX}\nbreaker_failures_max = 0\n");
    let rig = Rig::start_with(setting, &subscriptions, &limits).await?;
    rig.order(SILENT, "pause").await?;

    let template = rig.publish(1).await?;
    let (mut with, mut without, mut ratios, mut errors) =
        (Latencies::default(), Latencies::default(), Vec::new(), 0);
    let (mut next, mut hung, mut held) = (1, false, 0);
    let meter = rig.meter();
    for pair in 0..PAIRS {
        let (mut hanging_p99, mut quiet_p99) = (0.0, 0.0);
        for hangs in [pair % 2 == 1, pair % 2 == 0] {
            if hangs != hung {
                rig.order(SILENT, if hangs { "resume" } else { "pause" }).await?;
                hung = hangs;
            }
            silent
                .until(|open| if hangs { open >= HELD_MIN } else { open == 0 })
                .await?;
            let (_, sent) = open(
                rig.bus,
                &template,
                ONE_LANE,
                (next, count, f64::from(RATE)),
                Some(Arc::clone(&heard.arrivals)),
            )
            .await?;
            held = held.max(silent.open());
            let phase = heard.all(count * HEALTHY).await?;
            next += count;
            errors += sent.errors();
            let p99 = phase.clone().percentiles([0.99]).map_or(0.0, |[p99]| p99);
            if hangs {
                hanging_p99 = p99;
                with.append(phase)
            } else {
                quiet_p99 = p99;
                without.append(phase)
            }
        }
        ratios.push(hanging_p99 / quiet_p99);
    }
    let spent = meter.read();
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    let figures = |latencies: &Latencies| latencies.clone().percentiles([0.5, 0.99]);
    let (Some([p50, p99]), Some([quiet_p50, quiet_p99])) = (figures(&with), figures(&without)) else {
        return Err(Failure::new("nothing arrived"));
    };
    let note = format!(
        "without it p50/p99 {quiet_p50:.2}/{quiet_p99:.2} ms; with it through without: p50 {:.3}, p99 {:.3}, median of {PAIRS} pairs' p99 {median:.3} ({}); it held {held} connections",
        p50 / quiet_p50,
        p99 / quiet_p99,
        ratios
            .iter()
            .map(|ratio| format!("{ratio:.2}"))
            .collect::<Vec<_>>()
            .join(" "),
    );
    Ok(rig.costs(row.latency(with).errors(errors).note(note), spent))
}

fn subscription(id: String, sink: Sink) -> Subscription {
    Subscription {
        id,
        partner: "kom",
        subject: None,
        mapped: false,
        sink,
    }
}

/// What the healthy receivers heard in the phase that runs.
struct Heard {
    arrivals: Arc<Arrivals>,
    latencies: Mutex<Latencies>,
}

impl Heard {
    fn new(events: u64) -> Self {
        Self {
            arrivals: Arc::new(Arrivals::new(1, usize::try_from(events).unwrap_or_default())),
            latencies: Mutex::default(),
        }
    }

    fn latencies(&self) -> MutexGuard<'_, Latencies> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn receiver(self: &Arc<Self>) -> Outcome<Receiver> {
        let (heard, finder) = (Arc::clone(self), NumberFinder::default());
        let take = move |_: &[u8], body: &[u8]| {
            let latency = finder
                .find(body)
                .and_then(|number| heard.arrivals.since_due(number));
            if let Some(latency) = latency {
                heard.latencies().push(latency);
            }
            NO_CONTENT
        };
        Ok(Receiver::start(Arc::new(take)).await?)
    }

    /// Everything of one phase.
    async fn all(&self, count: u64) -> Outcome<Latencies> {
        eventually(ARRIVE_WITHIN, &format!("{count} deliveries"), || async {
            let heard = self.latencies().len() as u64;
            if heard >= count {
                return Ok(());
            }
            Err(Failure::new(heard.to_string()))
        })
        .await?;
        Ok(std::mem::take(&mut *self.latencies()))
    }
}

/// A receiver that reads whatever comes and says nothing, for ever.
struct Silent {
    address: String,
    open: Arc<AtomicU64>,
    listener: JoinHandle<()>,
}

impl Silent {
    async fn listen() -> Outcome<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?.to_string();
        let open = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&open);
        let listener = tokio::spawn(async move {
            while let Ok((mut stream, _)) = socket.accept().await {
                let open = Arc::clone(&counter);
                tokio::spawn(async move {
                    open.fetch_add(1, Relaxed);
                    let mut buffer = [0; 4096];
                    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
                    open.fetch_sub(1, Relaxed);
                });
            }
        });
        Ok(Self {
            address,
            open,
            listener,
        })
    }

    fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    async fn until(&self, enough: impl Fn(u64) -> bool) -> Outcome<()> {
        eventually(SWITCHED_WITHIN, "the silent receiver's turn", || async {
            let open = self.open();
            if enough(open) {
                return Ok(());
            }
            Err(Failure::new(format!("it holds {open} connections")))
        })
        .await
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
