//! `stadtbus plugin build`: source to component, `build/<name>.wasm`.

use super::{Target, host_failure, manifest, mapping};
use crate::grammar::example;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, t};
use serde_json::json;
use stadtbus_plugin_host::Report;
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
    if manifest.language == READY {
        let (path, report) = mapping::put(&manifest, folder)?;
        return Ok(shown(session, &path, &report));
    }
    let folder = folder
        .canonicalize()
        .map_err(|error| Failure::file(folder, &error))?;
    session
        .shell
        .notice(&say!("{} wird gebaut …", "Building {} …", manifest.name()));
    let built = stadtbus_plugin_host::build::build(&folder, &target_folder(&folder))
        .map_err(|error| host_failure(&error))?;
    Ok(shown(session, &built.path, &built.report))
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
