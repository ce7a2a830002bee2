//! # `cargo xtask`: everything the project does by itself
//!
//! **Purpose.** One command per chore, the same on a person's machine and in automation: see the table in [`USAGE`].
//!
//! **Promise.** Each command brings what it needs (broker, WebAssembly target, plugins), is repeatable, and works without
//! network once it has succeeded. A command that says nothing is wrong has looked at everything.
//!
//! **Refuses.** To be clever about builds: cargo decides what is stale. To need more than cargo, Python 3 and git.

mod conformance;
mod fuzz;
mod integrator;
mod interop;
mod lint;
mod nats;
mod reference;
mod setup;
mod shell;
mod tasks;

use std::process::ExitCode;

use shell::Shell;

const USAGE: &str = "\
cargo xtask <task>

  demo [--check] [--lang de|en]   run the city of Krefeld on a real broker; --check verifies every delivery
  test [ARGS…]                    build all, run all tests, plugin tests and contract examples (ARGS go to the runner)
  lint                            format, clippy, layers, file and function length, words, error pages
  bench [ARGS…]                   measure the bus beside raw JetStream (ARGS: --output FILE …)
  guests [--calls N]              measure the same plugin in each language: size, compiling, start, an event (--output FILE)
  hostile [ARGS…]                 run hostile plugins against the sandbox and hold it to its promises (ARGS: --report-only, --instantiations N, --runs N, --pairs N)
  chaos [ARGS…]                   disturb bus and broker under load and count what is missing (ARGS: --smoke, --list, --corruption …)
  sim [ARGS…]                     the flow on a simulated clock, broker and net, by seeds (ARGS: --seed N, --seeds N, --planted NAME|all)
  attack                          try to make the bus call where it must not, in a namespace of live decoys
  conformance [--table]           every requirement of CloudEvents with its tests, run (--table: not run; --results JUNIT_FILE)
  interop [NAME [ARGS…]]          let foreign programs judge the bus: one folder of tests/interop, or all
  integrator [LANGUAGE…]          do what the tutorials for plugins say, as they are written, on a bus of their own
  fuzz [--minutes N] [NAME…]      every fuzz target, each for so many CPU minutes (10); needs cargo-fuzz
  reference                       write docs/plugins/reference.md out of the interface of plugins (lint: it is up to date)
  setup                           get the broker and the WebAssembly target, build the bus and the plugins
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let task = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let done = Shell::new().and_then(|shell| match task.as_str() {
        "demo" => tasks::demo(&shell, &rest),
        "test" => tasks::test(&shell, &rest),
        "lint" => lint::run(&shell),
        "bench" => tasks::tool(&shell, "stadtbus-load", &rest),
        "guests" => tasks::guests(&shell, &rest),
        "hostile" => tasks::hostile(&shell, &rest),
        "chaos" => tasks::tool(&shell, "stadtbus-chaos", &rest),
        "sim" => tasks::sim(&shell, &rest),
        "attack" => tasks::tool(&shell, "stadtbus-attack", &rest),
        "conformance" => conformance::run(&shell, &rest),
        "integrator" => integrator::run(&shell, &rest),
        "interop" => interop::run(&shell, &rest),
        "fuzz" => fuzz::run(&shell, &rest),
        "reference" => reference::run(&shell),
        "setup" => setup::run(&shell),
        _ => Err(USAGE.to_owned()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
