//! `stadtbus plugin bench`: what a plugin costs, measured with the inputs of its own tests in the sandbox as in operation.

use super::{Target, component, host_failure, manifest};
use crate::grammar::example;
use crate::plugin_test::sandbox;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, t};
use stadtbus_plugin_host::{Manifest, check};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod measure;
mod show;
#[cfg(test)]
mod tests;
mod times;

use measure::{Version, measure};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Messen, was ein Plugin kostet: Größe, Anlauf, Zeit je Ereignis, Durchsatz, Speicher", "Measure what a plugin costs: size, start, time per event, throughput, memory"),
    after_help = example(&["stadtbus plugin bench plugins/krefeld/outage-redact", "stadtbus plugin bench . --seconds 10 --against outage-redact-1.0.0.wasm"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[arg(
        long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=600),
        help = t("So viele Sekunden mit einem Kern, und so viele mit allen (Vorgabe 3)", "So many seconds on one core, and so many on all (default 3)")
    )]
    seconds: u64,
    #[arg(
        long, value_name = t("ORDNER|DATEI.wasm", "FOLDER|FILE.wasm"),
        help = t("Mit dieser Fassung im Wechsel messen und das Verhältnis nennen", "Measure by turns with this version, and say the ratio")
    )]
    against: Option<PathBuf>,
}

/// Measures.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let shell = &session.shell;
    let folder = &args.target.folder;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (manifest, _) = manifest(folder)?;
    shell.notice(&say!(
        "{} wird übersetzt und gemessen …",
        "Compiling and measuring {} …",
        manifest.name()
    ));
    let mut versions = vec![own(folder, &manifest, cores)?];
    if let Some(against) = &args.against {
        versions.push(other(against, folder, &manifest, cores)?);
    }
    for version in &versions {
        if version.samples.inputs.is_empty() {
            shell.notice(&say!(
                "Keine Eingabe aus *_test.yaml in {} wird von {} beantwortet; es gibt nichts zu messen.",
                "No input from *_test.yaml in {} is answered by {}; there is nothing to measure.",
                folder.display(),
                version.from
            ));
            return Ok(Exit::Failed);
        }
    }
    let threads: &[usize] = if cores > 1 { &[1, cores] } else { &[1] };
    measure(&mut versions, threads, Duration::from_secs(args.seconds));
    shell.show(&show::document(&versions, args.seconds), || {
        show::lines(shell, &versions, args.seconds)
    });
    Ok(Exit::Done)
}

/// The plugin in a folder as it was built.
fn own(folder: &Path, manifest: &Manifest, cores: usize) -> Result<Version, Failure> {
    let bytes = component(folder, &manifest.plugin)?;
    version(folder.display().to_string(), manifest, &bytes, cores, folder)
}

/// What it is measured against: another folder with its manifest, or a component under the manifest of this one. Both get the
/// inputs of this one.
fn other(against: &Path, folder: &Path, manifest: &Manifest, cores: usize) -> Result<Version, Failure> {
    let from = against.display().to_string();
    if against.is_dir() {
        let (manifest, _) = super::manifest(against)?;
        let bytes = component(against, &manifest.plugin)?;
        return version(from, &manifest, &bytes, cores, folder);
    }
    let bytes = std::fs::read(against).map_err(|error| Failure::file(against, &error))?;
    version(from, manifest, &bytes, cores, folder)
}

fn version(
    from: String,
    manifest: &Manifest,
    component: &[u8],
    cores: usize,
    inputs: &Path,
) -> Result<Version, Failure> {
    let report = check(component, manifest).map_err(|error| host_failure(&error))?;
    let deployed = sandbox::deploy_anew(manifest, component, cores).map_err(|error| host_failure(&error))?;
    Version::new(from, manifest.clone(), report, deployed, inputs)
}
