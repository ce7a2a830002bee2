//! The files of keys: whom the bus believes, what it seals with, what it signs with.

use std::sync::Arc;

use stadtbus_flow::{
    authenticate::{Issuer, SignatureAlgorithm, TrustedIssuer, TrustedKey, Verifier, VerifierConfig},
    deliver::{credential::Keeper, signature::SigningKeys},
};

use crate::{StartError, config::Config};

/// Whose tokens are believed.
pub(crate) fn verifier(config: &Config) -> Result<Verifier, StartError> {
    let path = &config.issuer.key_file;
    let missing = |detail: String| StartError::new("SB-1007", detail);
    if path.as_os_str().is_empty() {
        return Err(missing(
            "issuer.key_file is not set; make a key with `stadtbus token key --out issuer.pem`".to_owned(),
        ));
    }
    let pem =
        std::fs::read_to_string(path).map_err(|error| missing(format!("{}: {error}", path.display())))?;
    let key = |error: stadtbus_flow::authenticate::KeyError| missing(format!("{}: {error}", path.display()));
    let trusted = if pem.contains("PRIVATE KEY") {
        let issuer = Issuer::from_pem(&pem).map_err(key)?;
        TrustedKey {
            key_id: issuer.key_id().to_owned(),
            public_pem: issuer.public_pem().to_owned(),
        }
    } else {
        TrustedKey {
            key_id: stadtbus_flow::authenticate::key_id(&pem).map_err(key)?,
            public_pem: pem,
        }
    };
    let issuer = TrustedIssuer {
        issuer: config.issuer.name.clone(),
        audience: config.issuer.audience.clone(),
        algorithm: SignatureAlgorithm::EdDsa,
        keys: vec![trusted],
    };
    Verifier::new(VerifierConfig {
        issuers: vec![issuer],
        ..VerifierConfig::default()
    })
    .map_err(key)
}

/// The keys for the credentials of receivers. A file that is named must be right: without it subscriptions would stop.
pub(crate) fn keeper(config: &Config) -> Result<Option<Arc<Keeper>>, StartError> {
    let path = &config.credentials.key_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let unusable = |why: String| StartError::new("SB-1008", format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let keeper = Keeper::from_text(&text).map_err(|why| unusable(why.to_owned()))?;
    Ok(Some(Arc::new(keeper)))
}

/// The keys of the bus that sign deliveries. A file that is named must be right: receivers may rely on it.
pub(crate) fn signing_keys(config: &Config) -> Result<SigningKeys, StartError> {
    let path = &config.signing.key_file;
    if path.as_os_str().is_empty() {
        return Ok(SigningKeys::default());
    }
    let unusable = |why: String| StartError::new("SB-1010", format!("{}: {why}", path.display()));
    let pem = std::fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    SigningKeys::from_pem(&pem).map_err(|why| unusable(why.to_owned()))
}
