//! How an event stands in the log.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};
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

/// The header that holds what the bus knows beside the event. One for all of it: a header costs client and server more
/// than its few bytes.
const PROVENANCE: &str = "sb-provenance";

/// The header of a record that stands in for one that was lost.
const LOST: &str = "sb-lost";
/// What [`decode`] says of such a record.
pub const LOST_CODE: &str = "SB-1511";

/// A record for a position whose event was lost, so that the position is not given again.
#[must_use]
pub(crate) fn placeholder(log: &LogName) -> Entry {
    let partner = log.as_str().trim_start_matches("LOG_").to_ascii_lowercase();
    Entry::new(format!("log.{partner}.stadtbus.lost"), "").with_header(LOST, "1")
}

/// [`Provenance`] as it is written, without the partner, which the subject names.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    by: Cow<'a, str>,
    /// Milliseconds since 1970.
    accepted: u64,
    #[serde(borrow)]
    contract: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    token: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "is_zero")]
    hops: u32,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    cause: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<Cow<'a, str>>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands the field over by reference"
)]
fn is_zero(hops: &u32) -> bool {
    *hops == 0
}

impl<'a> Written<'a> {
    fn of(provenance: &'a Provenance) -> Self {
        Self {
            by: Cow::Borrowed(&provenance.by),
            accepted: millis(provenance.accepted),
            contract: Cow::Borrowed(&provenance.contract),
            token: Cow::Borrowed(&provenance.token_id),
            hops: provenance.hops,
            cause: provenance.cause.as_deref().map(Cow::Borrowed),
            traceparent: provenance.traceparent.as_deref().map(Cow::Borrowed),
        }
    }

    /// Text for a header: JSON escapes control characters, so it is one line.
    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn read(json: &'a str) -> Result<Self, Refusal> {
        serde_json::from_str(json)
            .map_err(|_| Refusal::new("SB-1101", "The record's provenance cannot be read."))
    }

    fn tell(self, provenance: &mut Provenance) {
        provenance.by = self.by.into_owned();
        provenance.accepted = from_millis(self.accepted);
        provenance.contract = self.contract.into_owned();
        provenance.token_id = self.token.into_owned();
        provenance.hops = self.hops;
        provenance.cause = self.cause.map(Cow::into_owned);
        provenance.traceparent = self.traceparent.map(Cow::into_owned);
    }
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
    headers.push((PROVENANCE.to_owned(), Written::of(provenance).json()));
    let entry = Entry {
        subject: format!("log.{partner}.{}", event.ty()),
        headers,
        payload,
        message_id: Some(message_id(partner, event.source(), event.id())),
    };
    #[cfg(feature = "planted-bugs")]
    let entry = crate::planted::harm(entry);
    entry
}

/// Reads an accepted event back.
///
/// # Errors
/// When the record is not one that [`encode`] wrote: somebody else wrote into the log.
pub fn decode(record: Record) -> Result<Logged, Refusal> {
    if record.header(LOST).is_some() {
        let detail =
            "The event at this position was lost from the broker's storage; an operator has decided so.";
        return Err(Refusal::new(LOST_CODE, detail));
    }
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
    let written = record.headers.iter().find(|(name, _)| name == PROVENANCE);
    if let Some((_, json)) = written {
        Written::read(json)?.tell(&mut provenance);
    }
    let event = nats_binding::decode(&record.headers, record.payload)?;
    Ok(Logged {
        log: record.log,
        position: record.position,
        event: Arc::new(event),
        provenance,
    })
}
