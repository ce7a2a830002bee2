//! Plugins in an OCI registry, as the CNCF lays out WebAssembly there: one layer `application/wasm`, and a configuration
//! `application/vnd.wasm.config.v0+json` that says what goes in and out.
//!
//! Promise: what is pushed is what is pulled, to the byte. A digest is verified wherever there is one, and a tag that names
//! another component already is never moved. The manifest of the plugin and its signature travel as annotations, for
//! the layout has room for one layer and no more; other tools pull the component as any other. Nothing is sent in clear
//! unless somebody says so.

mod access;
mod reference;
mod registry;
#[cfg(test)]
mod tests;

use crate::say;
use crate::ui::{Exit, Failure, t};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stadtbus_contracts::{PluginSignature, component_digest};
use stadtbus_plugin_host::{Carried, Manifest, Report};
use std::collections::BTreeMap;

pub(crate) use access::Access;
pub(crate) use reference::Reference;
pub(crate) use registry::Registry;

/// Media type of the image's manifest.
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of the configuration.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// Media type of the component.
const COMPONENT: &str = "application/wasm";
/// `plugin.yaml`.
const MANIFEST: &str = "de.stadtbus.plugin.manifest";
/// The DSSE envelope.
const SIGNATURE: &str = "de.stadtbus.plugin.signature";
/// The Sigstore bundle.
const SIGSTORE: &str = "de.stadtbus.plugin.sigstore";
/// Registries take no larger ones.
const IMAGE_BYTES_MAX: usize = 4 << 20;

/// Everything that makes a plugin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parcel {
    /// `plugin.yaml` as text.
    pub(crate) manifest: String,
    /// The component.
    pub(crate) component: Vec<u8>,
    /// Who vouches for it.
    pub(crate) signature: Option<PluginSignature>,
    /// A Sigstore bundle.
    pub(crate) sigstore: Option<Value>,
}

/// A piece of content, by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    schema_version: u32,
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Pushes a plugin; the digest of its image.
pub(crate) async fn push(
    registry: &Registry,
    reference: &Reference,
    parcel: &Parcel,
    (manifest, report): (&Manifest, &Report),
) -> Result<String, Failure> {
    let component = Descriptor::of(COMPONENT, &parcel.component);
    let config = configuration(report, &component);
    let image = image(parcel, manifest, Descriptor::of(CONFIG, &config), component)?;
    let tag = reference
        .tag()
        .map_or_else(|| tag_of(&manifest.version), str::to_owned);
    let digest = digest(&image);
    if let Some(there) = registry.image(&reference.repository, &tag, IMAGE).await? {
        if there == image {
            return Ok(digest);
        }
        let message = say!(
            "{}:{tag} gibt es in der Registry schon, mit anderem Inhalt.",
            "{}:{tag} is in the registry already, with other content.",
            reference.repository
        );
        return Err(Failure::new("SB-4022", Exit::Refused, message)
            .hint("$EDITOR plugin.yaml && stadtbus plugin build"));
    }
    registry.upload(&reference.repository, &config).await?;
    registry.upload(&reference.repository, &parcel.component).await?;
    registry
        .publish(&reference.repository, &tag, IMAGE, image)
        .await?;
    Ok(digest)
}

/// Pulls a plugin; what comes is what its digests say, and nothing of it is trusted yet.
pub(crate) async fn pull(registry: &Registry, reference: &Reference) -> Result<(Parcel, String), Failure> {
    let wanted = reference.wanted().ok_or_else(|| {
        Failure::usage(t(
            "Zum Holen gehört ein Tag oder ein Digest.",
            "To pull, a tag or a digest is needed.",
        ))
        .hint("stadtbus plugin pull oci://registry.example/ngn/outage-redact:1.0.0 --city FOLDER")
    })?;
    let bytes = registry.image(&reference.repository, wanted, IMAGE).await?;
    let bytes = bytes.ok_or_else(|| {
        let message = say!("{reference} gibt es nicht.", "There is no {reference}.");
        Failure::new("SB-6009", Exit::Refused, message)
    })?;
    let found = digest(&bytes);
    if bytes.len() > IMAGE_BYTES_MAX || reference.digest().is_some_and(|wanted| wanted != found) {
        return Err(other_than_said(&format!("{reference}: {found}")));
    }
    let image: Image =
        serde_json::from_slice(&bytes).map_err(|error| no_plugin(&format!("{reference}: {error}")))?;
    let [layer] = image.layers.as_slice() else {
        return Err(no_plugin(&format!("{} layers", image.layers.len())));
    };
    if image.config.media_type != CONFIG || layer.media_type != COMPONENT {
        return Err(no_plugin(&format!(
            "{}, {}",
            image.config.media_type, layer.media_type
        )));
    }
    let component = registry.blob(&reference.repository, &layer.digest).await?;
    if Descriptor::of(COMPONENT, &component) != *layer {
        return Err(other_than_said(&layer.digest));
    }
    let parcel = parcel(&image.annotations, component)?;
    Ok((parcel, found))
}

fn parcel(annotations: &BTreeMap<String, String>, component: Vec<u8>) -> Result<Parcel, Failure> {
    let manifest = annotations.get(MANIFEST).ok_or_else(|| no_plugin(MANIFEST))?;
    let signature = annotations
        .get(SIGNATURE)
        .map(|text| PluginSignature::parse(text));
    let sigstore = annotations.get(SIGSTORE).map(|text| serde_json::from_str(text));
    Ok(Parcel {
        manifest: manifest.clone(),
        component,
        signature: signature.transpose().map_err(|why| no_plugin(&why))?,
        sigstore: sigstore
            .transpose()
            .map_err(|error| no_plugin(&format!("{SIGSTORE}: {error}")))?,
    })
}

/// What goes in and out of a component, as other tools ask it. The time is none, so that the same component gives the same
/// image whenever it is pushed.
fn configuration(report: &Report, component: &Descriptor) -> Vec<u8> {
    let config = json!({
        "created": "1970-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2",
        "layerDigests": [component.digest],
        "component": {"exports": report.exports, "imports": report.imports, "target": null},
    });
    config.to_string().into_bytes()
}

fn image(
    parcel: &Parcel,
    manifest: &Manifest,
    config: Descriptor,
    component: Descriptor,
) -> Result<Vec<u8>, Failure> {
    let mut annotations = BTreeMap::from([
        (MANIFEST.to_owned(), parcel.manifest.clone()),
        ("org.opencontainers.image.title".to_owned(), manifest.name()),
        (
            "org.opencontainers.image.version".to_owned(),
            manifest.version.clone(),
        ),
    ]);
    let carried = Carried::of(&parcel.component).unwrap_or_default();
    if let Some(license) = carried.license {
        annotations.insert("org.opencontainers.image.licenses".to_owned(), license);
    }
    if let Some(signature) = &parcel.signature {
        let text = serde_json::to_string(signature).unwrap_or_default();
        annotations.insert(SIGNATURE.to_owned(), text);
    }
    if let Some(sigstore) = &parcel.sigstore {
        annotations.insert(SIGSTORE.to_owned(), sigstore.to_string());
    }
    let image = Image {
        schema_version: 2,
        media_type: Some(IMAGE.to_owned()),
        config,
        layers: vec![component],
        annotations,
    };
    serde_json::to_vec(&image)
        .ok()
        .filter(|bytes| bytes.len() <= IMAGE_BYTES_MAX)
        .ok_or_else(|| no_plugin("manifest.json"))
}

/// A version as a tag, which has no `+`.
fn tag_of(version: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    version.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

impl Descriptor {
    fn of(media_type: &str, content: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest(content),
            size: content.len() as u64,
        }
    }
}

fn digest(content: &[u8]) -> String {
    format!("sha256:{}", component_digest(content))
}

fn no_plugin(detail: &str) -> Failure {
    let message = t(
        "Was dort liegt, ist kein Plugin von Stadtbus.",
        "What lies there is no plugin of Stadtbus.",
    );
    Failure::new("SB-6010", Exit::Refused, message).detail(detail)
}

fn other_than_said(detail: &str) -> Failure {
    let message = t(
        "Was die Registry gab, hat eine andere SHA-256-Summe als angekündigt.",
        "What the registry gave has another SHA-256 digest than announced.",
    );
    Failure::new("SB-6010", Exit::Refused, message).detail(detail)
}
