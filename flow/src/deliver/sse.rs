//! One event as a frame of an event stream (WHATWG HTML §9.2, `text/event-stream`).
//!
//! `id` is the [`super::bookmark`], so that a receiver that comes back says up to where it has read; `event` is the type;
//! `data` is the event as structured JSON. A line break inside that JSON can only be layout, never content, so a
//! frame of several `data` lines is put together again as the same document.

use std::time::Duration;

use bytes::Bytes;
use stadtbus_event::{Event, json};

#[cfg(test)]
mod tests;

/// The media type of a stream.
pub const MEDIA_TYPE: &str = "text/event-stream";

/// A comment, sent when there is nothing else to say, so that a broken connection is noticed on both sides.
pub const KEEP_ALIVE: Bytes = Bytes::from_static(b":\n\n");

/// How long the receiver is to wait before it comes back.
#[must_use]
pub fn retry(after: Duration) -> Bytes {
    format!("retry: {}\n\n", after.as_millis()).into()
}

/// Up to where it has read although no event came: a frame without data moves the id and is no event (§9.2.6).
#[must_use]
pub fn place(bookmark: &str) -> Bytes {
    format!("id: {bookmark}\n\n").into()
}

/// One event as one frame.
#[must_use]
pub fn encode(event: &Event, bookmark: &str) -> Bytes {
    let data = json::to_bytes(event);
    let mut frame = Vec::with_capacity(data.len() + event.ty().len() + bookmark.len() + 32);
    frame.extend_from_slice(format!("id: {bookmark}\nevent: ").as_bytes());
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
