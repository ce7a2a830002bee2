//! `stadtbus-sim`: the runs of many seeds, or one of them told line by line.
//!
//! Exit code 0: no violation (with `--planted`: the bug was found). 1: a violation (the bug was not found). 2: it could not
//! be run.

use std::{process::ExitCode, sync::Arc, time::Instant};

use stadtbus_sim::{Stage, run};

const USAGE: &str = "\
stadtbus-sim: the flow on a simulated clock, broker and net

  --seeds N         how many seeds, from the first on (1000)
  --seed N          the first seed (1); without --seeds only this one, told line by line
  --log             the bus's own log lines as well (RUST_LOG chooses)
  --planted NAME    succeed only if this bug is found: needs a build with the feature `planted-bugs`, which
                    `cargo xtask sim --planted NAME` makes
";

/// Violations shown before a run of many seeds ends.
const SHOWN_MAX: u64 = 10;

#[derive(Default)]
struct Args {
    seed: Option<u64>,
    seeds: Option<u64>,
    planted: Option<String>,
    log: bool,
}

fn args() -> Result<Option<Args>, String> {
    let mut args = Args::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("{text} is no number"));
        match word.as_str() {
            "--seed" => args.seed = Some(number(value()?)?),
            "--seeds" => args.seeds = Some(number(value()?)?),
            "--planted" => args.planted = Some(value()?),
            "--log" => args.log = true,
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("{word} is unknown\n\n{USAGE}")),
        }
    }
    Ok(Some(args))
}

fn main() -> ExitCode {
    let told = match args() {
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Some(args)) => all(&args),
        Err(error) => Err(error),
    };
    match told {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("stadtbus-sim: {error}");
            ExitCode::from(2)
        }
    }
}

fn all(args: &Args) -> Result<bool, String> {
    if args.log {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .without_time()
            .init();
    }
    let told = args.seed.is_some() && args.seeds.is_none();
    let first = args.seed.unwrap_or(1);
    let seeds = args.seeds.unwrap_or(if told { 1 } else { 1_000 });
    let stage = Arc::new(Stage::set()?);
    let began = Instant::now();
    let (mut found, mut simulated, mut happenings) = (0, 0, 0);
    for seed in first..first.saturating_add(seeds) {
        let run = run(&stage, seed, told)?;
        simulated += run.simulated.as_secs();
        happenings += run.count;
        if !run.verdict.is_clean() {
            found += 1;
            println!("{run}\n  {}\n  again: cargo xtask sim --seed {seed}", run.dice);
            if args.planted.is_some() || found >= SHOWN_MAX {
                break;
            }
        } else if told {
            println!("{run}\n  {}", run.dice);
        }
    }
    println!(
        "sim: {seeds} seeds from {first} · {found} with a violation · {happenings} happenings in {} h simulated · {:.1} s",
        simulated / 3_600,
        began.elapsed().as_secs_f64()
    );
    match &args.planted {
        Some(name) if found > 0 => println!("planted: {name} was found"),
        Some(name) => println!("planted: {name} was NOT found"),
        None => {}
    }
    Ok((found > 0) == args.planted.is_some())
}
