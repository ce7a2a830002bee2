//! Everything that signs, honest or not.

use std::time::SystemTime;

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::*;

pub(super) const ISSUER: &str = "https://bus.krefeld.example";
pub(super) const OIDC: &str = "https://login.krefeld.example";
pub(super) const AUDIENCE: &str = "stadtbus-krefeld";

/// Everything that signs, honest or not.
pub(super) struct World {
    pub(super) own: Issuer,
    pub(super) own_pem: String,
    pub(super) stranger: Ed25519KeyPair,
    pub(super) ec: EcdsaKeyPair,
    pub(super) p384: EcdsaKeyPair,
    pub(super) rng: SystemRandom,
}

pub(super) enum Sign<'a> {
    Own,
    Stranger,
    Es256,
    P384,
    Hmac(&'a [u8]),
    Raw(&'a [u8]),
}

impl World {
    pub(super) fn new() -> Self {
        let own_pem = generate_key().unwrap();
        Self {
            own: Issuer::from_pem(&own_pem).unwrap(),
            own_pem,
            stranger: Ed25519KeyPair::generate().unwrap(),
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
            rng: SystemRandom::new(),
        }
    }

    pub(super) fn ec_pem(pair: &EcdsaKeyPair) -> String {
        let der = pair.public_key().as_der().unwrap();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_ref())
        )
    }

    pub(super) fn config(&self) -> VerifierConfig {
        let trusted = |issuer: &str, algorithm, key_id: &str, public_pem: String| TrustedIssuer {
            issuer: issuer.into(),
            audience: AUDIENCE.into(),
            algorithm,
            keys: vec![TrustedKey {
                key_id: key_id.into(),
                public_pem,
            }],
        };
        VerifierConfig {
            issuers: vec![
                trusted(
                    ISSUER,
                    SignatureAlgorithm::EdDsa,
                    self.own.key_id(),
                    self.own.public_pem().into(),
                ),
                trusted(OIDC, SignatureAlgorithm::Es256, "oidc-1", Self::ec_pem(&self.ec)),
            ],
            ..VerifierConfig::default()
        }
    }

    pub(super) fn sign(&self, message: &str, with: &Sign<'_>) -> Vec<u8> {
        let message = message.as_bytes();
        match with {
            Sign::Own => {
                let key = pem_body(&self.own_pem);
                Ed25519KeyPair::from_pkcs8(&key)
                    .unwrap()
                    .sign(message)
                    .as_ref()
                    .to_vec()
            }
            Sign::Stranger => self.stranger.sign(message).as_ref().to_vec(),
            Sign::Es256 => self.ec.sign(&self.rng, message).unwrap().as_ref().to_vec(),
            Sign::P384 => self.p384.sign(&self.rng, message).unwrap().as_ref().to_vec(),
            Sign::Hmac(key) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
                .as_ref()
                .to_vec(),
            Sign::Raw(bytes) => bytes.to_vec(),
        }
    }

    pub(super) fn token(&self, header: &str, claims: &str, with: Sign<'_>) -> String {
        let message = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let signature = b64(&self.sign(&message, &with));
        format!("{message}.{signature}")
    }

    /// A good token of the bus with changes to its header and claims; `Null` takes a member away.
    pub(super) fn own_token(&self, header: Value, claims: Value) -> String {
        let base = json!({"alg": "EdDSA", "typ": "JWT", "kid": self.own.key_id()});
        self.token(
            &merge(base, header),
            &merge(claims_base(ISSUER), claims),
            Sign::Own,
        )
    }
}

pub(super) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn pem_body(pem: &str) -> Vec<u8> {
    STANDARD
        .decode(
            pem.lines()
                .filter(|line| !line.starts_with('-'))
                .collect::<String>(),
        )
        .unwrap()
}

pub(super) fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

pub(super) fn claims_base(issuer: &str) -> Value {
    json!({"iss": issuer, "aud": AUDIENCE, "sub": "ngn/leitwarte", "exp": now_s() + 600, "iat": now_s(),
           "jti": "j-1", "scope": "publish"})
}

pub(super) fn merge(mut base: Value, changes: Value) -> String {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            base.as_object_mut().unwrap().remove(name);
        } else {
            base[name] = value.clone();
        }
    }
    base.to_string()
}
