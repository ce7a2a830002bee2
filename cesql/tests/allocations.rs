//! Evaluation allocates nothing on the common path, counted by the allocator itself.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use allocation_counter::measure;
use cloudevents_sql::{Expression, Value};

fn event() -> [(&'static str, Value<'static>); 7] {
    [
        ("id", "a8f4a0c2-3d6b-5a51-9c1e-7f2b7c1d9e01".into()),
        ("source", "urn:krefeld:ngn:leitwarte".into()),
        ("type", "de.krefeld.swk.outage.reported.v1".into()),
        ("subject", "NGN-2026-004711".into()),
        ("severity", 4.into()),
        ("sequence", "17".into()),
        ("drill", false.into()),
    ]
}

fn allocations(source: &str) -> u64 {
    let expression = Expression::parse(source).unwrap();
    let event = event();
    measure(|| {
        black_box(expression.matches(&event));
        black_box(expression.evaluate(&event));
        black_box(expression.verdict(&event));
    })
    .count_total
}

#[test]
fn filters_allocate_nothing() {
    for source in [
        "type = 'de.krefeld.swk.outage.reported.v1'",
        "type != 'x' AND source <> 'y'",
        "type LIKE 'de.%.outage.%'",
        "subject NOT LIKE '_GN-%-00____'",
        "severity LIKE '4%'",
        "drill LIKE 'f%'",
        "type IN ('a', 'b', 'de.krefeld.swk.outage.reported.v1')",
        "sequence IN (1, 2, 17)",
        "severity IN ('1', '4')",
        "severity = '4'",
        "'4' = severity",
        "sequence >= 10 AND sequence < 20",
        "(sequence + 3) * 2 % 7 = 5",
        "EXISTS subject AND NOT EXISTS missing",
        "NOT drill XOR drill OR drill",
        "INT(sequence) = 17 AND BOOL('true')",
        "LENGTH(subject) = 15 AND ABS(-severity) = 4",
        "LEFT(subject, 3) = 'NGN' AND RIGHT(subject, 4) = '4711'",
        "TRIM(SUBSTRING(subject, 5, 4)) = '2026'",
        // Failing is common, too: an optional attribute is not there.
        "missing = 1",
        "missing LIKE 'a%' OR type = 'x'",
        "subject = 1",
        "severity / 0 = 1",
        "NOSUCH(type)",
        "LEFT(subject, -1)",
        "type",
    ] {
        assert_eq!(allocations(source), 0, "{source}");
    }
}

/// The counter counts: what has to make a text allocates.
#[test]
fn texts_that_are_made_are_counted() {
    for source in [
        "CONCAT(type, 'x') = 'x'",
        "UPPER(type) = 'X'",
        "STRING(severity) = '4'",
    ] {
        assert!(allocations(source) > 0, "{source}");
    }
}
