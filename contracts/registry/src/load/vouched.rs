//! What lies beside a component: its signature, and a Sigstore bundle.

use std::path::Path;

use super::{Loader, files, shown};
use crate::finding::{Finding, Text};
use crate::plugin::PluginRef;
use crate::provenance::{PluginSignature, SIGSTORE_BYTES_MAX};

/// What the name of a signature ends in: `<component>.sig`.
const SIGNATURE: &str = "wasm.sig";
/// What the name of a bundle ends in: `<component>.sigstore.json`.
const SIGSTORE: &str = "wasm.sigstore.json";

impl Loader {
    /// Reads what vouches for the component that lies at `component`. That nothing does is nothing to say here.
    pub(super) fn vouched(&mut self, plugin: &mut PluginRef, component: &Path) {
        let path = component.with_extension(SIGNATURE);
        if path.is_file() {
            let read = files::read_text(&path).and_then(|text| {
                let wrong = |why: String| {
                    let text = Text::new(format!("Keine Signatur: {why}"), format!("no signature: {why}"));
                    Finding::error("SB-5002", shown(&path), text)
                };
                PluginSignature::parse(&text).map_err(wrong)
            });
            match read {
                Ok(envelope) => plugin.signature = Some(envelope),
                Err(finding) => self.unreadable([finding]),
            }
        }
        let path = component.with_extension(SIGSTORE);
        if path.is_file() {
            let bundle = files::read_bytes(&path, SIGSTORE_BYTES_MAX as u64)
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok());
            match bundle {
                Some(bundle) => plugin.sigstore = Some(bundle),
                None => self.unreadable([Finding::error(
                    "SB-5002",
                    shown(&path),
                    Text::new(
                        "Das Sigstore-Bündel ist kein JSON oder größer als 256 KiB.",
                        "the Sigstore bundle is not JSON, or larger than 256 KiB",
                    ),
                )]),
            }
        }
    }
}
