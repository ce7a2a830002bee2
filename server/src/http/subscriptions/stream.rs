//! Live streams: Server-Sent Events for subscriptions that keep a connection open.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::IntoResponse,
};
use bytes::Bytes;
use futures_util::stream;
use stadtbus_contracts::Sink;
use stadtbus_flow::{
    deliver::sse,
    dispatch::Dispatcher,
    lanes::{Lane, Settlement},
};

use super::{Answer, Elsewhere, LEASE_MS_MAX, Place, here, owned, takes};
use crate::{
    describe::{
        params::SubscriptionPath,
        refusals::{BROKER, NOT_YET, SCOPE, WHO, refusals},
    },
    http::{Shared, extract::Path},
};

/// How long one wait of a live stream lasts; a comment is sent after it, so that a dead connection is noticed.
const STREAM_WAIT: Duration = Duration::from_secs(15);
/// Events written to a live stream at a time.
const STREAM_CHUNK: usize = 64;

refusals! {
    /// Of a live stream.
    StreamRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, &["SB-1119", "SB-2001", "SB-2007"]
}

/// `GET /v1/subscriptions/{id}/stream`: Server-Sent Events. What was written to the connection is settled; what a
/// broken connection did not take is handed out again.
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/stream", tag = "subscribers", operation_id = "streamEvents",
    summary = "Receive events live",
    description = "For subscriptions with the sink `sse`: Server-Sent Events: `id` is `LOG:POSITION`, `event` the type, `data` the event in the JSON format. What was \
        written to the connection counts as delivered. A comment every 15 s keeps the connection alive. Does not end by itself.",
    params(SubscriptionPath),
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
    headers: HeaderMap,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    takes(&order, &Sink::Sse {})?;
    let lane = match here(&bus, &order, "stream", None).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let dispatcher = Arc::clone(&bus.dispatcher);
    let frames = stream::unfold((lane, None::<Handed>), move |(lane, written)| {
        let dispatcher = Arc::clone(&dispatcher);
        async move {
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
                dispatcher,
                handles,
            };
            Some((Ok::<_, Infallible>(Bytes::from(frame)), (lane, Some(written))))
        }
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
    dispatcher: Arc<Dispatcher>,
    handles: Vec<String>,
}

impl Handed {
    fn keep(mut self) -> Vec<String> {
        std::mem::take(&mut self.handles)
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        if self.handles.is_empty() {
            return;
        }
        let again = Settlement::Release(Duration::ZERO);
        let (_, _, buried) = self.lane.settle_handles(&self.handles, &again);
        // What broke its connection as often as it may be tried is a dead letter, and that takes a moment.
        for (item, code, detail) in buried {
            let (lane, dispatcher) = (Arc::clone(&self.lane), Arc::clone(&self.dispatcher));
            tokio::spawn(async move { dispatcher.give_up(&lane, item, code, detail).await });
        }
    }
}
