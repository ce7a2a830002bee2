#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::calm::Calm;
use super::paths::{Need, counts};
use super::tree::Tree;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn paths(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(PathBuf::from).collect()
}

fn need(changes: &[&str]) -> (bool, bool) {
    let named: BTreeSet<PathBuf> = paths(&["inputs/a.json", "src/table.json", "tests/a.json"])
        .into_iter()
        .collect();
    let need = Need::of(&paths(changes), &named);
    (need.build, need.unit_tests)
}

#[test]
fn a_change_asks_for_no_more_than_it_needs() {
    let cases_only = (false, false);
    for (changes, expected) in [
        (vec!["p_test.yaml"], cases_only),
        (vec!["inputs/a.json"], cases_only),
        (vec!["tests/a.json"], cases_only),
        (vec!["inputs/b.json"], (true, true)),
        (vec!["src/table.json"], (true, true)),
        (vec!["src/lib.rs"], (true, true)),
        (vec!["src/deep_test.yaml"], (true, true)),
        (vec!["plugin.yaml"], (true, true)),
        (vec!["Cargo.toml"], (true, true)),
        (vec!["stadtbus/sdk/rust/src/lib.rs"], (true, true)),
        (vec!["src/plugin.test.ts"], (false, true)),
        (vec!["tests/test_plugin.py"], (false, true)),
        (vec!["p_test.yaml", "tests/test_plugin.py"], (false, true)),
        (vec!["p_test.yaml", "src/lib.rs"], (true, true)),
        (vec![], cases_only),
    ] {
        assert_eq!(need(&changes), expected, "{changes:?}");
    }
}

#[test]
fn what_tools_make_and_editors_keep_for_a_moment_does_not_count() {
    for (name, is_folder, expected) in [
        ("build", true, false),
        ("target", true, false),
        ("node_modules", true, false),
        ("__pycache__", true, false),
        (".zig-cache", true, false),
        (".git", true, false),
        (".idea", true, false),
        (".cargo", true, true),
        ("src", true, true),
        // A file may be called so.
        ("build", false, true),
        ("lib.rs~", false, false),
        ("#lib.rs#", false, false),
        (".#lib.rs", false, false),
        (".lib.rs.swp", false, false),
        ("4913", false, false),
        ("lib.rs___jb_tmp___", false, false),
        (".goutputstream-AB12", false, false),
        ("lib.rs", false, true),
        ("p_test.yaml", false, true),
    ] {
        assert_eq!(counts(name, is_folder), expected, "{name}");
    }
}

#[test]
fn a_turn_begins_when_changes_rest_and_not_later_than_patience_lasts() {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut calm = Calm::begin(start);
    assert_eq!(calm.left(start), Some(Duration::from_millis(40)));
    calm.stir(at(30));
    assert_eq!(calm.left(at(40)), Some(Duration::from_millis(30)));
    assert_eq!(calm.left(at(70)), None);
    // What never rests.
    for ms in (30..=990).step_by(10) {
        calm.stir(at(ms));
        assert!(calm.left(at(ms)).is_some(), "{ms}");
    }
    assert_eq!(calm.left(at(990)), Some(Duration::from_millis(10)));
    calm.stir(at(1_000));
    assert_eq!(calm.left(at(1_000)), None);
    assert_eq!(calm.first(), start);
}

#[test]
fn changes_are_the_difference_of_two_looks() {
    let folder = std::env::temp_dir().join(format!("stadtbus-tree-{}", uuid::Uuid::new_v4().simple()));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for name in [
        "plugin.yaml",
        "src/lib.rs",
        "src/gone.rs",
        "build/p.wasm",
        "target/x/y",
    ] {
        write(name, "1");
    }
    let before = Tree::read(&folder).unwrap();
    assert_eq!(
        before.folders,
        BTreeSet::from([folder.clone(), folder.join("src")])
    );
    // Saved as it was, and what does not count: no change.
    for (name, text) in [("src/lib.rs", "1"), ("build/p.wasm", "2"), ("src/lib.rs~", "1")] {
        write(name, text);
    }
    assert_eq!(before, Tree::read(&folder).unwrap());
    write("src/lib.rs", "2");
    write("inputs/new.json", "{}");
    write("Cargo.lock", "1");
    fs::remove_file(folder.join("src/gone.rs")).unwrap();
    let mut after = Tree::read(&folder).unwrap();
    let changed = paths(&["Cargo.lock", "inputs/new.json", "src/gone.rs", "src/lib.rs"]);
    assert_eq!(before.changes(&after), changed);
    // What a tool wrote meanwhile is known.
    write("Cargo.lock", "2");
    after.know(&folder, "Cargo.lock");
    assert!(after.changes(&Tree::read(&folder).unwrap()).is_empty());
    fs::remove_dir_all(&folder).unwrap();
    assert!(Tree::read(&folder).is_err());
}
