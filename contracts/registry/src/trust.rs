//! Whose signatures a city trusts: the keys for the sources of a partner (verifiability of CloudEvents, DSSE).
//!
//! The bus carries a signature like every other attribute. Where a partner's file names keys for a source, it is also
//! checked when an event of that source is accepted, so that nobody who got hold of a token can speak with the voice of a
//! system whose key it does not have. Nothing is checked, and nothing costs anything, where no key is named.

use std::collections::{BTreeMap, HashMap};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use stadtbus_event::verifiability::{self, Algorithm, AttributeType, TrustAnchor, Verifier};
use stadtbus_event::{Event, PartnerId};

use crate::city::City;
use crate::finding::{Finding, Findings, Text};
use crate::partner::covers;
use crate::reader::Reader;
use crate::registry::{Registry, Violation};
use crate::yaml::{Kind, Node};

/// The keys that may sign events of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedSource {
    /// Prefix of the source; it covers whole segments, and of several the longest counts.
    pub source: String,
    /// Whether an event without a signature is refused (`SB-1312`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The keys; several while one replaces another.
    pub keys: Vec<TrustedKey>,
    /// Types of signed extensions that are not documented ones: without its type the digest of one cannot be checked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, SignedType>,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedKey {
    /// The `keyid` in signatures.
    pub id: String,
    /// How it signs.
    pub algorithm: KeyAlgorithm,
    /// SubjectPublicKeyInfo in PEM, or its base64; for Ed25519 also the base64 of the 32 bytes.
    pub public_key: String,
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAlgorithm {
    /// Ed25519.
    Ed25519,
    /// ECDSA over P-256 with SHA-256, the signature as r and s.
    EcdsaP256,
    /// The same, the signature in ASN.1.
    EcdsaP256Asn1,
    /// ECDSA over P-384 with SHA-384, the signature as r and s.
    EcdsaP384,
    /// The same, the signature in ASN.1.
    EcdsaP384Asn1,
}

/// The type of an extension, which decides what bytes of it are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignedType {
    /// `true` or `false`.
    Boolean,
    /// A number.
    Integer,
    /// A text.
    String,
    /// Bytes in base64.
    Binary,
    /// A URI or a reference to one.
    Uri,
    /// A time.
    Timestamp,
}

const ALGORITHMS: &[(&str, KeyAlgorithm)] = &[
    ("ed25519", KeyAlgorithm::Ed25519),
    ("ecdsa-p256", KeyAlgorithm::EcdsaP256),
    ("ecdsa-p256-asn1", KeyAlgorithm::EcdsaP256Asn1),
    ("ecdsa-p384", KeyAlgorithm::EcdsaP384),
    ("ecdsa-p384-asn1", KeyAlgorithm::EcdsaP384Asn1),
];
const TYPES: &[(&str, SignedType)] = &[
    ("boolean", SignedType::Boolean),
    ("integer", SignedType::Integer),
    ("string", SignedType::String),
    ("binary", SignedType::Binary),
    ("uri", SignedType::Uri),
    ("timestamp", SignedType::Timestamp),
];

impl TrustedKey {
    fn anchor(&self) -> Option<TrustAnchor> {
        let algorithm = match self.algorithm {
            KeyAlgorithm::Ed25519 => Algorithm::Ed25519,
            KeyAlgorithm::EcdsaP256 => Algorithm::EcdsaP256,
            KeyAlgorithm::EcdsaP256Asn1 => Algorithm::EcdsaP256Asn1,
            KeyAlgorithm::EcdsaP384 => Algorithm::EcdsaP384,
            KeyAlgorithm::EcdsaP384Asn1 => Algorithm::EcdsaP384Asn1,
        };
        let base64: String = self
            .public_key
            .lines()
            .filter(|line| !line.trim_start().starts_with("-----"))
            .flat_map(|line| line.chars().filter(|c| !c.is_whitespace()))
            .collect();
        let bytes = STANDARD.decode(base64).ok()?;
        TrustAnchor::new(self.id.as_str(), algorithm, &bytes).ok()
    }
}

impl TrustedSource {
    fn verifier(&self) -> Option<Verifier> {
        let anchors: Option<Vec<TrustAnchor>> = self.keys.iter().map(TrustedKey::anchor).collect();
        let verifier = Verifier::new(anchors?);
        Some(self.extensions.iter().fold(verifier, |verifier, (name, signed)| {
            let of = match signed {
                SignedType::Boolean => AttributeType::Boolean,
                SignedType::Integer => AttributeType::Integer,
                SignedType::String => AttributeType::String,
                SignedType::Binary => AttributeType::Binary,
                SignedType::Uri => AttributeType::Uri,
                SignedType::Timestamp => AttributeType::Timestamp,
            };
            verifier.attribute_type(name, of)
        }))
    }
}

/// The keys of a city, ready to verify with.
#[derive(Default)]
pub(crate) struct Trust(HashMap<PartnerId, Vec<Anchored>>);

struct Anchored {
    prefix: String,
    required: bool,
    verifier: Verifier,
}

/// Says how many partners have keys.
impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trust").field(&self.0.len()).finish()
    }
}

impl Trust {
    /// Reads all keys. A folder's were read once already; those of a city from elsewhere were not.
    pub(crate) fn compile(city: &City) -> Result<Self, Findings> {
        let mut all = HashMap::new();
        for partner in city.partners.values().filter(|p| !p.verifiability.is_empty()) {
            let mut anchored = Vec::with_capacity(partner.verifiability.len());
            for trusted in &partner.verifiability {
                let Some(verifier) = trusted.verifier() else {
                    let object = format!("partner {}", partner.partner);
                    return Err(Findings(vec![Finding::error("SB-5005", object, no_key())]));
                };
                anchored.push(Anchored {
                    prefix: trusted.source.clone(),
                    required: trusted.required,
                    verifier,
                });
            }
            anchored.sort_by_key(|one| std::cmp::Reverse(one.prefix.len()));
            all.insert(partner.partner.clone(), anchored);
        }
        Ok(Self(all))
    }

    fn of(&self, publisher: &PartnerId, source: &str) -> Option<&Anchored> {
        if self.0.is_empty() {
            return None;
        }
        let anchored = self.0.get(publisher)?;
        anchored.iter().find(|one| covers(&one.prefix, source))
    }
}

impl Registry {
    /// Whether the signature of an event is one that the city trusts. Without keys for its source, whatever it carries
    /// is carried on untouched.
    ///
    /// # Errors
    /// `SB-1116` where there is a signature and it does not hold, or would not after delivery; `SB-1312` where there is
    /// none and the source has to sign.
    pub fn check_signature(&self, publisher: &PartnerId, event: &Event) -> Result<(), Violation> {
        let Some(anchored) = self.trust.of(publisher, event.source()) else {
            return Ok(());
        };
        match anchored.verifier.verify(event) {
            // Binary mode has to name the type (CORE-11), and that is a change to a signed attribute.
            Ok(Some(_)) if event.has_json_data() && event.datacontenttype().is_none() => Err(broken(
                "the signed event leaves `datacontenttype` out, so that its signature would not survive delivery",
            )),
            Ok(Some(_)) => Ok(()),
            Ok(None) if !anchored.required => Ok(()),
            Ok(None) => Err(Violation {
                code: "SB-1312",
                pointer: Some(pointer()),
                detail: Text::new(
                    "Ereignisse dieser Quelle müssen signiert sein; dieses ist es nicht.",
                    "events of this source have to be signed, and this one is not",
                ),
                hint: Some(Text::new(
                    "Mit einem Schlüssel signieren, der in der Partnerdatei unter „verifiability“ steht.",
                    "Sign with a key that the partner's file names under `verifiability`.",
                )),
            }),
            Err(error) => Err(broken(error.detail())),
        }
    }
}

fn broken(why: &str) -> Violation {
    Violation {
        code: "SB-1116",
        pointer: Some(pointer()),
        detail: Text::new("Die Signatur des Ereignisses gilt nicht.", why.to_owned()),
        hint: None,
    }
}

fn pointer() -> String {
    format!("/{}", verifiability::ATTRIBUTE)
}

fn no_key() -> Text {
    Text::new(
        "Das ist kein öffentlicher Schlüssel dieses Verfahrens.",
        "this is no public key of its algorithm",
    )
}

pub(crate) fn read(reader: &Reader, node: &Node) -> Option<TrustedSource> {
    let fields = reader.fields(node, &["source", "required", "keys", "extensions"])?;
    let source = fields.required("source", Reader::text);
    let required = fields.or("required", false, Reader::boolean);
    let keys = fields.required("keys", |r, n| {
        if matches!(&n.kind, Kind::List(items) if items.is_empty()) {
            r.bad(n, Text::new("Hier fehlt ein Schlüssel.", "there is no key here"));
        }
        r.list(n, read_key)
    });
    let extensions = fields.or("extensions", BTreeMap::new(), read_types);
    Some(TrustedSource {
        source: source?,
        required: required?,
        keys: keys?,
        extensions: extensions?,
    })
}

fn read_key(reader: &Reader, node: &Node) -> Option<TrustedKey> {
    let fields = reader.fields(node, &["id", "algorithm", "public_key"])?;
    let id = fields.required("id", Reader::text);
    let algorithm = fields.required("algorithm", |r, n| r.one_of(n, ALGORITHMS));
    let public_key = fields.required("public_key", Reader::text);
    let key = TrustedKey {
        id: id?,
        algorithm: algorithm?,
        public_key: public_key?,
    };
    if key.anchor().is_none() {
        reader.bad(fields.get("public_key").unwrap_or(node), no_key());
        return None;
    }
    Some(key)
}

fn read_types(reader: &Reader, node: &Node) -> Option<BTreeMap<String, SignedType>> {
    let Kind::Map(entries) = &node.kind else {
        reader.expected(node, &Text::new("eine Zuordnung", "a mapping"));
        return None;
    };
    entries
        .iter()
        .map(|entry| Some((entry.key.clone(), reader.one_of(&entry.value, TYPES)?)))
        .collect()
}
