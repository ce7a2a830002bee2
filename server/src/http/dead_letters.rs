//! Dead letters: the owner of a subscription, or an operator, lists, shows and sends them again.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::HeaderMap,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    dispatch::Buried,
};

use super::{Problem, Shared, principal, subscriptions};

/// Most letters in one answer.
const LIST_MAX: usize = 1_000;
/// Most letters sent again in one call.
const RETRY_MAX: usize = 10_000;

/// `?subscription=&partner=&limit=`
#[derive(Deserialize)]
pub(super) struct Asked {
    subscription: Option<String>,
    partner: Option<String>,
    limit: Option<usize>,
}

/// Which letters to send again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    #[serde(default)]
    positions: Vec<u64>,
    #[serde(default)]
    subscription: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// `GET /v1/dead-letters`
pub(super) async fn list(
    State(bus): Shared,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let principal = principal(&bus, &headers)?;
    let limit = asked.limit.unwrap_or(100).clamp(1, LIST_MAX);
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
            limit,
        )
        .await?;
    let letters: Vec<Value> = letters.iter().map(summary).collect();
    Ok(Json(json!({ "dead_letters": letters })))
}

/// `GET /v1/dead-letters/{position}`: with the event, for those who may have it.
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
pub(super) async fn retry(
    State(bus): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let principal = principal(&bus, &headers)?;
    let ask: Retry = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new("SB-1102", "The body is not what this call takes."))?;
    let mut letters = Vec::new();
    for position in ask.positions.iter().take(RETRY_MAX) {
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
    Ok(Json(json!({ "retried": letters.len(), "dry_run": ask.dry_run })))
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
