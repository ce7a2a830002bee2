//! Test results: as lines for people, as JSON, and as a JUnit file for build servers.

use crate::say;
use crate::ui::{Exit, Shell, Style, t};
use serde::Serialize;
use std::fmt::Write as _;

#[cfg(test)]
mod tests;

/// One test.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Case {
    /// The contract or plugin it belongs to.
    pub(crate) suite: String,
    /// Its name.
    pub(crate) name: String,
    /// What was wrong; absent if it passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// Why it was not run, or does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<String>,
    /// Cost or other facts worth a look.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
    /// How long it took.
    pub(crate) micros: u64,
}

impl Case {
    /// A case that passed unless `failure` says what was wrong.
    pub(crate) fn new(suite: impl Into<String>, name: impl Into<String>, failure: Option<String>) -> Self {
        Self {
            suite: suite.into(),
            name: name.into(),
            failure,
            skipped: None,
            note: String::new(),
            micros: 0,
        }
    }
}

/// How many passed, and how many failed.
pub(crate) fn counts(cases: &[Case]) -> (usize, usize) {
    let failed = cases.iter().filter(|case| case.failure.is_some()).count();
    (cases.len().saturating_sub(failed), failed)
}

/// All results for people; failed tests last, so that they are what remains on the screen.
pub(crate) fn lines(shell: &Shell, cases: &[Case]) -> Vec<String> {
    let mut lines = Vec::new();
    for case in cases.iter().filter(|case| case.failure.is_none()) {
        let head = shell.paint(Style::Good, "ok");
        lines.push(
            format!("{head}      {} · {}  {}", case.suite, case.name, case.note)
                .trim_end()
                .to_owned(),
        );
    }
    for case in cases {
        if let Some(failure) = &case.failure {
            let head = shell.paint(Style::Bad, t("FALSCH", "FAILED"));
            lines.push(format!("{head}  {} · {}", case.suite, case.name));
            lines.extend(failure.lines().map(|line| format!("        {line}")));
        }
    }
    lines
}

/// The sum in one line.
pub(crate) fn sum(cases: &[Case]) -> String {
    let (passed, failed) = counts(cases);
    say!(
        "{} Tests · {passed} bestanden · {failed} gescheitert",
        "{} tests · {passed} passed · {failed} failed",
        cases.len()
    )
}

/// Shows all results.
pub(crate) fn show(shell: &Shell, cases: &[Case]) -> Exit {
    let (passed, failed) = counts(cases);
    let document = serde_json::json!({"passed": passed, "failed": failed, "cases": cases});
    shell.show(&document, || lines(shell, cases));
    shell.notice(&sum(cases));
    if failed > 0 { Exit::Failed } else { Exit::Done }
}

/// The same as a JUnit document, one suite per contract or plugin.
pub(crate) fn xml(cases: &[Case]) -> String {
    let mut suites: Vec<&str> = cases.iter().map(|case| case.suite.as_str()).collect();
    suites.dedup();
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"stadtbus test\">\n");
    // Writing into a string cannot fail.
    for suite in suites {
        let of_suite: Vec<&Case> = cases.iter().filter(|case| case.suite == suite).collect();
        let failed = of_suite.iter().filter(|case| case.failure.is_some()).count();
        let name = escape(suite);
        let _ = writeln!(
            text,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\">",
            of_suite.len()
        );
        for case in of_suite {
            let (test, seconds) = (escape(&case.name), seconds(case.micros));
            let _ = write!(
                text,
                "    <testcase classname=\"{name}\" name=\"{test}\" time=\"{seconds}\""
            );
            match (&case.failure, &case.skipped) {
                (None, None) => text.push_str("/>\n"),
                (None, Some(reason)) => {
                    let _ = writeln!(text, "><skipped message=\"{}\"/></testcase>", escape(reason));
                }
                (Some(failure), _) => {
                    let first = escape(failure.lines().next().unwrap_or_default());
                    let _ = writeln!(
                        text,
                        "><failure message=\"{first}\">{}</failure></testcase>",
                        escape(failure)
                    );
                }
            }
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Text for XML 1.0, which has no place for most control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}
