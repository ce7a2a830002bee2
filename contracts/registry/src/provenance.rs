//! Who vouches for a plugin: the keys of its partner's integrators, and what they sign.
//!
//! *Promise*: a signature is over everything that decides what a plugin may do and does: its name with its version, the
//! SHA-256 of its component, and the SHA-256 of its manifest. So a signed component can neither be given out under another
//! name nor be run with another manifest. *Form*: a DSSE 1.0 envelope over an in-toto statement (v1), which other tools can
//! read and make, too. *What it refuses*: signatures of keys that the partner's file does not name.
//!
//! A Sigstore bundle is carried beside it and not judged here: that takes a root of trust that is brought up to date over
//! the network.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::city::{City, hex};
use crate::finding::Text;
use crate::plugin::PluginRef;
use crate::reader::Reader;
use crate::yaml::Node;

/// What the payload of an envelope is.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What the statement says of its subjects: this component, with this manifest, is this plugin.
const PREDICATE_TYPE: &str = "urn:stadtbus:plugin:v1";
/// The name under which the manifest is a subject.
const MANIFEST: &str = "plugin.yaml";
/// Most signatures looked at; each costs a verification.
const SIGNATURES_MAX: usize = 16;
/// The largest envelope that is read, in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 64 << 10;
/// The largest Sigstore bundle that is carried, in bytes.
pub const SIGSTORE_BYTES_MAX: usize = 256 << 10;

/// A public key that may sign a partner's plugins: Ed25519.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginKey {
    /// The `keyid` in signatures.
    pub id: String,
    /// SubjectPublicKeyInfo in PEM, or its base64, or the base64 of the 32 bytes.
    pub public_key: String,
}

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PluginSignature {
    /// What the payload is.
    pub payload_type: String,
    /// What was signed, base64.
    pub payload: String,
    /// Who signed it.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// Which key.
    pub keyid: String,
    /// The signature, base64.
    pub sig: String,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate: String,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: Sha256Of,
}

#[derive(Deserialize)]
struct Sha256Of {
    sha256: String,
}

/// What somebody vouches for.
#[derive(Debug, Clone, Copy)]
pub struct Subjects<'a> {
    /// `partner/name@version`.
    pub name: &'a str,
    /// SHA-256 of the component, lower-case hex.
    pub digest: &'a str,
    /// The whole manifest as text.
    pub manifest: &'a str,
}

impl Subjects<'_> {
    fn pairs(&self) -> [(String, String); 2] {
        let manifest = hex(&Sha256::digest(self.manifest.as_bytes()));
        [
            (self.name.to_owned(), self.digest.to_owned()),
            (MANIFEST.to_owned(), manifest),
        ]
    }
}

impl PluginKey {
    fn parsed(&self) -> Option<ParsedPublicKey> {
        let base64: String = self
            .public_key
            .lines()
            .filter(|line| !line.trim_start().starts_with("-----"))
            .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()))
            .collect();
        ParsedPublicKey::new(&ED25519, STANDARD.decode(base64).ok()?).ok()
    }

    /// Whether it is an Ed25519 key at all.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.parsed().is_some()
    }
}

impl PluginSignature {
    /// Reads an envelope as `stadtbus plugin sign` writes it.
    ///
    /// # Errors
    /// What is wrong with it, in English.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > ENVELOPE_BYTES_MAX {
            return Err(format!("it is larger than {ENVELOPE_BYTES_MAX} bytes"));
        }
        serde_json::from_str(text).map_err(|error| format!("it is no DSSE envelope: {error}"))
    }

    /// The ids of the keys it names. They prove nothing.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signature| signature.keyid.as_str())
    }

    /// The key that vouches for exactly these subjects.
    ///
    /// # Errors
    /// Why none does.
    pub fn verify(&self, keys: &[PluginKey], subjects: Subjects<'_>) -> Result<String, Text> {
        if self.payload_type != PAYLOAD_TYPE || self.signatures.len() > SIGNATURES_MAX {
            return Err(Text::new(
                "Die Signatur ist keine, die „stadtbus plugin sign“ schreibt.",
                "the signature is none that `stadtbus plugin sign` writes",
            ));
        }
        let unreadable = || Text::new("Die Signatur ist kein Base64.", "the signature is not base64");
        let payload = binary(&self.payload).ok_or_else(unreadable)?;
        let signed = pre_authentication(&payload);
        let accepted = self.signatures.iter().find(|signature| {
            let key = keys.iter().find(|key| key.id == signature.keyid);
            let key = key.and_then(PluginKey::parsed);
            key.zip(binary(&signature.sig))
                .is_some_and(|(key, sig)| key.verify_sig(&signed, &sig).is_ok())
        });
        let accepted = accepted.ok_or_else(|| {
            Text::new(
                "Keine Signatur stammt von einem Schlüssel, der unter „plugin_keys“ des Partners steht.",
                "no signature is of a key that the partner's file names under `plugin_keys`",
            )
        })?;
        says(&payload, subjects)?;
        Ok(accepted.keyid.clone())
    }
}

/// Whether the signed statement is about these subjects and no others.
fn says(payload: &[u8], subjects: Subjects<'_>) -> Result<(), Text> {
    let statement: Option<Statement> = serde_json::from_slice(payload).ok();
    let statement = statement
        .filter(|statement| statement.kind == STATEMENT_TYPE && statement.predicate == PREDICATE_TYPE)
        .ok_or_else(|| {
            Text::new(
                "Was signiert wurde, ist keine Aussage über ein Plugin.",
                "what was signed is no statement about a plugin",
            )
        })?;
    let expected = subjects.pairs();
    let same = statement.subject.len() == expected.len()
        && expected.iter().all(|(name, digest)| {
            let mut found = statement.subject.iter();
            found.any(|subject| subject.name == *name && subject.digest.sha256 == *digest)
        });
    if same {
        return Ok(());
    }
    Err(Text::new(
        "Signiert wurde ein anderer Name, eine andere Komponente oder ein anderes plugin.yaml.",
        "what was signed is another name, another component or another plugin.yaml",
    ))
}

impl City {
    /// The key that vouches for a plugin of this city; `None` where it is not signed.
    ///
    /// # Errors
    /// Why the signature it carries does not hold.
    pub fn vouched(&self, plugin: &PluginRef) -> Result<Option<String>, Text> {
        let Some(envelope) = &plugin.signature else {
            return Ok(None);
        };
        let partner = self.partners.get(&plugin.partner);
        let keys = partner.map_or(&[][..], |partner| &partner.plugin_keys);
        let name = plugin.versioned_name();
        let subjects = Subjects {
            name: &name,
            digest: &plugin.digest,
            manifest: &plugin.manifest,
        };
        envelope.verify(keys, subjects).map(Some)
    }
}

/// The private key of an integrator. Its `Debug` shows nothing of it.
pub struct PluginSigner {
    pair: Ed25519KeyPair,
    key: PluginKey,
}

impl std::fmt::Debug for PluginSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PluginSigner").field(&self.key.id).finish()
    }
}

impl PluginSigner {
    /// Reads an Ed25519 private key, PKCS#8 in PEM.
    ///
    /// # Errors
    /// What is wrong with it, without a piece of it.
    pub fn from_pem(pem: &str) -> Result<Self, &'static str> {
        if !pem.contains("BEGIN PRIVATE KEY") {
            return Err("it is no private key in PEM (PKCS#8)");
        }
        let base64: String = pem
            .lines()
            .filter(|line| !line.trim_start().starts_with("-----"))
            .map(str::trim)
            .collect();
        let der = STANDARD.decode(base64).map_err(|_| "it is not PEM")?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| "it is no Ed25519 key")?;
        let public = pair.public_key().as_ref().to_vec();
        let key = PluginKey {
            id: hex(&Sha256::digest(&public)).chars().take(16).collect(),
            public_key: STANDARD.encode(&public),
        };
        Ok(Self { pair, key })
    }

    /// The public half, as a partner's file names it.
    #[must_use]
    pub fn public(&self) -> &PluginKey {
        &self.key
    }

    /// Vouches for a component with its manifest.
    #[must_use]
    pub fn sign(&self, subjects: Subjects<'_>) -> PluginSignature {
        let subject: Vec<_> = subjects
            .pairs()
            .into_iter()
            .map(|(name, sha256)| json!({"name": name, "digest": {"sha256": sha256}}))
            .collect();
        let statement = json!({
            "_type": STATEMENT_TYPE, "subject": subject, "predicateType": PREDICATE_TYPE, "predicate": {},
        });
        let payload = statement.to_string().into_bytes();
        let sig = self.pair.sign(&pre_authentication(&payload));
        PluginSignature {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: STANDARD.encode(&payload),
            signatures: vec![EnvelopeSignature {
                keyid: self.key.id.clone(),
                sig: STANDARD.encode(sig),
            }],
        }
    }
}

/// What a DSSE signature is over: type and payload, with their lengths.
fn pre_authentication(payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

/// DSSE leaves the alphabet to the sender.
fn binary(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

pub(crate) fn read_key(reader: &Reader, node: &Node) -> Option<PluginKey> {
    let fields = reader.fields(node, &["id", "public_key"])?;
    let id = fields.required("id", Reader::text);
    let public_key = fields.required("public_key", Reader::text);
    Some(PluginKey {
        id: id?,
        public_key: public_key?,
    })
}

#[cfg(test)]
mod tests;
