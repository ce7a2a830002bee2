#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;

const SAMPLE: &str =
    "city: krefeld\nzones:\n  - zone: a\n    ports: [1, '2']\n    open: true\nday: 2026-01-01\nempty:\n";

#[test]
fn each_value_knows_its_line_and_column() {
    let node = parse("x.yaml", SAMPLE).unwrap();
    assert_eq!(node.nearest_to("/city").at, (1, 7));
    assert_eq!(node.nearest_to("/zones/0/ports/1").at, (4, 16));
    assert_eq!(node.nearest_to("/zones/0/open").at, (5, 11));
    let Kind::Map(entries) = &node.kind else {
        panic!("a map")
    };
    assert_eq!(entries[1].at, (2, 1), "the key's own place");
}

#[test]
fn steps_of_a_pointer_are_unescaped() {
    let node = parse("x.yaml", "x-data:\n  /a~b:\n    less: 1\n").unwrap();
    assert_eq!(node.nearest_to("/x-data/~1a~0b/less").at, (3, 11));
}

#[test]
fn a_missing_place_falls_back_to_the_nearest_parent() {
    let node = parse("x.yaml", SAMPLE).unwrap();
    assert_eq!(
        node.nearest_to("/zones/0/nothing").at,
        node.nearest_to("/zones/0").at
    );
    assert_eq!(node.nearest_to("/zones/9").at, node.nearest_to("/zones").at);
}

#[test]
fn values_keep_their_kind() {
    let value = parse("x.yaml", SAMPLE).unwrap().to_value();
    assert_eq!(
        value,
        serde_json::json!({"city": "krefeld", "zones": [{"zone": "a", "ports": [1, "2"], "open": true}], "day": "2026-01-01", "empty": null})
    );
}

#[test]
fn syntax_errors_and_repeated_keys_have_a_line() {
    for (text, code, line) in [
        ("a: [1\nb: 2\n", "SB-5002", 2),
        ("a: 1\na: 2\n", "SB-5007", 2),
        ("a: b: c\n", "SB-5002", 1),
    ] {
        let finding = parse("x.yaml", text).unwrap_err();
        assert_eq!(
            (finding.code, finding.line),
            (code, Some(line)),
            "{text:?}: {finding}"
        );
    }
}

#[test]
fn json_is_read_as_well() {
    let text = r#"{"a": {"b~": [1.5, null, "ü"]}}"#;
    assert_eq!(
        parse("x.json", text).unwrap().to_value(),
        serde_json::from_str::<Value>(text).unwrap()
    );
}
