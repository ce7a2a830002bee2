//! `stadtbus`: the one binary. This file is its table of contents.
//!
//! A command is a file under `commands/`; what it says goes through `ui`, whom it asks is in `session` and
//! `client`, what a code means is in `catalogue`. The bus itself is another crate, reached through `bus`.

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

mod bus;
mod catalogue;
mod city;
mod client;
mod commands;
mod conformance;
mod duration;
mod findings;
mod grammar;
mod issuer;
mod junit;
mod nats;
mod plugin_test;
mod session;
mod ui;

use commands::{
    apply, balance, completeness, conformance as suite, dev, dlq, doctor, explain, lint, listen, log, parked,
    pause, plugin, print_config, pull, replay, route, send, serve, statement, status, subscription, tap,
    test, token, trace,
};
use grammar::{Command, Parsed};
use session::Session;
use ui::text;
use ui::{Format, Outcome, Shell};

/// Header maps, JSON and events are many small allocations on several threads, a third of the time with the system's
/// allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    // The compiler of plugins limits its own process before anything else has started a thread.
    if arguments.get(1).is_some_and(|word| word == bus::PLUGIN_COMPILE) {
        return bus::plugin_compile();
    }
    text::choose(text::detect(&arguments, |name| env::var(name).ok()));
    match grammar::parse(&arguments) {
        Parsed::Run(cli) => {
            cli.global.lang.into_iter().for_each(text::choose);
            let session = Session::new(cli.global);
            finish(&session.shell, run(cli.command, &session))
        }
        Parsed::Print(help) => {
            plain(&arguments).raw(help.as_bytes());
            ExitCode::SUCCESS
        }
        Parsed::Wrong(failure) => finish(&plain(&arguments), Err(failure)),
    }
}

fn run(command: Command, session: &Session) -> Outcome {
    match command {
        // The bus
        Command::Serve(args) => serve::run(&args, session),
        Command::Dev(args) => dev::run(&args, session),
        Command::PrintConfig(args) => print_config::run(&args, session),
        Command::Doctor(args) => doctor::run(&args, session),
        // Events
        Command::Send(args) => send::run(&args, session),
        Command::Receive(args) => pull::receive(&args, session),
        Command::Ack(args) => pull::acknowledge(&args, session),
        Command::Listen(args) => listen::run(&args, session),
        Command::Trace(args) => trace::run(&args, session),
        Command::Route(args) => route::run(&args, session),
        Command::Completeness(args) => completeness::run(&args, session),
        Command::Balance(args) => balance::run(&args, session),
        Command::Statement(args) => statement::run(args, session),
        Command::Tap(args) => tap::run(&args, session),
        // Subscriptions
        Command::Status(args) => status::run(&args, session),
        Command::Subscription(args) => subscription::run(args, session),
        Command::Pause(args) => pause::pause(&args, session),
        Command::Resume(args) => pause::resume(&args, session),
        Command::Parked(args) => parked::run(args, session),
        Command::Dlq(args) => dlq::run(args, session),
        Command::Log(args) => log::run(args, session),
        Command::Replay(args) => replay::run(args, session),
        // The city
        Command::Lint(args) => lint::run(&args, session),
        Command::Test(args) => test::run(&args, session),
        Command::Conformance(args) => suite::run(&args, session),
        Command::Apply(args) => apply::run(&args, session),
        Command::Plugin(args) => plugin::run(args, session),
        Command::Token(args) => token::run(args, session),
        Command::Explain(args) => explain::run(&args, session),
    }
}

fn finish(shell: &Shell, outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.report(shell);
            failure.exit().into()
        }
    }
}

/// The channels before the flags are understood: JSON only if it was plainly asked for.
fn plain(arguments: &[OsString]) -> Shell {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    let json = words.contains(&"--output=json") || words.windows(2).any(|pair| pair == ["--output", "json"]);
    Shell::new(
        if json { Format::Json } else { Format::Text },
        false,
        false,
        words.contains(&"--no-color"),
    )
}
