//! The broker's files are damaged between two starts: does the bus notice, and does it stop accepting?
//!
//! Each case begins from the same store, which holds acknowledged events that nobody has read yet. Either the bus stops
//! acceptance within a minute of its start, or the damage must be harmless: every event is then read back through a
//! subscription, and its data compared byte for byte with what was sent. Afterwards both processes are killed under load
//! without any damage: there may be no alarm.
//!
//! `--runbook` asks the other half: whether the page for this leads back into service, by executing it.

mod alarms;
mod cases;
mod inflict;
mod judge;
mod runbook;
mod space;
mod stage;

use std::time::{Duration, Instant};

use stadtbus_harness::{Failure, Outcome};

use crate::args::Args;
use cases::Case;
use judge::Verdict;
pub(crate) use space::INSIDE;
use stage::Stage;

/// Runs it; `true` if every damage was noticed or harmless and there was no false alarm.
pub(crate) async fn run(args: &Args) -> Outcome<bool> {
    let seed = args.seed();
    let limit = Duration::from_secs(args.minutes_max * 60);
    let late = |_| {
        Err(Failure::new(format!(
            "not done after {} minutes",
            args.minutes_max
        )))
    };
    let run = async {
        match args.runbook {
            Some(inside) => runbook::run(seed, inside).await,
            None => all(seed).await,
        }
    };
    tokio::time::timeout(limit, run).await.unwrap_or_else(late)
}

async fn all(seed: u64) -> Outcome<bool> {
    println!("seed {seed}");
    let began = Instant::now();
    let mut stage = Stage::prepare(seed).await?;
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut detected, mut harmless, mut missed, mut slowest) = (0, 0, 0, 0.0_f64);
    let cases = cases::all();
    println!("{:<58} {:>7}  outcome", "case", "s");
    for case in &cases {
        let (verdict, seconds) = one(&mut stage, case, &mut random).await?;
        let word = match &verdict {
            Verdict::Detected(what) if case.damage.is_none() => {
                missed += 1;
                format!("FALSE ALARM: {what}")
            }
            Verdict::Detected(what) => {
                detected += 1;
                slowest = slowest.max(seconds);
                format!("detected: {what}")
            }
            Verdict::Harmless(events) => {
                harmless += 1;
                format!("harmless: {events} events read back, all equal")
            }
            Verdict::Missed(what) => {
                missed += 1;
                format!("MISSED: {what}")
            }
        };
        println!("{:<58} {seconds:>7.1}  {word}", case.name());
    }
    let alarms = alarms::without_damage(&mut stage, &mut random).await?;
    println!(
        "{} cases: {detected} detected (the slowest after {slowest:.1} s), {harmless} harmless, {missed} missed",
        cases.len()
    );
    println!("{alarms}");
    println!("{:.0} s", began.elapsed().as_secs_f64());
    Ok(missed == 0 && alarms.is_clean())
}

async fn one(stage: &mut Stage, case: &Case, random: &mut fastrand::Rng) -> Outcome<(Verdict, f64)> {
    stage.restore(case.graceful)?;
    inflict::inflict(stage, &case.damage, random)?;
    judge::judge(stage).await
}
