//! Operators: the daily statements (Tagesabschlüsse), signed and chained.

use axum::{Json, extract::State, http::HeaderMap};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Problem, Shared, extract::Path, operator};
use crate::describe::{
    params::DayPath,
    refusals::{ALWAYS, BROKER, SCOPE, WHO, refusals},
};

refusals! {
    /// Of the list.
    ListRefused = ALWAYS, WHO, SCOPE, BROKER
}
refusals! {
    /// Of one statement.
    ShowRefused = ALWAYS, WHO, SCOPE, BROKER, &["SB-1119", "SB-1514"]
}

/// What is known of a statement without reading it.
#[derive(Serialize, ToSchema)]
pub(super) struct StatementHead {
    /// Its day.
    #[schema(format = "date")]
    day: String,
    /// SHA-256 of its compact form, hexadecimal: what the next one names.
    sha256: String,
    /// When it was made.
    #[schema(format = "date-time")]
    made: String,
    /// Whether every account adds up.
    even: bool,
    /// Whether no source lacks anything.
    complete: bool,
}

/// The days that have a statement.
#[derive(Serialize, ToSchema)]
pub(super) struct StatementList {
    /// Oldest first.
    statements: Vec<StatementHead>,
}

/// One statement.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedStatement {
    /// Its day.
    #[schema(format = "date")]
    day: String,
    /// SHA-256 of the compact form, hexadecimal.
    sha256: String,
    /// The compact form: a JWS (RFC 7515) signed by Ed25519 (`EdDSA`, RFC 8037), by the key of `/.well-known/webhook-keys` that its
    /// header names.
    jws: String,
}

/// `GET /v1/statements`
#[utoipa::path(
    get, path = "/v1/statements", tag = "operators", operation_id = "listStatements",
    summary = "The daily statements",
    description = "The days that have one. A bus without a signing key makes none.",
    responses((status = 200, description = "The days.", body = StatementList), ListRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn list(State(bus): Shared, headers: HeaderMap) -> Result<Json<StatementList>, Problem> {
    operator(&bus, &headers)?;
    let head = |(day, kept): (String, stadtbus_flow::statement::Kept)| StatementHead {
        day,
        sha256: kept.sha256,
        made: kept.made,
        even: kept.even,
        complete: kept.complete,
    };
    let statements = bus.statements.list().await?.into_iter().map(head).collect();
    Ok(Json(StatementList { statements }))
}

/// `GET /v1/statements/{day}`
#[utoipa::path(
    get, path = "/v1/statements/{day}", tag = "operators", operation_id = "showStatement",
    summary = "One daily statement",
    description = "As it was signed. What was accepted for each subscription, what became of it, what each source lacks, and the head of each log.",
    params(DayPath),
    responses((status = 200, description = "The statement.", body = SignedStatement), ShowRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn show(
    State(bus): Shared,
    Path(day): Path<String>,
    headers: HeaderMap,
) -> Result<Json<SignedStatement>, Problem> {
    operator(&bus, &headers)?;
    let (kept, jws) = bus.statements.get(&day).await?;
    Ok(Json(SignedStatement {
        day,
        sha256: kept.sha256,
        jws,
    }))
}
