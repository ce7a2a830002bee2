//! Events over a WebSocket, by the CloudEvents binding; confirmed by events that the reader sends back.

use std::sync::Arc;

use axum::{
    extract::{State, ws::close_code},
    http::{HeaderMap, Uri},
};
use serde::Deserialize;
use stadtbus_event::{
    Format, Value,
    websocket::{Frame, decode},
};
use stadtbus_flow::{
    Refusal,
    lanes::{Batch, Ended, Lane},
};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    Answer, CURSOR, Elsewhere, Place, here,
    live::{Live, Next},
    owned, reads, with_query,
};
use crate::{
    Bus,
    describe::{
        params::SubscriptionPath,
        refusals::{BROKER, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
    },
    http::{
        Shared,
        extract::{Path, Query},
        websocket::{Close, Heard, PING, Socket, Upgrade},
    },
};

/// The extension that carries the cursor, in both directions.
const CURSOR_NAME: &str = "stadtbuscursor";
/// The type of the events by which a reader confirms.
const CONFIRM_TYPE: &str = "de.stadtbus.confirm.v1";
/// Largest message of a reader, in bytes: it confirms, and says nothing else.
const CONFIRM_BYTES_MAX: usize = 64 << 10;

refusals! {
    /// Of a WebSocket.
    SocketRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, PARAMETER, CURSOR,
        &["SB-1415", "SB-2001", "SB-2007", "SB-2058", "SB-2059"]
}

/// `?after=`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SocketAsked {
    after: Option<String>,
}

/// `GET /v1/subscriptions/{id}/websocket`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/websocket", tag = "subscribers", operation_id = "receiveByWebSocket",
    summary = "Receive events over a WebSocket",
    description = "For subscriptions with the sink `sse` or `pull`; a WebSocket by the CloudEvents binding, with the subprotocol `cloudevents.json`, `cloudevents.proto` or \
        `cloudevents.avro`. Each message is one event, with its cursor as the extension `stadtbuscursor`. The reader confirms by sending an event of the type \
        `de.stadtbus.confirm.v1` with the cursor in the same extension, by a call of `confirm`, or by coming back with `after`. No more than \
        `unconfirmed_events_max` events are sent ahead. A subscription has one reader: whoever connects last. The reason of a close frame is a code.",
    params(
        SubscriptionPath,
        ("after" = Option<String>, Query, description = "The cursor of the last event that was handled.", max_length = 8192),
        ("Sec-WebSocket-Protocol" = Option<String>, Header, description = "The formats that the reader understands, the best one first."),
    ),
    responses(
        (status = 101, description = "From here on WebSocket messages."),
        Elsewhere,
        SocketRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn websocket(
    State(bus): Shared,
    Path(id): Path<String>,
    Query(asked): Query<SocketAsked>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    reads(&order)?;
    let lane = match here(&bus, &order, &with_query("websocket", &uri), None).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let agreed = upgrade.agree(&bus, &headers, CONFIRM_BYTES_MAX)?;
    let after = asked.after.filter(|after| !after.is_empty());
    let reading = bus.lanes.read(&lane, after.as_deref()).await?;
    // It is asked by its own messages, and no time makes it come back.
    let live = Live::new(reading, None);
    Ok(agreed.speak(move |socket| async move {
        let mut socket = socket;
        if let Some(close) = speak(&bus, &lane, live, &mut socket).await {
            socket.close(close).await;
        }
    }))
}

/// Speaks until one side ends it.
async fn speak(bus: &Arc<Bus>, lane: &Arc<Lane>, mut live: Live, socket: &mut Socket) -> Option<Close> {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            heard = socket.hear() => match heard {
                Heard::Frame(frame) => {
                    if let Err(refusal) = confirm(bus, lane, socket.format(), &frame).await {
                        return Some(Close::refused(&refusal));
                    }
                }
                Heard::Life => {}
                Heard::Gone => return None,
            },
            _ = ping.tick() => if !socket.ping().await {
                return None;
            },
            next = live.next() => match next {
                Next::Events(batch) => if !hand_over(socket, &batch).await {
                    return None;
                },
                Next::Place(_) | Next::Quiet | Next::End(Ended::Unconfirmed) => {}
                Next::End(ended) => return Some(farewell(&ended)),
            },
        }
    }
}

async fn hand_over(socket: &mut Socket, batch: &Batch) -> bool {
    for given in &batch.events {
        let cursor = given.bookmark.to_string();
        let event = given
            .logged
            .event
            .to_builder()
            .extension(CURSOR_NAME, cursor)
            .build();
        let said = match event {
            Ok(event) => socket.say(&event).await,
            Err(error) => {
                tracing::error!(%error, "An event could not be given its cursor.");
                socket.say(&given.logged.event).await
            }
        };
        if !said {
            return false;
        }
    }
    true
}

/// The one thing that a reader says.
async fn confirm(bus: &Bus, lane: &Lane, format: Format, frame: &Frame) -> Result<(), Refusal> {
    let event = decode(frame, format)?;
    let cursor = event
        .extension(CURSOR_NAME)
        .filter(|_| event.ty() == CONFIRM_TYPE);
    let Some(cursor) = cursor.map(Value::to_string) else {
        let detail =
            format!("A reader sends events of the type {CONFIRM_TYPE} with `{CURSOR_NAME}`, and no others.");
        return Err(Refusal::new("SB-1413", detail));
    };
    bus.lanes.confirm(lane, &cursor).await.map(drop)
}

fn farewell(ended: &Ended) -> Close {
    match ended {
        Ended::Displaced => Close::new(close_code::POLICY, "SB-2055"),
        Ended::Closed | Ended::Unconfirmed => Close::new(close_code::RESTART, "SB-1405"),
        Ended::Broker(error) => Close::new(close_code::AGAIN, error.code()),
    }
}
