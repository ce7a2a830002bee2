//! The check of a token, with every rule spelled out.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, dangerous, errors::ErrorKind};
use stadtbus_event::{PartnerId, SystemId};

use super::{
    AuthError, KeyError, Principal, Scopes,
    cache::{Cache, Digest},
    token::{self, ClaimedIssuer, Claims},
};

use crate::clock;

/// The last second of the year 9999: no honest token lives longer, and every clock can hold it.
const EXP_S_MAX: u64 = 253_402_300_799;

/// With what an issuer signs. HMAC is missing on purpose: whoever can verify it can also forge it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
}

impl SignatureAlgorithm {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
        }
    }

    /// Reads a public key and makes sure it is on the curve this algorithm means.
    fn key(self, pem: &str) -> Result<DecodingKey, KeyError> {
        let (key, what, bytes) = match self {
            Self::EdDsa => (
                DecodingKey::from_ed_pem(pem.as_bytes()),
                "a public Ed25519 key",
                32,
            ),
            Self::Es256 => (DecodingKey::from_ec_pem(pem.as_bytes()), "a public P-256 key", 65),
        };
        let key = key.map_err(|_| KeyError::NotAKey(what))?;
        match key.try_get_as_bytes() {
            Ok(point) if point.len() == bytes => Ok(key),
            _ => Err(KeyError::NotAKey(what)),
        }
    }
}

/// A public key of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// The `kid` that tokens name it by.
    pub key_id: String,
    /// The key, PEM (`BEGIN PUBLIC KEY`).
    pub public_pem: String,
}

/// An issuer whose tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// Its `iss`, exactly.
    pub issuer: String,
    /// The `aud` its tokens must name.
    pub audience: String,
    /// The one algorithm it signs with.
    pub algorithm: SignatureAlgorithm,
    /// Its keys; several while one is being replaced.
    pub keys: Vec<TrustedKey>,
}

/// What a [`Verifier`] accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierConfig {
    /// Whose tokens are accepted.
    pub issuers: Vec<TrustedIssuer>,
    /// By how much clocks may differ, in seconds.
    pub leeway_s: u64,
    /// How many verified tokens are remembered; 0 remembers none.
    pub cache_entries_max: usize,
}

impl Default for VerifierConfig {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            leeway_s: 30,
            cache_entries_max: 10_000,
        }
    }
}

/// Checks tokens. Shared by all requests; [`Verifier::reload`] replaces what it trusts while it runs.
#[derive(Debug)]
pub struct Verifier {
    trust: ArcSwap<Trust>,
}

/// What is trusted, and what was verified under exactly that trust: a key that is no longer trusted takes the
/// tokens it vouched for with it.
#[derive(Debug)]
struct Trust {
    issuers: Vec<Issuer>,
    leeway: Duration,
    cache: Cache,
}

#[derive(Debug)]
struct Issuer {
    name: String,
    algorithm: Algorithm,
    validation: Validation,
    keys: Vec<(String, DecodingKey)>,
}

impl Verifier {
    /// Trusts these issuers.
    ///
    /// # Errors
    /// [`KeyError`] when a key cannot be read, or when issuers or key ids are empty or given twice.
    pub fn new(config: VerifierConfig) -> Result<Self, KeyError> {
        Ok(Self {
            trust: ArcSwap::from_pointee(Trust::new(config)?),
        })
    }

    /// Trusts these issuers from now on and forgets what was verified before.
    ///
    /// # Errors
    /// As [`Verifier::new`]; the old trust then stays.
    pub fn reload(&self, config: VerifierConfig) -> Result<(), KeyError> {
        self.trust.store(Arc::new(Trust::new(config)?));
        Ok(())
    }

    /// Checks the value of an `Authorization` header.
    ///
    /// # Errors
    /// [`AuthError`], SB-1301 to SB-1304 and SB-1307.
    pub fn verify(&self, authorization_header: Option<&str>) -> Result<Arc<Principal>, AuthError> {
        let token = token::bearer(authorization_header)?;
        let digest = token_digest(token)?;
        let (trust, now) = (self.trust.load(), clock::now());
        if let Some(principal) = trust.cache.get(&digest, now, trust.leeway) {
            return Ok(principal);
        }
        let principal = Arc::new(trust.check(token, &digest, now)?);
        trust.cache.put(digest, Arc::clone(&principal), now, trust.leeway);
        Ok(principal)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.trust.load().cache.len()
    }
}

/// SHA-256 of the token, by the library that verifies it: it uses what the processor has for it.
fn token_digest(token: &str) -> Result<Digest, AuthError> {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    Digest::try_from(digest.as_ref()).map_err(|_| AuthError::Malformed("it has no digest"))
}

impl Trust {
    fn new(config: VerifierConfig) -> Result<Self, KeyError> {
        let mut issuers: Vec<Issuer> = Vec::with_capacity(config.issuers.len());
        for trusted in config.issuers {
            if trusted.issuer.is_empty() || trusted.audience.is_empty() {
                return Err(KeyError::Trust("an issuer or audience is empty"));
            }
            if issuers.iter().any(|issuer| issuer.name == trusted.issuer) {
                return Err(KeyError::Trust("an issuer is given twice"));
            }
            issuers.push(Issuer::new(trusted, config.leeway_s)?);
        }
        let leeway = Duration::from_secs(config.leeway_s);
        Ok(Self {
            issuers,
            leeway,
            cache: Cache::new(config.cache_entries_max),
        })
    }

    fn check(&self, token: &str, digest: &Digest, now: SystemTime) -> Result<Principal, AuthError> {
        token::check_form(token)?;
        let header = jsonwebtoken::decode_header(token).map_err(|_| {
            AuthError::Malformed("its header cannot be read or names an algorithm unknown here")
        })?;
        let key_id = checked_key_id(&header)?;
        let claimed: ClaimedIssuer = dangerous::insecure_decode_claims(token)
            .map_err(|_| AuthError::Malformed("its claims cannot be read"))?;
        let claimed = claimed.iss.as_ref().and_then(serde_json::Value::as_str);
        let claimed = claimed.ok_or(AuthError::Foreign("it names no issuer"))?;
        let issuer = self.issuers.iter().find(|issuer| issuer.name == claimed);
        issuer
            .ok_or(AuthError::Foreign("its issuer is not trusted"))?
            .check(token, &header, key_id, digest, now)
    }
}

/// The `kid` of a header that has nothing in it the bus would have to understand and does not. Keys a token brings
/// along (`jku`, `jwk`, `x5u`, `x5c`) are not looked at: only registered keys count.
fn checked_key_id(header: &Header) -> Result<&str, AuthError> {
    if header.crit.is_some() {
        return Err(AuthError::Malformed("it has critical header parameters"));
    }
    if header.enc.is_some() || header.zip.is_some() {
        return Err(AuthError::Malformed("it is encrypted or packed"));
    }
    let typ = header.typ.as_deref().unwrap_or("JWT");
    if !["JWT", "at+jwt", "application/at+jwt"]
        .iter()
        .any(|known| typ.eq_ignore_ascii_case(known))
    {
        return Err(AuthError::Malformed("it is a token of another kind"));
    }
    header
        .kid
        .as_deref()
        .ok_or(AuthError::Malformed("it names no key"))
}

impl Issuer {
    fn new(trusted: TrustedIssuer, leeway_s: u64) -> Result<Self, KeyError> {
        let mut keys: Vec<(String, DecodingKey)> = Vec::with_capacity(trusted.keys.len());
        for key in trusted.keys {
            if key.key_id.is_empty() || keys.iter().any(|(known, _)| *known == key.key_id) {
                return Err(KeyError::Trust("a key id is empty or given twice"));
            }
            keys.push((key.key_id, trusted.algorithm.key(&key.public_pem)?));
        }
        let algorithm = trusted.algorithm.algorithm();
        let validation = validation(algorithm, &trusted.issuer, &trusted.audience, leeway_s);
        Ok(Self {
            name: trusted.issuer,
            algorithm,
            validation,
            keys,
        })
    }

    fn check(
        &self,
        token: &str,
        header: &Header,
        key_id: &str,
        digest: &Digest,
        now: SystemTime,
    ) -> Result<Principal, AuthError> {
        if header.alg != self.algorithm {
            return Err(AuthError::Malformed(
                "it is not signed with its issuer's algorithm",
            ));
        }
        let key = self.keys.iter().find(|(known, _)| known == key_id);
        let (_, key) = key.ok_or(AuthError::Malformed("it names a key that is not trusted"))?;
        let token = jsonwebtoken::decode::<Claims>(token, key, &self.validation);
        let claims = token.map_err(|error| refused(error.kind()))?.claims;
        principal(claims, digest, now, Duration::from_secs(self.validation.leeway))
    }
}

/// The only place where rules for the library are made. Every field is said, none left to a default, so that a
/// new version of the library cannot loosen a rule unseen.
pub(super) fn validation(algorithm: Algorithm, issuer: &str, audience: &str, leeway_s: u64) -> Validation {
    let one = |name: &str| Some(HashSet::from([name.to_owned()]));
    let mut validation = Validation::new(algorithm);
    validation.algorithms = vec![algorithm];
    validation.required_spec_claims = ["exp", "aud", "iss", "sub"].map(str::to_owned).into();
    validation.leeway = leeway_s;
    validation.reject_tokens_expiring_in_less_than = 0;
    validation.validate_exp = true;
    validation.validate_nbf = true;
    validation.validate_aud = true;
    validation.aud = one(audience);
    validation.iss = one(issuer);
    validation.sub = None;
    validation
}

/// The library's verdict in our words.
fn refused(kind: &ErrorKind) -> AuthError {
    match kind {
        ErrorKind::ExpiredSignature => AuthError::Time("it has expired"),
        ErrorKind::ImmatureSignature => AuthError::Time("its validity has not begun"),
        ErrorKind::InvalidClaimFormat(_) => AuthError::Time("exp or nbf is no number of seconds"),
        ErrorKind::InvalidIssuer => AuthError::Foreign("its issuer is not trusted"),
        ErrorKind::InvalidAudience => AuthError::Foreign("its audience is another"),
        ErrorKind::MissingRequiredClaim(claim) => match claim.as_str() {
            "exp" => AuthError::Time("it names no end"),
            "aud" => AuthError::Foreign("it names no audience"),
            "iss" => AuthError::Foreign("it names no issuer"),
            _ => AuthError::Subject,
        },
        ErrorKind::InvalidSignature => AuthError::Malformed("its signature is wrong"),
        _ => AuthError::Malformed("it cannot be read"),
    }
}

/// The claims of a verified token, with the rules the library does not have.
fn principal(
    claims: Claims,
    digest: &Digest,
    now: SystemTime,
    leeway: Duration,
) -> Result<Principal, AuthError> {
    let exp_s = claims
        .exp
        .as_ref()
        .and_then(serde_json::Value::as_u64)
        .filter(|seconds| *seconds <= EXP_S_MAX);
    let expires_at = exp_s.and_then(at).ok_or(AuthError::Time(
        "exp is no whole number of seconds up to the year 9999",
    ))?;
    if let Some(nbf) = &claims.nbf
        && nbf.as_u64().is_none()
    {
        return Err(AuthError::Time("nbf is no whole number of seconds"));
    }
    if let Some(iat) = &claims.iat {
        let issued = iat
            .as_u64()
            .and_then(at)
            .ok_or(AuthError::Time("iat is no whole number of seconds"))?;
        if now.checked_add(leeway).is_none_or(|latest| issued > latest) {
            return Err(AuthError::Time("it was issued in the future"));
        }
    }
    let subject = claims
        .sub
        .as_deref()
        .and_then(|sub| sub.split_once('/'))
        .ok_or(AuthError::Subject)?;
    let partner = PartnerId::parse(subject.0).map_err(|_| AuthError::Subject)?;
    let system = SystemId::parse(subject.1).map_err(|_| AuthError::Subject)?;
    let scopes = claims
        .scope
        .as_deref()
        .map(Scopes::from_claim)
        .unwrap_or_default();
    let token_id = match claims.jti {
        Some(id) if is_plain(&id) => id,
        Some(_) => {
            return Err(AuthError::Malformed(
                "jti is empty, too long or not visible ASCII",
            ));
        }
        None => digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
    };
    Ok(Principal {
        partner,
        system,
        scopes,
        token_id,
        expires_at,
    })
}

fn at(seconds: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Whether an id may stand in records as it is.
fn is_plain(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}
