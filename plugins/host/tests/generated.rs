//! Components that were made up, by the hundred: from fixed seeds, and what fuzzing found worth keeping. Whatever they are,
//! they are refused or end, with a code or an answer.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../fuzz/generated.rs"]
mod generated;
mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use generated::Trial;
use support::{fresh_dir, root};

/// How many seeds are tried, and for how long at most: a slow machine tries fewer.
const SEEDS: u64 = 400;
const PATIENCE: Duration = Duration::from_secs(12);

/// Bytes from a seed: SplitMix64.
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let words = 32 + next() % 480;
    (0..words).flat_map(|_| next().to_le_bytes()).collect()
}

#[test]
fn whatever_is_made_up_is_refused_or_ends() {
    let trial = Trial::new(fresh_dir("generated"));
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    let begun = Instant::now();
    for seed in 0..SEEDS {
        if begun.elapsed() > PATIENCE {
            break;
        }
        if let Ok(component) = generated::component(&bytes(seed)) {
            *outcomes.entry(trial.put(&component)).or_default() += 1;
        }
    }
    println!("{outcomes:?}");
    // All kinds of ends are among them; otherwise this would look at nothing but refusals.
    let ran = outcomes
        .iter()
        .filter(|(outcome, _)| !outcome.starts_with("deploy"));
    assert!(ran.clone().count() >= 3, "{outcomes:?}");
    assert!(ran.map(|(_, count)| count).sum::<u32>() >= 20, "{outcomes:?}");
}

#[test]
fn the_corpus_holds() {
    let trial = Trial::new(fresh_dir("generated-corpus"));
    let mut made = 0;
    for entry in std::fs::read_dir(root().join("fuzz/corpus/component")).unwrap() {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        if let Ok(component) = generated::component(&input) {
            trial.put(&component);
            made += 1;
        }
    }
    assert!(made >= 8, "the seeds at least are components: {made}");
}
