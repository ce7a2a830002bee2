//! Fuzzing what strangers send: every target of every `fuzz/` folder, each for the same time on a core.
//!
//! The time is CPU time, so that a busy machine fuzzes longer and not less. What libFuzzer finds on the way stays in
//! `target/fuzz/` and is gone on from the next time; the small corpus in the repository is what the tests replay.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shell::{Done, Shell};

/// Folders with targets.
const FOLDERS: &[&str] = &["event", "cesql", "contracts/registry", "plugins/host"];
/// CPU minutes for each target where nothing else is asked for.
const MINUTES: u32 = 10;
/// Seconds of one go. The goal is checked between them.
const GO_SECONDS: u32 = 60;

struct Target {
    folder: PathBuf,
    name: String,
}

/// What one target did.
struct Tally {
    cpu_seconds: f64,
    executions: u64,
}

/// `[--minutes N] [NAME…]`
pub(crate) fn run(shell: &Shell, args: &[String]) -> Done {
    let (minutes, names) = match args {
        [flag, minutes, names @ ..] if flag == "--minutes" => (
            minutes
                .parse::<u32>()
                .map_err(|_| "--minutes wants a whole number")?,
            names,
        ),
        names => (MINUTES, names),
    };
    if shell.ask("cargo", &["fuzz", "--version"]).is_none() {
        return Err("cargo-fuzz is missing: cargo install cargo-fuzz".to_owned());
    }
    let targets: Vec<Target> = targets(shell)?
        .into_iter()
        .filter(|target| names.is_empty() || names.contains(&target.name))
        .collect();
    if targets.is_empty() {
        return Err("there is no such fuzz target".to_owned());
    }
    let mut failed = Vec::new();
    println!("{:<14} {:>12} {:>16}", "target", "CPU minutes", "executions");
    for target in &targets {
        build(shell, target)?;
        match fuzz(shell, target, f64::from(minutes) * 60.0) {
            Ok(tally) => println!(
                "{:<14} {:>12.1} {:>16}",
                target.name,
                tally.cpu_seconds / 60.0,
                tally.executions
            ),
            Err(finding) => {
                println!("{:<14} {finding}", target.name);
                failed.push(target.name.as_str());
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("found something: {}", failed.join(", ")))
    }
}

fn targets(shell: &Shell) -> Done<Vec<Target>> {
    let mut targets = Vec::new();
    for folder in FOLDERS {
        let folder = shell.root.join(folder);
        let listed = fs::read_dir(folder.join("fuzz/fuzz_targets")).map_err(|error| error.to_string())?;
        for entry in listed {
            let path = entry.map_err(|error| error.to_string())?.path();
            if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
                targets.push(Target {
                    folder: folder.clone(),
                    name: name.to_owned(),
                });
            }
        }
    }
    targets.sort_by(|a, b| (&a.folder, &a.name).cmp(&(&b.folder, &b.name)));
    Ok(targets)
}

fn build(shell: &Shell, target: &Target) -> Done {
    let args = ["fuzz", "build", &target.name, "--target-dir"].map(OsString::from);
    let args = args.into_iter().chain([shell.target.join("fuzz/build").into()]);
    let args: Vec<OsString> = args.collect();
    shell.run_with(&target.folder, "cargo", &args, &[("RUSTC_BOOTSTRAP", "1".into())])
}

fn fuzz(shell: &Shell, target: &Target, wanted_seconds: f64) -> Done<Tally> {
    let work = shell.target.join("fuzz").join(&target.name);
    let artifacts = work.join("artifacts");
    let corpus = work.join("corpus");
    for dir in [&artifacts, &corpus] {
        fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    }
    let mut tally = Tally {
        cpu_seconds: 0.0,
        executions: 0,
    };
    while tally.cpu_seconds < wanted_seconds {
        let (cpu_seconds, executions) = go(shell, target, &corpus, &artifacts)?;
        tally.cpu_seconds += cpu_seconds;
        tally.executions += executions;
    }
    Ok(tally)
}

/// One go: CPU seconds and executions. The shell measures, since only it tells the time of a child without `unsafe`.
fn go(shell: &Shell, target: &Target, corpus: &Path, artifacts: &Path) -> Done<(f64, u64)> {
    let built = shell.target.join("fuzz/build");
    let triple = shell
        .read("rustc", &["-vV"])?
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or("rustc names no host")?;
    let program = built.join(triple).join("release").join(&target.name);
    let mut command = Command::new("bash");
    command.args(["-c", "TIMEFORMAT='cpu %U'; time \"$@\"", "fuzz"]);
    command.arg(program).arg(corpus);
    command.arg(target.folder.join("fuzz/corpus").join(&target.name));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.arg(format!("-max_total_time={GO_SECONDS}"));
    command.args(["-print_final_stats=1", "-timeout=25", "-rss_limit_mb=4096"]);
    let output = command
        .stdout(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let place = shell.short(artifacts);
        let last: Vec<&str> = said.lines().rev().take(25).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        return Err(format!("a finding in {place}:\n{}", last.join("\n")));
    }
    let number = |prefix: &str| said.lines().rev().find_map(|line| line.strip_prefix(prefix));
    let cpu = number("cpu ").and_then(|text| text.trim().parse().ok());
    let executions = number("stat::number_of_executed_units:").and_then(|text| text.trim().parse().ok());
    match (cpu, executions) {
        (Some(cpu), Some(executions)) => Ok((cpu, executions)),
        _ => Err("libFuzzer said neither time nor count".to_owned()),
    }
}
