//! `stadtbus plugin build`: source to component, `build/<name>.wasm`.

use super::{Target, host_failure, manifest, mapping};
use crate::grammar::example;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, t};
use serde_json::json;
use stadtbus_plugin_host::build::{Built, Effort};
use stadtbus_plugin_host::{Manifest, Report};
use std::path::{Path, PathBuf};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein Plugin zur Komponente bauen", "Build a plugin into a component"),
    after_help = example(&["stadtbus plugin build plugins/krefeld/outage-redact"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
}

/// What the manifest of a plugin without a source of its own says.
const READY: &str = "jsonata";

/// Builds.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let folder = &args.target.folder;
    let (manifest, _) = manifest(folder)?;
    if manifest.language != READY {
        session
            .shell
            .notice(&say!("{} wird gebaut …", "Building {} …", manifest.name()));
    }
    let built = make(folder, &manifest, Effort::Full)?;
    Ok(shown(session, &built.path, &built.report))
}

/// Builds by the builder of the language, or takes the ready component where there is no source.
pub(super) fn make(folder: &Path, manifest: &Manifest, effort: Effort) -> Result<Built, Failure> {
    if manifest.language == READY {
        return mapping::put(manifest, folder);
    }
    let folder = folder
        .canonicalize()
        .map_err(|error| Failure::file(folder, &error))?;
    stadtbus_plugin_host::build::build_with(&folder, &target_folder(&folder), effort)
        .map_err(|error| host_failure(&error))
}

fn shown(session: &Session, path: &Path, report: &Report) -> Exit {
    session
        .shell
        .show(&json!({"component": path, "report": report}), || {
            let kib = report.component_bytes.div_ceil(1024);
            vec![format!("{}  {kib} KiB  sha256 {}", path.display(), report.digest)]
        });
    Exit::Done
}

/// Where compilers work and fetched tools lie: one place for all plugins of the source tree, so that what they share is
/// made once.
pub(super) fn target_folder(folder: &Path) -> PathBuf {
    let tree = folder
        .ancestors()
        .find(|ancestor| ancestor.join("plugins/sdk/rust/Cargo.toml").is_file());
    tree.map_or_else(|| folder.join("target"), |tree| tree.join("target/guests"))
}
