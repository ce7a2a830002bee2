//! The attack corpus: what `plugins/hostile/corpus.yaml` lists, made ready to be deployed.

use std::path::PathBuf;

use stadtbus_event::PartnerId;
use stadtbus_plugin_host::{Manifest, build};

use super::{manifest, root};

/// Stands in the data of the event that every attack is given; no sentence of the host may repeat it.
pub(crate) const SECRET: &str = "Geheimnis-4711";

/// One line of the corpus.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Attack {
    /// A component in text form, or the folder of a plugin.
    pub(crate) file: String,
    /// Where it is stopped: `deploy`, `run`; or `allowed`.
    pub(crate) stage: String,
    pub(crate) code: Option<String>,
}

pub(crate) fn dir() -> PathBuf {
    root().join("../hostile")
}

pub(crate) fn attacks() -> Vec<Attack> {
    serde_saphyr::from_str(&std::fs::read_to_string(dir().join("corpus.yaml")).unwrap()).unwrap()
}

/// The input that every attack is given.
pub(crate) fn input() -> stadtbus_event::Event {
    super::event(&format!(r#"{{"id":"S-1","secret":"{SECRET}"}}"#))
}

pub(crate) fn component(file: &str) -> Vec<u8> {
    wat::parse_file(dir().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Manifest and component of an attack by `partner`; `limits` as in a manifest, the default ones if empty.
pub(crate) fn ready(file: &str, partner: &str, limits: &str) -> (Manifest, Vec<u8>) {
    let of_text = manifest(partner, "bytes", limits);
    let folder = dir().join(file);
    if !folder.is_dir() {
        return (of_text, component(file));
    }
    let built = build::build(&folder, &root().join("../../target/guests"));
    let built = built.unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut manifest = build::read_manifest(&folder).unwrap();
    manifest.partner = PartnerId::parse(partner).unwrap();
    manifest.limits = of_text.limits;
    (manifest, built.component)
}
