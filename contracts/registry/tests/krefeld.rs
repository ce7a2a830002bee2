//! The city that ships with the bus: its folder is sound and its examples do what they say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::Path;

use stadtbus_contracts::{Severity, lint, test_examples};

fn folder() -> &'static Path {
    Path::new("../../deploy/cities/krefeld")
}

#[test]
fn lint_finds_nothing_but_components_that_are_not_built_yet() {
    let findings: Vec<String> = lint(folder(), &|_| None)
        .into_iter()
        .filter(|f| f.code != "SB-5011" || f.severity == Severity::Error)
        .map(|f| f.to_string())
        .collect();
    assert_eq!(findings, Vec::<String>::new());
}

#[test]
fn every_example_does_what_it_says() {
    let results = test_examples(folder(), &|_| None);
    let failed: Vec<String> = results
        .iter()
        .filter_map(|r| r.finding.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(failed, Vec::<String>::new());
    assert!(
        results.len() >= 55,
        "eleven contracts with two ok and three bad examples each, found {}",
        results.len()
    );
}
