//! Runs the `*_test.yaml` files beside a plugin, in the same sandbox and under the same limits as in operation.
//!
//! Each case is one input (or several in a row that share state) and what must come of it. Each is run twice: a
//! plugin whose second answer differs from its first is not the pure function that replay relies on. The first run is in a
//! fresh instance. Where instances are warm, the second is in one that has seen all cases before: what a plugin keeps
//! from one call to the next shows there.

use crate::commands::plugin::{component, host_failure, manifest};
use crate::junit::Case;
use crate::say;
use crate::ui::{Exit, Failure};
use case::{Given, TestCase};
use stadtbus_plugin_host::{Answer, Failure as Failed, Manifest, Plugin, StateChange};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

mod case;
mod expect;
mod repeat;
mod samples;
pub(crate) mod sandbox;
#[cfg(test)]
mod tests;

pub(crate) use repeat::repeat;
pub(crate) use samples::{Sample, Samples, samples};

/// The plugin folders directly below `folder`, in order.
pub(crate) fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join("plugin.yaml").is_file())
        .collect();
    found.sort();
    found
}

/// Runs all tests of one plugin folder.
pub(crate) fn run(folder: &Path) -> Result<Vec<Case>, Failure> {
    if test_files(folder)?.is_empty() {
        return Ok(Vec::new());
    }
    let (manifest, _) = manifest(folder)?;
    let component = component(folder, &manifest.plugin)?;
    let plugin = sandbox::deploy(&manifest, &component).map_err(|error| host_failure(&error))?;
    run_with(folder, &plugin)
}

/// Runs all tests of one plugin folder against this plugin.
pub(crate) fn run_with(folder: &Path, plugin: &Plugin) -> Result<Vec<Case>, Failure> {
    let mut cases = Vec::new();
    for file in test_files(folder)? {
        for test in read(&file)? {
            cases.push(one(plugin, &test, folder));
        }
    }
    Ok(cases)
}

/// The files that the cases of a plugin name, below its folder. A test file that cannot be read names none.
pub(crate) fn named_files(folder: &Path) -> BTreeSet<PathBuf> {
    let files = test_files(folder).unwrap_or_default();
    let tests = files.iter().filter_map(|file| read(file).ok()).flatten();
    tests.flat_map(|test| test.files()).collect()
}

fn test_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    let names = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = names
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().ends_with("_test.yaml"))
        })
        .collect();
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<Vec<TestCase>, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| Failure::file(file, &error))?;
    serde_saphyr::from_str(&text).map_err(|error| {
        let message = say!(
            "{} ist keine Liste von Testfällen.",
            "{} is not a list of test cases.",
            file.display()
        );
        Failure::new("SB-5002", Exit::Failed, message)
            .detail(error.to_string())
            .hint("stadtbus plugin new beispiel --partner ngn")
    })
}

/// What the most expensive step of a case used, and the tables that all of them had.
#[derive(Debug, Default)]
struct Peak {
    micros: u64,
    memory_bytes: u64,
    output_bytes: u64,
    tables: BTreeSet<String>,
}

fn one(plugin: &Plugin, test: &TestCase, folder: &Path) -> Case {
    let manifest = plugin.manifest();
    let mut peak = Peak::default();
    let failure = steps(plugin, test, folder, &mut peak).err();
    let mut case = Case::new(manifest.name(), test.name.clone(), failure);
    case.micros = peak.micros;
    case.note = note(&peak, manifest);
    case
}

/// Time, memory and output against what the manifest allows, and the versions of the tables that were looked up in.
fn note(peak: &Peak, manifest: &Manifest) -> String {
    let limits = &manifest.limits;
    let (time, memory, output) = (
        millis(peak.micros),
        mib(peak.memory_bytes),
        kib(peak.output_bytes),
    );
    let (deadline_ms, memory_mib, output_max) =
        (limits.deadline_ms, limits.memory_mib, limits.output_bytes_max);
    let output_max = kib(output_max);
    let cost = say!(
        "{time} von {deadline_ms} ms · {memory} von {memory_mib} MiB · {output} von {output_max} KiB",
        "{time} of {deadline_ms} ms · {memory} of {memory_mib} MiB · {output} of {output_max} KiB"
    );
    let tables = peak.tables.iter().map(|table| format!(" · {table}"));
    format!("{cost}{}", tables.collect::<String>())
}

fn steps(plugin: &Plugin, test: &TestCase, folder: &Path, peak: &mut Peak) -> Result<(), String> {
    let mut state = test.state.as_ref().map(case::state_bytes);
    for (number, step) in test.steps.iter().enumerate() {
        let place = if test.steps.len() < 2 {
            String::new()
        } else {
            say!("Schritt {}: ", "step {}: ", number.saturating_add(1))
        };
        let given = Given::prepare(test, step, folder).map_err(|error| format!("{place}{error}"))?;
        peak.tables.extend(given.versions.iter().cloned());
        let first = plugin.run_fresh(given.call(state.as_deref()));
        let second = plugin.run(given.call(state.as_deref()));
        for outcome in [&first, &second] {
            let cost = match outcome {
                Ok(answer) => answer.cost,
                Err(failure) => failure.cost,
            };
            peak.micros = peak.micros.max(cost.micros);
            peak.memory_bytes = peak.memory_bytes.max(cost.memory_bytes);
            peak.output_bytes = peak.output_bytes.max(cost.output_bytes);
        }
        if !expect::same(&first, &second) {
            return Err(say!(
                "{place}zwei Läufe mit derselben Eingabe antworten verschieden",
                "{place}two runs with the same input answer differently"
            ));
        }
        let after = state_after(state, &first);
        expect::check(&step.expect, &first, after.as_deref())
            .map_err(|difference| format!("{place}{difference}"))?;
        state = after;
    }
    Ok(())
}

/// What is stored after a step.
fn state_after(before: Option<Vec<u8>>, outcome: &Result<Answer, Failed>) -> Option<Vec<u8>> {
    match outcome {
        Ok(Answer {
            state: StateChange::Put(bytes),
            ..
        }) => Some(bytes.clone()),
        Ok(Answer {
            state: StateChange::Clear,
            ..
        }) => None,
        _ => before,
    }
}

pub(crate) fn millis(micros: u64) -> String {
    decimal(micros, 1_000)
}

pub(crate) fn mib(bytes: u64) -> String {
    decimal(bytes, 1 << 20)
}

pub(crate) fn kib(bytes: u64) -> String {
    decimal(bytes, 1 << 10)
}

/// Two decimal places, rounded up, in the language's own comma.
pub(crate) fn decimal(value: u64, unit: u64) -> String {
    let hundredths = value.saturating_mul(100).div_ceil(unit);
    if hundredths.is_multiple_of(100) {
        return (hundredths / 100).to_string();
    }
    format!(
        "{}{}{:02}",
        hundredths / 100,
        crate::ui::t(',', '.'),
        hundredths % 100
    )
}
