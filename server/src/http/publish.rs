//! Publishers: CloudEvents in three modes, foreign bytes through a route.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use stadtbus_flow::{
    Refusal,
    accept::{Answer, RawAnswer, Request},
    log::Receipt,
};

use super::{Problem, Shared, problem};
use crate::Bus;

#[derive(Serialize)]
struct One<'a> {
    receipt: &'a Receipt,
}

const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// `OPTIONS` of the paths that take events: whoever asks may deliver here (HOOK-8, HOOK-9). That is no authorization;
/// each delivery still needs its token. The rate is not limited by number: too much is answered 429 with `Retry-After`.
pub(super) async fn consent(headers: HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ALLOW, HeaderValue::from_static("OPTIONS, POST"));
    if let Some(origin) = headers.get(REQUEST_ORIGIN).filter(|origin| is_dns_name(origin)) {
        answer.insert(ALLOWED_ORIGIN, origin.clone());
        answer.insert(ALLOWED_RATE, HeaderValue::from_static("*"));
    }
    response
}

/// What is sent back is no more than a name.
fn is_dns_name(origin: &HeaderValue) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    (1..=253).contains(&origin.len()) && origin.as_bytes().iter().all(letter)
}

/// The token of the URL (HOOK-7), for senders that have no header field to put it in, where the operator allows it.
/// A header field that is there is the one that counts.
fn with_token(bus: &Bus, mut headers: HeaderMap, query: Option<&str>) -> HeaderMap {
    if !bus.config.query_tokens || headers.contains_key(header::AUTHORIZATION) {
        return headers;
    }
    let pairs = query.unwrap_or_default().split('&');
    let mut tokens = pairs.filter_map(|pair| pair.strip_prefix("access_token="));
    // Tokens are base64url with dots and need no percent-coding; two of them are none.
    if let (Some(token), None) = (tokens.next(), tokens.next())
        && let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {token}"))
    {
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
    }
    headers
}

/// `POST /v1/events`
pub(super) async fn events(
    State(bus): Shared,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = bounded(body)?;
    let headers = with_token(&bus, headers, query.as_deref());
    let mut response = answered(&bus, headers, body).await?;
    if query.is_some_and(|query| query.contains("access_token=")) {
        // An answer to a URL with a token in it is nobody else's.
        let private = HeaderValue::from_static("private, no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, private);
    }
    Ok(response)
}

async fn answered(bus: &Bus, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    Ok(match bus.acceptor.events(Request { headers, body }).await? {
        Answer::One(receipt) => (StatusCode::ACCEPTED, Json(One { receipt: &receipt })).into_response(),
        Answer::Batch(answers) => batch(&answers),
    })
}

/// Accepted if any event of the batch was, or if there was none; else the worst that can be said of all.
fn batch(answers: &[Result<Receipt, Refusal>]) -> Response {
    let refused = || answers.iter().filter_map(|answer| answer.as_ref().err());
    let status = if answers.is_empty() || answers.iter().any(Result::is_ok) {
        StatusCode::ACCEPTED
    } else if refused().any(|refusal| refusal.status() == 503) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if refused().all(|refusal| refusal.status() == 400) {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let receipts: Vec<Value> = answers
        .iter()
        .map(|answer| match answer {
            Ok(receipt) => json!({ "receipt": receipt }),
            Err(refusal) => json!({ "error": problem::document(refusal) }),
        })
        .collect();
    (status, Json(json!({ "receipts": receipts }))).into_response()
}

/// `POST /v1/ingest/{route}`
pub(super) async fn raw(
    State(bus): Shared,
    Path(route): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RawAnswer>), Problem> {
    let body = bounded(body)?;
    let headers = with_token(&bus, headers, query.as_deref());
    let answer = bus.acceptor.raw(&route, Request { headers, body }).await?;
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

fn bounded(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|rejection| {
        Problem(if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Refusal::new("SB-1401", "The body is larger than this bus takes.")
        } else {
            Refusal::new("SB-1101", "The body could not be read to its end.")
        })
    })
}
