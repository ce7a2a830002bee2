//! Events on loan: receive, and settle by handles.

use std::time::Duration;

use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stadtbus_contracts::Sink;
use stadtbus_flow::lanes::Settlement;
use utoipa::{ToSchema, openapi::Ref};

use super::{Answer, Elsewhere, Place, here, owned, parsed, takes};
use crate::{
    describe::{
        openapi::schema,
        params::SubscriptionPath,
        refusals::{ALWAYS, BODY, BROKER, NOT_YET, SCOPE, WHO, refusals},
    },
    http::{
        Shared,
        extract::{Path, Payload, field_within, whole, whole_or_none},
    },
};

/// Most events in one answer.
pub(in crate::http) const RECEIVE_MAX: u64 = 1_000;
/// Longest wait for the first event, in milliseconds.
pub(in crate::http) const WAIT_MS_MAX: u64 = 60_000;
/// Longest lease, in milliseconds; and longest delay of a release.
pub(in crate::http) const LEASE_MS_MAX: u64 = 3_600_000;
/// Most handles in one call.
pub(in crate::http) const HANDLES_MAX: u64 = 10_000;
/// Lease if none is asked for, in milliseconds.
const LEASE_MS: u64 = 30_000;

/// What `receive` is asked for. An empty body asks for the defaults.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::http) struct Receive {
    /// Most events in the answer.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    max: u64,
    /// How long to wait for the first event, in milliseconds.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 0, maximum = 60000, default = 0)]
    wait_ms: u64,
    /// How long the events are lent, in milliseconds.
    #[serde(deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 3600000, default = 30000)]
    lease_ms: u64,
    /// Of this replay, in place of what comes.
    replay: Option<String>,
}

impl Default for Receive {
    fn default() -> Self {
        Self {
            max: 100,
            wait_ms: 0,
            lease_ms: LEASE_MS,
            replay: None,
        }
    }
}

/// Events on loan.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Received {
    events: Vec<ReceivedEvent>,
}

/// One event on loan.
#[derive(Serialize, ToSchema)]
struct ReceivedEvent {
    /// Names the loan; settles it.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    handle: String,
    /// Which attempt this is.
    #[schema(minimum = 1)]
    attempt: u32,
    /// The log the event stands in.
    log: String,
    /// Its position there.
    #[schema(minimum = 1)]
    position: u64,
    /// The event; its data reads byte for byte as it was published.
    #[schema(schema_with = cloud_event)]
    event: Box<RawValue>,
}

fn cloud_event() -> Ref {
    schema("CloudEvent")
}

/// Which loans to settle, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Handles {
    /// As `receive` gave them. One that is not on loan (any more) is no error.
    #[schema(max_items = 10000)]
    handles: Vec<String>,
    /// `release`: after how many milliseconds the events are handed out again; at once if absent.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 3600000)]
    delay_ms: Option<u64>,
    /// `extend`: how long the loan lasts from now, in milliseconds; 30000 if absent.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 3600000)]
    lease_ms: Option<u64>,
    /// `reject`: why, without personal data; cut after 500 characters.
    #[serde(default)]
    reason: Option<String>,
    /// They are on loan from this replay.
    #[serde(default)]
    replay: Option<String>,
}

/// What became of the handles.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Settled {
    /// How many were settled.
    settled: usize,
    /// Those that name no loan, as given.
    unknown: Vec<String>,
}

refusals! {
    /// Of `receive`.
    ReceiveRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, BODY, &["SB-2001", "SB-2007", "SB-2077", "SB-2078"]
}
refusals! {
    /// Of what settles.
    SettleRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, BODY, &["SB-2001", "SB-2007", "SB-2077", "SB-2078"]
}

/// `POST /v1/subscriptions/{id}/receive`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/receive", tag = "subscribers", operation_id = "receiveEvents",
    summary = "Take events on loan",
    description = "For subscriptions with the sink `pull`. What is not acknowledged before the lease ends is handed out again. \
        The answer may be empty.",
    params(SubscriptionPath),
    request_body(content = Option<Receive>, description = "What is asked for; an empty body asks for the defaults.", content_type = "application/json"),
    responses(
        (status = 200, description = "Events on loan, or none.", body = Received),
        Elsewhere,
        ReceiveRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn receive(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    let ask: Receive = if body.is_empty() {
        Receive::default()
    } else {
        parsed(&body)?
    };
    let max = field_within("max", ask.max, 1, RECEIVE_MAX)?;
    let wait = Duration::from_millis(field_within("wait_ms", ask.wait_ms, 0, WAIT_MS_MAX)?);
    let lease = Duration::from_millis(field_within("lease_ms", ask.lease_ms, 1, LEASE_MS_MAX)?);
    takes(&order, &Sink::Pull {})?;
    let lane = match here(&bus, &order, "receive", ask.replay.as_deref()).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let handed = lane.receive(usize::try_from(max).unwrap_or(1), wait, lease).await;
    let events = handed
        .into_iter()
        .map(|one| ReceivedEvent {
            handle: one.handle,
            attempt: one.attempt,
            log: one.logged.log.to_string(),
            position: one.logged.position,
            event: raw(&stadtbus_event::json::to_bytes(&one.logged.event)),
        })
        .collect();
    Ok(Json(Received { events }).into_response())
}

/// An event's own JSON goes into the answer as it is, so that its data keeps its spelling.
pub(super) fn raw(json: &[u8]) -> Box<RawValue> {
    serde_json::from_slice(json).unwrap_or_default()
}

/// `POST /v1/subscriptions/{id}/acknowledge`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/acknowledge", tag = "subscribers", operation_id = "acknowledgeEvents",
    summary = "Acknowledge events",
    description = "They are settled and do not come again.",
    params(SubscriptionPath),
    request_body(content = Handles, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of the handles.", body = Settled),
        Elsewhere,
        SettleRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn acknowledge(
    state: Shared,
    id: Path<String>,
    headers: HeaderMap,
    body: Payload,
) -> Answer {
    settle("acknowledge", state, id, headers, body, |_| {
        Settlement::Acknowledge
    })
    .await
}

/// `POST /v1/subscriptions/{id}/release`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/release", tag = "subscribers", operation_id = "releaseEvents",
    summary = "Give events back",
    description = "They are handed out again, at once or after `delay_ms`.",
    params(SubscriptionPath),
    request_body(content = Handles, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of the handles.", body = Settled),
        Elsewhere,
        SettleRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn release(
    state: Shared,
    id: Path<String>,
    headers: HeaderMap,
    body: Payload,
) -> Answer {
    settle("release", state, id, headers, body, |ask| {
        Settlement::Release(Duration::from_millis(ask.delay_ms.unwrap_or(0)))
    })
    .await
}

/// `POST /v1/subscriptions/{id}/reject`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/reject", tag = "subscribers", operation_id = "rejectEvents",
    summary = "Reject events",
    description = "They are dead-lettered with the reason and do not come again by themselves.",
    params(SubscriptionPath),
    request_body(content = Handles, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of the handles.", body = Settled),
        Elsewhere,
        SettleRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn reject(
    state: Shared,
    id: Path<String>,
    headers: HeaderMap,
    body: Payload,
) -> Answer {
    settle("reject", state, id, headers, body, |ask| {
        Settlement::Reject(plain(ask.reason.as_deref()))
    })
    .await
}

/// `POST /v1/subscriptions/{id}/extend`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/extend", tag = "subscribers", operation_id = "extendLeases",
    summary = "Extend loans",
    description = "The events stay on loan for `lease_ms` from now.",
    params(SubscriptionPath),
    request_body(content = Handles, content_type = "application/json"),
    responses(
        (status = 200, description = "What became of the handles.", body = Settled),
        Elsewhere,
        SettleRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn extend(
    state: Shared,
    id: Path<String>,
    headers: HeaderMap,
    body: Payload,
) -> Answer {
    settle("extend", state, id, headers, body, |ask| {
        Settlement::Extend(Duration::from_millis(ask.lease_ms.unwrap_or(LEASE_MS)))
    })
    .await
}

async fn settle(
    call: &str,
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
    how: fn(&Handles) -> Settlement,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    takes(&order, &Sink::Pull {})?;
    let ask: Handles = parsed(&body)?;
    field_within("handles", ask.handles.len() as u64, 0, HANDLES_MAX)?;
    field_within("delay_ms", ask.delay_ms.unwrap_or(0), 0, LEASE_MS_MAX)?;
    field_within("lease_ms", ask.lease_ms.unwrap_or(LEASE_MS), 1, LEASE_MS_MAX)?;
    let lane = match here(&bus, &order, call, ask.replay.as_deref()).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let settlement = how(&ask);
    let (settled, unknown, buried) = lane.settle_handles(&ask.handles, &settlement);
    for (item, code, detail) in buried {
        bus.dispatcher.give_up(&lane, item, code, detail).await;
    }
    Ok(Json(Settled { settled, unknown }).into_response())
}

/// A receiver's reason, fit for logs and screens.
fn plain(reason: Option<&str>) -> String {
    let reason = reason.unwrap_or("no reason given");
    reason
        .chars()
        .filter(|letter| !letter.is_control())
        .take(500)
        .collect()
}
