//! Dead letters: the owner of a subscription, or an operator, lists, counts, shows, edits, sends again and throws away.

mod change;
mod select;

use axum::{Json, extract::State, http::HeaderMap};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    dispatch::{Buried, Reason},
};
use utoipa::{ToSchema, openapi::schema::Array};

pub(super) use self::change::*;
use self::select::Asked;
use super::{
    Problem, Shared,
    extract::{Path, Query, within},
    principal,
};
use crate::describe::{
    openapi::schema,
    params::LetterPath,
    refusals::{ALWAYS, BROKER, PARAMETER, WHO, refusals},
};

/// Most letters in one answer.
const LIST_MAX: u64 = 1_000;
/// Letters in an answer if the caller does not say.
const LIST: u64 = 100;

refusals! {
    /// Of the list, and of the reasons.
    ListRefused = ALWAYS, WHO, BROKER, PARAMETER
}
refusals! {
    /// Of one letter.
    ShowRefused = ALWAYS, WHO, BROKER, PARAMETER
}

/// Dead letters, oldest first.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what `list` writes")]
pub(super) struct DeadLetters {
    /// How many there are that are asked for, at most 100000.
    matching: u64,
    #[schema(schema_with = lines)]
    dead_letters: Vec<Value>,
}

fn lines() -> Array {
    Array::new(schema("DeadLetterLine"))
}

/// Why events were given up, the most frequent reason first.
#[derive(Serialize, ToSchema)]
pub(super) struct Reasons {
    #[schema(schema_with = reason_lines)]
    reasons: Vec<Reason>,
}

fn reason_lines() -> Array {
    Array::new(schema("DeadLetterReason"))
}

/// `GET /v1/dead-letters`
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "subscribers", operation_id = "listDeadLetters",
    summary = "List dead letters",
    description = "Events that were set aside, with the reason; those of one's own subscriptions, an operator's all.",
    params(
        Asked,
        ("limit" = Option<u64>, Query, description = "Most letters in the answer; 100 if absent.", minimum = 1, maximum = 1000),
    ),
    responses((status = 200, description = "The letters, without their events.", body = DeadLetters), ListRefused),
    security(("bearer" = [])),
)]
pub(super) async fn list(
    State(bus): Shared,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let principal = principal(&bus, &headers)?;
    let limit = within("limit", asked.limit.unwrap_or(LIST), 1, LIST_MAX)?;
    let Some(wanted) = asked.wanted(&principal)? else {
        return Ok(Json(json!({ "matching": 0, "dead_letters": [] })));
    };
    let limit = usize::try_from(limit).unwrap_or(1);
    let (letters, matching) = bus.dead_letters.list(&wanted, limit).await?;
    let letters: Vec<Value> = letters.iter().map(summary).collect();
    Ok(Json(json!({ "matching": matching, "dead_letters": letters })))
}

/// `GET /v1/dead-letters/reasons`
#[utoipa::path(
    get, path = "/v1/dead-letters/reasons", tag = "subscribers", operation_id = "countDeadLetters",
    summary = "Count dead letters by reason",
    description = "As `listDeadLetters`, counted.",
    params(Asked),
    responses((status = 200, description = "The reasons.", body = Reasons), ListRefused),
    security(("bearer" = [])),
)]
pub(super) async fn reasons(
    State(bus): Shared,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Reasons>, Problem> {
    let principal = principal(&bus, &headers)?;
    let reasons = match asked.wanted(&principal)? {
        Some(wanted) => bus.dead_letters.reasons(&wanted).await?,
        None => Vec::new(),
    };
    Ok(Json(Reasons { reasons }))
}

/// `GET /v1/dead-letters/{position}`: with the event, for those who may have it.
#[utoipa::path(
    get, path = "/v1/dead-letters/{position}", tag = "subscribers", operation_id = "showDeadLetter",
    summary = "Show a dead letter",
    description = "With its event, the attempts and what the receiver answered, and the event as it was accepted if it was edited.",
    params(LetterPath),
    responses((status = 200, description = "The letter.", content((ref("#/components/schemas/DeadLetter") = "application/json"))), ShowRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn show(
    State(bus): Shared,
    Path(position): Path<u64>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let principal = principal(&bus, &headers)?;
    Ok(Json(whole(&find(&bus, &principal, position).await?)))
}

async fn find(bus: &crate::Bus, principal: &Principal, position: u64) -> Result<Buried, Problem> {
    let unknown = || Refusal::new("SB-1505", "There is no dead letter at this position.");
    let buried = bus.dead_letters.get(position).await?;
    if may_see(principal, buried.letter.partner.as_str()) {
        Ok(buried)
    } else {
        Err(unknown().into())
    }
}

fn may_see(principal: &Principal, owner: &str) -> bool {
    principal.require(Scope::Operate).is_ok()
        || (principal.require_subscribe().is_ok() && principal.partner.as_str() == owner)
}

fn summary(buried: &Buried) -> Value {
    let letter = &buried.letter;
    json!({
        "dead_letter": buried.position, "subscription": letter.subscription, "partner": letter.partner,
        "log": letter.log, "position": letter.position, "publisher": letter.publisher,
        "id": letter.event.id(), "type": letter.event.ty(), "code": letter.code, "detail": letter.detail,
        "attempts_count": letter.attempts_count, "buried": letter.buried, "plugin": letter.plugin,
        "edited": letter.edited.is_some(),
    })
}

/// With attempts, event and edits.
fn whole(buried: &Buried) -> Value {
    let mut letter = summary(buried);
    if let Some(members) = letter.as_object_mut() {
        members.insert("attempts".to_owned(), json!(buried.letter.attempts));
        if let Some(digest) = &buried.letter.input_sha256 {
            members.insert("input_sha256".to_owned(), json!(digest));
        }
        let event: Box<RawValue> =
            serde_json::from_slice(&stadtbus_event::json::to_bytes(&buried.letter.event)).unwrap_or_default();
        members.insert("event".to_owned(), json!(event));
        if let Some(edited) = &buried.letter.edited {
            members.insert("edits".to_owned(), json!(edited.edits));
            members.insert("original".to_owned(), json!(edited.original));
        }
    }
    letter
}
