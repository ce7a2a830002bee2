//! `stadtbus-sim`: the runs of many seeds, or one of them told line by line.
//!
//! Exit code 0: no violation (with `--planted`: the bug was found). 1: a violation (the bug was not found), or something was
//! never met. 2: it could not be run.

use std::{process::ExitCode, sync::Arc, time::Instant};

use stadtbus_sim::{Run, Stage, planted, run, seeds};

const USAGE: &str = "\
stadtbus-sim: the flow on a simulated clock, broker and net

  --seeds N         how many seeds, from the first on (1000)
  --seed N          the first seed (1); without --seeds only this one, told line by line
  --log             the bus's own log lines as well (RUST_LOG chooses); one seed only
  --planted NAME    succeed only if this bug is found, or `all`: needs a build with the feature `planted-bugs`, which
                    `cargo xtask sim --planted NAME` makes
";

/// Violations shown before a run of many seeds ends.
const SHOWN_MAX: usize = 10;
/// Of so many seeds each thing that can be met must have been.
const MEET_ALL: u64 = 1_000;

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
    args.planted.as_deref().map_or(Ok(()), planted::check)?;
    Ok(Some(args))
}

fn main() -> ExitCode {
    let told = match args() {
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Some(args)) if args.planted.as_deref() == Some(planted::ALL) => planted::all(args.seeds),
        Ok(Some(args)) => judge(&args),
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

fn judge(args: &Args) -> Result<bool, String> {
    if args.log {
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .without_time()
            .init();
    }
    let stage = Arc::new(Stage::set()?);
    match (args.seed, args.seeds) {
        (Some(seed), None) => {
            let run = run(&stage, seed, true)?;
            println!("{}\n  met: {}", shown(&run), run.coverage);
            Ok(run.verdict.is_clean() != args.planted.is_some())
        }
        (first, count) => many(&stage, first.unwrap_or(1), count.unwrap_or(MEET_ALL), args),
    }
}

fn shown(run: &Run) -> String {
    format!("{run}\n  {}", run.dice)
}

fn many(stage: &Arc<Stage>, first: u64, count: u64, args: &Args) -> Result<bool, String> {
    let began = Instant::now();
    let enough = if args.planted.is_some() { 1 } else { SHOWN_MAX };
    let made = seeds::seeds(stage, first, count, enough)?;
    for (seed, run) in made.violations.iter().take(enough) {
        println!("{}\n  again: cargo xtask sim --seed {seed}", shown(run));
    }
    println!(
        "sim: {} seeds from {first} · {} with a violation · {} happenings in {} h simulated · {:.1} s",
        made.seeds,
        made.violations.len(),
        made.happenings,
        made.simulated.as_secs() / 3_600,
        began.elapsed().as_secs_f64()
    );
    println!("met: {}", made.coverage);
    let found = !made.violations.is_empty();
    if let Some(name) = &args.planted {
        println!(
            "planted: {name} was {}",
            if found { "found" } else { "NOT found" }
        );
        return Ok(found);
    }
    let missing = made.coverage.missing();
    let met = made.seeds < MEET_ALL || missing.is_empty();
    if !met {
        println!("never met: {}", missing.join(" · "));
    }
    Ok(!found && met)
}
