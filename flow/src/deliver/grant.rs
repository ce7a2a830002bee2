//! A token that the bus fetches itself before it delivers (OAuth 2.0 client credentials, RFC 6749 §4.4).
//!
//! *Promise*: one token for all deliveries of a target, fetched when there is none or the one there is runs out, and once
//! more when the receiver does not take it. The way to whoever gives tokens is the same door, with the same rules, as the
//! way to the receiver. *Refuses*: answers that are no token of a usable form. What was answered is never told: it may be
//! the token.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::{sync::Mutex, time::Instant};

use super::{
    egress::{Egress, EgressError, Endpoint},
    outcome::Outcome,
};

#[cfg(test)]
mod tests;

/// The longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How long a token is used that does not say how long it lasts.
const LASTS_UNSAID: Duration = Duration::from_secs(300);
/// The longest that one is used, whatever it says.
const LASTS_MAX: Duration = Duration::from_secs(86_400);
/// How long before its end it is not used any more: it must last until the receiver has looked at it.
const LASTS_LESS: Duration = Duration::from_secs(10);

/// How to get a token, and the one there is.
pub struct Grant {
    endpoint: Endpoint,
    /// The client's name and secret (RFC 6749 §2.3.1).
    client: HeaderValue,
    form: Bytes,
    held: Mutex<Option<Held>>,
}

struct Held {
    authorization: HeaderValue,
    until: Instant,
}

/// It holds a secret, and a token.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grant(…)")
    }
}

/// What is read of an answer; anything else in it is left.
#[derive(Deserialize)]
struct Answered {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: Option<f64>,
}

impl Grant {
    /// Tokens from here, for this client.
    ///
    /// # Errors
    /// [`EgressError::Target`] when the address is malformed.
    pub fn new(endpoint: &str, id: &str, secret: &str, scope: Option<&str>) -> Result<Self, EgressError> {
        let pair = format!("{}:{}", form_encoded(id), form_encoded(secret));
        let mut client = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| EgressError::Target("the client's name or secret cannot stand in a header"))?;
        client.set_sensitive(true);
        let form = match scope {
            Some(scope) => format!("grant_type=client_credentials&scope={}", form_encoded(scope)),
            None => "grant_type=client_credentials".to_owned(),
        };
        Ok(Self {
            endpoint: Endpoint::parse(endpoint)?,
            client,
            form: form.into(),
            held: Mutex::default(),
        })
    }

    /// What to show the receiver. However many wait for it, one asks.
    pub(crate) async fn authorization(
        &self,
        egress: &Egress,
        within: Duration,
    ) -> Result<HeaderValue, Outcome> {
        let mut held = self.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| Instant::now() < held.until) {
            return Ok(held.authorization.clone());
        }
        *held = None;
        let fetched = self.fetch(egress, within).await?;
        let authorization = fetched.authorization.clone();
        *held = Some(fetched);
        Ok(authorization)
    }

    /// The receiver did not take it: the next one is another, unless somebody else has fetched one meanwhile.
    pub(crate) async fn spoiled(&self, authorization: &HeaderValue) {
        let mut held = self.held.lock().await;
        if held
            .as_ref()
            .is_some_and(|held| held.authorization == *authorization)
        {
            *held = None;
        }
    }

    async fn fetch(&self, egress: &Egress, within: Duration) -> Result<Held, Outcome> {
        let message = || {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            let headers = HeaderMap::from_iter([
                (AUTHORIZATION, self.client.clone()),
                (CONTENT_TYPE, form),
                (ACCEPT, HeaderValue::from_static("application/json")),
            ]);
            (headers, self.form.clone())
        };
        let asked = Instant::now();
        let answer = egress
            .ask(&self.endpoint, within, message)
            .await
            .map_err(no_way)?;
        if !answer.status.is_success() {
            return Err(no_token(format!("it answered {}", answer.status.as_u16())));
        }
        let answered: Answered = serde_json::from_slice(&answer.excerpt)
            .map_err(|_| no_token("its answer is no token (RFC 6749, section 5.1)".to_owned()))?;
        if !answered.token_type.eq_ignore_ascii_case("bearer") {
            return Err(no_token("its token is of another type than Bearer".to_owned()));
        }
        let token = &answered.access_token;
        let visible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || token.len() > TOKEN_BYTES_MAX {
            return Err(no_token("its token cannot stand in a header".to_owned()));
        }
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| no_token("its token cannot stand in a header".to_owned()))?;
        authorization.set_sensitive(true);
        let lasts = answered
            .expires_in
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map_or(LASTS_UNSAID, |lasts| lasts.min(LASTS_MAX));
        Ok(Held {
            authorization,
            until: asked + lasts.saturating_sub(LASTS_LESS),
        })
    }
}

fn no_way(error: EgressError) -> Outcome {
    match error {
        EgressError::Forbidden(_) | EgressError::Target(_) => error.into(),
        error => no_token(error.to_string().trim_end_matches('.').to_owned()),
    }
}

/// Another attempt may help: whoever gives tokens comes back, or the client is put right there.
fn no_token(why: String) -> Outcome {
    Outcome::Retry {
        code: "SB-3032",
        detail: format!("There is no token for the receiver: {why}."),
        after: None,
    }
}

/// `application/x-www-form-urlencoded`, with every octet encoded that may be.
fn form_encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
