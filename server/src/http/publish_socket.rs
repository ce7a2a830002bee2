//! Publishing over a WebSocket, by the CloudEvents binding: each event in, and for each an event back that says what
//! became of it.
//!
//! The binding knows no receipt, but without one nobody could tell an accepted event from a lost one. So the receipt is an
//! event itself, in the order in which the events came; what is not answered when the connection breaks is sent again.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesOrdered};
use serde_json::{Value, json};
use stadtbus_event::{
    Event, Format,
    websocket::{Frame, decode},
};
use stadtbus_flow::{
    Refusal,
    accept::{Answer, Request},
    authenticate::Principal,
    log::Receipt,
};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Problem, Shared, principal, problem,
    websocket::{Heard, PING, Socket, Upgrade},
};
use crate::{
    Bus,
    describe::refusals::{NOT_YET, SCOPE, WHO, refusals},
};

/// Most events that were not answered yet; then no more are read.
const INFLIGHT_MAX: usize = 64;
/// The type of the event that says: it is on the disk.
const RECEIPT_TYPE: &str = "de.stadtbus.receipt.v1";
/// The type of the event that says: it was refused, and why.
const REFUSAL_TYPE: &str = "de.stadtbus.refusal.v1";
/// Who says so.
const SOURCE: &str = "urn:stadtbus";

refusals! {
    /// Of a WebSocket.
    SocketRefused = &["SB-1402", "SB-1407"], WHO, SCOPE, NOT_YET, &["SB-1415", "SB-2058", "SB-2059"]
}

/// `GET /v1/events/websocket`
#[utoipa::path(
    get, path = "/v1/events/websocket", tag = "publishers", operation_id = "publishByWebSocket",
    summary = "Publish events over a WebSocket",
    description = "A WebSocket by the CloudEvents binding, with the subprotocol `cloudevents.json`, `cloudevents.proto` or `cloudevents.avro`. Each message is one event. For each, in \
        order, an event comes back: `de.stadtbus.receipt.v1` (on the disk; the data is the receipt) or `de.stadtbus.refusal.v1` (the data is the problem document); `subject` is the \
        `id` of the event it is about. What was not answered when the connection breaks has to be sent again.",
    params(("Sec-WebSocket-Protocol" = Option<String>, Header, description = "The formats that the publisher speaks, the best one first.")),
    responses((status = 101, description = "From here on WebSocket messages."), SocketRefused),
    security(("bearer" = ["publish"])),
)]
pub(super) async fn publish(
    State(bus): Shared,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let principal: Arc<Principal> = principal(&bus, &headers)?;
    principal.require_publish().map_err(Refusal::from)?;
    let agreed = upgrade.agree(&bus, &headers, bus.limits.body_bytes_max)?;
    let authorization = headers.get(header::AUTHORIZATION).cloned();
    Ok(agreed.speak(move |mut socket| async move {
        speak(&bus, authorization, &mut socket).await;
    }))
}

type Said = BoxFuture<'static, Option<Event>>;

async fn speak(bus: &Arc<Bus>, authorization: Option<HeaderValue>, socket: &mut Socket) {
    let mut headers = HeaderMap::new();
    headers.extend(authorization.map(|token| (header::AUTHORIZATION, token)));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(socket.format().media_type()),
    );
    let mut answers: FuturesOrdered<Said> = FuturesOrdered::new();
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            Some(answer) = answers.next(), if !answers.is_empty() => {
                if let Some(event) = answer && !socket.say(&event).await {
                    return;
                }
            }
            _ = ping.tick() => if !socket.ping().await {
                return;
            },
            heard = socket.hear(), if answers.len() < INFLIGHT_MAX => match heard {
                Heard::Frame(frame) => answers.push_back(answered(bus, headers.clone(), socket.format(), frame)),
                Heard::Life => {}
                Heard::Gone => return,
            },
        }
    }
}

/// Goes on by itself, so that events of one connection share a write to the disk.
fn answered(bus: &Arc<Bus>, headers: HeaderMap, format: Format, frame: Frame) -> Said {
    let bus = Arc::clone(bus);
    let task = tokio::spawn(async move {
        let about = decode(&frame, format);
        let answer = match &about {
            Ok(_) => accepted(&bus, headers, frame).await,
            Err(error) => Err(error.clone().into()),
        };
        let about = about.as_ref().ok();
        match answer {
            Ok(receipt) => told(RECEIPT_TYPE, about, &json!(receipt)),
            Err(refusal) => told(REFUSAL_TYPE, about, &problem::document(&refusal)),
        }
    });
    Box::pin(async move { task.await.ok().flatten() })
}

async fn accepted(bus: &Bus, headers: HeaderMap, frame: Frame) -> Result<Receipt, Refusal> {
    let (Frame::Text(body) | Frame::Binary(body)) = frame;
    match bus.acceptor.events(Request { headers, body }).await? {
        Answer::One(receipt) => Ok(receipt),
        Answer::Batch(_) => Err(Refusal::new("SB-1108", "A message is one event.")),
    }
}

fn told(ty: &str, about: Option<&Event>, data: &Value) -> Option<Event> {
    let mut event = Event::builder(uuid::Uuid::now_v7().to_string(), SOURCE, ty)
        .datacontenttype("application/json")
        .data(Bytes::from(data.to_string()));
    if let Some(about) = about {
        event = event.subject(about.id());
    }
    event.build().ok()
}
