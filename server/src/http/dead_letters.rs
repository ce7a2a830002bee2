//! Dead letters: the owner of a subscription, or an operator, lists, shows and sends them again.

use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    dispatch::Buried,
};
use utoipa::{
    ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder,
        schema::{Array, Type},
    },
};

use super::{
    Problem, Shared,
    extract::{Path, Payload, Query, field_within, wholes, within},
    principal, subscriptions,
};
use crate::describe::{
    openapi::schema,
    params::LetterPath,
    refusals::{ALWAYS, BODY, BROKER, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
};

/// Most letters in one answer.
const LIST_MAX: u64 = 1_000;
/// Letters in an answer if the caller does not say.
const LIST: u64 = 100;
/// Most letters sent again in one call.
const RETRY_MAX: usize = 10_000;

refusals! {
    /// Of the list.
    ListRefused = ALWAYS, WHO, BROKER, PARAMETER
}
refusals! {
    /// Of one letter.
    ShowRefused = ALWAYS, WHO, BROKER, PARAMETER
}
refusals! {
    /// Of a retry.
    RetryRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, BODY, &["SB-2001"]
}

/// `?subscription=&partner=&limit=`
#[derive(Deserialize)]
pub(super) struct Asked {
    subscription: Option<String>,
    partner: Option<String>,
    limit: Option<u64>,
}

/// Which letters to send again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// These, as the list names them (`dead_letter`).
    #[serde(default, deserialize_with = "wholes")]
    #[schema(schema_with = positions)]
    positions: Vec<u64>,
    /// All of this subscription, at most 10000 in one call.
    #[serde(default)]
    subscription: Option<String>,
    /// Only count them.
    #[serde(default)]
    #[schema(default = false)]
    dry_run: bool,
}

fn positions() -> Array {
    let position = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(9_007_199_254_740_991_i64));
    ArrayBuilder::new()
        .items(position)
        .max_items(Some(RETRY_MAX))
        .description(Some("These, as the list names them (`dead_letter`)."))
        .build()
}

/// How many are sent again.
#[derive(Serialize, ToSchema)]
pub(super) struct Retried {
    /// Letters sent again, or that would be.
    retried: usize,
    /// Whether they were only counted.
    dry_run: bool,
}

/// Dead letters, oldest first.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what `list` writes")]
pub(super) struct DeadLetters {
    #[schema(schema_with = lines)]
    dead_letters: Vec<Value>,
}

fn lines() -> Array {
    Array::new(schema("DeadLetterLine"))
}

/// `GET /v1/dead-letters`
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "subscribers", operation_id = "listDeadLetters",
    summary = "List dead letters",
    description = "Events that were set aside, with the reason; those of one's own subscriptions, an operator's all.",
    params(
        ("subscription" = Option<String>, Query, description = "Only those of this subscription."),
        ("partner" = Option<String>, Query, description = "Only those of this partner's subscriptions."),
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
    let letters = bus
        .dead_letters
        .list(
            |letter| {
                may_see(&principal, letter.partner.as_str())
                    && asked
                        .subscription
                        .as_deref()
                        .is_none_or(|wanted| letter.subscription.as_str() == wanted)
                    && asked
                        .partner
                        .as_deref()
                        .is_none_or(|wanted| letter.partner.as_str() == wanted)
            },
            usize::try_from(limit).unwrap_or(1),
        )
        .await?;
    let letters: Vec<Value> = letters.iter().map(summary).collect();
    Ok(Json(json!({ "dead_letters": letters })))
}

/// `GET /v1/dead-letters/{position}`: with the event, for those who may have it.
#[utoipa::path(
    get, path = "/v1/dead-letters/{position}", tag = "subscribers", operation_id = "showDeadLetter",
    summary = "Show a dead letter",
    description = "With its event and the last attempts.",
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
    let buried = find(&bus, &principal, position).await?;
    let mut letter = summary(&buried);
    if let Some(members) = letter.as_object_mut() {
        members.insert("attempts".to_owned(), json!(buried.letter.attempts));
        let event: Box<RawValue> =
            serde_json::from_slice(&stadtbus_event::json::to_bytes(&buried.letter.event)).unwrap_or_default();
        members.insert("event".to_owned(), json!(event));
    }
    Ok(Json(letter))
}

/// `POST /v1/dead-letters/retry`
#[utoipa::path(
    post, path = "/v1/dead-letters/retry", tag = "subscribers", operation_id = "retryDeadLetters",
    summary = "Deliver dead letters again",
    description = "By position, or all of a subscription.",
    request_body(content = Retry, content_type = "application/json"),
    responses((status = 200, description = "How many.", body = Retried), RetryRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn retry(
    State(bus): Shared,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<Retried>, Problem> {
    let principal = principal(&bus, &headers)?;
    let ask: Retry = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new("SB-1102", "The body is not what this call takes."))?;
    field_within("positions", ask.positions.len() as u64, 0, RETRY_MAX as u64)?;
    let mut letters = Vec::new();
    for position in &ask.positions {
        letters.push(find(&bus, &principal, *position).await?);
    }
    if let Some(subscription) = &ask.subscription {
        if principal.require(Scope::Operate).is_err() {
            subscriptions::owned(&bus, &headers, subscription)?;
        }
        let theirs = |letter: &stadtbus_flow::deliver::dead_letter::DeadLetter| {
            may_see(&principal, letter.partner.as_str()) && letter.subscription.as_str() == subscription
        };
        letters.extend(bus.dead_letters.list(theirs, RETRY_MAX).await?);
    }
    if !ask.dry_run {
        for letter in &letters {
            bus.dead_letters.retry(letter).await?;
        }
    }
    Ok(Json(Retried {
        retried: letters.len(),
        dry_run: ask.dry_run,
    }))
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
    })
}
