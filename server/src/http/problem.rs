//! Refusals as problem documents (RFC 9457). The payload is never echoed.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use stadtbus_flow::Refusal;

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct Problem(pub(crate) Refusal);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

/// The members of a problem document.
pub(crate) fn document(refusal: &Refusal) -> Value {
    let mut members = Map::new();
    members.insert(
        "type".to_owned(),
        json!(format!("urn:stadtbus:error:{}", refusal.code)),
    );
    members.insert(
        "title".to_owned(),
        json!(format!("stadtbus explain {}", refusal.code)),
    );
    members.insert("status".to_owned(), json!(refusal.status()));
    members.insert("code".to_owned(), json!(refusal.code));
    members.insert("detail".to_owned(), json!(refusal.detail));
    if let Some(pointer) = &refusal.pointer {
        members.insert("pointer".to_owned(), json!(pointer));
    }
    if let Some(hint) = &refusal.hint {
        members.insert("hint".to_owned(), json!(hint));
    }
    Value::Object(members)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, document(&self.0).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(after) = self.0.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
