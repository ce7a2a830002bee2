//! What all runs share: the city, its component, compiled, and the keys of its issuer.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use stadtbus_contracts::City;
use stadtbus_event::{PartnerId, SystemId};
use stadtbus_flow::authenticate::{
    Issuer, Scope, Scopes, SignatureAlgorithm, TokenRequest, TrustedIssuer, TrustedKey, Verifier,
    VerifierConfig, generate_key,
};
use stadtbus_plugin_host::{CompilerCommand, Host, HostConfig, build};
use tempfile::TempDir;

const ISSUER: &str = "https://simulation.example";
const AUDIENCE: &str = "stadtbus";
const TOKEN_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// What all runs share. Made once, which takes seconds; a run takes milliseconds.
pub struct Stage {
    pub(crate) city: City,
    pub(crate) components: BTreeMap<String, Bytes>,
    pub(crate) host: Arc<Host>,
    issuer: Issuer,
    /// Compiled plugins.
    _cache: TempDir,
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Stage {
    /// Builds the guest, loads the city, compiles.
    ///
    /// # Errors
    /// In words, what does not work on this machine.
    pub fn set() -> Result<Self, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let guest = here.join("guests/zaehlen");
        let built = build::build(&guest, &here.join("../../target/guests")).map_err(said)?;
        let folder = here.join("city");
        let findings = |findings: stadtbus_contracts::Findings| {
            let all: Vec<_> = findings.iter().map(ToString::to_string).collect();
            all.join("\n")
        };
        let city = stadtbus_contracts::load(&folder, &|_| None).map_err(findings)?;
        let components = stadtbus_contracts::components(&folder, &city).map_err(findings)?;
        let cache = tempfile::tempdir().map_err(said)?;
        let host = Host::new(HostConfig {
            instances_max: 4,
            cache_dir: cache.path().to_owned(),
            compiler: CompilerCommand::Inside,
        })
        .map_err(said)?;
        // Compiled on the real clock: the simulated one would not wait for the compiler's thread.
        let manifest = build::read_manifest(&guest).map_err(said)?;
        tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(said)?
            .block_on(host.deploy(&manifest, &built.component))
            .map_err(said)?;
        let issuer = Issuer::from_pem(&generate_key().map_err(said)?).map_err(said)?;
        Ok(Self {
            city,
            components: components.into_iter().collect(),
            host: Arc::new(host),
            issuer,
            _cache: cache,
        })
    }

    /// What a process checks tokens with.
    pub(crate) fn verifier(&self) -> Result<Verifier, String> {
        let trusted = TrustedIssuer {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            algorithm: SignatureAlgorithm::EdDsa,
            keys: vec![TrustedKey {
                key_id: self.issuer.key_id().to_owned(),
                public_pem: self.issuer.public_pem().to_owned(),
            }],
        };
        Verifier::new(VerifierConfig {
            issuers: vec![trusted],
            ..VerifierConfig::default()
        })
        .map_err(said)
    }

    /// The token of a publisher, as it stands in a header.
    pub(crate) fn token(&self, partner: &str) -> Result<String, String> {
        let token = self
            .issuer
            .issue(&TokenRequest {
                partner: PartnerId::parse(partner).map_err(said)?,
                system: SystemId::parse("sender").map_err(said)?,
                scopes: Scopes::default().with(Scope::Publish),
                ttl: TOKEN_TTL,
                issuer: ISSUER.to_owned(),
                audience: AUDIENCE.to_owned(),
            })
            .map_err(said)?;
        Ok(format!("Bearer {token}"))
    }
}
