//! What every WebSocket keeps to: the CloudEvents binding, bounds, and signs of life.
//!
//! The binding (`websockets-protocol-binding.md`) says how a format is agreed on and that a message is one event. It says
//! nothing of receipts, confirmations or errors: those are events, too, of types of the bus's own, so that whoever knows
//! the binding understands every message. *What is refused before the handshake*: a call without a format that the bus
//! speaks, and a page of another origin.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{
        FromRequestParts,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    },
    http::{HeaderMap, header, request::Parts},
};
use bytes::Bytes;
use stadtbus_event::{
    Event, Format,
    websocket::{self, Frame},
};
use stadtbus_flow::Refusal;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

use super::Problem;
use crate::Bus;

/// How often something is sent that asks for an answer.
pub(super) const PING: Duration = Duration::from_secs(15);
/// How long the other side may be silent.
const SILENT_MAX: Duration = Duration::from_secs(45);
/// How long the other side may take for one message.
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How long the answer to a close frame may take.
const FAREWELL_WITHIN: Duration = Duration::from_secs(1);

/// A call that asks for a WebSocket, or does not: that is said to those who may call.
pub(super) struct Upgrade(Option<WebSocketUpgrade>);

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(
            WebSocketUpgrade::from_request_parts(parts, state).await.ok(),
        ))
    }
}

fn no_handshake(detail: &str) -> Problem {
    Refusal::new("SB-2058", detail)
        .hint("Sec-WebSocket-Protocol: cloudevents.json")
        .into()
}

/// A handshake that will be accepted.
pub(super) struct Agreed {
    upgrade: WebSocketUpgrade,
    format: Format,
    place: OwnedSemaphorePermit,
}

impl Upgrade {
    /// Agrees on the first format of the client's that the bus speaks.
    pub(super) fn agree(self, bus: &Bus, headers: &HeaderMap, message_max: usize) -> Result<Agreed, Problem> {
        let upgrade = self
            .0
            .ok_or_else(|| no_handshake("This call takes a WebSocket handshake (RFC 6455)."))?;
        same_origin(headers)?;
        let named = upgrade
            .requested_protocols()
            .filter_map(|name| name.to_str().ok());
        let Some(format) = websocket::choose(named) else {
            let detail = "The handshake names no CloudEvents subprotocol that this bus speaks: cloudevents.json, cloudevents.proto or cloudevents.avro.";
            return Err(no_handshake(detail));
        };
        let place = Arc::clone(&bus.sockets).try_acquire_owned().map_err(|_| {
            let detail = "As many WebSockets are open as this bus takes (`websockets_max`).";
            Refusal::new("SB-1415", detail)
        })?;
        let upgrade = upgrade
            .protocols([websocket::subprotocol(format)])
            .max_message_size(message_max)
            .max_frame_size(message_max);
        Ok(Agreed {
            upgrade,
            format,
            place,
        })
    }
}

impl Agreed {
    /// Answers the handshake, and speaks then.
    pub(super) fn speak<F>(self, speak: impl FnOnce(Socket) -> F + Send + 'static) -> axum::response::Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (format, place) = (self.format, self.place);
        self.upgrade.on_upgrade(move |socket| async move {
            let now = Instant::now();
            speak(Socket {
                socket,
                format,
                heard: now,
                _place: place,
            })
            .await;
        })
    }
}

/// A page of another site may not speak in its visitor's name. Programs that are no browsers name no origin.
fn same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin.to_str().ok().and_then(|origin| {
        let rest = origin.split_once("://")?.1;
        Some(rest.eq_ignore_ascii_case(host?))
    });
    if own == Some(true) {
        return Ok(());
    }
    Err(Refusal::new(
        "SB-2059",
        "A page of another origin may not open a WebSocket here.",
    )
    .into())
}

/// Why a connection ends.
pub(super) struct Close {
    code: u16,
    reason: String,
}

impl Close {
    /// What the other side did is refused.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let code = match refusal.status() {
            503 => close_code::AGAIN,
            415 => close_code::UNSUPPORTED,
            400 => close_code::INVALID,
            _ => close_code::POLICY,
        };
        Self::new(code, refusal.code)
    }

    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

/// What came.
pub(super) enum Heard {
    /// A message: one event, if it is in the format agreed on.
    Frame(Frame),
    /// A sign of life.
    Life,
    /// The end.
    Gone,
}

/// A WebSocket that speaks one format.
pub(super) struct Socket {
    socket: WebSocket,
    format: Format,
    heard: Instant,
    _place: OwnedSemaphorePermit,
}

impl Socket {
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// The next message. Can be given up and asked again.
    pub(super) async fn hear(&mut self) -> Heard {
        let Some(Ok(message)) = self.socket.recv().await else {
            return Heard::Gone;
        };
        self.heard = Instant::now();
        match message {
            Message::Text(text) => Heard::Frame(Frame::Text(text.into())),
            Message::Binary(bytes) => Heard::Frame(Frame::Binary(bytes)),
            Message::Ping(_) | Message::Pong(_) => Heard::Life,
            Message::Close(_) => {
                // Its answer goes out with the next look; without it the other side would wait for it (RFC 6455 §5.5.1).
                drop(timeout(FAREWELL_WITHIN, self.socket.recv()).await);
                Heard::Gone
            }
        }
    }

    /// Sends one event. False if the other side does not take it.
    pub(super) async fn say(&mut self, event: &Event) -> bool {
        let message = match websocket::encode(event, self.format) {
            Frame::Text(bytes) => Message::Text(String::from_utf8_lossy(&bytes).as_ref().into()),
            Frame::Binary(bytes) => Message::Binary(bytes),
        };
        self.send(message).await
    }

    /// Asks for a sign of life. False if there was none for long.
    pub(super) async fn ping(&mut self) -> bool {
        self.heard.elapsed() < SILENT_MAX && self.send(Message::Ping(Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> bool {
        matches!(timeout(SEND_WITHIN, self.socket.send(message)).await, Ok(Ok(())))
    }

    /// Ends it, with the reason.
    pub(super) async fn close(mut self, close: Close) {
        let frame = CloseFrame {
            code: close.code,
            reason: close.reason.into(),
        };
        self.send(Message::Close(Some(frame))).await;
    }
}
