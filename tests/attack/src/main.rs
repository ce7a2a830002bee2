//! `stadtbus-attack`: tries to make the bus call where it must not.
//!
//! **Purpose.** A webhook's owner decides whom the bus calls. Every way known to turn that into a call inside the city's
//! networks is tried on the real thing: a network namespace in which metadata services, private networks and the machine
//! itself are *live* decoys, and a name server that lies.
//!
//! **Promise.** Decoys are knocked at first, so that a silent one cannot pass for a safe bus. Afterwards one connection
//! to any of them is a failure, and so is a refusal without a code. Nothing of the machine's own network is touched.
//!
//! **Refuses.** To look inside the bus. **Skips**, with a sentence, where the system permits no namespaces.
//!
//! Exit code 0: not one hit, or skipped. 1: a hit, or a wrong answer. 2: the run could not be made.

mod corpus;
mod decoys;
mod dns;
mod siege;
mod space;

use std::process::ExitCode;

use stadtbus_harness::Outcome;

/// The stages, each in a namespace of its own: outside, where the bus is, where the decoys are.
const INSIDE: &str = "inside";
const DECOYS: &str = "decoys";

fn main() -> ExitCode {
    let stage = std::env::args().nth(1).unwrap_or_default();
    let done = match stage.as_str() {
        INSIDE => within_runtime(siege::run()),
        DECOYS => within_runtime(decoys::run()),
        _ => space::enter(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("stadtbus-attack: {failure}");
            ExitCode::from(2)
        }
    }
}

fn within_runtime(stage: impl Future<Output = Outcome<bool>>) -> Outcome<bool> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(stage)
}
