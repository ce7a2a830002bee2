//! An honest partner's waiting time, alone and beside eight hostile partners that keep the same pool as busy as they can.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stadtbus_event::Event;
use stadtbus_plugin_host::{Host, Plugin, Pool};

use crate::percentile;
use crate::support::{corpus, fresh_dir, host_in, mapper, owned};

/// One attack for each of the eight: time, bulk memory, memory, log.
const NEIGHBOURS: [&str; 8] = [
    "loop_endless.wat",
    "loop_calls.wat",
    "bulk_fill.wat",
    "bulk_copy.wat",
    "memory_stepwise.wat",
    "memory_at_once.wat",
    "log_flood.wat",
    "log_endless.wat",
];
/// Calls that each neighbour always has in the pool.
const QUEUED: usize = 4;
/// Length of a phase. Phases alone and beside neighbours alternate, so that what else the machine does hits both.
const PHASE: Duration = Duration::from_millis(1_500);
/// An event every two milliseconds: a partner with much to say.
const PACE: Duration = Duration::from_millis(2);
const WARM_UP: usize = 2_000;

pub(crate) struct Measured {
    /// Sorted times of all calls without neighbours, in nanoseconds.
    pub(crate) alone: Vec<u64>,
    /// And with.
    pub(crate) beside: Vec<u64>,
    /// Median of the ratios of p99 of neighbouring phases.
    pub(crate) median_ratio: f64,
    /// How many calls each neighbour made.
    pub(crate) calls: Vec<(&'static str, u64)>,
}

/// What all neighbours share.
struct Street {
    pool: Arc<Pool>,
    awake: AtomicBool,
    over: AtomicBool,
    under_way: AtomicUsize,
}

pub(crate) async fn measure(pairs: usize) -> Measured {
    let host = host_in(fresh_dir("hostile-neighbours"));
    let street = Arc::new(Street {
        pool: Arc::new(Pool::new(0, 64).unwrap()),
        awake: AtomicBool::new(false),
        over: AtomicBool::new(false),
        under_way: AtomicUsize::new(0),
    });
    let honest = mapper(&host, "gsak").await;
    let counts: Vec<Arc<AtomicU64>> = NEIGHBOURS.iter().map(|_| Arc::default()).collect();
    let mut neighbours = Vec::new();
    for (number, file) in NEIGHBOURS.iter().enumerate() {
        let plugin = hostile(&host, file, number).await;
        let (street, count) = (Arc::clone(&street), Arc::clone(&counts[number]));
        neighbours.push(tokio::spawn(keep_busy(street, plugin, count)));
    }
    let input = corpus::input();
    for _ in 0..WARM_UP {
        street.pool.run(&honest, owned(&input)).await.unwrap();
    }
    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..pairs {
        let quiet = phase(&street.pool, &honest, &input).await;
        street.awake.store(true, Ordering::SeqCst);
        let loud = phase(&street.pool, &honest, &input).await;
        street.awake.store(false, Ordering::SeqCst);
        while street.under_way.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(PACE).await;
        }
        ratios.push(percentile(&loud, 990) / percentile(&quiet, 990));
        alone.extend(quiet);
        beside.extend(loud);
    }
    street.over.store(true, Ordering::SeqCst);
    for neighbour in neighbours {
        neighbour.await.unwrap();
    }
    alone.sort_unstable();
    beside.sort_unstable();
    ratios.sort_by(f64::total_cmp);
    let calls = counts.iter().map(|count| count.load(Ordering::SeqCst));
    Measured {
        alone,
        beside,
        median_ratio: ratios[ratios.len() / 2],
        calls: NEIGHBOURS.into_iter().zip(calls).collect(),
    }
}

async fn hostile(host: &Host, file: &str, number: usize) -> Arc<Plugin> {
    let (manifest, component) = corpus::ready(file, &format!("hostile-{number}"), "");
    host.deploy(&manifest, &component).await.unwrap()
}

/// One call after another, without a pause, while it is the neighbours' turn.
async fn keep_busy(street: Arc<Street>, plugin: Arc<Plugin>, count: Arc<AtomicU64>) {
    let input = corpus::input();
    while !street.over.load(Ordering::SeqCst) {
        street.under_way.fetch_add(1, Ordering::SeqCst);
        // Asked after it was announced, so that a phase does not begin while one of the last is still to come.
        if street.awake.load(Ordering::SeqCst) {
            let results = street.pool.run_batch(&plugin, vec![owned(&input); QUEUED]).await;
            count.fetch_add(results.len() as u64, Ordering::SeqCst);
            street.under_way.fetch_sub(1, Ordering::SeqCst);
        } else {
            street.under_way.fetch_sub(1, Ordering::SeqCst);
            tokio::time::sleep(PACE).await;
        }
    }
}

/// Sorted times of the honest partner's calls, in nanoseconds, each from the moment it is made to its answer.
async fn phase(pool: &Pool, honest: &Arc<Plugin>, input: &Event) -> Vec<u64> {
    let mut times = Vec::new();
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let begun = Instant::now();
    while begun.elapsed() < PHASE {
        pace.tick().await;
        let call = owned(input);
        let started = Instant::now();
        pool.run(honest, call).await.unwrap();
        times.push(u64::try_from(started.elapsed().as_nanos()).unwrap());
    }
    times.sort_unstable();
    times
}
