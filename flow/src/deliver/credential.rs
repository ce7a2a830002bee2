//! Credentials of receivers, kept so that only a bus with the key can use them.
//!
//! *Promise*: what the city document carries is sealed (AES-256-GCM) and bound to the subscription and to the very
//! address it was given for, so that it opens for no other subscription and goes to no other receiver. *Refuses*: to
//! keep anything without a key. *Why here*: only a delivery needs the clear text, and it exists nowhere else.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_contracts::{
    SealedCredential,
    order::{ClientCertificate, ClientCredentials, SinkCredential},
};
use stadtbus_event::SubscriptionId;

use crate::written::hex;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce, which stands before the sealed text.
const NONCE_BYTES: usize = 12;
/// Names the use of the keys that prove.
const PROOFS: &[u8] = b"stadtbus proofs";
/// Most keys in a file: the one in use, and those that came before it.
const KEYS_MAX: usize = 8;

/// The keys of a bus: the first seals, all open.
pub struct Keeper {
    keys: Vec<Key>,
}

struct Key {
    id: String,
    seal: RandomizedNonceKey,
    /// Made of the same key for another use, so that neither use weakens the other.
    proof: hmac::Key,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.id))
            .finish()
    }
}

/// A credential in clear, for the delivery that needs it.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Opened {
    /// The value of `Authorization`.
    Shown(String),
    /// More than a header field's value.
    Kept(Kept),
}

/// What is kept as a document.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kept {
    /// What a token is fetched by.
    Client(ClientCredentials),
    /// What the bus shows itself by.
    Certificate(ClientCertificate),
}

impl Keeper {
    /// Reads a key file: one key a line, 32 bytes in base64. The first seals; the others still open what was sealed
    /// before they were replaced.
    ///
    /// # Errors
    /// What is wrong with it, without a piece of it.
    pub fn from_text(text: &str) -> Result<Self, &'static str> {
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        if lines.is_empty() || lines.len() > KEYS_MAX {
            return Err("it holds 1 to 8 keys, one a line");
        }
        let key = |line: &&str| {
            let bytes = STANDARD
                .decode(line)
                .ok()
                .filter(|bytes| bytes.len() == KEY_BYTES);
            let bytes = bytes.ok_or("each line is 32 bytes in base64")?;
            let seal = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| "a key cannot be used")?;
            let id = hex(&Sha256::digest(&bytes)).chars().take(16).collect();
            let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), PROOFS);
            let proof = hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref());
            Ok(Key { id, seal, proof })
        };
        Ok(Self {
            keys: lines.iter().map(key).collect::<Result<_, &'static str>>()?,
        })
    }

    /// Seals a credential for one subscription and one address.
    ///
    /// # Errors
    /// When the cryptographic library refuses, which it does not.
    pub fn seal(
        &self,
        credential: &SinkCredential,
        subscription: &SubscriptionId,
        url: &str,
    ) -> Result<SealedCredential, &'static str> {
        let written = |kept: &Kept| serde_json::to_string(kept).map_err(|_| "it cannot be written");
        let text = match credential {
            SinkCredential::Token(token) => bearer(token),
            SinkCredential::Plain { identifier, secret } => basic(identifier, secret),
            SinkCredential::Client(client) => written(&Kept::Client(client.clone()))?,
            SinkCredential::Certificate(shown) => written(&Kept::Certificate(shown.clone()))?,
        };
        self.seal_text(text.into_bytes(), &bound_to(subscription, url))
    }

    /// Seals a text; it opens only with the same binding.
    pub(crate) fn seal_text(
        &self,
        mut text: Vec<u8>,
        binding: &[u8],
    ) -> Result<SealedCredential, &'static str> {
        let key = self.keys.first().ok_or("there is no key")?;
        let nonce = key
            .seal
            .seal_in_place_append_tag(Aad::from(binding), &mut text)
            .map_err(|_| "it could not be sealed")?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(SealedCredential {
            key: key.id.clone(),
            sealed: STANDARD.encode(sealed),
        })
    }

    /// What the receiver is to be shown; none if this bus has no key for it or it was sealed for something else.
    pub(crate) fn open(
        &self,
        sealed: &SealedCredential,
        subscription: &SubscriptionId,
        url: &str,
    ) -> Option<Opened> {
        let text = self.open_text(sealed, &bound_to(subscription, url))?;
        // No value of `Authorization` begins with a brace.
        if text.starts_with('{') {
            return serde_json::from_str(&text).ok().map(Opened::Kept);
        }
        Some(Opened::Shown(text))
    }

    /// What was sealed with this binding; none if this bus has no key for it.
    pub(crate) fn open_text(&self, sealed: &SealedCredential, binding: &[u8]) -> Option<String> {
        let key = self.keys.iter().find(|key| key.id == sealed.key)?;
        let bytes = STANDARD.decode(&sealed.sealed).ok()?;
        let (nonce, text) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let clear = key
            .seal
            .open_in_place(nonce, Aad::from(binding), &mut text)
            .ok()?;
        String::from_utf8(clear.to_vec()).ok()
    }
}

impl Keeper {
    /// What only a bus with the first key can make of a text, to be shown to others.
    pub(crate) fn prove(&self, text: &[u8]) -> Option<String> {
        let proof = hmac::sign(&self.keys.first()?.proof, text);
        Some(URL_SAFE_NO_PAD.encode(proof))
    }

    /// Whether a bus with one of the keys has made this of the text.
    pub(crate) fn proves(&self, text: &[u8], proof: &str) -> bool {
        let Ok(proof) = URL_SAFE_NO_PAD.decode(proof) else {
            return false;
        };
        self.keys
            .iter()
            .any(|key| hmac::verify(&key.proof, text, &proof).is_ok())
    }
}

fn bound_to(subscription: &SubscriptionId, url: &str) -> Vec<u8> {
    format!("stadtbus sink credential\n{subscription}\n{url}").into_bytes()
}

/// RFC 6750.
fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// RFC 7617.
fn basic(identifier: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{identifier}:{secret}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper(keys: &[u8]) -> Keeper {
        let lines: Vec<_> = keys
            .iter()
            .map(|byte| STANDARD.encode([*byte; KEY_BYTES]))
            .collect();
        Keeper::from_text(&lines.join("\n")).unwrap()
    }

    /// SUB-8: only the bus, only for this subscription, only to this address.
    #[test]
    fn what_is_sealed_opens_for_its_own_subscription_and_address_only() {
        let (mine, other) = (
            SubscriptionId::parse("amt-1").unwrap(),
            SubscriptionId::parse("amt-2").unwrap(),
        );
        let url = "https://amt.example/x";
        let token = SinkCredential::Token("geheim".into());
        let sealed = keeper(&[1]).seal(&token, &mine, url).unwrap();
        assert!(!serde_json::to_string(&sealed).unwrap().contains("geheim"));
        assert_ne!(
            sealed,
            keeper(&[1]).seal(&token, &mine, url).unwrap(),
            "no two seals are alike"
        );
        let opened = Some(Opened::Shown("Bearer geheim".to_owned()));
        assert_eq!(keeper(&[1]).open(&sealed, &mine, url), opened);
        assert_eq!(
            keeper(&[2, 1]).open(&sealed, &mine, url),
            opened,
            "a key that was replaced still opens"
        );
        assert_eq!(keeper(&[2]).open(&sealed, &mine, url), None);
        assert_eq!(keeper(&[1]).open(&sealed, &other, url), None);
        assert_eq!(keeper(&[1]).open(&sealed, &mine, "https://evil.example/x"), None);
        for cut in ["", "AAAA", "no base64"] {
            let broken = SealedCredential {
                sealed: cut.to_owned(),
                ..sealed.clone()
            };
            assert_eq!(keeper(&[1]).open(&broken, &mine, url), None, "{cut}");
        }
        let plain = SinkCredential::Plain {
            identifier: "amt".into(),
            secret: "pw".into(),
        };
        let sealed = keeper(&[1]).seal(&plain, &mine, url).unwrap();
        assert_eq!(
            keeper(&[1]).open(&sealed, &mine, url),
            Some(Opened::Shown("Basic YW10OnB3".to_owned()))
        );
        let client = ClientCredentials {
            endpoint: "https://amt.example/token".into(),
            id: "amt".into(),
            secret: "geheim".into(),
            scope: None,
        };
        let sealed = keeper(&[1])
            .seal(&SinkCredential::Client(client.clone()), &mine, url)
            .unwrap();
        assert_eq!(
            keeper(&[1]).open(&sealed, &mine, url),
            Some(Opened::Kept(Kept::Client(client)))
        );
        assert_eq!(keeper(&[1]).open(&sealed, &other, url), None);
    }

    #[test]
    fn a_key_file_that_holds_no_keys_is_refused() {
        for text in ["", "\n\n", "abc", &STANDARD.encode([1; 31]), &"AAAA\n".repeat(9)] {
            assert!(Keeper::from_text(text).is_err(), "{text:?}");
        }
    }
}
