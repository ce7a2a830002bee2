//! `authtype`, `authid` and `authclaims`: who set off what happened. For information, never for authorisation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value as Json;

use super::violation;
use crate::error::EventError;
use crate::event::Event;

/// The kind of principal that set off the occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType<'a> {
    /// `app_user`: an end user of an application.
    AppUser,
    /// `user`: an account in the infrastructure.
    User,
    /// `service_account`: a service.
    ServiceAccount,
    /// `api_key`: a key, not a person.
    ApiKey,
    /// `system`: the platform itself.
    System,
    /// `unauthenticated`: no credentials were used.
    Unauthenticated,
    /// `unknown`: cannot be determined.
    Unknown,
    /// A value of the sender's own, which the document allows.
    Other(&'a str),
}

impl<'a> AuthType<'a> {
    fn of(text: &'a str) -> Self {
        match text {
            "app_user" => Self::AppUser,
            "user" => Self::User,
            "service_account" => Self::ServiceAccount,
            "api_key" => Self::ApiKey,
            "system" => Self::System,
            "unauthenticated" => Self::Unauthenticated,
            "unknown" => Self::Unknown,
            other => Self::Other(other),
        }
    }
}

/// Who set off the occurrence.
#[derive(Clone, Copy)]
pub struct AuthContext<'a> {
    /// `authtype`
    pub kind: AuthType<'a>,
    /// `authid`: who it was; better a label than a name.
    pub id: Option<&'a str>,
    /// `authclaims`: JSON text without usable credentials.
    pub claims: Option<&'a str>,
}

impl<'a> AuthContext<'a> {
    /// Reads all three. Claims are looked through for what would let a receiver act as the principal: tokens in their usual
    /// spelling, and members named like secrets. That finds mistakes, not malice.
    ///
    /// # Errors
    /// SB-1114 where `authtype` is empty or missing beside the others, or `authclaims` is not JSON or holds credentials.
    pub fn of(event: &'a Event) -> Result<Option<Self>, EventError> {
        const TYPE: &str = "authtype";
        const CLAIMS: &str = "authclaims";
        let kind = super::text(event, TYPE)?;
        let id = super::text(event, "authid")?;
        let claims = super::text(event, CLAIMS)?;
        let kind = match (kind, id, claims) {
            (None, None, None) => return Ok(None),
            (kind, Some(_), _) => super::required(kind, TYPE, "authid")?,
            (kind, None, _) => super::required(kind, TYPE, CLAIMS)?,
        };
        if let Some(claims) = claims {
            let Ok(tree) = serde_json::from_str::<Json>(claims) else {
                return Err(violation(CLAIMS, "is not a string of JSON"));
            };
            if discloses(&tree) {
                let must = "holds credentials; claims may say who it was, not let others act as them";
                return Err(violation(CLAIMS, must));
            }
        }
        Ok(Some(Self {
            kind: AuthType::of(kind),
            id,
            claims,
        }))
    }
}

/// Depth is bounded: the parser has refused anything nested deeper than 128.
fn discloses(tree: &Json) -> bool {
    match tree {
        Json::String(text) => text.split_whitespace().any(is_token),
        Json::Array(items) => items.iter().any(discloses),
        Json::Object(members) => members
            .iter()
            .any(|(name, value)| is_secret(name) && value.is_string() || discloses(value)),
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

/// A JSON web token, signed or encrypted: three or five parts, the first a JSON object.
fn is_token(word: &str) -> bool {
    let mut parts = word.split('.');
    let first = parts.next().unwrap_or_default();
    matches!(parts.count(), 2 | 4)
        && URL_SAFE_NO_PAD
            .decode(first)
            .is_ok_and(|header| serde_json::from_slice::<serde_json::Map<String, Json>>(&header).is_ok())
}

fn is_secret(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    [
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "clientsecret",
        "password",
        "passwort",
        "apikey",
        "privatekey",
        "authorization",
    ]
    .contains(&plain.as_str())
}
