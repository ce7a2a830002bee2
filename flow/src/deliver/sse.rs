//! One event as a frame of an event stream (WHATWG HTML §9.2, `text/event-stream`).
//!
//! `id` is the place in the log, so that a receiver that comes back can say where it was; `event` is the type;
//! `data` is the event as structured JSON. A line break inside that JSON can only be layout, never content, so a
//! frame of several `data` lines is put together again as the same document.

use bytes::Bytes;
use stadtbus_broker::{LogName, Position};
use stadtbus_event::{Event, json};

#[cfg(test)]
mod tests;

/// The media type of a stream.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// A comment, sent when there is nothing else to say, so that a broken connection is noticed on both sides.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// One event as one frame.
#[must_use]
pub fn encode(event: &Event, log: &LogName, position: Position) -> Bytes {
    let data = json::to_bytes(event);
    let mut frame = Vec::with_capacity(data.len() + event.ty().len() + 96);
    frame.extend_from_slice(format!("id: {log}:{position}\nevent: ").as_bytes());
    // A type is one line by contract; a stream must not depend on it.
    frame.extend(
        event
            .ty()
            .bytes()
            .filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)),
    );
    for line in data
        .split(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|line| !line.is_empty())
    {
        frame.extend_from_slice(b"\ndata: ");
        frame.extend_from_slice(line);
    }
    frame.extend_from_slice(b"\n\n");
    frame.into()
}

/// Reads `Last-Event-ID` as [`encode`] wrote it.
#[must_use]
pub fn read_id(text: &str) -> Option<(LogName, Position)> {
    let (log, position) = text.trim().rsplit_once(':')?;
    let position = position
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| position.parse().ok())??;
    Some((LogName::new(log).ok()?, position))
}
