//! Operators: is it alive, is it ready, what does it do.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use stadtbus_broker::Health;
use stadtbus_flow::Refusal;

use super::{Problem, Shared, operator, orders};
use crate::describe::refusals::{ALWAYS, BROKER, SCOPE, WHO, refusals};

refusals! {
    /// Of `/healthz`.
    AliveRefused = ALWAYS
}
refusals! {
    /// Of `/metrics`.
    MetricsRefused = ALWAYS, &["SB-1507"]
}
refusals! {
    /// Of `/v1/status`.
    StatusRefused = ALWAYS, WHO, SCOPE, BROKER
}

/// `GET /healthz`: the process lives. It says nothing of the broker, so that a supervisor does not restart a bus
/// because of a broker that is down.
#[utoipa::path(
    get, path = "/healthz", tag = "operators", operation_id = "alive",
    summary = "Is the process alive?",
    description = "Says nothing of the broker. Needs no token.",
    responses((status = 200, description = "It is.", body = String, content_type = "text/plain"), AliveRefused),
    security(()),
)]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: broker up, city in force.
#[utoipa::path(
    get, path = "/readyz", tag = "operators", operation_id = "ready",
    summary = "Can it do its work?",
    description = "Whether the broker is up and a city is in force. Needs no token.",
    responses(
        (status = 200, description = "It can.", body = String, content_type = "text/plain"),
        (status = 431, description = "`SB-1402`: Headers are too large", content((ref("#/components/schemas/Problem") = "application/problem+json"))),
        (status = 503, description = "It cannot; the text says why. Or `SB-1407`: Request timed out",
            content((String = "text/plain"), (ref("#/components/schemas/Problem") = "application/problem+json"))),
    ),
    security(()),
)]
pub(super) async fn ready(State(bus): Shared) -> Response {
    match bus.readiness() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n")).into_response(),
    }
}

/// `GET /metrics`: OpenMetrics text.
#[utoipa::path(
    get, path = "/metrics", tag = "operators", operation_id = "metrics",
    summary = "Figures",
    description = "OpenMetrics text. Needs no token.",
    responses(
        (status = 200, description = "The figures.", body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        MetricsRefused,
    ),
    security(()),
)]
pub(super) async fn metrics(State(bus): Shared) -> Result<Response, Problem> {
    let up = matches!(&*bus.broker.health().borrow(), Health::Up);
    let text = bus
        .facts
        .metrics
        .scrape(&bus.lanes.gauges(), up)
        .map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
    let mut response = text.into_response();
    let media_type = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    Ok(response)
}

/// `GET /v1/status`: the broker's proof, the city, the lanes.
#[utoipa::path(
    get, path = "/v1/status", tag = "operators", operation_id = "status",
    summary = "What the bus stands on, and what it does",
    description = "Version, the broker's proof of durability, the city in force, the subscriptions at work in this process.",
    responses((status = 200, description = "The state.", content((ref("#/components/schemas/Status") = "application/json"))), StatusRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn status(State(bus): Shared, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    operator(&bus, &headers)?;
    let proof = bus.broker.proof().await.map_err(Refusal::from)?;
    let city = bus.cities.current().ok();
    let lanes: Vec<orders::LaneView> = bus.lanes.report().iter().map(orders::lane_view).collect();
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "broker": { "name": proof.broker, "version": proof.version, "durable": proof.durable, "detail": proof.detail },
        "degraded": bus.degraded,
        "ready": bus.readiness().err().map_or_else(|| json!(true), Value::String),
        "city": city.as_ref().map(|city| json!({ "name": city.registry.city().name, "digest": city.digest })),
        "time": jiff::Timestamp::now().to_string(),
        "lanes": lanes,
    })))
}
