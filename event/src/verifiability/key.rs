//! Keys that are trusted.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED,
    ED25519, ParsedPublicKey, VerificationAlgorithm,
};

use crate::error::EventError;

/// How a key signs. The key decides, never the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256; the signature is r and s, 32 bytes each.
    EcdsaP256,
    /// The same with the signature in ASN.1, as key management services give it.
    EcdsaP256Asn1,
    /// ECDSA over P-384 with SHA-384; the signature is r and s, 48 bytes each.
    EcdsaP384,
    /// The same with the signature in ASN.1.
    EcdsaP384Asn1,
}

impl Algorithm {
    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Ed25519 => &ED25519,
            Self::EcdsaP256 => &ECDSA_P256_SHA256_FIXED,
            Self::EcdsaP256Asn1 => &ECDSA_P256_SHA256_ASN1,
            Self::EcdsaP384 => &ECDSA_P384_SHA384_FIXED,
            Self::EcdsaP384Asn1 => &ECDSA_P384_SHA384_ASN1,
        }
    }
}

/// A public key and the id its signatures carry.
#[derive(Clone)]
pub struct TrustAnchor {
    keyid: String,
    key: ParsedPublicKey,
}

impl TrustAnchor {
    /// Reads a public key: SubjectPublicKeyInfo in DER, or raw (32 bytes for Ed25519, the uncompressed point for ECDSA).
    ///
    /// # Errors
    /// SB-1116 where the bytes are no key for this algorithm.
    pub fn new(
        keyid: impl Into<String>,
        algorithm: Algorithm,
        public_key: &[u8],
    ) -> Result<Self, EventError> {
        let key = ParsedPublicKey::new(algorithm.verification(), public_key)
            .map_err(|_| EventError::new("SB-1116", "the trusted key is no public key of its algorithm"))?;
        Ok(Self {
            keyid: keyid.into(),
            key,
        })
    }

    /// The id of the key.
    #[must_use]
    pub fn keyid(&self) -> &str {
        &self.keyid
    }

    pub(super) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

/// Names the key.
impl fmt::Debug for TrustAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TrustAnchor").field(&self.keyid).finish()
    }
}
