//! What became of tests: by the runner's report, or by running them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Stdio};

use super::scan::Test;
use crate::shell::{Done, Shell};

/// What became of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// It ran and was content.
    Passed,
    /// It is in no report.
    Missing,
    /// It ran and was not.
    Failed,
}

/// Reports by package and function.
#[derive(Debug, Default)]
pub(crate) struct Results(BTreeMap<Test, Status>);

impl Results {
    /// Of one test.
    pub(crate) fn of(&self, test: &Test) -> Status {
        self.0.get(test).copied().unwrap_or(Status::Missing)
    }

    /// The worst of several.
    pub(crate) fn worst(&self, tests: &[Test]) -> Status {
        tests
            .iter()
            .map(|test| self.of(test))
            .max()
            .unwrap_or(Status::Missing)
    }

    /// Two functions of one name in one package count as one, and as the worse.
    fn add(&mut self, package: &str, path: &str, passed: bool) {
        let name = path.rsplit("::").next().unwrap_or(path);
        let status = if passed { Status::Passed } else { Status::Failed };
        let known = self.0.entry(Test::new(package, name)).or_insert(status);
        *known = (*known).max(status);
    }

    /// From the JUnit report that the runner writes: each `testcase` with its name and the binary it is in.
    pub(crate) fn of_junit(xml: &str) -> Self {
        let mut results = Self::default();
        for case in xml.split("<testcase ").skip(1) {
            // Only what stands in the tag; behind the last case of a suite the next suite has a name, too.
            let tag = format!(" {}", case.split('>').next().unwrap_or_default());
            let attribute = |name: &str| {
                let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
                rest.split('"').next().map(str::to_owned)
            };
            if let (Some(path), Some(binary)) = (attribute("name"), attribute("classname")) {
                let package = binary.split("::").next().unwrap_or_default();
                let failed = case.contains("<failure") || case.contains("<error");
                results.add(package, &path, !failed && !case.contains("<skipped"));
            }
        }
        results
    }

    /// From what `cargo test` prints: `test path ... ok`.
    fn add_lines(&mut self, package: &str, text: &str) {
        for line in text.lines() {
            let line = line
                .strip_prefix("test ")
                .and_then(|rest| rest.split_once(" ... "));
            if let Some((path, outcome)) = line.filter(|(_, outcome)| !outcome.starts_with("ignored")) {
                self.add(package, path, outcome.starts_with("ok"));
            }
        }
    }
}

/// Runs these tests, all to the end.
pub(crate) fn run<'a>(shell: &Shell, tests: impl Iterator<Item = &'a Test>) -> Done<Results> {
    let mut by_package: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for test in tests {
        by_package.entry(&test.package).or_default().insert(&test.name);
    }
    if shell.ask("cargo", &["nextest", "--version"]).is_some() {
        return nextest(shell, &by_package);
    }
    let mut results = Results::default();
    for (package, names) in &by_package {
        let mut args = vec!["test", "--release", "--no-fail-fast", "-p", package, "--"];
        args.extend(names);
        results.add_lines(package, &output(shell, &args)?);
    }
    Ok(results)
}

fn nextest(shell: &Shell, by_package: &BTreeMap<&str, BTreeSet<&str>>) -> Done<Results> {
    let wanted: Vec<String> = by_package
        .iter()
        .map(|(package, names)| {
            let names: Vec<String> = names
                .iter()
                .map(|name| format!("test(/(^|::){name}$/)"))
                .collect();
            format!("package(={package}) & ({})", names.join(" + "))
        })
        .collect();
    let expression = wanted.join(" + ");
    // As `cargo xtask test` builds it: named one by one the packages would be built anew with fewer features.
    let mut args = vec!["nextest", "run", "--config-file", ".ci/nextest.toml", "--release"];
    args.extend(["--workspace", "-E", &expression]);
    let report = shell.target.join("nextest/default/junit.xml");
    // A report of an earlier run is none of this one's.
    let _ = fs::remove_file(&report);
    // Tests that fail are the report's to tell.
    let failed = shell.run("cargo", &args).err();
    let text = fs::read_to_string(&report);
    text.map(|text| Results::of_junit(&text))
        .map_err(|error| failed.unwrap_or_else(|| format!("{}: {error}", report.display())))
}

/// Standard output, whatever the exit code; errors are shown.
fn output(shell: &Shell, args: &[&str]) -> Done<String> {
    let mut command = Command::new("cargo");
    command
        .args(args)
        .current_dir(&shell.root)
        .stderr(Stdio::inherit());
    let output = command.output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
