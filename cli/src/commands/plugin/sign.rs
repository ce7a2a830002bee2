//! `stadtbus plugin sign`: vouches for a built plugin: its name with version, its component, its manifest.

use super::{Target, beside, component, key, manifest};
use crate::grammar::example;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, Style, t};
use serde_json::json;
use stadtbus_contracts::{Subjects, component_digest};
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein gebautes Plugin signieren", "Sign a built plugin"),
    after_help = example(&["stadtbus plugin sign plugins/krefeld/outage-redact --signing-key integrator.pem"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
    #[arg(long, env = "STADTBUS_PLUGIN_KEY", value_name = t("DATEI", "FILE"), help = t("Der private Schlüssel (stadtbus plugin key)", "The private key (stadtbus plugin key)"))]
    signing_key: PathBuf,
}

/// Signs; the signature lies beside the component.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let folder = &args.target.folder;
    let (manifest, yaml) = manifest(folder)?;
    let component = component(folder, &manifest.plugin)?;
    // Nobody should vouch for what no bus would take.
    stadtbus_plugin_host::check(&component, &manifest).map_err(|error| super::host_failure(&error))?;
    let signer = key::signer(&args.signing_key)?;
    let name = format!("{}@{}", manifest.name(), manifest.version);
    let digest = component_digest(&component);
    let envelope = signer.sign(Subjects {
        name: &name,
        digest: &digest,
        manifest: &yaml,
    });
    let path = beside::signature_path(folder, &manifest.plugin);
    let text = serde_json::to_string_pretty(&envelope).unwrap_or_default();
    std::fs::write(&path, format!("{text}\n")).map_err(|error| Failure::file(&path, &error))?;
    let shell = &session.shell;
    let head = shell.paint(Style::Good, t("signiert", "signed"));
    let id = &signer.public().id;
    shell.show(
        &json!({"plugin": name, "digest": digest, "key": id, "signature": path}),
        || vec![format!("{head}  {name}+{digest}  {id}")],
    );
    Ok(Exit::Done)
}
