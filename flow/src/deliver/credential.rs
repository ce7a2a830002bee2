//! Credentials of receivers, kept so that only a bus with the key can use them.
//!
//! *Promise*: what the city document carries is sealed (AES-256-GCM) and bound to the subscription and to the very
//! address it was given for, so that it opens for no other subscription and goes to no other receiver. *Refuses*: to
//! keep anything without a key. *Why here*: only a delivery needs the clear text, and it exists nowhere else.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use stadtbus_contracts::{SealedCredential, order::SinkCredential};
use stadtbus_event::SubscriptionId;

use crate::written::hex;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce, which stands before the sealed text.
const NONCE_BYTES: usize = 12;
/// Most keys in a file: the one in use, and those that came before it.
const KEYS_MAX: usize = 8;

/// The keys of a bus: the first seals, all open.
pub struct Keeper {
    keys: Vec<(String, RandomizedNonceKey)>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
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
            let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| "a key cannot be used")?;
            let id = hex(&Sha256::digest(&bytes)).chars().take(16).collect();
            Ok((id, key))
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
        self.seal_text(
            authorization(credential).into_bytes(),
            &bound_to(subscription, url),
        )
    }

    /// Seals a text; it opens only with the same binding.
    pub(crate) fn seal_text(
        &self,
        mut text: Vec<u8>,
        binding: &[u8],
    ) -> Result<SealedCredential, &'static str> {
        let (id, key) = self.keys.first().ok_or("there is no key")?;
        let nonce = key
            .seal_in_place_append_tag(Aad::from(binding), &mut text)
            .map_err(|_| "it could not be sealed")?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(SealedCredential {
            key: id.clone(),
            sealed: STANDARD.encode(sealed),
        })
    }

    /// The value of `Authorization`; none if this bus has no key for it or it was sealed for something else.
    pub(crate) fn open(
        &self,
        sealed: &SealedCredential,
        subscription: &SubscriptionId,
        url: &str,
    ) -> Option<String> {
        self.open_text(sealed, &bound_to(subscription, url))
    }

    /// What was sealed with this binding; none if this bus has no key for it.
    pub(crate) fn open_text(&self, sealed: &SealedCredential, binding: &[u8]) -> Option<String> {
        let (_, key) = self.keys.iter().find(|(id, _)| *id == sealed.key)?;
        let bytes = STANDARD.decode(&sealed.sealed).ok()?;
        let (nonce, text) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let clear = key.open_in_place(nonce, Aad::from(binding), &mut text).ok()?;
        String::from_utf8(clear.to_vec()).ok()
    }
}

fn bound_to(subscription: &SubscriptionId, url: &str) -> Vec<u8> {
    format!("stadtbus sink credential\n{subscription}\n{url}").into_bytes()
}

/// The header field's value (RFC 6750, RFC 7617).
fn authorization(credential: &SinkCredential) -> String {
    match credential {
        SinkCredential::Token(token) => format!("Bearer {token}"),
        SinkCredential::Plain { identifier, secret } => {
            format!("Basic {}", STANDARD.encode(format!("{identifier}:{secret}")))
        }
    }
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
        let opened = Some("Bearer geheim".to_owned());
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
            Some("Basic YW10OnB3".to_owned())
        );
    }

    #[test]
    fn a_key_file_that_holds_no_keys_is_refused() {
        for text in ["", "\n\n", "abc", &STANDARD.encode([1; 31]), &"AAAA\n".repeat(9)] {
            assert!(Keeper::from_text(text).is_err(), "{text:?}");
        }
    }
}
