//! What a publisher holds in hand after 202.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stadtbus_broker::{LogName, Position};
use stadtbus_event::{Event, PartnerId};

use crate::written::{hex, rfc3339};

/// Proof that the bus took an event over. The hash is over the data bytes exactly as received, so that the
/// publisher can check what was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The event's `id`.
    pub id: String,
    /// The event's `source`.
    pub source: String,
    /// The partner that published it.
    pub partner: String,
    /// The log it stands in.
    pub log: String,
    /// Its position there.
    pub position: Position,
    /// SHA-256 of the data bytes, hexadecimal; of nothing if the event has no data.
    pub sha256: String,
    /// When the bus accepted it, RFC 3339 in UTC.
    pub acceptedtime: String,
    /// True if this (partner, source, id) had been accepted before; the rest is the first receipt's.
    pub duplicate: bool,
}

impl Receipt {
    pub(super) fn of(
        log: LogName,
        partner: &PartnerId,
        event: &Event,
        accepted: SystemTime,
        position: Position,
        duplicate: bool,
    ) -> Self {
        Self {
            id: event.id().to_owned(),
            source: event.source().to_owned(),
            partner: partner.to_string(),
            log: log.as_str().to_owned(),
            position,
            sha256: hex(&Sha256::digest(
                event.data().map(AsRef::as_ref).unwrap_or_default(),
            )),
            acceptedtime: rfc3339(accepted),
            duplicate,
        }
    }
}
