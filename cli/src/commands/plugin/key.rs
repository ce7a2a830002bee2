//! `stadtbus plugin key`: the key by which an integrator vouches for plugins.

use crate::grammar::example;
use crate::issuer;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, t};
use serde_json::json;
use stadtbus_contracts::PluginSigner;
use std::path::{Path, PathBuf};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Einen Schlüssel zum Signieren von Plugins erzeugen (Ed25519)", "Make a key to sign plugins with (Ed25519)"),
    after_help = example(&["stadtbus plugin key --out integrator.pem"])
)]
pub(super) struct Args {
    #[arg(long, value_name = t("DATEI", "FILE"), help = t("Neue Datei; eine vorhandene wird nie überschrieben", "New file; an existing one is never overwritten"))]
    out: PathBuf,
}

/// Makes the key, and shows what belongs into the partner's file.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    issuer::make_key(&args.out)?;
    let signer = signer(&args.out)?;
    let (path, key) = (args.out.display(), signer.public());
    let shell = &session.shell;
    shell.show(
        &json!({"key_file": args.out, "id": key.id, "public_key": key.public_key}),
        || {
            vec![
                "plugin_keys:".to_owned(),
                format!("  - {{id: {:?}, public_key: {:?}}}", key.id, key.public_key),
            ]
        },
    );
    shell.notice(&say!(
        "Das gehört in die Datei des Partners (partners/PARTNER.yaml). {path} bleibt bei Ihnen: wer es lesen kann, kann für Ihre Plugins bürgen.",
        "This belongs into the partner's file (partners/PARTNER.yaml). {path} stays with you: whoever can read it can vouch for your plugins."
    ));
    Ok(Exit::Done)
}

/// Reads a private key.
pub(super) fn signer(path: &Path) -> Result<PluginSigner, Failure> {
    let make = format!("stadtbus plugin key --out {}", path.display());
    let pem =
        std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error).hint(make.clone()))?;
    PluginSigner::from_pem(&pem).map_err(|why| Failure::file(path, &why).hint(make))
}
