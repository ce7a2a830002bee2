//! Step one of half one: bytes from the network become events, or a refusal that helps.
//!
//! *Refuses*: what is larger than its limit, before it is parsed; what is no CloudEvent in any of the three
//! modes; what declares a format that is not spoken here, because reading it as binary would silently lose
//! attributes (HTTP-7). *Why here*: first, because it is the cheapest way to say no.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use stadtbus_event::{Event, http_binding};

use crate::{Limits, Refusal};

/// What a request carried.
#[derive(Debug)]
pub enum Arrival {
    /// One event.
    One(Arc<Event>),
    /// A batch; a bad event refuses only itself.
    Batch(Vec<Result<Arc<Event>, Refusal>>),
}

/// Reads a request in any of the three modes of the CloudEvents HTTP binding.
///
/// # Errors
/// `SB-11xx` for what is malformed, `SB-14xx` for what is too large.
pub fn read(headers: &HeaderMap, body: Bytes, limits: &Limits) -> Result<Arrival, Refusal> {
    if body.len() > limits.body_bytes_max {
        return Err(Refusal::new(
            "SB-1401",
            format!("The body is larger than {} bytes.", limits.body_bytes_max),
        ));
    }
    Ok(
        match http_binding::decode(headers, body, limits.batch_events_max)? {
            http_binding::Incoming::Single(event) => Arrival::One(Arc::new(sized(event, limits)?)),
            http_binding::Incoming::Batch(events) => Arrival::Batch(
                events
                    .into_iter()
                    .map(|event| {
                        event
                            .map_err(Refusal::from)
                            .and_then(|event| sized(event, limits))
                            .map(Arc::new)
                    })
                    .collect(),
            ),
        },
    )
}

/// Takes foreign bytes for a route.
///
/// # Errors
/// `SB-1401` when there are too many of them.
pub fn read_raw(body: Bytes, limits: &Limits) -> Result<Bytes, Refusal> {
    if body.len() > limits.event_bytes_max {
        return Err(Refusal::new(
            "SB-1401",
            format!("The body is larger than {} bytes.", limits.event_bytes_max),
        ));
    }
    Ok(body)
}

fn sized(event: Event, limits: &Limits) -> Result<Event, Refusal> {
    if event.size_bytes() > limits.event_bytes_max {
        return Err(Refusal::new(
            "SB-1406",
            format!("The event is larger than {} bytes.", limits.event_bytes_max),
        )
        .hint(
            "Put large content where receivers can fetch it and send its address in the attribute dataref.",
        ));
    }
    Ok(event)
}
