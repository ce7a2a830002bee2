//! Events by cursor: read on, and confirm by coming back.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, Uri, header},
    response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{ToSchema, openapi::Ref};

use super::{Answer, Elsewhere, Place, RECEIVE_MAX, here, owned, parsed, pull::raw, reads, with_query};
use crate::{
    describe::{
        openapi::schema,
        params::SubscriptionPath,
        refusals::{ALWAYS, BODY, BROKER, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
    },
    http::{
        Shared,
        extract::{Path, Payload, Query, within},
    },
};

/// Longest wait for the first event, in seconds.
const WAIT_S_MAX: u64 = 60;
/// Names the cursor in the header of an answer, for those who do not read the body.
const CURSOR_HEADER: &str = "stadtbus-cursor";

/// What a cursor may be refused with.
pub(super) const CURSOR: &[&str] = &["SB-2051", "SB-2052", "SB-2053", "SB-2054", "SB-2057"];

refusals! {
    /// Of reading by cursor.
    EventsRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, PARAMETER, CURSOR,
        &["SB-2001", "SB-2007", "SB-2055", "SB-2077", "SB-2078"]
}
refusals! {
    /// Of a confirmation.
    ConfirmRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, BODY, CURSOR, &["SB-2001", "SB-2007", "SB-2077", "SB-2078"]
}

/// `?after=&max=&wait_s=&replay=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Asked {
    after: Option<String>,
    max: Option<u64>,
    wait_s: Option<u64>,
    replay: Option<String>,
}

/// Events, and up to where that is.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Read {
    /// In the order in which they are to be handled.
    events: Vec<ReadEvent>,
    /// Where to read on. Shown with the next call, it confirms these events.
    cursor: String,
}

/// One event.
#[derive(Serialize, ToSchema)]
struct ReadEvent {
    /// Confirms this event and those before it.
    cursor: String,
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

/// `GET /v1/subscriptions/{id}/events`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/events", tag = "subscribers", operation_id = "readEvents",
    summary = "Read events by cursor",
    description = "For subscriptions with the sink `pull` or `sse`. Gives the events behind `after`, and the cursor with which to go on. Coming back with a \
        cursor confirms what it covers: only then are those events delivered. The same cursor gives the same events again; without one, all that is not \
        confirmed. A subscription has one reader: whoever asks last. The event that a reader comes back to unconfirmed `delivery.attempts_max` times is \
        dead-lettered. The answer may be empty; its cursor may have gone on all the same.",
    params(
        SubscriptionPath,
        ("after" = Option<String>, Query, description = "The cursor of the last event that was handled.", max_length = 8192),
        ("max" = Option<u64>, Query, description = "Most events in the answer; 100 if absent.", minimum = 1, maximum = 1000),
        ("wait_s" = Option<u64>, Query, description = "How long to wait for the first event, in seconds; not at all if absent.", minimum = 0, maximum = 60),
        ("replay" = Option<String>, Query, description = "Of this replay, in place of what comes."),
    ),
    responses(
        (status = 200, description = "Events, or none.", body = Read,
            headers(("Stadtbus-Cursor" = String, description = "The same cursor as in the body."), ("Cache-Control" = String, description = "`no-store`."))),
        Elsewhere,
        EventsRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn events(
    State(bus): Shared,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    let max = within("max", asked.max.unwrap_or(100), 1, RECEIVE_MAX)?;
    let wait = Duration::from_secs(within("wait_s", asked.wait_s.unwrap_or(0), 0, WAIT_S_MAX)?);
    reads(&order)?;
    let lane = match here(&bus, &order, &with_query("events", &uri), asked.replay.as_deref()).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    // A shell without a cursor yet says nothing.
    let after = asked.after.filter(|after| !after.is_empty());
    let mut reading = bus.lanes.read(&lane, after.as_deref()).await?;
    let batch = reading
        .next(usize::try_from(max).unwrap_or(1), wait)
        .await
        .map_err(super::ended)?;
    let events = batch
        .events
        .iter()
        .map(|given| ReadEvent {
            cursor: given.bookmark.to_string(),
            log: given.logged.log.to_string(),
            position: given.logged.position,
            event: raw(&stadtbus_event::json::to_bytes(&given.logged.event)),
        })
        .collect();
    let cursor = batch.next.to_string();
    let shown = HeaderValue::from_str(&cursor).ok();
    let mut response = Json(Read { events, cursor }).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.extend(shown.map(|cursor| (header::HeaderName::from_static(CURSOR_HEADER), cursor)));
    Ok(response)
}

/// Up to where events are confirmed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Confirm {
    /// The cursor of the last event that was handled.
    #[schema(max_length = 8192)]
    cursor: String,
    /// It is of this replay.
    #[serde(default)]
    replay: Option<String>,
}

/// What was confirmed.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Confirmed {
    /// How many events that settled; none if it was said before.
    settled: usize,
}

/// `POST /v1/subscriptions/{id}/confirm`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/confirm", tag = "subscribers", operation_id = "confirmEvents",
    summary = "Confirm events by cursor",
    description = "For readers that do not come back with the cursor by themselves, or not soon: all events that it covers are delivered and do not come again.",
    params(SubscriptionPath),
    request_body(content = Confirm, content_type = "application/json"),
    responses(
        (status = 200, description = "What was confirmed.", body = Confirmed),
        Elsewhere,
        ConfirmRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn confirm(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    let ask: Confirm = parsed(&body)?;
    reads(&order)?;
    let lane = match here(&bus, &order, "confirm", ask.replay.as_deref()).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let settled = bus.lanes.confirm(&lane, &ask.cursor).await?;
    Ok(Json(Confirmed { settled }).into_response())
}
