//! The grammar of the command line: which words exist and what is common to all of them.
//!
//! One file per command holds its own arguments; here they are put together, spoken in the language of the
//! run, and every misuse becomes an SB-6002 with a command to paste.

use crate::commands::{
    apply, balance, completeness, conformance, dev, dlq, doctor, explain, lint, listen, log, parked, pause,
    plugin, print_config, pull, replay, route, send, serve, statement, status, subscription, tap, test,
    token, trace,
};
use crate::say;
use crate::ui::text::Lang;
use crate::ui::{Failure, Format, t};
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

#[cfg(test)]
mod tests;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "stadtbus",
    version,
    about = t("Stadtbus: der Ereignisbus einer Stadt", "Stadtbus: the event bus of a city"),
    after_help = example(&["stadtbus dev", "stadtbus send ereignis.json --as ngn/leitwarte", "stadtbus explain SB-1203"]),
    disable_help_subcommand = true,
    subcommand_value_name = t("BEFEHL", "COMMAND"),
    propagate_version = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = t("Überall möglich", "Everywhere"))]
pub(crate) struct Global {
    #[arg(long, global = true, help = t("Sprache: de oder en (Vorgabe aus LANG)", "Language: de or en (default from LANG)"))]
    pub(crate) lang: Option<Lang>,
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT", help = t("Ausgabe: text oder json", "Output: text or json"))]
    pub(crate) output: Format,
    #[arg(long, short, global = true, help = t("Keine Hinweise auf stderr", "No notices on stderr"))]
    pub(crate) quiet: bool,
    #[arg(long, global = true, help = t("Keine Farben (auch: NO_COLOR)", "No colours (also: NO_COLOR)"))]
    pub(crate) no_color: bool,
    #[arg(long, global = true, help = t("Rückfragen mit Ja beantworten", "Answer questions with yes"))]
    pub(crate) yes: bool,
    #[arg(
        long, global = true, env = "STADTBUS_SERVER", value_name = "URL", default_value = "http://127.0.0.1:7700",
        help = t("Adresse des Busses (Vorgabe http://127.0.0.1:7700)", "Address of the bus (default http://127.0.0.1:7700)")
    )]
    pub(crate) server: String,
    #[arg(
        long, global = true, env = "STADTBUS_TOKEN", hide_env_values = true, value_name = "TOKEN",
        help = t("Ausweis (JWT) für den Bus", "Token (JWT) for the bus")
    )]
    pub(crate) token: Option<String>,
    #[arg(
        long = "as", global = true, env = "STADTBUS_AS", value_name = "PARTNER/SYSTEM",
        help = t("Im Namen dieses Systems handeln", "Act in the name of this system")
    )]
    pub(crate) identity: Option<String>,
    #[arg(
        long, global = true, env = "STADTBUS_KEY", value_name = t("DATEI", "FILE"),
        help = t(
            "Schlüssel des Ausstellers: stellt für --as ein kurzes Token aus",
            "Issuer key: issues a short token for --as"
        )
    )]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) names: crate::issuer::Names,
}

/// Every command; each has a file of its own under `commands/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::Args),
    Dev(dev::Args),
    Send(send::Args),
    Trace(trace::Args),
    Route(route::Args),
    Completeness(completeness::Args),
    Balance(balance::Args),
    Statement(statement::Args),
    Tap(tap::Args),
    Receive(pull::ReceiveArgs),
    Ack(pull::AckArgs),
    Listen(listen::Args),
    Status(status::Args),
    Subscription(subscription::Args),
    Pause(pause::PauseArgs),
    Resume(pause::ResumeArgs),
    Parked(parked::Args),
    Dlq(dlq::Args),
    Log(log::Args),
    Replay(replay::Args),
    Lint(lint::Args),
    Test(test::Args),
    Conformance(conformance::Args),
    Apply(apply::Args),
    Plugin(plugin::Args),
    Token(token::Args),
    Doctor(doctor::Args),
    Explain(explain::Args),
    PrintConfig(print_config::Args),
}

/// What the words on the command line turn out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A command to run.
    Run(Box<Cli>),
    /// A help text or the version, to be printed as data.
    Print(String),
    /// Wrong use.
    Wrong(Failure),
}

/// Reads the command line (with the program's own name in front).
pub(crate) fn parse(arguments: &[OsString]) -> Parsed {
    let found = command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match found {
        Ok(cli) => Parsed::Run(Box::new(cli)),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Parsed::Print(rendered(&error)),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Parsed::Wrong(
                Failure::usage(t("Es fehlt, was zu tun ist.", "It is not said what to do."))
                    .hint(help_of(arguments)),
            ),
            _ => Parsed::Wrong(misuse(&error, arguments)),
        },
    }
}

/// The grammar with all its texts in the language of the run.
pub(crate) fn command() -> clap::Command {
    localise(Cli::command())
}

fn localise(command: clap::Command) -> clap::Command {
    let arguments = t("Argumente", "Arguments");
    let options = t("Optionen", "Options");
    let template = format!(
        "{{about-with-newline}}\n{}: {{usage}}\n\n{{all-args}}{{after-help}}",
        t("Aufruf", "Usage")
    );
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help_heading(options)
        .help(t("Diese Hilfe", "This help"));
    let version = command.get_version().is_some();
    let mut command = command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .help_template(template)
        .subcommand_help_heading(t("Befehle", "Commands"))
        .mut_args(move |argument| {
            // Defaults, variables and choices stand in the sentence, in its language.
            let argument = argument
                .hide_default_value(true)
                .hide_possible_values(true)
                .hide_env_values(true);
            match (argument.get_help_heading(), argument.is_positional()) {
                (Some(_), _) => argument,
                (None, true) => argument.help_heading(arguments),
                (None, false) => argument.help_heading(options),
            }
        })
        .mut_subcommands(localise)
        .arg(help);
    if version {
        let flag = Arg::new("version")
            .short('V')
            .long("version")
            .action(ArgAction::Version)
            .help_heading(options);
        command = command.arg(flag.help(t("Version nennen", "Print the version")));
    }
    command
}

/// The lines under `Beispiel:` of a help text.
pub(crate) fn example(lines: &[&str]) -> StyledStr {
    let mut text = format!("{}:", t("Beispiel", "Example"));
    for line in lines {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text.into()
}

fn rendered(error: &clap::Error) -> String {
    let text = error.render().to_string();
    t(text.replace("[OPTIONS]", "[OPTIONEN]"), text)
}

fn misuse(error: &clap::Error, arguments: &[OsString]) -> Failure {
    let name = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        _ => String::new(),
    };
    let argument = name(ContextKind::InvalidArg);
    let message = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = name(ContextKind::InvalidSubcommand);
            say!(
                "Den Befehl `{word}` gibt es nicht.",
                "There is no command `{word}`."
            )
        }
        ErrorKind::UnknownArgument => say!(
            "`{argument}` gibt es hier nicht.",
            "There is no `{argument}` here."
        ),
        ErrorKind::MissingRequiredArgument => say!("Es fehlt: {argument}", "Missing: {argument}"),
        ErrorKind::MissingSubcommand => {
            t("Es fehlt, was zu tun ist.", "It is not said what to do.").to_owned()
        }
        ErrorKind::ArgumentConflict => {
            let other = name(ContextKind::PriorArg);
            say!(
                "`{argument}` und `{other}` schließen einander aus.",
                "`{argument}` and `{other}` exclude each other."
            )
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = name(ContextKind::InvalidValue);
            say!(
                "`{value}` passt nicht zu `{argument}`.",
                "`{value}` does not fit `{argument}`."
            )
        }
        _ => say!(
            "`{argument}` ist so nicht möglich.",
            "`{argument}` is not possible like this."
        ),
    };
    let mut failure = Failure::usage(message).hint(help_of(arguments));
    let choices = name(ContextKind::ValidValue);
    if !choices.is_empty() {
        failure = failure.detail(say!("möglich: {choices}", "possible: {choices}"));
    }
    if let Some(source) = std::error::Error::source(error) {
        failure = failure.detail(source.to_string());
    }
    for kind in [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ] {
        let suggestion = name(kind);
        if !suggestion.is_empty() {
            failure = failure.detail(say!("Meinten Sie: {suggestion}", "did you mean: {suggestion}"));
        }
    }
    failure
}

/// The help command that fits the words as far as they are commands.
fn help_of(arguments: &[OsString]) -> String {
    let mut path = String::from("stadtbus");
    let mut level = Cli::command();
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        let Some(next) = level.find_subcommand(word).cloned() else {
            continue;
        };
        path.push(' ');
        path.push_str(word);
        level = next;
    }
    path.push_str(" --help");
    path
}
