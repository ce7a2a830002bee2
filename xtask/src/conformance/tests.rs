#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::results::{Results, Status};
use super::scan::{self, Test};
use super::*;

const FILE: &str = r#"//! CORE-9 is said for the whole file.
use x;

/// CORE-1, HTTP-3: two at once.
#[test]
fn plain() {
    let row = "JSON-2 somewhere";
}

/// HOOK-11 is only text here.
fn helper() {
    let hook = "HOOK-1";
}

#[tokio::test]
async fn core_4_by_name() {
    if x {
    }
}

proptest! {
    /// CORE-12
    #[test]
    fn inside(x in 0..1) {
        let y = x;
    }
}
"#;

fn ids_of(path: &str, name: &str) -> Vec<String> {
    let ids = [
        "CORE-1", "CORE-4", "CORE-9", "CORE-12", "HTTP-3", "JSON-2", "HOOK-1", "HOOK-11",
    ];
    let pairs = scan::tests("p", path, FILE, &ids);
    pairs
        .into_iter()
        .filter(|(_, test)| test.name == name)
        .map(|(id, _)| id)
        .collect()
}

#[test]
fn tests_are_found_by_comment_text_and_name() {
    let shared = ["CORE-9", "HOOK-1", "HOOK-11"];
    assert_eq!(ids_of("p/src/x.rs", "plain"), ["CORE-1", "HTTP-3", "JSON-2"]);
    assert_eq!(ids_of("p/src/x.rs", "core_4_by_name"), ["CORE-4"]);
    assert_eq!(ids_of("p/src/x.rs", "inside"), ["CORE-12"]);
    let all = ids_of("p/tests/x.rs", "inside");
    assert!(shared.iter().all(|id| all.contains(&(*id).to_owned())), "{all:?}");
    assert_eq!(ids_of("p/tests/x.rs", "helper"), Vec::<String>::new());
}

#[test]
fn a_longer_id_is_another() {
    assert!(scan::names("see CORE-1.", "CORE-1"));
    assert!(!scan::names("see CORE-12", "CORE-1"));
    assert!(!scan::names("EXT-DATAREFS", "EXT-DATAREF"));
    assert!(!scan::names("XCORE-1", "CORE-1"));
}

#[test]
fn reports_are_read() {
    let xml = r#"<testsuites><testsuite name="a::t"><testcase name="m::one" classname="a::t" time="1"></testcase>
        <testcase name="two" classname="a" time="1"><failure message="x"/></testcase>
        <testcase name="n::one" classname="a" time="1"/></testsuite>
        <testsuite name="b"><testcase classname="b" name="four"/></testsuite></testsuites>"#;
    let results = Results::of_junit(xml);
    let of = |name| results.of(&Test::new("a", name));
    assert_eq!(
        (of("one"), of("two"), of("three")),
        (Status::Passed, Status::Failed, Status::Missing)
    );
    assert_eq!(results.of(&Test::new("b", "four")), Status::Passed);
    assert_eq!(
        results.worst(&[Test::new("a", "one"), Test::new("a", "three")]),
        Status::Missing
    );
}

#[test]
fn what_is_wrong_is_told() {
    let json = r#"{"requirements": [
        {"id": "A-1", "level": "MUST", "document": "d", "lines": "1", "text": "t"},
        {"id": "A-2", "level": "SHOULD", "document": "d", "lines": "-", "text": "t"},
        {"id": "A-3", "level": "MAY", "document": "d", "lines": "-", "text": "t", "optional": "no"}]}"#;
    let requirements = requirements(json).unwrap();
    let test = |name| Test::new("p", name);
    let kit = Test::new(KIT.0, KIT.1);
    let xml = |failed: &str| {
        let of = |name: &str, package: &str| {
            let failure = if name == failed { "<failure/>" } else { "" };
            format!("<testcase name=\"{name}\" classname=\"{package}\">{failure}</testcase>")
        };
        Results::of_junit(&(of("x", "p") + &of(KIT.1, KIT.0)))
    };
    let covered = |tests: Vec<Test>| Covered::from([("A-1".to_owned(), tests)]);
    let good = covered(vec![test("x"), kit.clone()]);
    assert_eq!(verdict(&requirements, &good, &xml(""), 275), Ok(()));
    for (covered, failed, kit, says) in [
        (Covered::new(), "", 275, "MUST without a test: A-1"),
        (good.clone(), "x", 275, "p: x failed"),
        (covered(vec![test("y")]), "", 275, "p: y did not run"),
        (good.clone(), "", 274, "CESQL 274 of 275"),
        (good, KIT.1, 275, "CESQL 0 of 275"),
    ] {
        let said = verdict(&requirements, &covered, &xml(failed), kit).unwrap_err();
        assert!(said.contains(says), "{said}");
    }
}
