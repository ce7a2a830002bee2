//! Subscribers: the secret by which deliveries to a webhook are signed (Standard Webhooks), and the bus's public keys.

use std::time::Duration;

use axum::{Json, extract::State, http::HeaderMap};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use stadtbus_contracts::Sink;
use stadtbus_flow::{
    Refusal,
    city::Order,
    deliver::{
        secrets::{OVERLAP_S_DEFAULT, OVERLAP_S_MAX, Standing},
        signature::Secret,
    },
};
use utoipa::ToSchema;

use super::{
    Problem, Shared,
    extract::{Path, Payload, field_within, whole_or_none},
    subscriptions::{owned, parsed},
};
use crate::describe::{
    params::SubscriptionPath,
    refusals::{ALWAYS, BODY, BROKER, NOT_YET, SCOPE, WHO, refusals},
};

/// How a secret is changed. Everything may be left out.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rotation {
    /// The receiver's own secret: `whsec_` and 24 to 64 bytes in base64. Left out: the bus makes one.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
    /// How long the secret before it signs as well, in seconds; a day if left out.
    #[serde(deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 2_592_000)]
    overlap_s: Option<u64>,
}

/// A secret in force. It is told this once.
#[derive(Serialize, ToSchema)]
pub(super) struct NewSecret {
    /// The subscription.
    subscription: String,
    /// `whsec_` and base64, as the libraries of Standard Webhooks take it.
    secret: String,
    /// Until when the secret before it signs as well; null: there is none that does.
    #[schema(format = "date-time")]
    previous_until: Option<String>,
}

/// How the signature of a subscription stands.
#[derive(Serialize, ToSchema)]
pub(super) struct SecretStanding {
    /// The subscription.
    subscription: String,
    /// Whether its deliveries are signed by a secret (`v1`).
    signed: bool,
    /// Since when the secret is in force.
    #[schema(format = "date-time")]
    since: Option<String>,
    /// Until when the secret before it signs as well.
    #[schema(format = "date-time")]
    previous_until: Option<String>,
}

/// One public key: as Standard Webhooks writes it, and as a JSON Web Key (RFC 8037).
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookKey {
    /// The beginning of its digest.
    kid: String,
    /// `OKP`
    kty: &'static str,
    /// `Ed25519`
    crv: &'static str,
    /// `sig`
    #[serde(rename = "use")]
    usage: &'static str,
    /// The key, base64url.
    x: String,
    /// The same as `whpk_` and base64.
    whpk: String,
}

/// The public keys of the bus.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookKeys {
    /// Each signs every delivery (`v1a`).
    keys: Vec<WebhookKey>,
}

refusals! {
    /// Of a new secret.
    RotateRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, BODY, &["SB-2001", "SB-2007", "SB-2031", "SB-2032"]
}
refusals! {
    /// Of a look at it, and of its end.
    SecretRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, &["SB-1119", "SB-2001", "SB-2007"]
}
refusals! {
    /// Of the public keys.
    KeysRefused = ALWAYS
}

/// `POST /v1/subscriptions/{id}/secret`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/secret", tag = "subscribers", operation_id = "rotateSecret",
    summary = "Sign deliveries by a new secret",
    description = "From now on every delivery of this webhook carries a signature by the new secret (Standard Webhooks, `v1`), and for the time of \
        the overlap another by the secret before it. The secret is told in this answer and never again.",
    params(SubscriptionPath),
    request_body(content = Rotation, content_type = "application/json"),
    responses((status = 200, description = "It signs.", body = NewSecret), RotateRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn rotate(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<NewSecret>, Problem> {
    let order = owned(&bus, &headers, &id)?;
    posted(&order)?;
    let rotation = if body.is_empty() {
        Rotation::default()
    } else {
        parsed(&body)?
    };
    let overlap_s = rotation.overlap_s.unwrap_or(OVERLAP_S_DEFAULT);
    let overlap_s = field_within("overlap_s", overlap_s, 0, OVERLAP_S_MAX)?;
    let secret = match rotation.secret {
        Some(text) => Secret::parse(&text)
            .map_err(|why| Refusal::new("SB-2031", format!("This is no secret: {why}.")).at("/secret"))?,
        None => Secret::generate()
            .map_err(|why| Refusal::new("SB-2032", format!("No secret could be made: {why}.")))?,
    };
    let revealed = secret.reveal();
    let standing = bus
        .secrets
        .rotate(&order.key(), secret, Duration::from_secs(overlap_s))
        .await?;
    Ok(Json(NewSecret {
        subscription: id,
        secret: revealed,
        previous_until: standing.previous_until_ms.and_then(time),
    }))
}

/// `GET /v1/subscriptions/{id}/secret`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/secret", tag = "subscribers", operation_id = "showSecret",
    summary = "Are deliveries signed by a secret?",
    description = "Whether, and since when. The secret itself is never told again.",
    params(SubscriptionPath),
    responses((status = 200, description = "How it stands.", body = SecretStanding), SecretRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn show(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<SecretStanding>, Problem> {
    let order = owned(&bus, &headers, &id)?;
    posted(&order)?;
    Ok(Json(standing(id, bus.secrets.standing(&order.key()).await?)))
}

/// `DELETE /v1/subscriptions/{id}/secret`
#[utoipa::path(
    delete, path = "/v1/subscriptions/{id}/secret", tag = "subscribers", operation_id = "removeSecret",
    summary = "Sign by no secret any more",
    description = "For the new and the old one alike, at once. What the keys of the bus sign (`v1a`) goes on.",
    params(SubscriptionPath),
    responses((status = 200, description = "How it stands.", body = SecretStanding), SecretRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn remove(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<SecretStanding>, Problem> {
    let order = owned(&bus, &headers, &id)?;
    posted(&order)?;
    bus.secrets.remove(&order.key()).await?;
    Ok(Json(standing(id, None)))
}

/// `GET /.well-known/webhook-keys`
#[utoipa::path(
    get, path = "/.well-known/webhook-keys", tag = "descriptions", operation_id = "webhookKeys",
    summary = "The bus's public keys",
    description = "By which anybody verifies the signatures `v1a` (Ed25519, Standard Webhooks) of deliveries. While a key is being replaced there are two, \
        and both sign. Needs no token.",
    responses((status = 200, description = "The keys; none where this bus has none.", body = WebhookKeys), KeysRefused),
    security(()),
)]
pub(super) async fn keys(State(bus): Shared) -> Json<WebhookKeys> {
    let keys = bus.secrets.keys().public().map(|key| WebhookKey {
        kid: key.id.clone(),
        kty: "OKP",
        crv: "Ed25519",
        usage: "sig",
        x: URL_SAFE_NO_PAD.encode(&key.bytes),
        whpk: key.whpk.clone(),
    });
    Json(WebhookKeys { keys: keys.collect() })
}

/// Only what the bus posts can be signed.
fn posted(order: &Order) -> Result<(), Refusal> {
    match &order.subscription().sink {
        Sink::Webhook(_) => Ok(()),
        other => Err(Refusal::new(
            "SB-2007",
            format!(
                "This subscription is delivered by {}, not by webhook.",
                other.kind()
            ),
        )),
    }
}

fn standing(subscription: String, found: Option<Standing>) -> SecretStanding {
    SecretStanding {
        subscription,
        signed: found.is_some(),
        since: found.and_then(|found| time(found.made_ms)),
        previous_until: found.and_then(|found| found.previous_until_ms).and_then(time),
    }
}

fn time(ms: u64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?;
    Some(format!("{at:.3}"))
}
