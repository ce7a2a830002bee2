//! Replays: the owner of a subscription, or an operator, has events delivered once more.

mod asked;
mod shown;

use std::time::SystemTime;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use stadtbus_flow::{
    Refusal,
    city::Order,
    lanes::replay::{Replay, Stage, count, store},
};
use utoipa::ToSchema;

use self::{
    asked::{ReplayOrder, make_room, ranges, sink},
    shown::{ReplayView, Replays, view},
};
use super::{
    Problem, Shared,
    extract::{Path, Payload, field_within},
    principal, subscriptions,
};
use crate::{
    Bus,
    describe::{
        params::{ReplayPath, SubscriptionPath},
        refusals::{ALWAYS, BODY, BROKER, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
    },
};

/// Most positions that a count looks at.
const COUNT_POSITIONS_MAX: u64 = 1_000_000;

refusals! {
    /// Of the list, and of a look at one.
    ShowRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, PARAMETER, &["SB-2001", "SB-2077"]
}
refusals! {
    /// Of an order.
    StartRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, BODY, PARAMETER, &[
        "SB-2001", "SB-2073", "SB-2074", "SB-2075", "SB-2076", "SB-3003", "SB-3006", "SB-5005",
    ]
}
refusals! {
    /// Of a change.
    ChangeRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, PARAMETER, &["SB-2001", "SB-2077", "SB-2078"]
}

/// What a replay would deliver.
#[derive(Serialize, ToSchema)]
pub(super) struct ReplayCount {
    /// Events that would be delivered.
    matching: u64,
    /// Events looked at.
    read: u64,
    /// Events that were delivered before and would be passed over.
    skipped: u64,
    /// Events that the recipient may not have now.
    refused: u64,
    /// Whether all were looked at; a count ends after some seconds or a million positions.
    complete: bool,
}

/// `POST /v1/subscriptions/{id}/replays`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/replays", tag = "subscribers", operation_id = "startReplay",
    summary = "Deliver events once more",
    description = "From the log, as far as the usage agreement holds now. Replayed events carry the extension `stadtbusreplay` with the replay's id. \
        The subscription itself goes on undisturbed.",
    params(SubscriptionPath),
    request_body(content = ReplayOrder, content_type = "application/json"),
    responses((status = 201, description = "It has begun.", body = ReplayView, headers(("Location" = String, description = "Where it is."))), StartRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn start(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let order = subscriptions::owned(&bus, &headers, &id)?;
    let by = principal(&bus, &headers)?;
    let asked: ReplayOrder = subscriptions::parsed(&body)?;
    let fastest = u64::from(bus.limits.replay_rate_per_s_max);
    let rate = match asked.rate_per_s {
        Some(rate) => field_within("rate_per_s", rate, 1, fastest)?,
        None => (fastest / 10).max(1),
    };
    let ranges = ranges(&bus, &order, &asked).await?;
    let sink = sink(&bus, asked.sink).await?;
    make_room(&bus, &order).await?;
    let random = uuid::Uuid::new_v4().simple().to_string();
    let replay = Replay {
        id: random.chars().take(12).collect(),
        subscription: order.id().to_string(),
        partner: order.partner().to_string(),
        ranges,
        only_missing: asked.only_missing,
        rate_per_s: u32::try_from(rate).unwrap_or(u32::MAX),
        sink,
        by: format!("{}/{}", by.partner, by.system),
        created_ms: shown::millis(SystemTime::now()),
        stage: Stage::Running,
        why: None,
        ended_ms: None,
    };
    store::create(&*bus.broker, &replay).await?;
    tracing::info!(subscription = %order.id(), replay = replay.id, by = replay.by, "A replay begins.");
    let location = format!("/v1/subscriptions/{id}/replays/{}", replay.id);
    let shown = view(&bus, &replay).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(shown)).into_response())
}

/// `POST /v1/subscriptions/{id}/replays/count`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/replays/count", tag = "subscribers", operation_id = "countReplay",
    summary = "What would a replay deliver?",
    description = "Takes what `startReplay` takes, and delivers nothing.",
    params(SubscriptionPath),
    request_body(content = ReplayOrder, content_type = "application/json"),
    responses((status = 200, description = "So much.", body = ReplayCount), StartRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn would(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<ReplayCount>, Problem> {
    let order = subscriptions::owned(&bus, &headers, &id)?;
    let asked: ReplayOrder = subscriptions::parsed(&body)?;
    let ranges = ranges(&bus, &order, &asked).await?;
    let only_missing = asked.only_missing;
    sink(&bus, asked.sink).await?;
    if only_missing {
        bus.lanes.write_down().await;
    }
    let counted = count(&*bus.broker, &order, &ranges, only_missing, COUNT_POSITIONS_MAX).await?;
    Ok(Json(ReplayCount {
        matching: counted.matching,
        read: counted.read,
        skipped: counted.skipped,
        refused: counted.refused,
        complete: counted.complete,
    }))
}

/// `GET /v1/subscriptions/{id}/replays`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/replays", tag = "subscribers", operation_id = "listReplays",
    summary = "List the replays of a subscription",
    description = "Those under way, and the last ones that ended; oldest first.",
    params(SubscriptionPath),
    responses((status = 200, description = "The replays.", body = Replays), ShowRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn list(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Replays>, Problem> {
    let order = subscriptions::owned(&bus, &headers, &id)?;
    let mut replays = Vec::new();
    for replay in of(&bus, &order).await? {
        replays.push(view(&bus, &replay).await?);
    }
    Ok(Json(Replays { replays }))
}

/// `GET /v1/subscriptions/{id}/replays/{replay}`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/replays/{replay}", tag = "subscribers", operation_id = "showReplay",
    summary = "How far is a replay?",
    description = "Its order, its progress, and what became of its events.",
    params(ReplayPath),
    responses((status = 200, description = "The replay.", body = ReplayView), ShowRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn show(
    State(bus): Shared,
    Path((id, replay)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<ReplayView>, Problem> {
    let key = key(&bus, &headers, &id, &replay)?;
    let replay = store::get(&*bus.broker, &key).await?;
    Ok(Json(view(&bus, &replay).await?))
}

/// `POST /v1/subscriptions/{id}/replays/{replay}/pause`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/replays/{replay}/pause", tag = "subscribers", operation_id = "pauseReplay",
    summary = "Let a replay stand still",
    description = "It goes on where it stood when it is resumed.",
    params(ReplayPath),
    responses((status = 200, description = "It stands still.", body = ReplayView), ChangeRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn pause(
    State(bus): Shared,
    Path((id, replay)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<ReplayView>, Problem> {
    set(&bus, &headers, &id, &replay, Stage::Paused).await
}

/// `POST /v1/subscriptions/{id}/replays/{replay}/resume`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/replays/{replay}/resume", tag = "subscribers", operation_id = "resumeReplay",
    summary = "Let a replay go on",
    description = "Where it stood.",
    params(ReplayPath),
    responses((status = 200, description = "It goes on.", body = ReplayView), ChangeRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn resume(
    State(bus): Shared,
    Path((id, replay)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<ReplayView>, Problem> {
    set(&bus, &headers, &id, &replay, Stage::Running).await
}

/// `POST /v1/subscriptions/{id}/replays/{replay}/cancel`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/replays/{replay}/cancel", tag = "subscribers", operation_id = "cancelReplay",
    summary = "End a replay",
    description = "What is under way ends; nothing more is delivered.",
    params(ReplayPath),
    responses((status = 200, description = "It has ended.", body = ReplayView), ChangeRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn cancel(
    State(bus): Shared,
    Path((id, replay)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<ReplayView>, Problem> {
    let key = key(&bus, &headers, &id, &replay)?;
    let replay = store::end(&*bus.broker, &key, Stage::Cancelled).await?;
    Ok(Json(view(&bus, &replay).await?))
}

async fn set(
    bus: &Bus,
    headers: &HeaderMap,
    id: &str,
    replay: &str,
    stage: Stage,
) -> Result<Json<ReplayView>, Problem> {
    let key = key(bus, headers, id, replay)?;
    let replay = store::change(&*bus.broker, &key, |replay| {
        replay.stage = stage;
        replay.why = None;
    })
    .await?;
    Ok(Json(view(bus, &replay).await?))
}

/// The key of a replay of a subscription that the caller may act for.
fn key(bus: &Bus, headers: &HeaderMap, id: &str, replay: &str) -> Result<String, Problem> {
    let order = subscriptions::owned(bus, headers, id)?;
    key_of(&order, replay)
}

/// The key of an order's replay.
pub(super) fn key_of(order: &Order, replay: &str) -> Result<String, Problem> {
    let fine =
        !replay.is_empty() && replay.len() <= 32 && replay.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !fine {
        return Err(Refusal::new("SB-2077", "This subscription has no such replay.").into());
    }
    Ok(format!("{}.{replay}", order.key()))
}

async fn of(bus: &Bus, order: &Order) -> Result<Vec<Replay>, Problem> {
    let prefix = format!("{}.", order.key());
    Ok(store::list(&*bus.broker, &prefix).await.map_err(Refusal::from)?)
}
