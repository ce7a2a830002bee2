//! The oracle on trial: a flow with a known fault must be found out.

use std::{process::Command, time::Instant};

/// Faults that a flow with the feature `planted-bugs` can be told to have.
pub const PLANTED: [&str; 13] = [
    "ack-before-append",
    "drop-on-retry",
    "skip-dedup",
    "cursor-before-settle",
    "reserialise",
    "swap-tenants",
    "lease-ignored",
    "order-ignored",
    "turn-by-key",
    "backlog-forgotten",
    "pace-ignored",
    "replay-all",
    "lane-before-feed",
];
/// What to ask for instead of one name.
pub const ALL: &str = "all";
/// What tells the flow which fault it is to have.
const VARIABLE: &str = "STADTBUS_PLANTED_BUG";

/// Whether there is such a fault, or all are meant.
///
/// # Errors
/// With the names there are.
pub fn check(name: &str) -> Result<(), String> {
    if name == ALL || PLANTED.contains(&name) {
        return Ok(());
    }
    Err(format!(
        "there is no planted bug {name}; there are: {}",
        PLANTED.join(", ")
    ))
}

/// Runs this program once for each fault, with so many seeds at most, and prints what became of them. Says whether all were
/// found.
///
/// # Errors
/// When it cannot be run.
pub fn all(seeds: Option<u64>) -> Result<bool, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let arguments = seeds.map_or(Vec::new(), |seeds| vec!["--seeds".to_owned(), seeds.to_string()]);
    println!(
        "{:<22} {:<9} {:>10} {:>8}  by",
        "planted", "", "first seed", "seconds"
    );
    let mut found = true;
    for name in PLANTED {
        let began = Instant::now();
        let run = Command::new(&program)
            .args(["--planted", name])
            .args(&arguments)
            .env(VARIABLE, name)
            .output()
            .map_err(|error| error.to_string())?;
        let told = String::from_utf8_lossy(&run.stdout);
        let caught = run.status.success();
        let seed = told
            .lines()
            .find_map(|line| line.strip_prefix("seed ")?.split(' ').next());
        let by = told
            .lines()
            .find_map(|line| line.strip_prefix("  ")?.split_once(':').map(|(kind, _)| kind));
        println!(
            "{name:<22} {:<9} {:>10} {:>8.1}  {}",
            if caught { "found" } else { "NOT found" },
            seed.unwrap_or("-"),
            began.elapsed().as_secs_f64(),
            by.unwrap_or("-")
        );
        if !run.status.success() && run.status.code() != Some(1) {
            return Err(String::from_utf8_lossy(&run.stderr).into_owned());
        }
        found &= caught;
    }
    Ok(found)
}
