//! `stadtbus plugin test`: the unit tests of a plugin, and the `*_test.yaml` beside it with what each case cost.

use super::build::target_folder;
use super::{Target, host_failure, manifest};
use crate::commands::test::Report;
use crate::grammar::example;
use crate::junit::Case;
use crate::plugin_test;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, t};
use std::path::Path;

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
    let mut cases = unit_tests(&args.target.folder)?;
    cases.extend(plugin_test::run(&args.target.folder)?);
    if cases.is_empty() {
        session
            .shell
            .notice(t("Es gibt keine *_test.yaml.", "There is no *_test.yaml."));
        return Ok(Exit::Failed);
    }
    args.report.finish(session, &cases)
}

/// The unit tests in the language of the plugin as one case.
pub(super) fn unit_tests(folder: &Path) -> Result<Vec<Case>, Failure> {
    let (manifest, _) = manifest(folder)?;
    let folder = folder
        .canonicalize()
        .map_err(|error| Failure::file(folder, &error))?;
    let ran = stadtbus_plugin_host::build::unit_tests(&folder, &target_folder(&folder));
    let Some(tests) = ran.map_err(|error| host_failure(&error))? else {
        return Ok(Vec::new());
    };
    let name = say!("Tests in {}", "tests in {}", manifest.language);
    let failure = (!tests.passed).then_some(tests.output);
    Ok(vec![Case::new(manifest.name(), name, failure)])
}
