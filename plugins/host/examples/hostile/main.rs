//! What hostile plugins can do to the host, measured: each attack of the corpus with the default limits, eight of them at
//! once beside an honest partner, and a million instances that look for what others left.
//!
//! `hostile [--runs N] [--pairs N] [--instantiations N] [--report-only]` prints tables in Markdown, and fails if a promise
//! is not kept. With `--report-only` it only says so: on a machine that is busy with other things, times say little.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod attacks;
mod leak;
mod neighbours;
#[path = "../../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

/// Most that one call may take beyond its deadline, in milliseconds; and where it fills memory with single instructions.
const LATE_MS_MAX: f64 = 100.0;
const LATE_BULK_MS_MAX: f64 = 10.0;
/// What the whole corpus may leave behind in the host, in MiB.
const RSS_GROWTH_MIB_MAX: f64 = 32.0;
/// How much longer an honest partner may wait with eight hostile neighbours than without: p99 to p99.
const P99_RATIO_MAX: f64 = 1.5;

struct Arguments {
    /// How often each attack is run; the worst counts.
    runs: usize,
    /// Pairs of phases without and with neighbours.
    pairs: usize,
    instantiations: usize,
    report_only: bool,
}

/// One promise, and what was measured.
struct Criterion {
    promise: String,
    measured: String,
    kept: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: hostile [--runs N] [--pairs N] [--instantiations N] [--report-only]");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let criteria = runtime.block_on(measure(&arguments));
    println!("\n| promise | measured | verdict |\n|---|---|---|");
    for Criterion {
        promise,
        measured,
        kept,
    } in &criteria
    {
        println!("| {promise} | {measured} | {} |", verdict(*kept));
    }
    if arguments.report_only || criteria.iter().all(|criterion| criterion.kept) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

async fn measure(arguments: &Arguments) -> Vec<Criterion> {
    let mut criteria = corpus(arguments.runs).await;
    criteria.push(honest_beside_hostile(arguments.pairs).await);
    let (looked, found) = leak::look(arguments.instantiations).await;
    criteria.push(Criterion {
        promise: "no instance finds what another left".to_owned(),
        measured: format!("{found} finds in {looked} instances"),
        kept: found == 0 && looked > 0,
    });
    criteria
}

async fn corpus(runs: usize) -> Vec<Criterion> {
    let (rows, rss_growth_mib) = attacks::run_all(runs).await;
    println!("| component | stage | expected | got | ms, worst of {runs} | late by ms | verdict |");
    println!("|---|---|---|---|--:|--:|---|");
    for row in &rows {
        let late = row.late_ms.map_or(String::new(), |late| format!("{late:.1}"));
        println!(
            "| {} | {} | {} | {} | {:.1} | {late} | {} |",
            row.name,
            row.stage,
            row.expected,
            row.got,
            row.worst_ms,
            verdict(row.is_right()),
        );
    }
    let wrong = rows.iter().filter(|row| !row.is_right()).count();
    let latest = |bulk: bool| {
        let rows = rows.iter().filter(|row| row.name.starts_with("bulk_") == bulk);
        rows.filter_map(|row| row.late_ms).fold(0.0, f64::max)
    };
    let in_time = |what: &str, late: f64, max: f64| Criterion {
        promise: format!("{what} stopped at most {max:.0} ms after the deadline of 50 ms"),
        measured: format!("{late:.1} ms at worst"),
        kept: late <= max,
    };
    vec![
        Criterion {
            promise: "each stopped where and with the code the corpus says".to_owned(),
            measured: format!("{} of {}", rows.len() - wrong, rows.len()),
            kept: wrong == 0,
        },
        in_time("each", latest(false), LATE_MS_MAX),
        in_time("bulk memory of 16 MiB", latest(true), LATE_BULK_MS_MAX),
        Criterion {
            promise: format!(
                "memory of the host grows by at most {RSS_GROWTH_MIB_MAX:.0} MiB over the corpus"
            ),
            measured: format!("{rss_growth_mib:.1} MiB"),
            kept: rss_growth_mib <= RSS_GROWTH_MIB_MAX,
        },
    ]
}

async fn honest_beside_hostile(pairs: usize) -> Criterion {
    let measured = neighbours::measure(pairs).await;
    println!("\n| honest partner | calls | p50 µs | p99 µs | worst µs |\n|---|--:|--:|--:|--:|");
    for (name, times) in [
        ("alone", &measured.alone),
        ("eight hostile neighbours", &measured.beside),
    ] {
        println!(
            "| {name} | {} | {:.0} | {:.0} | {:.0} |",
            times.len(),
            percentile(times, 500),
            percentile(times, 990),
            percentile(times, 1_000),
        );
    }
    println!(
        "\nThe neighbours made {} calls meanwhile: {}.",
        measured.calls.iter().map(|(_, count)| count).sum::<u64>(),
        measured
            .calls
            .iter()
            .map(|(file, count)| format!("{file} {count}"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    let pooled = percentile(&measured.beside, 990) / percentile(&measured.alone, 990);
    Criterion {
        promise: format!(
            "honest p99 beside eight hostile partners at most {P99_RATIO_MAX} times its p99 alone"
        ),
        measured: format!(
            "{:.2} times (median of {pairs} pairs), {pooled:.2} times (all calls together)",
            measured.median_ratio
        ),
        kept: measured.median_ratio <= P99_RATIO_MAX,
    }
}

fn arguments() -> Option<Arguments> {
    let mut arguments = Arguments {
        runs: 5,
        pairs: 11,
        instantiations: 1_000_000,
        report_only: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let mut number = || args.next()?.parse::<usize>().ok().filter(|&number| number > 0);
        match name.as_str() {
            "--runs" => arguments.runs = number()?,
            "--pairs" => arguments.pairs = number()?,
            "--instantiations" => arguments.instantiations = number()?,
            "--report-only" => arguments.report_only = true,
            _ => return None,
        }
    }
    Some(arguments)
}

fn verdict(kept: bool) -> &'static str {
    if kept { "ok" } else { "WRONG" }
}

/// Of sorted nanoseconds, in microseconds.
fn percentile(sorted: &[u64], per_mille: usize) -> f64 {
    sorted[(sorted.len() - 1) * per_mille / 1_000] as f64 / 1_000.0
}
