//! The test kit of the specification: every case, counted, so that a file that is gone is noticed.
//!
//! It is public data that lies beside the checkout; `STADTBUS_CONFORMANCE_DIR` names another place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use cloudevents_sql::{Expression, Value};
use serde::Deserialize;

const FILES: usize = 18;
const CASES: usize = 275;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suite {
    name: String,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    name: String,
    /// YAML reads some expressions (`TRUE`, `-10`) as other types than strings.
    expression: Scalar,
    result: Option<Scalar>,
    error: Option<String>,
    event: Option<BTreeMap<String, Scalar>>,
    event_overrides: Option<BTreeMap<String, Scalar>>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Boolean(bool),
    Integer(i32),
    String(String),
}

impl Scalar {
    fn value(&self) -> Value<'static> {
        match self {
            Self::Boolean(truth) => (*truth).into(),
            Self::Integer(number) => (*number).into(),
            Self::String(text) => text.clone().into(),
        }
    }
}

fn event(case: &Case) -> BTreeMap<String, Value<'static>> {
    let default = || {
        let pairs = [
            ("specversion", "1.0"),
            ("id", "1"),
            ("source", "/tck"),
            ("type", "tck"),
        ];
        let own = |(name, text): (&str, &'static str)| (name.to_owned(), Value::from(text));
        pairs.into_iter().map(own).collect::<BTreeMap<_, _>>()
    };
    let given = case.event.as_ref().map(|event| {
        let pairs = event.iter();
        pairs.map(|(name, value)| (name.clone(), value.value())).collect()
    });
    let mut event = given.unwrap_or_else(default);
    for (name, value) in case.event_overrides.iter().flatten() {
        event.insert(name.clone(), value.value());
    }
    event
}

/// What is wrong with the outcome of a case.
fn check(case: &Case) -> Result<(), String> {
    let source = case.expression.value().to_string();
    let expression = match Expression::parse(&source) {
        Ok(expression) => expression,
        Err(_) if case.error.as_deref() == Some("parse") => return Ok(()),
        Err(error) => return Err(format!("does not parse: {error}")),
    };
    let normal = Expression::parse(&expression.to_string())
        .map_err(|error| format!("`{expression}` does not parse: {error}"))?;
    for expression in [&expression, &normal] {
        let event = event(case);
        let evaluation = expression.evaluate(&event);
        let error = evaluation.error.as_ref().map(|error| error.kind().name());
        if error != case.error.as_deref() {
            return Err(format!("error {error:?}, expected {:?}", case.error));
        }
        let expected = case.result.as_ref().map(Scalar::value);
        if expected.as_ref().is_some_and(|value| *value != evaluation.value) {
            return Err(format!("{:?}, expected {expected:?}", evaluation.value));
        }
        let passes = error.is_none() && evaluation.value == Value::Boolean(true);
        if expression.matches(&event) != passes || expression.verdict(&event).passes() != passes {
            return Err("as a filter it says something else (SUB-5)".to_owned());
        }
    }
    Ok(())
}

/// CESQL-1, SUB-5.
#[test]
fn every_case_of_the_test_kit_passes() {
    let conformance = env::var_os("STADTBUS_CONFORMANCE_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"),
        PathBuf::from,
    );
    let folder = conformance.join("cesql_tck");
    if !folder.is_dir() {
        eprintln!(
            "SKIPPED: the CESQL test kit is not there. {} is no folder; set STADTBUS_CONFORMANCE_DIR",
            folder.display()
        );
        return;
    }
    let (mut files, mut cases, mut failed) = (0, 0, Vec::new());
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        files += 1;
        let suite: Suite = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for case in &suite.tests {
            cases += 1;
            if let Err(what) = check(case) {
                let expression = case.expression.value();
                failed.push(format!("{} / {}: {expression}: {what}", suite.name, case.name));
            }
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {cases}:\n{}",
        failed.len(),
        failed.join("\n")
    );
    assert_eq!((files, cases), (FILES, CASES), "the test kit is not complete");
}
