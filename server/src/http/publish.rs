//! Publishers: CloudEvents in three modes, foreign bytes through a route.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use stadtbus_flow::{
    Refusal,
    accept::{Answer, RawAnswer, Request},
    log::Receipt,
};

use super::{Shared, problem};
use crate::http::Problem;

#[derive(Serialize)]
struct One<'a> {
    receipt: &'a Receipt,
}

/// `POST /v1/events`
pub(super) async fn events(
    State(bus): Shared,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = bounded(body)?;
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
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RawAnswer>), Problem> {
    let body = bounded(body)?;
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
