//! The negative control: an oracle that never finds anything proves nothing.
//!
//! Each bug is planted into a build of its own and run through what provokes it best. It counts as found only if the oracle
//! says of it what it must say: another violation alone would be a find of something else.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use stadtbus_harness::{Failure, Outcome, target_dir, workspace_dir};
use tokio::process::Command;

use crate::args::Args;

const MINUTES_MAX: &str = "6";
const BUILD_WITHIN: Duration = Duration::from_secs(45 * 60);
const RUN_WITHIN: Duration = Duration::from_secs(8 * 60);
const SHOWN_CHARS_MAX: usize = 72;

/// A bug that a build with the feature `planted-bugs` can be told to have.
#[derive(Debug)]
pub(crate) struct Bug {
    /// Its name, as the bus knows it.
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// The options of the run that provokes it.
    run: &'static [&'static str],
    /// What the oracle must say, one of these.
    shows: &'static [&'static str],
}

/// Nobody is killed: what receivers refuse and publishers repeat is enough.
const QUIET: &[&str] = &["--events", "8000", "--kills", "0"];
/// Bus and broker are killed in turn.
const KILLS: &[&str] = &["--events", "12000", "--kills", "4"];
/// The same, oftener: what was under way in the moment of a kill are a few events each time.
const MANY_KILLS: &[&str] = &["--events", "16000", "--kills", "12"];
/// Two bus processes share the work.
const PAIR: &[&str] = &["--row", "router-pair-kill"];

/// All of them.
pub(crate) const BUGS: &[Bug] = &[
    Bug {
        name: "ack-before-append",
        what: "202 is answered before the log has the event",
        run: KILLS,
        shows: &["lost"],
    },
    Bug {
        name: "drop-on-retry",
        what: "an event whose delivery is to be retried is forgotten",
        run: QUIET,
        shows: &["lost"],
    },
    Bug {
        name: "skip-dedup",
        what: "a repeated event is accepted once more",
        run: QUIET,
        shows: &["receipt changed", "twice in the log"],
    },
    Bug {
        name: "cursor-before-settle",
        what: "what is under way is noted as settled",
        run: MANY_KILLS,
        shows: &["lost"],
    },
    Bug {
        name: "reserialise",
        what: "the data of an event is written anew",
        run: QUIET,
        shows: &["corrupted"],
    },
    Bug {
        name: "swap-tenants",
        what: "an event is handed to the subscriptions of others",
        run: QUIET,
        shows: &["foreign"],
    },
    Bug {
        name: "lease-ignored",
        what: "a bus process works on what another one holds",
        run: PAIR,
        shows: &["not as expected: two processes share the work"],
    },
];

/// The bug of this name, or all of them.
pub(crate) fn chosen(name: &str) -> Outcome<&'static [Bug]> {
    if name == "all" {
        return Ok(BUGS);
    }
    let bug = BUGS.iter().find(|bug| bug.name == name);
    let bug = bug.ok_or_else(|| Failure::new(format!("there is no planted bug {name:?}: see --help")))?;
    Ok(std::slice::from_ref(bug))
}

/// Builds the bus with the bugs, runs what provokes each, and says whether the oracle found all of them.
pub(crate) async fn prove(bugs: &[Bug], args: &Args) -> Outcome<bool> {
    let target = target_dir()?.join("planted");
    build(&target).await?;
    let bus = target.join("release/stadtbus");
    let (mut table, mut caught) = (String::new(), 0);
    for bug in bugs {
        eprintln!("\n=== planted: {}: {}", bug.name, bug.what);
        let start = Instant::now();
        let report = provoke(bug, &bus, args).await?;
        let found = bug.found_in(&report);
        caught += usize::from(found.is_some());
        if found.is_none() {
            eprintln!("{report}");
        }
        table += &format!(
            "{:<22}{:<34}{:<8}{:>5.0}  {}\n",
            bug.name,
            bug.run.join(" "),
            if found.is_some() { "caught" } else { "MISSED" },
            start.elapsed().as_secs_f64(),
            found.unwrap_or_default(),
        );
    }
    println!("\n{:<22}{:<34}{:<8}{:>5}  as", "planted bug", "run", "", "s");
    println!("{table}\nplanted: {caught} of {} caught", bugs.len());
    Ok(caught == bugs.len())
}

impl Bug {
    /// What the oracle said of it, if it did.
    fn found_in(&self, report: &str) -> Option<String> {
        let verdicts = report
            .lines()
            .filter_map(|line| line.strip_prefix("chaos: VIOLATION; "));
        let mut said = verdicts.flat_map(|verdict| verdict.split("; "));
        let said = said.find(|said| self.shows.iter().any(|shows| said.starts_with(shows)))?;
        Some(said.chars().take(SHOWN_CHARS_MAX).collect())
    }
}

/// What the run on a bus with this bug has to report.
async fn provoke(bug: &Bug, bus: &PathBuf, args: &Args) -> Outcome<String> {
    let mut run = Command::new(std::env::current_exe()?);
    run.args(bug.run).args(["--minutes-max", MINUTES_MAX]);
    if let Some(seed) = args.given_seed {
        run.args(["--seed", &seed.to_string()]);
    }
    run.env("STADTBUS_BIN", bus)
        .env("STADTBUS_PLANTED_BUG", bug.name)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let output = tokio::time::timeout(RUN_WITHIN, run.output()).await;
    let output = output.map_err(|_| Failure::new(format!("the run with {} did not end", bug.name)))??;
    match output.status.code() {
        Some(0 | 1) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        other => Err(Failure::new(format!(
            "the run with {} ended with {other:?}",
            bug.name
        ))),
    }
}

/// A target directory of its own: the binary that ships must never be the one with the bugs. All of the workspace, as
/// everywhere: by itself the bus would be built with other features of shared crates, and then all of them anew.
async fn build(target: &Path) -> Outcome<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "build",
            "--release",
            "--workspace",
            "--exclude",
            "xtask",
            "--bin",
            "stadtbus",
        ])
        .args(["--features", "stadtbus-flow/planted-bugs", "--target-dir"])
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::chosen;

    #[test]
    fn a_bug_is_found_by_what_it_does_and_by_nothing_else() {
        let bug = chosen("skip-dedup").unwrap().first().unwrap();
        let found = "seed 7\nchaos: VIOLATION; lost 2: a, b; receipt changed 3: c, d, e\n";
        assert_eq!(bug.found_in(found).unwrap(), "receipt changed 3: c, d, e");
        assert_eq!(bug.found_in("chaos: VIOLATION; lost 2: a, b\n"), None);
        assert_eq!(bug.found_in("chaos: no violation\n"), None);
        assert!(chosen("all").unwrap().len() >= 6);
        assert!(chosen("skip").is_err());
    }
}
