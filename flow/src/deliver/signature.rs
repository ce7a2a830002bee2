//! Signatures by which a receiver knows that a delivery is the bus's, and unchanged (Standard Webhooks 1.0).
//!
//! *Promise*: what is signed is id, time and the very bytes of the body; every attempt is signed anew with its own time.
//! `v1` (HMAC-SHA256) by the subscription's own secret, and by the one before it until that runs out, so that a
//! receiver can change over without missing anything; `v1a` (Ed25519) by the bus's keys, whose public halves anybody
//! may fetch. *Refuses*: secrets too short to be any. *Why here*: a secret in clear exists only where it signs.

use std::fmt::{self, Write};

use aws_lc_rs::{
    hmac,
    rand::{SecureRandom, SystemRandom},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use sha2::{Digest, Sha256};

use crate::written::hex;

/// Which message it is: the same for all attempts at one event.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// When it was sent, in seconds since 1970.
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// One or more signatures.
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The shortest secret, in bytes (Standard Webhooks: 192 bits).
pub const SECRET_BYTES_MIN: usize = 24;
/// The longest secret, in bytes (Standard Webhooks: 512 bits).
pub const SECRET_BYTES_MAX: usize = 64;
/// Most signing keys of a bus: the one in use, those it replaces, and those to come.
pub const SIGNING_KEYS_MAX: usize = 4;

const SECRET_PREFIX: &str = "whsec_";
const PUBLIC_PREFIX: &str = "whpk_";
/// Bytes of a secret that the bus makes.
const SECRET_BYTES_MADE: usize = 32;

/// The secret of one subscription. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret {
    bytes: Vec<u8>,
    key: hmac::Key,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whsec_…")
    }
}

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, &'static str> {
        let mut bytes = vec![0; SECRET_BYTES_MADE];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| "the system gives no random bytes")?;
        Ok(Self::of(bytes))
    }

    /// One that a receiver made: `whsec_` and 24 to 64 bytes in base64.
    ///
    /// # Errors
    /// What is wrong with it, without a piece of it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let encoded = text
            .strip_prefix(SECRET_PREFIX)
            .ok_or("a secret begins with whsec_")?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| "what follows whsec_ is not base64")?;
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            return Err("a secret has 24 to 64 bytes");
        }
        Ok(Self::of(bytes))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        Self { bytes, key }
    }

    /// As it is told to the receiver, once.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{SECRET_PREFIX}{}", STANDARD.encode(&self.bytes))
    }
}

/// A public key of the bus, as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The beginning of its digest.
    pub id: String,
    /// `whpk_` and the 32 bytes in base64 (Standard Webhooks).
    pub whpk: String,
    /// The 32 bytes.
    pub bytes: Vec<u8>,
}

/// The bus's own keys for `v1a`. All of them sign: a receiver may know the old one, the new one, or both.
#[derive(Default)]
pub struct SigningKeys {
    keys: Vec<(PublicKey, Ed25519KeyPair)>,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(public, _)| &public.id))
            .finish()
    }
}

impl SigningKeys {
    /// Reads Ed25519 private keys, PKCS#8 in PEM, one after another.
    ///
    /// # Errors
    /// What is wrong with them, without a piece of one.
    pub fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let mut keys = Vec::new();
        for der in PrivatePkcs8KeyDer::pem_slice_iter(pem.as_bytes()) {
            let der = der.map_err(|_| "it is not PEM with private keys (PKCS#8)")?;
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
                .map_err(|_| "a key is no Ed25519 key (`stadtbus token key` makes one)")?;
            let bytes = pair.public_key().as_ref().to_vec();
            let public = PublicKey {
                id: hex(&Sha256::digest(&bytes)).chars().take(16).collect(),
                whpk: format!("{PUBLIC_PREFIX}{}", STANDARD.encode(&bytes)),
                bytes,
            };
            keys.push((public, pair));
        }
        if keys.is_empty() || keys.len() > SIGNING_KEYS_MAX {
            return Err("it holds 1 to 4 keys");
        }
        Ok(Self { keys })
    }

    /// The first key, for what is signed once.
    pub(crate) fn first(&self) -> Option<(&PublicKey, &Ed25519KeyPair)> {
        self.keys.first().map(|(public, pair)| (public, pair))
    }

    /// What receivers verify by.
    pub fn public(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter().map(|(public, _)| public)
    }
}

/// The value of `webhook-signature`: one for each secret, one for each key, divided by blanks. None without either.
#[must_use]
pub fn sign<'s>(
    id: &str,
    timestamp_s: u64,
    body: &[u8],
    secrets: impl IntoIterator<Item = &'s Secret>,
    keys: &SigningKeys,
) -> Option<HeaderValue> {
    let mut signed = format!("{id}.{timestamp_s}.").into_bytes();
    signed.extend_from_slice(body);
    let mut value = String::new();
    let mut add = |version: &str, signature: &[u8]| {
        let gap = if value.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(value, "{gap}{version},{}", STANDARD.encode(signature));
    };
    for secret in secrets {
        add("v1", hmac::sign(&secret.key, &signed).as_ref());
    }
    for (_, pair) in &keys.keys {
        add("v1a", pair.sign(&signed).as_ref());
    }
    HeaderValue::from_str(&value)
        .ok()
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    /// The example of the specification (standard-webhooks, `spec/standard-webhooks.md` and the libraries' tests).
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let secret = Secret::parse(SECRET).unwrap();
        let value = sign(ID, 1_614_265_330, BODY, [&secret], &SigningKeys::default()).unwrap();
        assert_eq!(value, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(secret.reveal(), SECRET);
        assert_eq!(format!("{secret:?}"), "whsec_…");
    }

    #[test]
    fn every_secret_and_every_key_signs() {
        let pem = |_: usize| {
            let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
            let text = STANDARD.encode(document.as_ref());
            format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
        };
        let all: String = (0..2).map(pem).collect();
        let keys = SigningKeys::from_pem(&all).unwrap();
        let secrets = [Secret::generate().unwrap(), Secret::generate().unwrap()];
        let value = sign("id", 7, b"x", &secrets, &keys).unwrap();
        let parts: Vec<(&str, &str)> = value
            .to_str()
            .unwrap()
            .split(' ')
            .map(|part| part.split_once(',').unwrap())
            .collect();
        let versions: Vec<&str> = parts.iter().map(|(version, _)| *version).collect();
        assert_eq!(versions, ["v1", "v1", "v1a", "v1a"]);
        for (public, (_, signature)) in keys.public().zip(&parts[2..]) {
            let signature = STANDARD.decode(signature).unwrap();
            let public = UnparsedPublicKey::new(&ED25519, &public.bytes);
            public.verify(b"id.7.x", &signature).unwrap();
            assert!(public.verify(b"id.8.x", &signature).is_err());
        }
        assert_eq!(sign("id", 7, b"x", [], &SigningKeys::default()), None);
        let too_many: String = (0..=SIGNING_KEYS_MAX).map(pem).collect();
        for text in [
            "",
            "nothing",
            too_many.as_str(),
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            assert!(SigningKeys::from_pem(text).is_err());
        }
    }

    #[test]
    fn a_secret_is_neither_short_nor_odd() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for (text, good) in [
            (of(23), false),
            (of(24), true),
            (of(64), true),
            (of(65), false),
            (of(32).replace("whsec_", ""), false),
            ("whsec_ !".to_owned(), false),
            ("whsec_".to_owned(), false),
        ] {
            assert_eq!(Secret::parse(&text).is_ok(), good, "{text}");
        }
    }
}
