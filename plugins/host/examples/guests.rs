//! What a plugin costs in each language: size, compiling, the start of an instance, an event of 1 KiB in and out. The same
//! transform in each, built by `stadtbus plugin build`'s own builders, run in the sandbox as in operation.
//!
//! `guests [--calls N] [--output FILE]` prints a table in Markdown; with FILE also JSON. N (50,000) is how often each guest
//! is asked; a million shows whether memory keeps growing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stadtbus_event::Event;
use stadtbus_plugin_host::{
    Answer, Call, CompilerCommand, Failure, Host, HostConfig, Input, Instances, Tables, build,
};

const LANGUAGES: [&str; 4] = ["rust", "zig", "typescript", "python"];
/// Calls before anything is measured.
const WARM_UP: usize = 500;
/// Calls in fresh instances: an interpreter takes a millisecond for one.
const FRESH_CALLS: usize = 2_000;
const CALLS: usize = 50_000;

struct Row {
    language: &'static str,
    instances: &'static str,
    component_bytes: u64,
    compile: Duration,
    start_us: f64,
    fresh_us: f64,
    p50_us: f64,
    p99_us: f64,
    memory_mib: f64,
    rss_growth_mib: f64,
}

fn main() -> ExitCode {
    let Some((calls, output)) = arguments() else {
        eprintln!("usage: guests [--calls N] [--output FILE]");
        return ExitCode::from(2);
    };
    let rows: Vec<Row> = LANGUAGES
        .iter()
        .map(|language| measure(language, calls))
        .collect();
    println!(
        "| language | instances | component KiB | compile s | start µs | event µs, fresh | event µs, p50 | p99 | memory MiB | RSS growth over {calls} calls, MiB |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for row in &rows {
        println!(
            "| {} | {} | {} | {:.2} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            row.language,
            row.instances,
            row.component_bytes.div_ceil(1_024),
            row.compile.as_secs_f64(),
            row.start_us,
            row.fresh_us,
            row.p50_us,
            row.p99_us,
            row.memory_mib,
            row.rss_growth_mib,
        );
    }
    if let Some(path) = output {
        let rows: Vec<String> = rows.iter().map(json).collect();
        std::fs::write(path, format!("[{}]\n", rows.join(","))).unwrap();
    }
    ExitCode::SUCCESS
}

fn arguments() -> Option<(usize, Option<PathBuf>)> {
    let (mut calls, mut output) = (CALLS, None);
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next();
        match (name.as_str(), value) {
            ("--calls", Some(value)) => calls = value.parse().ok()?,
            ("--output", Some(value)) => output = Some(PathBuf::from(value)),
            _ => return None,
        }
    }
    Some((calls.max(1), output))
}

fn measure(language: &'static str, calls: usize) -> Row {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("../../target");
    let dir = root.join("examples/guests").join(language);
    let built = build::build(&dir, &target.join("guests")).expect("the guest builds");
    let manifest = build::read_manifest(&dir).unwrap();

    // A cache of this run's own, so that the time of compiling is one.
    let cache_dir = target.join(format!("measured-{}", std::process::id()));
    let host = Host::new(HostConfig {
        instances_max: 8,
        cache_dir: cache_dir.clone(),
        compiler: CompilerCommand::Inside,
    })
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let started = Instant::now();
    let plugin = runtime
        .block_on(host.deploy(&manifest, &built.component))
        .expect("the guest deploys");
    let compile = started.elapsed();
    let _ = std::fs::remove_dir_all(cache_dir);

    let (least, outage) = (event(r#"{"id":"1"}"#.to_owned()), outage());
    let fresh = |event: &Event, calls| round(event, calls, |call| plugin.run_fresh(call)).0;
    fresh(&outage, 20);
    let start = fresh(&least, FRESH_CALLS);
    let fresh = fresh(&outage, FRESH_CALLS);
    round(&outage, WARM_UP, |call| plugin.run(call));
    let before = rss_mib();
    let (taken, memory_bytes) = round(&outage, calls, |call| plugin.run(call));
    Row {
        language,
        instances: match manifest.instances {
            Instances::Fresh => "fresh",
            Instances::Warm => "warm",
        },
        component_bytes: built.report.component_bytes,
        compile,
        start_us: percentile(&start, 500),
        fresh_us: percentile(&fresh, 500),
        p50_us: percentile(&taken, 500),
        p99_us: percentile(&taken, 990),
        memory_mib: memory_bytes as f64 / f64::from(1 << 20),
        rss_growth_mib: rss_mib() - before,
    }
}

/// Sorted times in nanoseconds, and the highest peak of memory.
fn round(event: &Event, calls: usize, run: impl Fn(Call<'_>) -> Result<Answer, Failure>) -> (Vec<u64>, u64) {
    let tables = Tables::none();
    let mut memory_bytes = 0;
    let mut taken: Vec<u64> = (0..calls)
        .map(|_| {
            let started = Instant::now();
            let answer = run(Call {
                input: Input::Event(event),
                config: b"{}",
                state: None,
                tables: &tables,
            });
            let took = started.elapsed();
            memory_bytes = memory_bytes.max(answer.expect("an honest guest answers").cost.memory_bytes);
            u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
        })
        .collect();
    taken.sort_unstable();
    (taken, memory_bytes)
}

/// An outage as a utility reports it, filled up to 1 KiB.
fn outage() -> Event {
    let mut data = String::from(
        r#"{"id":"NGN-2026-004711","category":"strom","revision":2,"start":"2026-11-23T14:00:00+01:00","expectedEnd":"2026-11-23T18:00:00+01:00","status":"in_bearbeitung","cause":"unbekannt","customers":31200,"address":{"street":"Ostwall 1","zip":"47798"},"readings":["ONS-0412","ONS-0413"],"area":{"type":"Polygon","coordinates":[[[6.601,51.331],[6.648,51.331],[6.648,51.379],[6.601,51.379],[6.601,51.331]]]},"districts":["Bockum","Gartenstadt","Elfrath"],"note":""#,
    );
    data.push_str(&"x".repeat(1_022 - data.len()));
    data.push_str("\"}");
    event(data)
}

fn event(data: String) -> Event {
    Event::builder("1", "urn:krefeld:ngn:leitwarte", "de.krefeld.test.measured.v1")
        .time("2026-01-31T12:00:00Z")
        .datacontenttype("application/json")
        .data(data.into_bytes())
        .build()
        .unwrap()
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
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}

fn json(row: &Row) -> String {
    format!(
        r#"{{"language":"{}","instances":"{}","component_bytes":{},"compile_ms":{},"start_us":{:.1},"fresh_us":{:.1},"p50_us":{:.1},"p99_us":{:.1},"memory_mib":{:.1},"rss_growth_mib":{:.1}}}"#,
        row.language,
        row.instances,
        row.component_bytes,
        row.compile.as_millis(),
        row.start_us,
        row.fresh_us,
        row.p50_us,
        row.p99_us,
        row.memory_mib,
        row.rss_growth_mib,
    )
}
