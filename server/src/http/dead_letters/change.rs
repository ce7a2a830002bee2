//! What can be done with dead letters: edit one, send many again, throw many away.

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::HeaderMap};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    dispatch::{Edit, Redrive},
};
use utoipa::ToSchema;

use super::{
    find,
    select::{CHANGED_MAX, Selection},
    whole,
};
use crate::{
    Bus,
    describe::{
        params::LetterPath,
        refusals::{ALWAYS, BODY, BROKER, CONTRACT, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
    },
    http::{
        Problem, Shared,
        extract::{Path, Payload, field_within},
        principal, subscriptions,
    },
};

/// Longest reason of an edit, in characters.
const REASON_CHARS_MAX: usize = 500;

refusals! {
    /// Of sending again and throwing away.
    ChangeRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, BODY, &["SB-2001"]
}
refusals! {
    /// Of an edit.
    EditRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, PARAMETER, BODY, CONTRACT, &["SB-2071", "SB-2072"]
}

/// How many are sent again.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Retried {
    /// Letters sent again, or that would be.
    retried: u64,
    /// Letters that are meant, those left aside included.
    matching: u64,
    /// Letters left where they are, because their subscription is gone or its owner may not have the event any more.
    refused: u64,
    /// Whether they were only counted.
    dry_run: bool,
}

/// How many are thrown away.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Removed {
    /// Letters thrown away, or that would be.
    removed: u64,
    /// Letters that are meant.
    matching: u64,
    /// Whether they were only counted.
    dry_run: bool,
}

/// Other data for an event.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct EditOrder {
    /// The new data, whole. It must satisfy the contract of the event's type.
    #[schema(value_type = Value)]
    data: Box<RawValue>,
    /// Why, without personal data; cut after 500 characters.
    #[serde(default)]
    reason: String,
}

impl EditOrder {
    /// The edit that this system wants.
    pub(in crate::http) fn by(self, principal: &Principal) -> Edit {
        Edit {
            data: Bytes::copy_from_slice(self.data.get().as_bytes()),
            by: format!("{}/{}", principal.partner, principal.system),
            reason: self.reason.chars().take(REASON_CHARS_MAX).collect(),
        }
    }
}

/// `POST /v1/dead-letters/retry`
#[utoipa::path(
    post, path = "/v1/dead-letters/retry", tag = "subscribers", operation_id = "retryDeadLetters",
    summary = "Deliver dead letters again",
    description = "By position, or all that are meant, at most 10000 in one call, as fast as is said.",
    request_body(content = Selection, content_type = "application/json"),
    responses((status = 200, description = "How many.", body = Retried), ChangeRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn retry(
    State(bus): Shared,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<Retried>, Problem> {
    // Who is not known learns nothing of the form of a call.
    principal(&bus, &headers)?;
    let selection: Selection = parsed(&body)?;
    let how = Redrive {
        rate_per_s: selection.rate()?,
        dry_run: selection.dry_run,
    };
    let (positions, matching) = chosen(&bus, &headers, &selection).await?;
    let city = bus.cities.current()?;
    let done = bus.dead_letters.redrive(&city, &positions, &how).await?;
    Ok(Json(Retried {
        retried: done.redriven,
        matching,
        refused: done.refused,
        dry_run: how.dry_run,
    }))
}

/// `POST /v1/dead-letters/delete`
#[utoipa::path(
    post, path = "/v1/dead-letters/delete", tag = "subscribers", operation_id = "deleteDeadLetters",
    summary = "Throw dead letters away",
    description = "By position, or all that are meant, at most 10000 in one call. Their events are not delivered any more; that they were \
        given up stays in their journey.",
    request_body(content = Selection, content_type = "application/json"),
    responses((status = 200, description = "How many.", body = Removed), ChangeRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn delete(
    State(bus): Shared,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<Removed>, Problem> {
    let by = principal(&bus, &headers)?;
    let selection: Selection = parsed(&body)?;
    if selection.rate()?.is_some() {
        let only = Refusal::new("SB-1119", "`rate_per_s` belongs to sending again.");
        return Err(only.at("/rate_per_s").into());
    }
    let (positions, matching) = chosen(&bus, &headers, &selection).await?;
    if !selection.dry_run {
        bus.dead_letters.remove(&positions).await?;
        tracing::info!(partner = %by.partner, system = %by.system, count = positions.len(), "Dead letters were thrown away.");
    }
    Ok(Json(Removed {
        removed: positions.len() as u64,
        matching,
        dry_run: selection.dry_run,
    }))
}

/// `POST /v1/dead-letters/{position}/edit`
#[utoipa::path(
    post, path = "/v1/dead-letters/{position}/edit", tag = "subscribers", operation_id = "editDeadLetter",
    summary = "Put other data into a dead letter",
    description = "Identity and attributes of the event stay; the letter keeps what was accepted and says who edited it, and the event carries \
        the extension `stadtbusedited`. The letter gets another position, and is delivered when it is sent again.",
    params(LetterPath),
    request_body(content = EditOrder, content_type = "application/json"),
    responses(
        (status = 200, description = "The letter in its new place.", content((ref("#/components/schemas/DeadLetter") = "application/json"))),
        EditRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn edit(
    State(bus): Shared,
    Path(position): Path<u64>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<Value>, Problem> {
    let principal = principal(&bus, &headers)?;
    let order: EditOrder = parsed(&body)?;
    let buried = find(&bus, &principal, position).await?;
    let city = bus.cities.current()?;
    let edited = bus.dead_letters.edit(&city, buried, order.by(&principal)).await?;
    Ok(Json(whole(&edited)))
}

/// The letters that are meant, at most [`CHANGED_MAX`], and how many there are.
async fn chosen(bus: &Bus, headers: &HeaderMap, selection: &Selection) -> Result<(Vec<u64>, u64), Problem> {
    let principal = principal(bus, headers)?;
    let named = selection.positions.len();
    field_within("positions", named as u64, 0, CHANGED_MAX as u64)?;
    let mut chosen = BTreeSet::new();
    for position in &selection.positions {
        chosen.insert(find(bus, &principal, *position).await?.position);
    }
    if let Some(subscription) = &selection.subscription {
        known(bus, headers, &principal, subscription)?;
    }
    if let Some(wanted) = selection.wanted(&principal)? {
        let heads = bus.dead_letters.heads(&wanted).await?;
        chosen.extend(heads.into_iter().map(|head| head.position));
    }
    let matching = chosen.len() as u64;
    Ok((chosen.into_iter().take(CHANGED_MAX).collect(), matching))
}

fn known(bus: &Bus, headers: &HeaderMap, principal: &Principal, subscription: &str) -> Result<(), Problem> {
    if principal.require(Scope::Operate).is_err() {
        subscriptions::owned(bus, headers, subscription)?;
    }
    Ok(())
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|_| Refusal::new("SB-1102", "The body is not what this call takes.").into())
}
