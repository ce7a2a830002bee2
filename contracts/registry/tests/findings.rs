//! What the person who wrote a folder gets to read. The cities in `cities/` are wrong on purpose: `misread` in every
//! way a file can be misspelt, `contradictory` in every way readable files can disagree, `sound` only in its examples.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;

use stadtbus_contracts::{Finding, Severity, lint, load, test_examples};

fn findings(city: &str) -> Vec<Finding> {
    lint(&Path::new("tests/cities").join(city), &|_| None)
}

fn report(findings: &[Finding]) -> String {
    let line = |f: &Finding| {
        let level = if f.severity == Severity::Error {
            ""
        } else {
            " (warning)"
        };
        let hint = f
            .hint
            .as_ref()
            .map(|h| format!("\n      → {}", h.de))
            .unwrap_or_default();
        let place = f
            .line
            .map(|l| format!(":{l}:{}", f.column.unwrap_or_default()))
            .unwrap_or_default();
        let file = f.file.trim_start_matches("tests/cities/");
        format!(
            "{} {file}{place}{level}\n   {}\n   {}{hint}",
            f.code, f.detail.de, f.detail.en
        )
    };
    findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_that_are_misspelt() {
    insta::assert_snapshot!(report(&findings("misread")));
}

#[test]
fn files_that_disagree() {
    insta::assert_snapshot!(report(&findings("contradictory")));
}

#[test]
fn examples_that_prove_nothing() {
    assert_eq!(findings("sound"), Vec::new());
    let failed: Vec<Finding> = test_examples(Path::new("tests/cities/sound"), &|_| None)
        .into_iter()
        .filter_map(|r| r.finding)
        .collect();
    insta::assert_snapshot!(report(&failed));
}

#[test]
fn a_folder_with_errors_does_not_load() {
    for city in ["misread", "contradictory"] {
        let findings = load(&Path::new("tests/cities").join(city), &|_| None).unwrap_err();
        assert!(findings.has_errors(), "{city}");
    }
    let nowhere = load(Path::new("tests/cities/nowhere"), &|_| None).unwrap_err();
    assert_eq!(nowhere.0[0].code, "SB-5001");
}

#[test]
fn an_unbuilt_component_stops_loading_but_not_linting() {
    let findings = findings("contradictory");
    assert!(
        findings
            .iter()
            .filter(|f| f.code == "SB-5011")
            .all(|f| f.severity == Severity::Warning)
    );
    let refused = load(Path::new("tests/cities/contradictory"), &|_| None).unwrap_err();
    assert!(
        refused
            .iter()
            .filter(|f| f.code == "SB-5011")
            .all(|f| f.severity == Severity::Error)
    );
}

#[test]
fn findings_are_stable_from_run_to_run() {
    assert_eq!(findings("contradictory"), findings("contradictory"));
}
