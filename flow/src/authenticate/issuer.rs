//! The bus's own issuer, for systems that no OIDC provider knows.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sha2::{Digest, Sha256};
use stadtbus_event::{PartnerId, SystemId};

use super::{KeyError, Scopes, token::Claims};

use crate::clock;

/// The longest life of a token the bus issues: a year and a day.
pub const TOKEN_TTL_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// What a token is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// For which organisation.
    pub partner: PartnerId,
    /// For which of its applications.
    pub system: SystemId,
    /// What it allows.
    pub scopes: Scopes,
    /// How long it lives, at most [`TOKEN_TTL_MAX`].
    pub ttl: Duration,
    /// The bus's name as an issuer.
    pub issuer: String,
    /// The bus's name as an audience.
    pub audience: String,
}

/// Makes a new Ed25519 key: PKCS #8 in PEM form. It is a secret; the caller stores it so that only the bus reads it.
///
/// # Errors
/// [`KeyError::NoRandomness`].
pub fn generate_key() -> Result<String, KeyError> {
    let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::NoRandomness)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::NoRandomness)?;
    Ok(pem("PRIVATE KEY", der.as_ref()))
}

/// Signs tokens with one Ed25519 key.
pub struct Issuer {
    key: EncodingKey,
    public_pem: String,
    key_id: String,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// Takes a key as [`generate_key`] makes it; `openssl genpkey -algorithm ed25519` makes the same.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`].
    pub fn from_pem(pem_text: &str) -> Result<Self, KeyError> {
        let not_a_key = KeyError::NotAKey("a private Ed25519 key (PKCS #8)");
        let key = EncodingKey::from_ed_pem(pem_text.as_bytes()).map_err(|_| not_a_key.clone())?;
        let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).map_err(|_| not_a_key.clone())?;
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| not_a_key)?;
        Ok(Self {
            public_pem: pem("PUBLIC KEY", der.as_ref()),
            key_id: thumbprint(pair.public_key().as_ref()),
            key,
        })
    }

    /// The public half, PEM.
    #[must_use]
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The `kid` of its tokens: the thumbprint of the key (RFC 7638), so that it follows from the key alone.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Signs a token, valid from now on.
    ///
    /// # Errors
    /// [`KeyError::Request`] when it lives too long or not at all, allows nothing or names no issuer or audience.
    pub fn issue(&self, request: &TokenRequest) -> Result<String, KeyError> {
        if request.ttl < Duration::from_secs(1) || request.ttl > TOKEN_TTL_MAX {
            return Err(KeyError::Request(
                "its life must be between one second and 366 days",
            ));
        }
        if request.scopes == Scopes::default() {
            return Err(KeyError::Request("it would allow nothing"));
        }
        if request.issuer.is_empty() || request.audience.is_empty() {
            return Err(KeyError::Request("issuer and audience must be named"));
        }
        let now_s = clock::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_err(|_| KeyError::Request("this machine's clock stands before 1970"))?
            .as_secs();
        let claims = Claims {
            iss: Some(request.issuer.clone()),
            sub: Some(format!("{}/{}", request.partner, request.system)),
            aud: Some(request.audience.clone().into()),
            exp: Some(now_s.saturating_add(request.ttl.as_secs()).into()),
            nbf: None,
            iat: Some(now_s.into()),
            jti: Some(clock::unguessable().to_string()),
            scope: Some(request.scopes.to_string()),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|_| KeyError::Signing)
    }
}

/// The key id that the bus's own issuer gives a public Ed25519 key (PEM): for a process that only verifies.
///
/// # Errors
/// [`KeyError::NotAKey`].
pub fn key_id(public_pem: &str) -> Result<String, KeyError> {
    let not_a_key = KeyError::NotAKey("a public Ed25519 key");
    let key = jsonwebtoken::DecodingKey::from_ed_pem(public_pem.as_bytes()).map_err(|_| not_a_key.clone())?;
    Ok(thumbprint(key.try_get_as_bytes().map_err(|_| not_a_key)?))
}

/// RFC 7638 for an Ed25519 key (RFC 8037 §2): the members in this order, without blanks.
fn thumbprint(public_key: &[u8]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public_key);
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#
    )))
}

/// RFC 7468. Both DER forms here are shorter than 48 bytes or just above, so the line is folded at 64 all the same.
fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (n, letter) in STANDARD.encode(der).chars().enumerate() {
        if n > 0 && n % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}
