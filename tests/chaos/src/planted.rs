//! The negative control: an oracle that never finds anything proves nothing.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use stadtbus_harness::{Failure, Outcome, target_dir, workspace_dir};
use tokio::process::Command;

use crate::args::{Args, Bug};

const EVENTS: &str = "12000";
const KILLS: &str = "4";
const MINUTES_MAX: &str = "6";
const BUILD_WITHIN: Duration = Duration::from_secs(45 * 60);
const RUN_WITHIN: Duration = Duration::from_secs(8 * 60);

/// Builds the bus with the bug, runs a short campaign on it, and says whether the oracle found it.
pub(crate) async fn prove(bug: Bug, args: &Args) -> Outcome<bool> {
    let target = target_dir()?.join("planted");
    build(&target).await?;
    println!("planted bug: {}", bug.name());
    let mut campaign = Command::new(std::env::current_exe()?);
    campaign.args(["--events", EVENTS, "--kills", KILLS, "--minutes-max", MINUTES_MAX]);
    if let Some(seed) = args.given_seed {
        campaign.args(["--seed", &seed.to_string()]);
    }
    campaign
        .env("STADTBUS_BIN", target.join("release/stadtbus"))
        .env("STADTBUS_PLANTED_BUG", bug.name())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let output = tokio::time::timeout(RUN_WITHIN, campaign.output()).await;
    let output = output.map_err(|_| Failure::new("the campaign did not end"))??;
    let report = String::from_utf8_lossy(&output.stdout);
    print!("{report}");
    match output.status.code() {
        // Lost events are what both bugs lead to; another violation alone would be a find of something else.
        Some(1) if report.contains("; lost ") => {
            println!("planted: {} was found", bug.name());
            Ok(true)
        }
        Some(0) => {
            println!("planted: {} was NOT found", bug.name());
            Ok(false)
        }
        other => Err(Failure::new(format!(
            "the campaign ended with {other:?} and shows no lost event"
        ))),
    }
}

/// A target directory of its own: the binary that ships must never be the one with the bugs.
async fn build(target: &Path) -> Outcome<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "build",
            "--release",
            "--package",
            "stadtbus",
            "--features",
            "stadtbus-flow/planted-bugs",
            "--target-dir",
        ])
        .arg(target)
        .current_dir(workspace_dir())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let status = tokio::time::timeout(BUILD_WITHIN, cargo.status()).await;
    match status.map_err(|_| Failure::new("the build did not end"))?? {
        status if status.success() => Ok(()),
        status => Err(Failure::new(format!(
            "the build with planted bugs ended with {status}"
        ))),
    }
}
