//! The seeds that every change has to stand.

use std::sync::Arc;

use stadtbus_sim::{Stage, run};

const SEEDS: u64 = 60;
/// In which a fault was found once.
const FOUND: [u64; 19] = [
    72, 106, 137, 238, 326, 377, 459, 479, 521, 698, 700, 795, 911, 958, 2_299, 6_800, 8_964, 9_182, 9_675,
];

#[test]
fn nothing_is_lost_foreign_corrupted_or_stuck_and_the_same_seed_is_the_same_run() -> Result<(), String> {
    let stage = Arc::new(Stage::set()?);
    let mut bad = Vec::new();
    for seed in (1..=SEEDS).chain(FOUND) {
        let run = run(&stage, seed, false)?;
        if !run.verdict.is_clean() {
            bad.push(format!("{run}\n  again: cargo xtask sim --seed {seed}"));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    for seed in 1..=5 {
        let (one, two) = (run(&stage, seed, false)?, run(&stage, seed, false)?);
        assert_eq!((one.hash, one.count), (two.hash, two.count), "seed {seed}");
    }
    let (one, other) = (run(&stage, 1, false)?, run(&stage, 2, false)?);
    assert_ne!(one.hash, other.hash);
    Ok(())
}
