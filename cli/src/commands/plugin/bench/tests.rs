#![allow(clippy::unwrap_used, clippy::panic)]

use super::times::Times;
use std::time::Duration;

#[test]
fn percentiles_are_right_to_within_three_per_cent() {
    let mut times = Times::default();
    assert!(times.micros(50).abs() < f64::EPSILON);
    for micros in 1..=10_000_u64 {
        times.add(Duration::from_micros(micros));
    }
    for (per_cent, expected) in [
        (1, 100.0),
        (50, 5_000.0),
        (90, 9_000.0),
        (99, 9_900.0),
        (100, 10_000.0),
    ] {
        let found = times.micros(per_cent);
        assert!((found - expected).abs() / expected < 0.03, "{per_cent}: {found}");
    }
    assert_eq!(times.len(), 10_000);
}

#[test]
fn one_that_is_slow_shows_where_it_belongs_and_nowhere_else() {
    let (mut times, mut slow) = (Times::default(), Times::default());
    for _ in 0..99 {
        times.add(Duration::from_nanos(20));
    }
    slow.add(Duration::from_secs(100_000));
    times.merge(&slow);
    assert_eq!(times.len(), 100);
    assert!((times.micros(99) - 0.02).abs() < 0.001, "{}", times.micros(99));
    // Beyond what is told apart it still counts as very long.
    assert!(times.micros(100) > 100_000_000.0, "{}", times.micros(100));
}
