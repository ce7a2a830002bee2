//! `stadtbus-load`: one report of the bus and the broker below it, side by side.
//!
//! **Purpose.** A figure of the bus means little alone. Here each is measured in one run, on one machine, on the same
//! server settings and the same 1 KiB events as the raw broker, and carries its ratio to it.
//!
//! **Promise.** Throughput is closed loop with a bounded number in flight, and counts only what really came out at the
//! other end. Latency is open loop on a fixed schedule, counted from when an event was due. Every measurement has its own
//! broker, bus and store, so none pays for another's leftovers.
//!
//! **Refuses.** Any address but loopback, and any run without an end.
//!
//! The measurements are one file each under `bench/`; this file is the table of contents.

mod bench;

use std::process::ExitCode;

use bench::args::{Args, USAGE};
use bench::report::Report;
use stadtbus_harness::Outcome;
use stadtbus_load::Words;

// One thread: what measures must not take the second core from what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(Some(report)) if !report.is_complete() => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("stadtbus-load: {failure}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Outcome<Option<Report>> {
    let Some(args) = Args::read(Words::of_this_program())? else {
        print!("{USAGE}");
        return Ok(None);
    };
    let mut report = Report::default();
    for durability in &args.durabilities {
        for name in args.names() {
            bench::measure(name, *durability, &args, &mut report).await;
        }
    }
    report.finish();
    if args.json {
        println!("{}", report.json()?);
    } else {
        print!("{}", report.table());
    }
    if let Some(file) = &args.output {
        std::fs::write(file, report.json()? + "\n")?;
    }
    Ok(Some(report))
}
