//! `stadtbus serve`: the bus in operation, until SIGTERM or Ctrl-C.

use crate::bus;
use crate::grammar::example;
use crate::session::Session;
use crate::ui::{Outcome, t};
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Den Bus betreiben", "Run the bus"),
    after_help = example(&["stadtbus serve --config /etc/stadtbus/stadtbus.toml"])
)]
pub(crate) struct Args {
    #[arg(
        long, value_name = t("DATEI", "FILE"), env = "STADTBUS_CONFIG",
        help = t("Konfiguration; ohne sie gelten Vorgaben und STADTBUS_…", "Configuration; without it defaults and STADTBUS_… apply")
    )]
    config: Option<PathBuf>,
}

/// Runs the bus.
pub(crate) fn run(args: &Args, _: &Session) -> Outcome {
    bus::serve(args.config.as_deref())
}
