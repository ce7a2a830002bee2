//! `stadtbus plugin test`: the `*_test.yaml` beside a plugin, with what each case cost.

use super::Target;
use crate::commands::test::Report;
use crate::grammar::example;
use crate::plugin_test;
use crate::session::Session;
use crate::ui::{Exit, Outcome, t};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Die Tests eines Plugins ausführen, mit Zeit, Speicher und Ausgabe", "Run a plugin's tests, with time, memory and output"),
    after_help = example(&["stadtbus plugin test plugins/krefeld/outage-redact"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    report: Report,
}

/// Runs the tests.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let cases = plugin_test::run(&args.target.folder)?;
    if cases.is_empty() {
        session
            .shell
            .notice(t("Es gibt keine *_test.yaml.", "There is no *_test.yaml."));
        return Ok(Exit::Failed);
    }
    args.report.finish(session, &cases)
}
