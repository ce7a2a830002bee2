//! A WebSocket client, by a library of others.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::{Failure, Outcome};

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: WebSocketStream<TcpStream>,
    /// The subprotocol that the server chose.
    pub subprotocol: String,
}

/// What a server answered instead of a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declined {
    /// The status.
    pub status: u16,
    /// The stable error code of the problem document, or the empty string.
    pub code: String,
    /// Whether the answer names a subprotocol.
    pub names_subprotocol: bool,
}

impl WebSocket {
    /// Opens `ws://…` with these header fields; the other side may decline.
    pub async fn open(url: &str, headers: &[(&str, &str)]) -> Outcome<Result<Self, Declined>> {
        let mut request = url.into_client_request().map_err(failed)?;
        let host = request
            .uri()
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().map_err(http::Error::from)?;
            let value: http::HeaderValue = value.parse().map_err(http::Error::from)?;
            request.headers_mut().append(name, value);
        }
        let stream = TcpStream::connect(&host).await?;
        match client_async(request, stream).await {
            Ok((stream, answer)) => {
                let chosen = answer.headers().get("sec-websocket-protocol");
                let subprotocol = chosen.and_then(|value| value.to_str().ok()).unwrap_or_default();
                Ok(Ok(Self {
                    stream,
                    subprotocol: subprotocol.to_owned(),
                }))
            }
            Err(Error::Http(answer)) => {
                let body = answer.body().clone().unwrap_or_default();
                let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
                Ok(Err(Declined {
                    status: answer.status().as_u16(),
                    code: problem
                        .get("code")
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                    names_subprotocol: answer.headers().contains_key("sec-websocket-protocol"),
                }))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The next message that is no sign of life.
    pub async fn next(&mut self, deadline: Duration) -> Outcome<Message> {
        let next = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(message)) => return Ok(message),
                    Some(Err(error)) => return Err(failed(error)),
                    None => return Err(Failure::new("the WebSocket ended")),
                }
            }
        };
        let late = |_| Failure::new(format!("no message within {} s", deadline.as_secs()));
        tokio::time::timeout(deadline, next).await.map_err(late)?
    }

    /// The next message, which has to be JSON in a text frame.
    pub async fn json(&mut self, deadline: Duration) -> Outcome<Value> {
        match self.next(deadline).await? {
            Message::Text(text) => Ok(serde_json::from_str(&text)?),
            other => Err(Failure::new(format!("no text frame: {other:?}"))),
        }
    }

    /// The close frame that comes next: its code and its reason.
    pub async fn closed(&mut self, deadline: Duration) -> Outcome<(u16, String)> {
        match self.next(deadline).await? {
            Message::Close(Some(CloseFrame { code, reason })) => Ok((code.into(), reason.to_string())),
            other => Err(Failure::new(format!("no close frame: {other:?}"))),
        }
    }

    /// Says goodbye and waits for the answer: whether there is one before the connection ends.
    pub async fn farewell(&mut self, deadline: Duration) -> Outcome<bool> {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        self.stream.close(Some(frame)).await.map_err(failed)?;
        let answered = async {
            loop {
                match self.stream.next().await {
                    Some(Ok(Message::Close(_))) => return true,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return false,
                }
            }
        };
        let late = |_| Failure::new(format!("no end within {} s", deadline.as_secs()));
        tokio::time::timeout(deadline, answered).await.map_err(late)
    }

    /// Sends text.
    pub async fn text(&mut self, text: impl Into<String>) -> Outcome<()> {
        let message = Message::Text(text.into().into());
        self.stream.send(message).await.map_err(failed)
    }

    /// Sends bytes.
    pub async fn binary(&mut self, bytes: Bytes) -> Outcome<()> {
        self.stream.send(Message::Binary(bytes)).await.map_err(failed)
    }
}

fn failed(error: Error) -> Failure {
    Failure::new(error.to_string())
}
