//! Tokens: real ones from the bus's own command, and forged ones for the tests that must see them refused.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;

use crate::{Failure, Outcome, Process, stadtbus_bin};

/// The bus's own issuer: its key file, and the command that issues.
#[derive(Debug, Clone)]
pub struct Issuer {
    key_file: PathBuf,
}

const COMMAND_WITHIN: Duration = Duration::from_secs(20);

impl Issuer {
    /// Makes a new key in `dir` by `stadtbus token key`.
    pub async fn create(dir: &Path) -> Outcome<Self> {
        let key_file = dir.join("issuer.pem");
        let out = key_file.display().to_string();
        Process::run(
            &stadtbus_bin()?,
            &["token", "key", "--out", &out],
            &[],
            COMMAND_WITHIN,
        )
        .await?
        .success("stadtbus token key")?;
        Ok(Self { key_file })
    }

    /// The PEM file of the private key.
    #[must_use]
    pub fn key_file(&self) -> &Path {
        &self.key_file
    }

    /// A token of one hour by `stadtbus token issue`.
    pub async fn issue(&self, partner: &str, system: &str, scope: &str) -> Outcome<String> {
        self.issue_for(partner, system, scope, "1h").await
    }

    /// A token with its own time to live.
    pub async fn issue_for(&self, partner: &str, system: &str, scope: &str, ttl: &str) -> Outcome<String> {
        let key = self.key_file.display().to_string();
        let args = [
            "token",
            "issue",
            "--key",
            &key,
            "--partner",
            partner,
            "--system",
            system,
            "--scope",
            scope,
            "--ttl",
            ttl,
        ];
        let done = Process::run(&stadtbus_bin()?, &args, &[], COMMAND_WITHIN).await?;
        Ok(done.success("stadtbus token issue")?.stdout.trim().to_owned())
    }

    /// Signs these parts with the issuer's key: whatever they say.
    pub fn sign(&self, parts: &TokenParts) -> Outcome<String> {
        parts.sign(&std::fs::read(&self.key_file)?)
    }
}

/// A token taken apart, to be changed and put together again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenParts {
    /// The JOSE header.
    pub header: Value,
    /// The claims.
    pub claims: Value,
}

impl TokenParts {
    /// Takes a compact token apart without verifying it.
    pub fn of(token: &str) -> Outcome<Self> {
        let mut parts = token.split('.');
        let (Some(header), Some(claims)) = (parts.next(), parts.next()) else {
            return Err(Failure::new("not a compact token"));
        };
        Ok(Self {
            header: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header)?)?,
            claims: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?,
        })
    }

    /// The signing input, not yet signed.
    #[must_use]
    pub fn unsigned(&self) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", encode(&self.header), encode(&self.claims))
    }

    /// Signs with an Ed25519 key in PEM, whatever the header claims to be.
    pub fn sign(&self, key_pem: &[u8]) -> Outcome<String> {
        let message = self.unsigned();
        let signature = sign(
            message.as_bytes(),
            &EncodingKey::from_ed_pem(key_pem)?,
            Algorithm::EdDSA,
        )?;
        Ok(format!("{message}.{signature}"))
    }
}
