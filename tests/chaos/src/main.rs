//! `stadtbus-chaos`: kills bus and broker under load, disturbs all around them and counts what is missing.
//!
//! **Purpose.** "Nothing that was answered 202 is lost" is a sentence about the worst moment, so it is tested there: every
//! event is claimed in a ledger outside the system before it is sent, every receiver reports what it got, and after the
//! faults the two are laid side by side.
//!
//! **Promise.** A run is reproducible in what it sends and whom it kills (`--seed`), bounded in time, and says what it
//! counted. `--planted NAME` shows that the oracle is worth something: it builds the bus with a known bug and succeeds only
//! if that is found.
//!
//! **Refuses.** To look inside. It speaks the public HTTP API and sends signals; it knows no crate of the product.
//!
//! `--corruption` damages the broker's files between two starts instead, and asks whether the bus notices.
//!
//! Exit code 0: no violation. 1: a violation. 2: the run could not be made.

mod answers;
mod args;
mod campaign;
mod corruption;
mod faults;
mod ledger;
mod matrix;
mod payload;
mod planted;
mod proxy;
mod publish;
mod receive;
mod rows;
mod setup;
mod stage;
mod verdict;

use std::process::ExitCode;

use args::Args;
use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::Words;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Whoever interrupts a run leaves the machine as it was: what is dropped unmounts, kills and removes.
    let done = tokio::select! {
        biased;
        interrupted = interrupted() => interrupted,
        done = run() => done,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("stadtbus-chaos: {failure}");
            ExitCode::from(2)
        }
    }
}

/// Ends when this program is told to.
async fn interrupted() -> Outcome<bool> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        biased;
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hang_up.recv() => {}
    }
    Err(Failure::new(
        "interrupted; what was started and mounted is taken away",
    ))
}

async fn run() -> Outcome<bool> {
    let Some(args) = Args::read(Words::of_this_program())? else {
        print!("{}", args::usage());
        return Ok(true);
    };
    if args.corruption {
        return Box::pin(corruption::run(&args)).await;
    }
    if args.list {
        print!("{}", matrix::list());
        return Ok(true);
    }
    match (args.planted, args.campaign) {
        (Some(bugs), _) => planted::prove(bugs, &args).await,
        (None, Some(_)) => Box::pin(campaign::run(&args)).await,
        (None, None) => Box::pin(matrix::run(&args)).await,
    }
}
