//! What lies beside a component: its signature, and a Sigstore bundle.

use crate::city;
use crate::findings;
use crate::say;
use crate::session::Session;
use crate::ui::text::{Lang, lang};
use crate::ui::{Exit, Failure, t};
use serde_json::Value;
use stadtbus_contracts::{PluginKey, PluginSignature, SIGSTORE_BYTES_MAX, Subjects, Text, component_digest};
use stadtbus_plugin_host::Manifest;
use std::path::{Path, PathBuf};

/// `build/<name>.wasm.sig`.
pub(super) fn signature_path(folder: &Path, name: &str) -> PathBuf {
    folder.join("build").join(format!("{name}.wasm.sig"))
}

/// `build/<name>.wasm.sigstore.json`, as Sigstore's own tools name it.
pub(super) fn sigstore_path(folder: &Path, name: &str) -> PathBuf {
    folder.join("build").join(format!("{name}.wasm.sigstore.json"))
}

/// The signature of a built plugin, if it has one.
pub(super) fn signature(folder: &Path, name: &str) -> Result<Option<PluginSignature>, Failure> {
    let path = signature_path(folder, name);
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
    PluginSignature::parse(&text).map(Some).map_err(|why| {
        let message = say!("{} ist keine Signatur.", "{} is no signature.", path.display());
        Failure::new("SB-4021", Exit::Failed, message).detail(why)
    })
}

/// The Sigstore bundle of a built plugin, if it has one.
pub(super) fn sigstore(folder: &Path, name: &str) -> Result<Option<Value>, Failure> {
    let path = sigstore_path(folder, name);
    if !path.is_file() {
        return Ok(None);
    }
    let bytes = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
    if bytes.len() > SIGSTORE_BYTES_MAX {
        let why = t("größer als 256 KiB", "larger than 256 KiB");
        return Err(Failure::file(&path, &why));
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| Failure::file(&path, &error))
}

/// Whom to believe that a plugin is what it says.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Trust {
    #[arg(long, value_name = t("ORDNER", "FOLDER"), help = t("Stadtordner, dessen Partner die Schlüssel nennen (plugin_keys)", "City folder whose partners name the keys (plugin_keys)"))]
    city: Option<PathBuf>,
    #[arg(long, value_name = t("SCHLÜSSEL", "KEY"), help = t("Öffentlicher Schlüssel, Base64", "Public key, base64"))]
    public_key: Option<String>,
}

impl Trust {
    /// Whether anybody was named.
    pub(super) fn is_given(&self) -> bool {
        self.city.is_some() || self.public_key.is_some()
    }

    /// The key that vouches for a plugin.
    pub(super) fn verify(
        &self,
        session: &Session,
        (manifest, yaml): (&Manifest, &str),
        component: &[u8],
        envelope: Option<&PluginSignature>,
    ) -> Result<String, Failure> {
        let name = format!("{}@{}", manifest.name(), manifest.version);
        let Some(envelope) = envelope else {
            let message = say!("{name} ist nicht signiert.", "{name} is not signed.");
            return Err(Failure::new("SB-4020", Exit::Refused, message));
        };
        let keys = self.keys(session, manifest, envelope)?;
        let digest = component_digest(component);
        let subjects = Subjects {
            name: &name,
            digest: &digest,
            manifest: yaml,
        };
        envelope.verify(&keys, subjects).map_err(|why| {
            let message = say!(
                "Die Signatur von {name} gilt nicht.",
                "The signature of {name} does not hold."
            );
            Failure::new("SB-4021", Exit::Refused, message).detail(spoken(&why))
        })
    }

    fn keys(
        &self,
        session: &Session,
        manifest: &Manifest,
        envelope: &PluginSignature,
    ) -> Result<Vec<PluginKey>, Failure> {
        let mut keys = Vec::new();
        if let Some(folder) = &self.city {
            let city = stadtbus_contracts::load_documents(folder, &city::variable)
                .map_err(|found| findings::failure(&session.shell, folder, &found.0))?;
            let partner = city.partners.get(&manifest.partner);
            keys.extend(
                partner
                    .into_iter()
                    .flat_map(|partner| partner.plugin_keys.clone()),
            );
        }
        // A key that was given by itself has no id but the one the signature uses.
        if let Some(public_key) = &self.public_key {
            keys.extend(envelope.key_ids().map(|id| PluginKey {
                id: id.to_owned(),
                public_key: public_key.clone(),
            }));
        }
        Ok(keys)
    }
}

fn spoken(text: &Text) -> String {
    match lang() {
        Lang::De => text.de.to_string(),
        Lang::En => text.en.to_string(),
    }
}
