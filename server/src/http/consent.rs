//! Receivers: consent to deliveries later, at the address the bus gave out (CloudEvents web hooks §4.1.3; HOOK-10).

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName},
};
use serde::{Deserialize, Serialize};
use stadtbus_flow::{
    Refusal,
    deliver::{
        consents::{Allowed, unknown_address},
        webhook::REQUEST_RATE_PER_MINUTE,
    },
};
use utoipa::{IntoParams, ToSchema};

use super::{
    Problem, Shared,
    extract::{Path, Query},
};
use crate::describe::{
    params::AnyOrder,
    refusals::{ALWAYS, BROKER, NOT_YET, refusals},
};

const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// What makes the address hard to guess.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Consenting {
    /// As the bus gave it out in `WebHook-Request-Callback`.
    key: String,
}

/// What was consented to.
#[derive(Serialize, ToSchema)]
pub(super) struct Consented {
    /// Partner and subscription whose deliveries may come.
    subscription: String,
    /// At most so many deliveries a minute; null: any rate.
    rate_per_minute: Option<u32>,
}

refusals! {
    /// Of a consent.
    ConsentRefused = ALWAYS, NOT_YET, BROKER, &["SB-1119", "SB-2033"]
}

/// `GET /v1/webhook-consents/{order}`: what an administrator does with a browser.
#[utoipa::path(
    get, path = "/v1/webhook-consents/{order}", tag = "subscribers", operation_id = "consentByBrowser",
    summary = "Consent to deliveries, with a browser",
    description = "At the address that the bus gave a receiver in `WebHook-Request-Callback`. The rate is the one that was asked for. Needs no token: the \
        address is the proof.",
    params(AnyOrder, Consenting),
    responses((status = 200, description = "Deliveries may come.", body = Consented), ConsentRefused),
    security(()),
)]
pub(super) async fn by_browser(
    state: Shared,
    path: Path<String>,
    query: Query<Consenting>,
) -> Result<Json<Consented>, Problem> {
    consent(state, path, query, &HeaderMap::new()).await
}

/// `POST /v1/webhook-consents/{order}`
#[utoipa::path(
    post, path = "/v1/webhook-consents/{order}", tag = "subscribers", operation_id = "consentByCallback",
    summary = "Consent to deliveries",
    description = "At the address that the bus gave a receiver in `WebHook-Request-Callback`. `WebHook-Allowed-Rate` says how many deliveries a minute may \
        come, `*` any; without it as many as were asked for. Needs no token: the address is the proof.",
    params(AnyOrder, Consenting),
    responses((status = 200, description = "Deliveries may come.", body = Consented), ConsentRefused),
    security(()),
)]
pub(super) async fn by_callback(
    state: Shared,
    path: Path<String>,
    query: Query<Consenting>,
    headers: HeaderMap,
) -> Result<Json<Consented>, Problem> {
    consent(state, path, query, &headers).await
}

async fn consent(
    State(bus): Shared,
    Path(order): Path<String>,
    Query(Consenting { key }): Query<Consenting>,
    headers: &HeaderMap,
) -> Result<Json<Consented>, Problem> {
    let consents = bus.consents.as_ref().ok_or_else(unknown_address)?;
    let city = bus.cities.current()?;
    let target = order
        .rsplit('.')
        .next()
        .and_then(|id| city.order(id))
        .filter(|found| found.key() == order)
        .and_then(|found| found.webhook.as_ref())
        .ok_or_else(unknown_address)?;
    let allowed = allowed(headers)?;
    let url = target.endpoint().uri().to_string();
    consents.take(&order, &url, &key, allowed).await?;
    tracing::info!(order, "A receiver has consented by callback.");
    Ok(Json(Consented {
        subscription: order,
        rate_per_minute: allowed.rate,
    }))
}

fn allowed(headers: &HeaderMap) -> Result<Allowed, Refusal> {
    let Some(given) = headers.get(ALLOWED_RATE) else {
        return Ok(Allowed {
            rate: Some(REQUEST_RATE_PER_MINUTE),
        });
    };
    let rate = given.to_str().unwrap_or_default().trim();
    if rate == "*" {
        return Ok(Allowed { rate: None });
    }
    match rate.parse::<u32>() {
        Ok(rate) if rate > 0 => Ok(Allowed { rate: Some(rate) }),
        _ => Err(Refusal::new(
            "SB-1119",
            "`WebHook-Allowed-Rate` is a whole number of deliveries a minute, or `*`.",
        )),
    }
}
