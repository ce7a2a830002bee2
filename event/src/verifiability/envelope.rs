//! The DSSE 1.0.2 envelope: who signed, and what the verification material says.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Deserializer};

use super::digest::Digest;
use super::key::TrustAnchor;
use super::{ATTRIBUTE, refused};
use crate::check;
use crate::error::EventError;
use crate::event::Core;
use crate::parts::EXTENSIONS_MAX;

const PAYLOAD_TYPE: &str = "https://cloudevents.io/verifiability/dsse/v0.1";

/// Most signatures looked at; each costs a verification.
const SIGNATURES_MAX: usize = 16;

/// What was signed.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) core: Digest,
    /// The digest of extensions, and which they are, in the order they were signed in.
    pub(super) extensions: Option<(Digest, Vec<String>)>,
}

#[derive(Deserialize)]
struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

#[derive(Deserialize)]
struct Payload {
    core: String,
    #[serde(default, deserialize_with = "present")]
    ext: Option<String>,
    #[serde(default, deserialize_with = "present")]
    signedextattrs: Option<Vec<String>>,
}

/// A member that is there has its type; `null` is not absence.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Opens an envelope: reads it, verifies one of its signatures with the key of its id, then reads what was signed.
pub(super) fn open(
    material: &str,
    anchors: &BTreeMap<String, TrustAnchor>,
) -> Result<(String, Material), EventError> {
    let json = binary(material).ok_or_else(|| refused("is not base64"))?;
    let envelope: Envelope =
        serde_json::from_slice(&json).map_err(|_| refused("is not a DSSE envelope in JSON"))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(refused("has a payload type other than that of CloudEvents"));
    }
    let payload = binary(&envelope.payload).ok_or_else(|| refused("has a payload that is not base64"))?;
    if envelope.signatures.len() > SIGNATURES_MAX {
        return Err(refused("has more than 16 signatures"));
    }
    let signed = pre_authentication(&payload);
    let accepted = envelope.signatures.iter().find(|signature| {
        let sig = binary(&signature.sig);
        let anchor = anchors.get(&signature.keyid);
        anchor
            .zip(sig)
            .is_some_and(|(anchor, sig)| anchor.accepts(&signed, &sig))
    });
    let Some(accepted) = accepted else {
        return Err(refused("has no valid signature of a key that is trusted"));
    };
    Ok((accepted.keyid.clone(), read(&payload)?))
}

/// What a DSSE signature is over: type and payload, with their lengths.
pub(super) fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

fn read(payload: &[u8]) -> Result<Material, EventError> {
    let payload: Payload = serde_json::from_slice(payload)
        .map_err(|_| refused("signs something other than the JSON of verification material"))?;
    let core = digest(&payload.core)?;
    let extensions = match (payload.ext, payload.signedextattrs) {
        (None, None) => None,
        (Some(ext), Some(names)) => {
            check_names(&names)?;
            Some((digest(&ext)?, names))
        }
        _ => return Err(refused("has one of `ext` and `signedextattrs` without the other")),
    };
    Ok(Material { core, extensions })
}

fn check_names(names: &[String]) -> Result<(), EventError> {
    if names.len() > EXTENSIONS_MAX {
        return Err(refused("signs more extensions than an event may have"));
    }
    for (at, name) in names.iter().enumerate() {
        if !check::name(name) || name == "specversion" || Core::of(name).is_some() || name == ATTRIBUTE {
            return Err(refused(
                "names something that is no extension in `signedextattrs`",
            ));
        }
        if names.iter().take(at).any(|before| before == name) {
            return Err(refused("names an extension twice in `signedextattrs`"));
        }
    }
    Ok(())
}

fn digest(text: &str) -> Result<Digest, EventError> {
    STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| refused("has a digest that is not 32 bytes in base64"))
}

/// DSSE leaves the alphabet to the sender.
fn binary(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}
