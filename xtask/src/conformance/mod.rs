//! # `cargo xtask conformance`: which requirement of CloudEvents is kept, and which test says so
//!
//! **Purpose.** The requirements are data (`tests/conformance/requirements.json`); tests and the cases of the suite name them.
//! This puts both together, runs the tests that are named, and prints a table.
//!
//! **Promise.** It fails when a MUST has no test, when a test that covers anything fails or did not run, and when a case of the
//! CESQL kit is missing. **Refuses.** To count a test that was not run as one that passed.

mod results;
mod scan;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::lint::Source;
use crate::setup;
use crate::shell::{Done, Shell};
use results::{Results, Status};
use scan::Test;

const REQUIREMENTS: &str = "tests/conformance/requirements.json";
const CASES: &str = "cli/src/conformance/cases/";
/// The test that runs the suite against the bus.
const SUITE: (&str, &str) = ("it", "the_bus_keeps_every_requirement");
/// The test that runs the CESQL kit, and how many cases the kit has.
const KIT: (&str, &str) = ("cloudevents-sql", "every_case_of_the_test_kit_passes");
const KIT_CASES: usize = 275;

/// One requirement.
#[derive(Debug, Clone)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    level: String,
    place: String,
    text: String,
    /// Why nothing has to cover it.
    optional: Option<String>,
    /// Where a test for it belongs.
    belongs: Option<String>,
}

/// `[--table | --results FILE…]`
pub(crate) fn run(shell: &Shell, args: &[String]) -> Done {
    let requirements = requirements(&fs::read_to_string(shell.root.join(REQUIREMENTS)).map_err(text)?)?;
    let sources = crate::lint::sources(shell)?;
    let packages = packages(shell)?;
    let covered = covered(&requirements, &sources, &packages);
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let results = match words.as_slice() {
        ["--table"] => None,
        ["--results", files @ ..] if !files.is_empty() => {
            // Reports of several runs are one report.
            let reports: Done<String> = files
                .iter()
                .map(|file| fs::read_to_string(file).map_err(text))
                .collect();
            Some(Results::of_junit(&reports?))
        }
        [] => {
            setup::run(shell)?;
            Some(results::run(shell, covered.values().flatten())?)
        }
        _ => return Err("cargo xtask conformance [--table | --results JUNIT_FILE…]".to_owned()),
    };
    let kit = kit_cases(shell);
    print(&requirements, &covered, &suite_cases(&sources), results.as_ref());
    match &results {
        Some(results) => verdict(&requirements, &covered, results, kit),
        None => uncovered(&requirements, &covered),
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

fn requirements(json: &str) -> Done<Vec<Requirement>> {
    let document: Value = serde_json::from_str(json).map_err(|error| format!("{REQUIREMENTS}: {error}"))?;
    let list = document.get("requirements").and_then(Value::as_array);
    let list = list.ok_or_else(|| format!("{REQUIREMENTS}: no requirements"))?;
    let read = |one: &Value| {
        let field = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
        let (document, lines) = (field("document")?, field("lines")?);
        Some(Requirement {
            id: field("id")?,
            level: field("level")?,
            place: if lines == "-" {
                document
            } else {
                format!("{document}:{lines}")
            },
            text: field("text")?,
            optional: field("optional"),
            belongs: field("where"),
        })
    };
    list.iter()
        .map(|one| read(one).ok_or_else(|| format!("{REQUIREMENTS}: {one}")))
        .collect()
}

/// (package, folder), the deepest first.
fn packages(shell: &Shell) -> Done<Vec<(String, String)>> {
    let metadata = shell.read(
        "cargo",
        &["metadata", "--no-deps", "--format-version", "1", "--offline"],
    )?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(text)?;
    let list = metadata
        .get("packages")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut packages: Vec<(String, String)> = list
        .iter()
        .filter_map(|package| {
            let manifest = std::path::Path::new(package.get("manifest_path")?.as_str()?);
            Some((
                package.get("name")?.as_str()?.to_owned(),
                shell.short(manifest.parent()?),
            ))
        })
        .collect();
    packages.sort_by_key(|(_, folder)| std::cmp::Reverse(folder.len()));
    Ok(packages)
}

type Covered = BTreeMap<String, Vec<Test>>;

fn covered(requirements: &[Requirement], sources: &[Source], packages: &[(String, String)]) -> Covered {
    let mut covered = Covered::new();
    let ids: Vec<&str> = requirements.iter().map(|one| one.id.as_str()).collect();
    for source in sources.iter().filter(|source| source.is_rust()) {
        let owner = packages
            .iter()
            .find(|(_, folder)| source.path.starts_with(&format!("{folder}/")));
        let Some((package, _)) = owner.filter(|(package, _)| package != "xtask") else {
            continue;
        };
        for (id, test) in scan::tests(package, &source.path, &source.text, &ids) {
            covered.entry(id).or_default().push(test);
        }
    }
    for id in suite_cases(sources).keys() {
        let tests = covered.entry(id.clone()).or_default();
        let suite = Test::new(SUITE.0, SUITE.1);
        if !tests.contains(&suite) {
            tests.push(suite);
        }
    }
    covered
}

/// How many cases of the suite name each requirement.
fn suite_cases(sources: &[Source]) -> BTreeMap<String, usize> {
    let mut cases = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path.starts_with(CASES)) {
        for line in source.text.lines() {
            let covers = line
                .split_once("covers: [")
                .and_then(|(_, rest)| rest.split_once(']'));
            for id in covers.into_iter().flat_map(|(ids, _)| ids.split(',')) {
                *cases.entry(id.trim().to_owned()).or_insert(0) += 1;
            }
        }
    }
    cases
}

/// The cases of the CESQL kit, where it lies.
fn kit_cases(shell: &Shell) -> usize {
    let folder = std::env::var_os("STADTBUS_CONFORMANCE_DIR")
        .map_or_else(|| shell.root.join("../shared/conformance"), Into::into);
    let files = fs::read_dir(folder.join("cesql_tck"))
        .into_iter()
        .flatten()
        .flatten();
    files
        .filter(|file| file.path().extension().is_some_and(|ending| ending == "yaml"))
        .filter_map(|file| fs::read_to_string(file.path()).ok())
        .map(|text| {
            text.lines()
                .filter(|line| {
                    line.trim_start()
                        .trim_start_matches("- ")
                        .starts_with("expression:")
                })
                .count()
        })
        .sum()
}

fn print(
    requirements: &[Requirement],
    covered: &Covered,
    cases: &BTreeMap<String, usize>,
    results: Option<&Results>,
) {
    for one in requirements {
        let tests = covered.get(&one.id).map(Vec::as_slice).unwrap_or_default();
        let state = match (results, tests.is_empty(), &one.optional) {
            (_, _, Some(_)) => "not offered",
            (_, true, None) => "UNCOVERED",
            (None, false, _) => "covered",
            (Some(results), false, _) => match results.worst(tests) {
                Status::Passed => "ok",
                Status::Failed => "FAILED",
                Status::Missing => "NOT RUN",
            },
        };
        println!(
            "{:<18} {:<6} {:<11} {}  ({})",
            one.id, one.level, state, one.text, one.place
        );
        let mut by_package: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for test in tests {
            by_package.entry(&test.package).or_default().push(&test.name);
        }
        for (package, mut names) in by_package {
            names.sort_unstable();
            names.dedup();
            println!("    {package}: {}", names.join(", "));
        }
        if let Some(count) = cases.get(&one.id) {
            println!("    stadtbus conformance: {count} cases");
        }
        match (&one.optional, &one.belongs) {
            (Some(reason), _) => println!("    {reason}"),
            (None, Some(place)) if tests.is_empty() => println!("    belongs into {place}"),
            _ => {}
        }
    }
}

fn uncovered(requirements: &[Requirement], covered: &Covered) -> Done {
    let missing: Vec<&str> = requirements
        .iter()
        .filter(|one| one.level == "MUST" && one.optional.is_none() && !covered.contains_key(&one.id))
        .map(|one| one.id.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("MUST without a test: {}", missing.join(", ")))
}

fn verdict(requirements: &[Requirement], covered: &Covered, results: &Results, kit: usize) -> Done {
    let mut complaints = Vec::new();
    complaints.extend(uncovered(requirements, covered).err());
    let mut wrong: Vec<String> = covered
        .values()
        .flatten()
        .filter_map(|test| match results.of(test) {
            Status::Passed => None,
            Status::Failed => Some(format!("{}: {} failed", test.package, test.name)),
            Status::Missing => Some(format!("{}: {} did not run", test.package, test.name)),
        })
        .collect();
    wrong.sort();
    wrong.dedup();
    complaints.extend(wrong);
    let passed = results.of(&Test::new(KIT.0, KIT.1)) == Status::Passed;
    let kit_passed = if passed { kit } else { 0 };
    if kit_passed != KIT_CASES {
        complaints.push(format!("CESQL {kit_passed} of {KIT_CASES}"));
    }
    if complaints.is_empty() {
        println!("no MUST uncovered, none failing; CESQL {kit_passed} of {KIT_CASES}");
        return Ok(());
    }
    Err(complaints.join("\n"))
}
