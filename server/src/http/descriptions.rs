//! The bus described for machines: `/openapi.json` for its calls, `/asyncapi.json` for its events.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::Value;
use stadtbus_flow::{authenticate::Scope, validate};

use super::{Problem, Shared, principal};
use crate::describe::{
    asyncapi::{self, Viewer},
    refusals::{ALWAYS, NOT_YET, WHO, refusals},
};

/// The description of this very interface, written once.
#[derive(Clone)]
pub(super) struct OpenApiText(pub(super) Bytes);

refusals! {
    /// Of `/openapi.json`.
    OpenApiRefused = ALWAYS
}

/// `GET /openapi.json`
#[utoipa::path(
    get, path = "/openapi.json", tag = "descriptions", operation_id = "openapi",
    summary = "This document",
    description = "OpenAPI 3.1 of all calls that this process serves, with the limits in force. Needs no token: it says nothing of the city.",
    responses(
        (status = 200, description = "The document.", content_type = "application/json", body = ref("#/components/schemas/Document")),
        OpenApiRefused,
    ),
    security(()),
)]
pub(super) async fn openapi(Extension(text): Extension<OpenApiText>) -> Response {
    let media_type = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, media_type)], text.0).into_response()
}

refusals! {
    /// Of `/asyncapi.json`.
    AsyncApiRefused = ALWAYS, WHO, NOT_YET
}

/// `GET /asyncapi.json`
#[utoipa::path(
    get, path = "/asyncapi.json", tag = "descriptions", operation_id = "asyncapi",
    summary = "The events on this bus",
    description = "AsyncAPI 3.0 of the contracts in force: one channel for each event type, with headers and JSON Schema (2020-12) \
        of its messages, and who sends and receives. The document depends on who asks: the schema of an internal contract \
        is not shown to third parties, that of a confidential or restricted one only to its publisher, to recipients with a \
        usage agreement in force, and to operators; who receives is shown to the publisher, to the recipient itself and to operators.",
    responses(
        (status = 200, description = "The document for this caller.", content_type = "application/json", body = ref("#/components/schemas/Document")),
        AsyncApiRefused,
    ),
    security(("bearer" = [])),
)]
pub(super) async fn asyncapi(State(bus): Shared, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    let principal = principal(&bus, &headers)?;
    let city = bus.cities.current()?;
    validate::registered(&city.registry, &principal)?;
    let viewer = Viewer {
        partner: &principal.partner,
        operator: principal.require(Scope::Operate).is_ok(),
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or(&bus.config.listen);
    let server = asyncapi::Server::of(&bus.config.advertise, host);
    let now = std::time::SystemTime::now();
    Ok(Json(asyncapi::document(&city.registry, &viewer, &server, now)))
}
