//! Reading Server-Sent Events one by one, each wait with a deadline.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::{Failure, Outcome};

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The `id:` field.
    pub id: String,
    /// The `event:` field.
    pub event: String,
    /// The `data:` lines, joined by line breaks.
    pub data: String,
}

impl SseEvent {
    /// The data as JSON, or `null`.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or(Value::Null)
    }
}

/// An open stream.
#[derive(Debug)]
pub struct SseStream {
    body: Incoming,
    pending: Vec<u8>,
}

const FRAME_BYTES_MAX: usize = 16 << 20;

impl SseStream {
    pub(crate) fn new(body: Incoming) -> Self {
        Self {
            body,
            pending: Vec::new(),
        }
    }

    /// The next event that carries data; comments and keep-alives are passed over.
    pub async fn next(&mut self, deadline: Duration) -> Outcome<SseEvent> {
        match tokio::time::timeout(deadline, self.read_event()).await {
            Ok(event) => event,
            Err(_) => Err(Failure::new(format!(
                "no event on the stream within {} s",
                deadline.as_secs()
            ))),
        }
    }

    async fn read_event(&mut self) -> Outcome<SseEvent> {
        loop {
            while let Some(block) = self.take_block() {
                let event = parse(&block);
                if !event.data.is_empty() {
                    return Ok(event);
                }
            }
            let frame = self
                .body
                .frame()
                .await
                .ok_or_else(|| Failure::new("the stream ended"))??;
            if let Ok(data) = frame.into_data() {
                self.pending.extend_from_slice(&data);
            }
            if self.pending.len() > FRAME_BYTES_MAX {
                return Err(Failure::new("an event of the stream is larger than 16 MiB"));
            }
        }
    }

    fn take_block(&mut self) -> Option<String> {
        let end = self.pending.windows(2).position(|pair| pair == b"\n\n")?;
        let rest = self.pending.split_off(end + 2);
        let block = std::mem::replace(&mut self.pending, rest);
        Some(String::from_utf8_lossy(&block).into_owned())
    }
}

fn parse(block: &str) -> SseEvent {
    let mut event = SseEvent::default();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut event.id),
            "event" => value.clone_into(&mut event.event),
            "data" if event.data.is_empty() => value.clone_into(&mut event.data),
            "data" => {
                event.data.push('\n');
                event.data.push_str(value);
            }
            _ => {}
        }
    }
    event
}
