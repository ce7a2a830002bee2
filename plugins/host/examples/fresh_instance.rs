//! What a fresh instance per event costs: a transform of a 1 KiB JSON event by an ordinary guest, on one thread, on
//! two, and through the pool. Prints one JSON object. Takes about ten seconds after the build.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stadtbus_event::Event;
use stadtbus_plugin_host::{
    Call, CompilerCommand, Host, HostConfig, Input, OwnedCall, OwnedInput, Plugin, Pool, Tables, build,
};

const WARM_UP: usize = 5_000;
const CALLS: usize = 50_000;

/// An outage as a utility reports it, filled up to 1 KiB.
fn event() -> Event {
    let mut data = String::from(
        r#"{"id":"NGN-2026-004711","category":"strom","revision":2,"start":"2026-11-23T14:00:00+01:00","expectedEnd":"2026-11-23T18:00:00+01:00","status":"in_bearbeitung","cause":"unbekannt","customers":31200,"address":{"street":"Ostwall 1","zip":"47798"},"readings":["ONS-0412","ONS-0413"],"area":{"type":"Polygon","coordinates":[[[6.601,51.331],[6.648,51.331],[6.648,51.379],[6.601,51.379],[6.601,51.331]]]},"districts":["Bockum","Gartenstadt","Elfrath"],"note":""#,
    );
    data.push_str(&"x".repeat(1_022 - data.len()));
    data.push_str("\"}");
    Event::builder("1", "urn:krefeld:ngn:leitwarte", "de.krefeld.test.measured.v1")
        .time("2026-01-31T12:00:00Z")
        .datacontenttype("application/json")
        .extension("sequence", 7)
        .data(data.into_bytes())
        .build()
        .unwrap()
}

fn call<'a>(event: &'a Event, tables: &'a Tables) -> Call<'a> {
    Call {
        input: Input::Event(event),
        config: b"{}",
        state: None,
        tables,
    }
}

/// The least a call can be: an event of a few bytes that is dropped.
fn tiny() -> Event {
    Event::builder("1", "urn:x", "de.krefeld.test.measured.v1")
        .datacontenttype("application/json")
        .data(&br#"{"do":"drop"}"#[..])
        .build()
        .unwrap()
}

fn round(plugin: &Plugin, event: &Event, calls: usize) -> Vec<u64> {
    let tables = Tables::none();
    (0..calls)
        .map(|_| {
            let started = Instant::now();
            plugin.run(call(event, &tables)).expect("an honest guest answers");
            u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
        })
        .collect()
}

fn percentile(sorted: &[u64], per_mille: usize) -> f64 {
    sorted[(sorted.len() - 1) * per_mille / 1_000] as f64 / 1_000.0
}

fn rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<f64>().ok())
        .unwrap_or_default()
        / 1_024.0
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("../../target");
    let built =
        build::build(&root.join("tests/guests/mapper"), &target.join("guests")).expect("the guest builds");
    let manifest = build::read_manifest(&root.join("tests/guests/mapper")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let host = Host::new(HostConfig {
        instances_max: 64,
        cache_dir: target.join("plugin-cache"),
        compiler: CompilerCommand::Inside,
    })
    .unwrap();
    let plugin = runtime
        .block_on(host.deploy(&manifest, &built.component))
        .expect("the guest deploys");
    let idle = rss_mib();

    let (event, tiny) = (event(), tiny());
    round(&plugin, &event, WARM_UP);
    let mut least = round(&plugin, &tiny, CALLS);
    least.sort_unstable();
    let mut one = round(&plugin, &event, CALLS);
    one.sort_unstable();

    let started = Instant::now();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (plugin, event) = (Arc::clone(&plugin), event.clone());
            std::thread::spawn(move || round(&plugin, &event, CALLS))
        })
        .collect();
    let mut both: Vec<u64> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let wall = started.elapsed();
    both.sort_unstable();

    let hop = through_the_pool(&runtime, &plugin, &tiny);

    let one_per_s = 1e9 / (one.iter().sum::<u64>() as f64 / one.len() as f64);
    let two_per_s = both.len() as f64 / wall.as_secs_f64();
    let cpu_before = cpu_ticks();
    std::thread::sleep(Duration::from_secs(2));
    println!(
        r#"{{"component_bytes":{},"least_call_p50_us":{:.1},"least_call_through_pool_p50_us":{:.1},"one_thread":{{"p50_us":{:.1},"p99_us":{:.1},"per_s":{one_per_s:.0}}},"two_threads":{{"p50_us":{:.1},"p99_us":{:.1},"per_s":{two_per_s:.0},"scaling":{:.2}}},"rss_mib":{{"deployed":{idle:.1},"after":{:.1}}},"idle_cpu_ticks_in_2_s":{}}}"#,
        built.report.component_bytes,
        percentile(&least, 500),
        percentile(&hop, 500),
        percentile(&one, 500),
        percentile(&one, 990),
        percentile(&both, 500),
        percentile(&both, 990),
        two_per_s / one_per_s,
        rss_mib(),
        cpu_ticks() - cpu_before,
    );
}

/// What the way to a pool thread and back adds to the least call, at low load: one call at a time, from the runtime.
fn through_the_pool(runtime: &tokio::runtime::Runtime, plugin: &Arc<Plugin>, event: &Event) -> Vec<u64> {
    let pool = Pool::new(0, 64).unwrap();
    let event = Arc::new(event.clone());
    let call = || OwnedCall {
        input: OwnedInput::Event(Arc::clone(&event)),
        config: bytes::Bytes::new(),
        state: None,
        tables: Tables::none(),
    };
    let mut taken: Vec<u64> = runtime.block_on(async {
        let mut taken = Vec::new();
        for _ in 0..5_000 {
            let started = Instant::now();
            pool.run(plugin, call()).await.expect("an honest guest answers");
            taken.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        taken
    });
    taken.sort_unstable();
    taken
}

/// Processor time of this process so far, in clock ticks (10 ms).
fn cpu_ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    [11, 12]
        .iter()
        .filter_map(|&n| fields.get(n)?.parse::<u64>().ok())
        .sum()
}
