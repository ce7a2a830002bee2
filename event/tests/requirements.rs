//! Every requirement this crate answers for is named by a test.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// (document, how many requirements it has)
const REQUIREMENTS: &[(&str, u32)] = &[
    ("CORE", 12),
    ("JSON", 9),
    ("HTTP", 7),
    ("NATS", 5),
    ("AVRO", 1),
    ("PROTO", 1),
    ("MQTT", 2),
    ("AMQP", 2),
    ("KAFKA", 3),
    ("WS", 1),
];

fn test_sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            test_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let tests = path.ends_with("tests.rs")
                || path
                    .components()
                    .any(|part| part.as_os_str() == "tests" || part.as_os_str() == "fuzz_targets");
            if tests && !path.ends_with(file!().rsplit('/').next().unwrap()) {
                found.push(path);
            }
        }
    }
}

/// Whether the text names the requirement, and not only a longer number that begins like it.
fn names(text: &str, requirement: &str) -> bool {
    text.match_indices(requirement).any(|(at, _)| {
        !text
            .get(at + requirement.len()..)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    })
}

#[test]
fn every_requirement_is_named_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    test_sources(&root.join("src"), &mut paths);
    test_sources(&root.join("tests"), &mut paths);
    let text: String = paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let missing: Vec<String> = REQUIREMENTS
        .iter()
        .flat_map(|(document, count)| (1..=*count).map(move |n| format!("{document}-{n}")))
        .filter(|requirement| !names(&text, requirement))
        .collect();
    assert!(missing.is_empty(), "no test names {missing:?}");
}
