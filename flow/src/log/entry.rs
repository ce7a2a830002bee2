//! How an event stands in the log.

use std::{sync::Arc, time::SystemTime};

use sha2::{Digest, Sha256};
use stadtbus_broker::{Entry, LogName, Position, Record};
use stadtbus_event::{Event, PartnerId, nats_binding};

use crate::{
    Refusal,
    written::{from_millis, hex, millis},
};

/// What the bus knows of an accepted event besides the event itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The publishing partner.
    pub partner: PartnerId,
    /// Who brought it: `system:<id>`, or `subscription:<id>` for a derived event.
    pub by: String,
    /// Id of the token that was used (`jti`); empty for a derived event.
    pub token_id: String,
    /// When it was accepted, in milliseconds.
    pub accepted: SystemTime,
    /// The contract it was validated against, `<id>@<version>`.
    pub contract: String,
    /// How many derivations lie behind it.
    pub hops: u32,
    /// The event it was derived from, `<log>:<position>`.
    pub cause: Option<String>,
    /// W3C trace context of the bus's own acceptance.
    pub traceparent: Option<String>,
}

/// An accepted event as read from the log.
#[derive(Debug)]
pub struct Logged {
    /// The log it stands in.
    pub log: LogName,
    /// Its position there.
    pub position: Position,
    /// The event, data bytes as received.
    pub event: Arc<Event>,
    /// What the bus knows of it.
    pub provenance: Provenance,
}

/// The broker's deduplication key: (partner, source, id), as P3 says, and nothing else.
#[must_use]
pub fn message_id(partner: &PartnerId, source: &str, id: &str) -> String {
    let mut hash = Sha256::new();
    for part in [partner.as_str(), source, id] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(hash.finalize().get(..16).unwrap_or_default())
}

/// Event and provenance as a log entry.
#[must_use]
pub fn encode(partner: &PartnerId, event: &Event, provenance: &Provenance) -> Entry {
    let (mut headers, payload) = nats_binding::encode_binary(event);
    let mut put = |name: &str, value: String| headers.push((name.to_owned(), value));
    put("sb-by", provenance.by.clone());
    put("sb-accepted", millis(provenance.accepted).to_string());
    put("sb-contract", provenance.contract.clone());
    if !provenance.token_id.is_empty() {
        put("sb-token", provenance.token_id.clone());
    }
    if provenance.hops > 0 {
        put("sb-hops", provenance.hops.to_string());
    }
    if let Some(cause) = &provenance.cause {
        put("sb-cause", cause.clone());
    }
    if let Some(traceparent) = &provenance.traceparent {
        put("sb-traceparent", traceparent.clone());
    }
    Entry {
        subject: format!("log.{partner}.{}", event.ty()),
        headers,
        payload,
        message_id: Some(message_id(partner, event.source(), event.id())),
    }
}

/// Reads an accepted event back.
///
/// # Errors
/// When the record is not one that [`encode`] wrote: somebody else wrote into the log.
pub fn decode(record: Record) -> Result<Logged, Refusal> {
    let partner = record
        .subject
        .split('.')
        .nth(1)
        .and_then(|p| PartnerId::parse(p).ok());
    let partner = partner.ok_or_else(|| Refusal::new("SB-1101", "The record's subject names no partner."))?;
    let mut provenance = Provenance {
        partner,
        by: String::new(),
        token_id: String::new(),
        accepted: record.stored_at,
        contract: String::new(),
        hops: 0,
        cause: None,
        traceparent: None,
    };
    for (name, value) in &record.headers {
        match name.as_str() {
            "sb-by" => provenance.by.clone_from(value),
            "sb-token" => provenance.token_id.clone_from(value),
            "sb-contract" => provenance.contract.clone_from(value),
            "sb-accepted" => {
                if let Ok(ms) = value.parse() {
                    provenance.accepted = from_millis(ms);
                }
            }
            "sb-hops" => provenance.hops = value.parse().unwrap_or(u32::MAX),
            "sb-cause" => provenance.cause = Some(value.clone()),
            "sb-traceparent" => provenance.traceparent = Some(value.clone()),
            _ => {}
        }
    }
    let event = nats_binding::decode(&record.headers, record.payload)?;
    Ok(Logged {
        log: record.log,
        position: record.position,
        event: Arc::new(event),
        provenance,
    })
}
