//! Who is asking whom: the connection every command that talks to a bus starts from.

use crate::client::Client;
use crate::grammar::Global;
use crate::issuer::{self, Names, Wanted};
use crate::say;
use crate::ui::{Exit, Failure, Outcome, Shell, t};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a token lives that is issued for one command.
const SHORT: Duration = Duration::from_secs(300);

/// What a call needs to be allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope {
    /// Sending events.
    Publish,
    /// Receiving, and looking at what is one's own.
    Subscribe,
    /// Running the bus.
    Operate,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Operate => "operate",
        }
    }
}

/// One run of the program: its channels, and how to reach the bus.
#[derive(Debug)]
pub(crate) struct Session {
    /// Where to write.
    pub(crate) shell: Shell,
    server: String,
    token: Option<String>,
    identity: Option<String>,
    key: Option<PathBuf>,
    names: Names,
}

impl Session {
    /// From the flags common to all commands.
    pub(crate) fn new(global: Global) -> Self {
        let shell = Shell::new(global.output, global.quiet, global.yes, global.no_color);
        Self {
            shell,
            server: global.server,
            token: global.token,
            identity: global.identity,
            key: global.key,
            names: global.names,
        }
    }

    /// A client that may do `scope`: with the token given, or with a short one issued by `--key` for `--as`.
    pub(crate) fn client(&self, scope: Scope) -> Result<Client, Failure> {
        let token = self.token_for(scope)?;
        Client::new(&self.server, token.as_deref())
    }

    /// A client for what belongs to a partner: with the partner's own scope where the caller is one of its systems, else as an
    /// operator.
    pub(crate) fn client_of(&self, partner: &str, own: Scope) -> Result<Client, Failure> {
        let identity = self
            .identity
            .as_deref()
            .and_then(|identity| identity.split_once('/'));
        let is_own = identity.is_some_and(|(of, _)| of == partner);
        self.client(if is_own { own } else { Scope::Operate })
    }

    /// The token for an address of somebody's choice. One that only lies in the environment is meant for the bus and goes
    /// nowhere else.
    pub(crate) fn token_to(&self, uri: &http::Uri, scope: Scope) -> Result<Option<String>, Failure> {
        let bus: Option<http::Uri> = self.server.parse().ok();
        let at_bus =
            bus.is_some_and(|bus| bus.authority() == uri.authority() && bus.scheme() == uri.scheme());
        let ambient = self.token.is_some() && self.token == std::env::var("STADTBUS_TOKEN").ok();
        if ambient && !at_bus && self.identity.is_none() {
            let text = t(
                "STADTBUS_TOKEN gilt dem Bus und wird nicht gesendet; dafür gibt es --token.",
                "STADTBUS_TOKEN is meant for the bus and is not sent; --token is the way.",
            );
            self.shell.notice(text);
            return Ok(None);
        }
        self.token_for(scope)
    }

    /// The names a token of this bus must carry.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The issuer's key file, for the command that cannot do without.
    pub(crate) fn key(&self) -> Result<&Path, Failure> {
        self.key.as_deref().ok_or_else(|| {
            Failure::usage(t(
                "Es fehlt --key: der Schlüssel des Ausstellers.",
                "--key is missing: the issuer's key.",
            ))
            .hint("stadtbus token key --out issuer.pem")
        })
    }

    fn token_for(&self, scope: Scope) -> Result<Option<String>, Failure> {
        match (&self.identity, &self.key, &self.token) {
            (Some(identity), Some(key), _) => {
                let (partner, system) = split(identity)?;
                let wanted = Wanted {
                    partner,
                    system,
                    scope: scope.name(),
                    ttl: SHORT,
                };
                issuer::issue(key, &self.names, &wanted).map(Some)
            }
            (Some(identity), None, Some(token)) => match subject(token) {
                Some(subject) if subject != *identity => Err(Failure::usage(say!(
                    "Das Token gehört `{subject}`, nicht `{identity}`.",
                    "The token belongs to `{subject}`, not to `{identity}`."
                ))
                .hint(issue_hint(identity, scope))),
                _ => Ok(Some(token.clone())),
            },
            (Some(identity), None, None) => Err(Failure::usage(say!(
                "Für `{identity}` fehlt ein Token (--token) oder der Schlüssel des Ausstellers (--key).",
                "For `{identity}` a token (--token) or the issuer's key (--key) is missing."
            ))
            .hint(issue_hint(identity, scope))),
            (None, Some(_), None) => Err(Failure::usage(t(
                "Zu --key gehört --as PARTNER/SYSTEM: für wen das Token gelten soll.",
                "With --key goes --as PARTNER/SYSTEM: for whom the token shall be.",
            ))
            .hint("export STADTBUS_AS=PARTNER/SYSTEM")),
            (None, _, token) => Ok(token.clone()),
        }
    }
}

/// Runs an asynchronous command to its end.
pub(crate) fn wait(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::new("SB-6004", Exit::Failed, error.to_string()))?
        .block_on(work)
}

/// `partner/system` as its two names.
pub(crate) fn split(identity: &str) -> Result<(&str, &str), Failure> {
    identity
        .split_once('/')
        .filter(|(partner, system)| !partner.is_empty() && !system.is_empty())
        .ok_or_else(|| {
            let message = say!(
                "`{identity}` ist nicht PARTNER/SYSTEM.",
                "`{identity}` is not PARTNER/SYSTEM."
            );
            Failure::usage(message).hint("stadtbus send ereignis.json --as ngn/leitwarte")
        })
}

/// Whom a token speaks for. Not verified: that is the bus's work; this only catches a mix-up early.
fn subject(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.trim().split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}

fn issue_hint(identity: &str, scope: Scope) -> String {
    let (partner, system) = identity.split_once('/').unwrap_or((identity, "SYSTEM"));
    let scope = scope.name();
    format!(
        "stadtbus token issue --key issuer.pem --partner {partner} --system {system} --scope {scope} --ttl 1h"
    )
}
