//! `stadtbus print-config`: the complete configuration with every default, unit and bound.

use crate::bus;
use crate::grammar::example;
use crate::session::Session;
use crate::ui::{Exit, Outcome, t};
use serde_json::json;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Die vollständige Konfiguration mit allen Vorgaben ausgeben", "Print the complete configuration with all defaults"),
    after_help = example(&["stadtbus print-config > stadtbus.toml"])
)]
pub(crate) struct Args {}

/// Prints it.
pub(crate) fn run(_: &Args, session: &Session) -> Outcome {
    let config = bus::print_config();
    session.shell.show(&json!({"config": config}), || {
        config.lines().map(str::to_owned).collect()
    });
    Ok(Exit::Done)
}
