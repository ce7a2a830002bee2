//! One run: start, load and faults, settle, verdict.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use stadtbus_harness::{Failure, Outcome};

use crate::args::Args;
use crate::ledger::Ledger;
use crate::publish::{self, Publishing, Shared, open};
use crate::rows::{self, Row};
use crate::setup::{Ready, Setup};
use crate::stage::Stage;
use crate::verdict::{Run, dead_letters};

/// The settle window: as long as something still arrives, and no longer than this without.
const QUIET_MAX: Duration = Duration::from_secs(45);
const SETTLE_MAX: Duration = Duration::from_secs(240);
/// After everything has arrived: what nobody asked for may still come.
const AFTERMATH: Duration = Duration::from_secs(3);
/// One fresh event must get through in this time.
const FRESH_WITHIN: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const PROGRESS_EACH: Duration = Duration::from_secs(10);

/// How a row ended.
pub(crate) enum Performed {
    Done(Box<Run>),
    /// It cannot be run here, for this reason.
    Skipped(String),
}

/// Runs what the options say themselves, without the matrix; `true` if nothing was violated.
pub(crate) async fn run(args: &Args) -> Outcome<bool> {
    let (events, kills) = args.campaign.unwrap_or_default();
    let seed = args.seed();
    println!("seed {seed}: {events} events, {kills} kills");
    let row = rows::campaign(events, kills);
    match perform(&row, seed, args).await? {
        Performed::Done(run) => {
            print!("{}", run.table());
            Ok(run.is_clean())
        }
        Performed::Skipped(why) => Err(Failure::new(why)),
    }
}

/// Runs one row in its time.
pub(crate) async fn perform(row: &Row, seed: u64, args: &Args) -> Outcome<Performed> {
    let limit = Duration::from_secs(args.minutes_max * 60);
    let performed = tokio::time::timeout(limit, Box::pin(perform_all(row, seed, args.long))).await;
    performed.unwrap_or_else(|_| {
        Err(Failure::new(format!(
            "not done after {} minutes",
            args.minutes_max
        )))
    })
}

async fn perform_all(row: &Row, seed: u64, long: bool) -> Outcome<Performed> {
    let ledger: Shared = Arc::new(Mutex::new(Ledger::new(seed)));
    let folder = tempfile::Builder::new().prefix("stadtbus-chaos-").tempdir()?;
    let mut setup = Setup::new(folder.path(), long).await?;
    if let Ready::Skip(why) = (row.prepare)(&mut setup)? {
        return Ok(Performed::Skipped(why));
    }
    let mut stage = Box::pin(Stage::start(row, setup, &ledger)).await?;
    let watch = tokio::spawn(watch(Arc::clone(&ledger)));
    let run = Box::pin(play(&mut stage)).await;
    watch.abort();
    // Gone before what they stand on is taken away.
    stage.end().await?;
    let run = run.map_err(|failure| failure.while_(stage.where_it_stands()))?;
    Ok(Performed::Done(Box::new(run)))
}

async fn play(stage: &mut Stage) -> Outcome<Run> {
    let start = Instant::now();
    stage.publish();
    let fault = stage.row.fault;
    fault(stage).await?;
    stage.end_of_load().await?;
    let load_time = start.elapsed();
    settle(&stage.ledger).await;
    tokio::time::sleep(AFTERMATH).await;
    let fresh = fresh(&stage.ledger, &stage.publishing).await;
    stage.end_of_pull();

    let dead = dead_letters(&stage.world.operator().await?).await?;
    let ledger = open(&stage.ledger);
    Ok(Run {
        seed: ledger.seed(),
        verdict: ledger.verdict(&dead),
        kills: stage.kills,
        dead,
        fresh,
        expectations: std::mem::take(&mut stage.expectations),
        load_time,
        time: start.elapsed(),
    })
}

/// Waits until every obligation is met, or nothing has arrived for a while.
async fn settle(ledger: &Shared) {
    let (start, mut last) = (Instant::now(), (u64::MAX, Instant::now()));
    while start.elapsed() < SETTLE_MAX {
        let left = open(ledger).open();
        if left == 0 {
            return;
        }
        if left != last.0 {
            last = (left, Instant::now());
        }
        if last.1.elapsed() > QUIET_MAX {
            eprintln!("… nothing has arrived for {} s", QUIET_MAX.as_secs());
            return;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Whether one more event gets to every receiver, and how long it takes.
async fn fresh(ledger: &Shared, publishing: &Publishing) -> Option<Duration> {
    let number = open(ledger).claim();
    let start = Instant::now();
    let mut connection = publishing.connection();
    let arrived = async {
        publish::one(ledger, publishing, &mut connection, number).await;
        while !open(ledger).is_met(number) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(FRESH_WITHIN, arrived).await.ok()?;
    Some(start.elapsed())
}

/// Says how far it is, and what stands in the way while nothing is accepted.
async fn watch(ledger: Shared) {
    let mut before = 0;
    loop {
        tokio::time::sleep(PROGRESS_EACH).await;
        let ledger = open(&ledger);
        let (claimed, accepted, left) = (ledger.claimed(), ledger.accepted(), ledger.open());
        eprintln!("… {claimed} claimed, {accepted} accepted, {left} deliveries open");
        if accepted == before {
            eprintln!("  the last answer but 202: {}", ledger.trouble());
        }
        before = accepted;
    }
}
