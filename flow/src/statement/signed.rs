//! How a statement is signed, and how anybody verifies it: JWS in compact form (RFC 7515) with `EdDSA` (RFC 8037).
//!
//! What is signed are the ASCII bytes `BASE64URL(header) "." BASE64URL(payload)`, as they stand in the file: nobody has to
//! write the JSON anew to verify it. The header names the key (`kid`) as `/.well-known/webhook-keys` publishes it. The chain
//! goes over the whole compact form: each statement holds the SHA-256 of the one before.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Statement;
use crate::{deliver::signature::SigningKeys, written::hex};

/// The `typ` of a statement.
const TYPE: &str = "stadtbus-statement+jws";

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// A public key that may have signed.
#[derive(Debug, Clone, Deserialize)]
struct Known {
    kid: String,
    crv: String,
    x: String,
}

/// The public keys by which statements are verified.
#[derive(Debug, Clone, Deserialize)]
pub struct Keys {
    keys: Vec<Known>,
}

/// Why a statement is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It is no statement, or none that can be read.
    Form(&'static str),
    /// None of the keys has this name.
    UnknownKey(String),
    /// It was changed, or signed by somebody else.
    Signature,
    /// It does not follow the one before.
    Chain {
        /// The hash that it names.
        named: String,
        /// The hash of the one before.
        found: String,
    },
}

impl Keys {
    /// Reads keys as `/.well-known/webhook-keys` answers them.
    ///
    /// # Errors
    /// When that is something else.
    pub fn parse(json: &[u8]) -> Result<Self, Wrong> {
        serde_json::from_slice(json)
            .map_err(|_| Wrong::Form("these are no keys as /.well-known/webhook-keys names them"))
    }
}

/// The compact form, signed by the first of the bus's keys. None without one.
pub(super) fn sign(statement: &Statement, keys: &SigningKeys) -> Option<String> {
    let (public, pair) = keys.first()?;
    let header = Header {
        alg: "EdDSA".to_owned(),
        kid: public.id.clone(),
        typ: TYPE.to_owned(),
    };
    let part = |json: serde_json::Result<Vec<u8>>| Some(URL_SAFE_NO_PAD.encode(json.ok()?));
    let signed = format!(
        "{}.{}",
        part(serde_json::to_vec(&header))?,
        part(serde_json::to_vec(statement))?
    );
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()).as_ref());
    Some(format!("{signed}.{signature}"))
}

/// SHA-256 of the compact form, hexadecimal: what the next statement names.
#[must_use]
pub fn digest(compact: &str) -> String {
    hex(&Sha256::digest(compact.trim().as_bytes()))
}

/// The statement in a compact form, unverified.
///
/// # Errors
/// [`Wrong::Form`].
pub fn read(compact: &str) -> Result<Statement, Wrong> {
    let payload = compact.trim().split('.').nth(1).and_then(decoded);
    let payload = payload.ok_or(Wrong::Form("it is no JWS in compact form"))?;
    serde_json::from_slice(&payload).map_err(|_| Wrong::Form("what is signed is no statement"))
}

/// The statement in a compact form, if one of these keys signed it and nothing was changed since.
///
/// # Errors
/// Why it is not believed.
pub fn verify(compact: &str, keys: &Keys) -> Result<Statement, Wrong> {
    let not_compact = || Wrong::Form("it is no JWS in compact form");
    let compact = compact.trim();
    let (signed, signature) = compact.rsplit_once('.').ok_or_else(not_compact)?;
    let (header, _) = signed.split_once('.').ok_or_else(not_compact)?;
    let header: Header = decoded(header)
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or_else(not_compact)?;
    if header.alg != "EdDSA" || header.typ != TYPE {
        return Err(Wrong::Form("it is no statement signed by EdDSA"));
    }
    let unknown = || Wrong::UnknownKey(header.kid.clone());
    let known = keys
        .keys
        .iter()
        .find(|key| key.kid == header.kid && key.crv == "Ed25519");
    let key = known.and_then(|key| decoded(&key.x)).ok_or_else(unknown)?;
    let signature = decoded(signature).ok_or_else(not_compact)?;
    UnparsedPublicKey::new(&ED25519, &key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| Wrong::Signature)?;
    read(compact)
}

/// Whether a statement follows the one before.
///
/// # Errors
/// [`Wrong::Chain`].
pub fn follows(statement: &Statement, before: &str) -> Result<(), Wrong> {
    let found = digest(before);
    let named = statement
        .previous
        .as_ref()
        .map(|previous| previous.sha256.clone());
    let named = named.unwrap_or_default();
    if named == found {
        Ok(())
    } else {
        Err(Wrong::Chain { named, found })
    }
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}
