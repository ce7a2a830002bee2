//! `stadtbus plugin watch`: builds and tests a plugin again whenever something of it changes, until Ctrl-C.

use super::Target;
use crate::grammar::example;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, t};
use std::time::Instant;

mod calm;
mod paths;
mod sight;
#[cfg(test)]
mod tests;
mod tree;
mod turn;

use paths::Need;
use sight::Sight;
use turn::Workshop;

/// Cargo brings it up to date itself when it builds.
const LOCK: &str = "Cargo.lock";

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein Plugin bei jeder Änderung neu bauen und testen, bis Strg-C", "Build and test a plugin again at each change, until Ctrl-C"),
    after_help = example(&["stadtbus plugin watch plugins/krefeld/outage-redact", "stadtbus plugin watch . --poll"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[arg(long, help = t(
        "Immer wieder nachsehen statt sich melden zu lassen (für Netzlaufwerke)",
        "Look again and again instead of being told (for network file systems)"
    ))]
    poll: bool,
}

/// Watches. A fault of the plugin is a turn's result; only a folder that is gone ends it.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let shell = &session.shell;
    let given = &args.target.folder;
    let folder = given
        .canonicalize()
        .map_err(|error| Failure::file(given, &error))?;
    let manifest = folder.join("plugin.yaml");
    if let Err(error) = std::fs::metadata(&manifest) {
        return Err(Failure::file(&manifest, &error).hint("stadtbus plugin new NAME --partner PARTNER"));
    }
    let gone = |error: std::io::Error| Failure::file(&folder, &error);
    let (mut sight, why) = Sight::open(&folder, args.poll);
    if let Some(why) = why {
        shell.notice(&say!(
            "Änderungen werden nicht gemeldet ({why}); es wird immer wieder nachgesehen.",
            "Changes are not told ({why}); it is looked again and again."
        ));
    }
    let mut known = sight.look().map_err(gone)?;
    let mut workshop = Workshop::new(folder.clone());
    let (mut changes, mut need, mut since) = (Vec::new(), Need::ALL, Instant::now());
    loop {
        let turn = workshop.turn(&changes, need, since);
        if turn.tried_to_build() {
            known.know(&folder, LOCK);
        }
        shell.show_line(&turn.to_json(), || turn.lines(shell));
        if workshop.turns() == 1 {
            shell.notice(waiting(sight.polls()));
        }
        if shell.closed() {
            return Ok(Exit::Done);
        }
        // What changed during the turn is a change of now.
        let seen = sight.next(&known).map_err(gone)?;
        changes = known.changes(&seen.tree);
        need = Need::of(&changes, &crate::plugin_test::named_files(&folder));
        since = seen.since;
        known = seen.tree;
    }
}

fn waiting(polls: bool) -> &'static str {
    if polls {
        t(
            "Es wird zweimal in der Sekunde nachgesehen. Ende mit Strg-C.",
            "Looking twice a second. End with Ctrl-C.",
        )
    } else {
        t(
            "Es wird auf Änderungen gewartet. Ende mit Strg-C.",
            "Waiting for changes. End with Ctrl-C.",
        )
    }
}
