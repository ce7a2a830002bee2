//! `stadtbus test`: the examples of contracts and the tests of plugins, without a bus.
//!
//! A good example must pass and a bad one must fail for the reason it states; a plugin must answer as its
//! `*_test.yaml` says, within its limits.

use crate::city;
use crate::findings;
use crate::grammar::example;
use crate::junit::{self, Case};
use crate::plugin_test;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, Shell, t};
use std::path::{Path, PathBuf};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Beispiele der Verträge und Tests der Plugins ausführen", "Run contract examples and plugin tests"),
    after_help = example(&["stadtbus test deploy/cities/krefeld", "stadtbus test deploy/cities/krefeld --report junit=ergebnis.xml"])
)]
pub(crate) struct Args {
    #[arg(value_name = t("ORDNER", "FOLDER"), required = true, help = t("Stadtordner (city.yaml) oder Plugins (plugin.yaml)", "City folders (city.yaml) or plugins (plugin.yaml)"))]
    folders: Vec<PathBuf>,
    #[command(flatten)]
    report: Report,
}

/// Where else the results go.
#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    #[arg(long, value_name = t("junit=DATEI", "junit=FILE"), value_parser = junit_file, help = t("Ergebnisse als JUnit-Datei schreiben", "Write the results as a JUnit file"))]
    report: Option<PathBuf>,
}

impl Report {
    /// Shows and writes the results.
    pub(crate) fn finish(&self, session: &Session, cases: &[Case]) -> Outcome {
        let exit = junit::show(&session.shell, cases);
        if let Some(path) = &self.report {
            std::fs::write(path, junit::xml(cases)).map_err(|error| Failure::file(path, &error))?;
        }
        Ok(exit)
    }
}

/// Runs everything in the folders.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let mut cases = Vec::new();
    for folder in &args.folders {
        if folder.join("city.yaml").is_file() {
            cases.extend(examples(&session.shell, folder));
            let plugins = city::plugins_folder(folder)?;
            for plugin in plugin_test::folders(&plugins) {
                cases.extend(plugin_test::run(&plugin)?);
            }
        } else if folder.join("plugin.yaml").is_file() {
            cases.extend(plugin_test::run(folder)?);
        } else {
            let missing = t(
                "weder city.yaml noch plugin.yaml",
                "neither city.yaml nor plugin.yaml",
            );
            return Err(Failure::file(&folder.join("city.yaml"), &missing)
                .hint("stadtbus test deploy/cities/krefeld"));
        }
    }
    if cases.is_empty() {
        session
            .shell
            .notice(t("Es gibt nichts zu testen.", "There is nothing to test."));
        return Ok(Exit::Failed);
    }
    args.report.finish(session, &cases)
}

fn examples(shell: &Shell, folder: &Path) -> Vec<Case> {
    let results = stadtbus_contracts::test_examples(folder, &city::variable).into_iter();
    results
        .map(|result| {
            let finding = result
                .finding
                .as_ref()
                .map(|finding| findings::lines(shell, finding).join("\n"));
            // A city folder that does not load has no contract to name.
            let suite = if result.contract.is_empty() {
                folder.display().to_string()
            } else {
                result.contract
            };
            let name = Path::new(&result.file)
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            Case::new(suite, name.unwrap_or(result.file), finding)
        })
        .collect()
}

fn junit_file(text: &str) -> Result<PathBuf, String> {
    match text.split_once('=') {
        Some(("junit", path)) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(t("erwartet wird junit=DATEI", "junit=FILE is expected").to_owned()),
    }
}
