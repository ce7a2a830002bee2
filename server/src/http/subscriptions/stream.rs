//! Live streams: Server-Sent Events for subscriptions that keep a connection open.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Uri, header},
    response::IntoResponse,
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use stadtbus_flow::{Refusal, deliver::sse, lanes::Ended};

use super::{
    Answer, CURSOR, Elsewhere, Place, here,
    live::{Live, Next},
    owned, reads, with_query,
};
use crate::{
    describe::{
        params::{LastEventId, SubscriptionPath},
        refusals::{BROKER, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
    },
    http::{
        Problem, Shared,
        extract::{Path, Query},
    },
};

/// When to come back if the connection breaks.
const AFTER_BREAK: Duration = Duration::from_secs(2);
/// When to come back to confirm.
const TO_CONFIRM: Duration = Duration::from_millis(10);
/// When to come back to another process.
const TO_MOVE: Duration = Duration::from_millis(500);
/// When to come back after another reader took over; two that do not know of each other must not chase each other.
const AFTER_ANOTHER: Duration = Duration::from_secs(30);

refusals! {
    /// Of a live stream.
    StreamRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, PARAMETER, CURSOR, &["SB-2001", "SB-2007"]
}

/// `?after=&confirm=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Asked {
    after: Option<String>,
    #[serde(default)]
    confirm: Confirms,
}

/// What counts as the confirmation.
#[derive(Default, Deserialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Confirms {
    /// That the reader comes back with the id, or says so by a call.
    #[default]
    Return,
    /// That the connection took it.
    Written,
}

/// `GET /v1/subscriptions/{id}/stream`: Server-Sent Events.
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/stream", tag = "subscribers", operation_id = "streamEvents",
    summary = "Receive events live",
    description = "For subscriptions with the sink `sse` or `pull`: Server-Sent Events. `id` is the cursor, `event` the type, `data` the event in the JSON format. Events count as delivered when \
        the reader comes back with `Last-Event-ID`, as every `EventSource` does, or confirms the cursor by a call; until then they are sent again to whoever \
        connects. The stream ends when too many events, or events for too long, are not confirmed, so that its reader comes back. With `confirm=written` what \
        was written to the connection counts as delivered: for displays, which lose what breaks on its way. A subscription has one reader: whoever connects last. \
        A comment, or an `id` without data, every 15 s keeps the connection alive.",
    params(
        SubscriptionPath,
        LastEventId,
        ("after" = Option<String>, Query, description = "The cursor to read on behind, where `Last-Event-ID` is not sent.", max_length = 8192),
        ("confirm" = Option<String>, Query, description = "`return` (if absent) or `written`.", pattern = "^(return|written)$"),
    ),
    responses(
        (status = 200, description = "The stream.", content(("text/event-stream")),
            headers(("Cache-Control" = String, description = "`no-store`."))),
        Elsewhere,
        StreamRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn stream(
    State(bus): Shared,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    reads(&order)?;
    let after = match last_event_id(&headers)? {
        Some(id) => Some(id),
        None => asked.after.filter(|after| !after.is_empty()),
    };
    let lane = match here(&bus, &order, &with_query("stream", &uri), None).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let reading = bus.lanes.read(&lane, after.as_deref()).await?;
    let owed_max = Duration::from_millis(bus.limits.unconfirmed_ms_max);
    let live = Live::new(reading, Some(owed_max));
    let frames = stream::unfold(Some(live), move |live| step(live, asked.confirm));
    let opened = stream::once(async { sse::retry(AFTER_BREAK) });
    let body = Body::from_stream(opened.chain(frames).map(Ok::<_, Infallible>));
    let mut response = body.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(sse::MEDIA_TYPE));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Where the reader was when its connection broke. An empty one says nothing.
fn last_event_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| {
        let detail = "`Last-Event-ID` is no cursor of this bus.";
        Refusal::new("SB-2051", detail)
    })?;
    Ok(Some(text.to_owned()))
}

/// The next frames; the last ones say when to come back.
async fn step(live: Option<Live>, confirms: Confirms) -> Option<(Bytes, Option<Live>)> {
    let mut live = live?;
    if confirms == Confirms::Written {
        // Being asked for more means that the connection took what was given before.
        live.confirm_told();
    }
    let frames = match live.next().await {
        Next::Events(batch) => {
            let mut frames = BytesMut::new();
            for given in &batch.events {
                frames.extend_from_slice(&sse::encode(&given.logged.event, &given.bookmark.to_string()));
            }
            frames.freeze()
        }
        Next::Place(bookmark) => sse::place(&bookmark.to_string()),
        Next::Quiet => sse::KEEP_ALIVE,
        Next::End(ended) => return Some((sse::retry(come_back_after(&ended)), None)),
    };
    Some((frames, Some(live)))
}

fn come_back_after(ended: &Ended) -> Duration {
    match ended {
        Ended::Unconfirmed => TO_CONFIRM,
        Ended::Closed => TO_MOVE,
        Ended::Displaced => AFTER_ANOTHER,
        Ended::Broker(_) => AFTER_BREAK,
    }
}
