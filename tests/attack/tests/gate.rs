//! The siege as a test: it says why where it skips.
#![allow(clippy::panic, reason = "a test that fails says what it saw")]

use std::process::Command;

#[test]
fn not_one_decoy_is_reached() {
    let done = Command::new(env!("CARGO_BIN_EXE_stadtbus-attack")).output();
    let done = done.unwrap_or_else(|error| panic!("the siege cannot be run: {error}"));
    let (said, complained) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    println!("{said}");
    assert!(done.status.success(), "{said}\n{complained}");
}
