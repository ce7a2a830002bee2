//! Subscribers: take events by pull or as a live stream; pause and resume what is theirs.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use stadtbus_contracts::Sink;
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    city::Order,
    deliver::sse,
    lanes::{Lane, Pause, Settlement, pauses},
};

use super::{Problem, Shared, principal};
use crate::Bus;

/// Most events in one answer.
const RECEIVE_MAX: usize = 1_000;
/// Longest wait for the first event.
const WAIT_MS_MAX: u64 = 60_000;
/// Longest lease.
const LEASE_MS_MAX: u64 = 3_600_000;
/// How long one wait of a live stream lasts; a comment is sent after it, so that a dead connection is noticed.
const STREAM_WAIT: Duration = Duration::from_secs(15);
/// Events written to a live stream at a time.
const STREAM_CHUNK: usize = 64;

/// What `receive` is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Receive {
    max: usize,
    wait_ms: u64,
    lease_ms: u64,
}

impl Default for Receive {
    fn default() -> Self {
        Self {
            max: 100,
            wait_ms: 0,
            lease_ms: 30_000,
        }
    }
}

#[derive(Serialize)]
struct Received {
    events: Vec<ReceivedEvent>,
}

#[derive(Serialize)]
struct ReceivedEvent {
    handle: String,
    attempt: u32,
    log: String,
    position: u64,
    event: Box<RawValue>,
}

/// What settles handles.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handles {
    handles: Vec<String>,
    #[serde(default)]
    delay_ms: Option<u64>,
    #[serde(default)]
    lease_ms: Option<u64>,
    #[serde(default)]
    reason: Option<String>,
}

type Answer = Result<Response, Problem>;

/// `POST /v1/subscriptions/{id}/receive`
pub(super) async fn receive(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    let ask: Receive = if body.is_empty() {
        Receive::default()
    } else {
        parsed(&body)?
    };
    takes(&order, &Sink::Pull {})?;
    let lane = match here(&bus, &order).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let wait = Duration::from_millis(ask.wait_ms.min(WAIT_MS_MAX));
    let lease = Duration::from_millis(ask.lease_ms.clamp(1, LEASE_MS_MAX));
    let handed = lane.receive(ask.max.clamp(1, RECEIVE_MAX), wait, lease).await;
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
fn raw(json: &[u8]) -> Box<RawValue> {
    serde_json::from_slice(json).unwrap_or_default()
}

/// `POST /v1/subscriptions/{id}/acknowledge`
pub(super) async fn acknowledge(state: Shared, id: Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    settle(state, id, headers, body, |_| Settlement::Acknowledge).await
}

/// `POST /v1/subscriptions/{id}/release`
pub(super) async fn release(state: Shared, id: Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    settle(state, id, headers, body, |ask| {
        Settlement::Release(Duration::from_millis(ask.delay_ms.unwrap_or(0).min(LEASE_MS_MAX)))
    })
    .await
}

/// `POST /v1/subscriptions/{id}/reject`
pub(super) async fn reject(state: Shared, id: Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    settle(state, id, headers, body, |ask| {
        Settlement::Reject(plain(ask.reason.as_deref()))
    })
    .await
}

/// `POST /v1/subscriptions/{id}/extend`
pub(super) async fn extend(state: Shared, id: Path<String>, headers: HeaderMap, body: Bytes) -> Answer {
    settle(state, id, headers, body, |ask| {
        Settlement::Extend(Duration::from_millis(
            ask.lease_ms.unwrap_or(30_000).clamp(1, LEASE_MS_MAX),
        ))
    })
    .await
}

async fn settle(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
    how: fn(&Handles) -> Settlement,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    takes(&order, &Sink::Pull {})?;
    let ask: Handles = parsed(&body)?;
    let lane = match here(&bus, &order).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let settlement = how(&ask);
    let (settled, unknown, buried) = lane.settle_handles(&ask.handles, &settlement);
    for (item, code, detail) in buried {
        bus.dispatcher.bury(&lane, item, code, detail).await;
    }
    Ok(Json(json!({ "settled": settled, "unknown": unknown })).into_response())
}

/// `GET /v1/subscriptions/{id}/stream`: Server-Sent Events. What was written to the connection is settled; what a
/// broken connection did not take is handed out again.
pub(super) async fn stream(State(bus): Shared, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    takes(&order, &Sink::Sse {})?;
    let lane = match here(&bus, &order).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let frames = stream::unfold((lane, None::<Handed>), |(lane, written)| async move {
        // Being asked for more means that the connection took what was given before. A connection that breaks
        // drops this state instead, and with it the guard, which gives the events back.
        if let Some(written) = written {
            lane.settle_handles(&written.keep(), &Settlement::Acknowledge);
        }
        let handed = lane
            .receive(STREAM_CHUNK, STREAM_WAIT, Duration::from_millis(LEASE_MS_MAX))
            .await;
        let mut frame = Vec::new();
        let mut handles = Vec::with_capacity(handed.len());
        for one in handed {
            frame.extend_from_slice(&sse::encode(
                &one.logged.event,
                &one.logged.log,
                one.logged.position,
            ));
            handles.push(one.handle);
        }
        if frame.is_empty() {
            frame.extend_from_slice(&sse::KEEP_ALIVE);
        }
        let written = Handed {
            lane: Arc::clone(&lane),
            handles,
        };
        Some((Ok::<_, Infallible>(Bytes::from(frame)), (lane, Some(written))))
    });
    let mut response = Body::from_stream(frames).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(sse::MEDIA_TYPE));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Events given to a live stream; handed out again if the connection ends before it takes them.
struct Handed {
    lane: Arc<Lane>,
    handles: Vec<String>,
}

impl Handed {
    fn keep(mut self) -> Vec<String> {
        std::mem::take(&mut self.handles)
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if !self.handles.is_empty() {
            self.lane
                .settle_handles(&self.handles, &Settlement::Release(Duration::ZERO));
        }
    }
}

/// `POST /v1/subscriptions/{id}/pause`
pub(super) async fn pause(State(bus): Shared, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    let by = principal(&bus, &headers)?;
    let pause = Pause {
        code: "SB-2004".to_owned(),
        reason: format!("paused by {}/{}", by.partner, by.system),
    };
    set_pause(&bus, &order, Some(pause)).await
}

/// `POST /v1/subscriptions/{id}/resume`
pub(super) async fn resume(State(bus): Shared, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    set_pause(&bus, &order, None).await
}

async fn set_pause(bus: &Bus, order: &Order, pause: Option<Pause>) -> Answer {
    pauses::write(&*bus.broker, &order.key(), pause.as_ref())
        .await
        .map_err(Refusal::from)?;
    let paused = pause.is_some();
    if let Some(lane) = bus.lanes.lane(order.id().as_str()) {
        lane.set_paused(pause);
    }
    Ok(Json(json!({ "subscription": order.id().as_str(), "paused": paused })).into_response())
}

/// The order, if the caller may act for it. Somebody else's answers like an unknown one.
pub(super) fn owned(bus: &Bus, headers: &HeaderMap, id: &str) -> Result<Arc<Order>, Problem> {
    let principal: Arc<Principal> = principal(bus, headers)?;
    let operator = principal.require(Scope::Operate).is_ok();
    if !operator {
        principal.require_subscribe().map_err(Refusal::from)?;
    }
    let city = bus.cities.current()?;
    let order = city
        .order(id)
        .filter(|order| operator || *order.partner() == principal.partner);
    Ok(Arc::clone(order.ok_or_else(|| {
        Refusal::new("SB-2001", "You have no such subscription.")
    })?))
}

fn takes(order: &Order, sink: &Sink) -> Result<(), Problem> {
    let (found, wanted) = (order.subscription().sink.kind(), sink.kind());
    if found == wanted {
        return Ok(());
    }
    Err(Problem(Refusal::new(
        "SB-2007",
        format!("This subscription is delivered by {found}, not by {wanted}."),
    )))
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

enum Place {
    Here(Arc<Lane>),
    There(Response),
}

/// The lane, or the process that has it.
async fn here(bus: &Bus, order: &Order) -> Result<Place, Problem> {
    if let Some(lane) = bus.lanes.lane(order.id().as_str()) {
        return Ok(Place::Here(lane));
    }
    let holder = bus.lanes.holder_of(&order.key()).await.map_err(Refusal::from)?;
    let elsewhere = holder
        .filter(|holder| holder.member != bus.lanes.member())
        .and_then(|holder| holder.url);
    if let Some(url) = elsewhere
        && let Ok(location) = HeaderValue::from_str(&format!("{url}/v1/subscriptions/{}/receive", order.id()))
    {
        return Ok(Place::There(
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response(),
        ));
    }
    Err(Problem(Refusal::new(
        "SB-1405",
        "No process serves this subscription at this moment; it is being taken over.",
    )))
}

fn parsed<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem(Refusal::new(
            "SB-1102",
            format!(
                "The body is not what this call takes (line {}, column {}).",
                error.line(),
                error.column()
            ),
        ))
    })
}
