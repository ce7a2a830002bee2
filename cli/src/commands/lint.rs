//! `stadtbus lint`: everything that is wrong with a city folder, all at once, without a bus.

use crate::city;
use crate::findings;
use crate::grammar::example;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Outcome, t};
use serde_json::json;
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Einen Stadtordner prüfen", "Check a city folder"),
    after_help = example(&["stadtbus lint deploy/cities/krefeld"])
)]
pub(crate) struct Args {
    #[arg(value_name = t("ORDNER", "FOLDER"), help = t("Der Ordner mit city.yaml", "The folder with city.yaml"))]
    folder: PathBuf,
    #[arg(long, help = t("Warnungen wie Fehler behandeln", "Treat warnings as errors"))]
    deny_warnings: bool,
}

/// Checks the folder.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let shell = &session.shell;
    let mut found = stadtbus_contracts::lint(&args.folder, &city::variable);
    found.extend(city::configurations(&args.folder)?);
    shell.show(&json!({"folder": args.folder, "findings": found}), || {
        found
            .iter()
            .flat_map(|finding| findings::lines(shell, finding))
            .collect()
    });
    let (errors, warnings) = findings::count(&found);
    shell.notice(&say!(
        "{errors} Fehler · {warnings} Warnungen",
        "{errors} errors · {warnings} warnings"
    ));
    if let Some(first) = found.first() {
        shell.notice(&format!(
            "{}: stadtbus explain {}",
            t("Hinweis", "hint"),
            first.code
        ));
    }
    let failed = errors > 0 || (args.deny_warnings && warnings > 0);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}
