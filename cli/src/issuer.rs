//! Tokens of the bus's own issuer: made where its key is, never by asking the bus.

use crate::say;
use crate::ui::{Exit, Failure, t};
use stadtbus_event::{PartnerId, SystemId};
use stadtbus_flow::authenticate::{Issuer, KeyError, Scopes, TokenRequest, generate_key};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// For whom a token is, and what it may.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The partner.
    pub(crate) partner: &'a str,
    /// Its system.
    pub(crate) system: &'a str,
    /// Words separated by spaces.
    pub(crate) scope: &'a str,
    /// Lifetime.
    pub(crate) ttl: Duration,
}

/// What the bus expects in `iss` and `aud`; the same defaults as in its configuration.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Names {
    #[arg(
        long, global = true, env = "STADTBUS_ISSUER_NAME", value_name = "NAME", default_value = "stadtbus", hide = true,
        help = t("Aussteller (iss), wie in [issuer] der Konfiguration", "Issuer (iss), as in [issuer] of the configuration")
    )]
    pub(crate) issuer: String,
    #[arg(
        long, global = true, env = "STADTBUS_ISSUER_AUDIENCE", value_name = "NAME", default_value = "stadtbus", hide = true,
        help = t("Empfänger (aud), wie in [issuer] der Konfiguration", "Audience (aud), as in [issuer] of the configuration")
    )]
    pub(crate) audience: String,
}

/// Signs a token with the key in `file`.
pub(crate) fn issue(file: &Path, names: &Names, wanted: &Wanted<'_>) -> Result<String, Failure> {
    let pem = std::fs::read_to_string(file).map_err(|error| {
        Failure::file(file, &error).hint(format!("stadtbus token key --out {}", file.display()))
    })?;
    let issuer = Issuer::from_pem(&pem).map_err(|error| refused(&error))?;
    let partner = PartnerId::parse(wanted.partner).map_err(|error| Failure::usage(error.to_string()))?;
    let system = SystemId::parse(wanted.system).map_err(|error| Failure::usage(error.to_string()))?;
    let scopes = Scopes::parse(wanted.scope).map_err(|word| {
        Failure::usage(say!(
            "`{word}` ist kein Geltungsbereich.",
            "`{word}` is not a scope."
        ))
    })?;
    let request = TokenRequest {
        partner,
        system,
        scopes,
        ttl: wanted.ttl,
        issuer: names.issuer.clone(),
        audience: names.audience.clone(),
    };
    issuer.issue(&request).map_err(|error| refused(&error))
}

/// Writes a new key that only its owner may read. An existing file is never overwritten: every token issued
/// with it would die.
pub(crate) fn make_key(file: &Path) -> Result<(), Failure> {
    let pem = generate_key().map_err(|error| refused(&error))?;
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    created
        .and_then(|mut out| out.write_all(pem.as_bytes()))
        .map_err(|error| Failure::file(file, &error))
}

fn refused(error: &KeyError) -> Failure {
    let (code, hint) = match error {
        KeyError::NotAKey(_) => ("SB-1007", "stadtbus token key --out issuer.pem"),
        _ => ("SB-6002", "stadtbus token issue --help"),
    };
    Failure::new(
        code,
        Exit::Usage,
        t("Das Token wurde nicht ausgestellt.", "The token was not issued."),
    )
    .detail(error.to_string())
    .hint(hint)
}
