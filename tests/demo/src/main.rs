//! # The demo: an event crosses the city
//!
//! **Purpose.** A person starts one command and watches a power outage, a defect report and a container travel from those who
//! report them to those who may know, each in the form it may have. With `--check` the same is a test: every delivery is
//! compared with what it must be, and nothing else may have arrived anywhere.
//!
//! **Promise.** Everything is real: broker, bus, plugins, receivers. What is shown is what was received, not what was meant.
//!
//! **Refuses.** To know the city's rules. What goes in and what must come out lies in `scenarios.json`, `inputs/` and
//! `expected/`; this program only carries and compares.

mod arguments;
mod ears;
mod expected;
mod play;
mod scenario;
mod seen;
mod stage;
mod words;

use std::process::ExitCode;

use arguments::Arguments;
use stadtbus_harness::Outcome;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("demo: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything came as it should.
async fn run(arguments: &Arguments) -> Outcome<bool> {
    let script = scenario::Script::load()?;
    let mut stage = stage::Stage::set(&script).await?;
    let tally = play::play(&script, &mut stage, arguments).await?;
    if arguments.check {
        println!(
            "demo: {} of {} deliveries as expected",
            tally.as_expected, tally.expected
        );
        return Ok(tally.is_clean());
    }
    stage.stay(arguments, &tally).await?;
    Ok(true)
}
