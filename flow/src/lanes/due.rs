//! Retries that are due: scheduled messages that came up on `due.<partner>.<subscription>`.
//!
//! One reader for each process keeps an index of positions; lanes fetch the records as they have room. A record
//! goes only when its event is settled, so a crash finds it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, BrokerError, LogName, Position, ReadFrom, ReadOptions, Record};
use tokio_util::sync::CancellationToken;

use super::{
    item::{AttemptNote, Item},
    lane::{Lane, Offer, Room},
};
use crate::{
    deliver::dead_letter::Edits,
    log::{self, Logged, RETRY_LOG},
};

/// Positions kept in memory; the reader waits when there are more.
const INDEX_MAX: usize = 1_000_000;
/// Records fetched for one lane at one time.
const FETCH_MAX: usize = 32;

/// What a scheduled retry carries: which event, and what happened to it so far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DueRetry {
    /// Log of the event.
    pub log: String,
    /// Its position.
    pub position: Position,
    /// Attempts made.
    pub attempts: u32,
    /// The last attempts.
    #[serde(default)]
    pub notes: Vec<AttemptNote>,
    /// The event itself, where the log may not hold it any more (a dead letter sent again): structured JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Box<serde_json::value::RawValue>>,
    /// What was done to the event, if it was edited. Then the one here is delivered and not the one in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Edits>,
}

/// Positions of due retries by the lane's key.
#[derive(Default)]
pub(super) struct DueIndex {
    positions: Mutex<BTreeMap<String, BTreeSet<Position>>>,
}

impl DueIndex {
    fn positions(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<Position>>> {
        self.positions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, record: &Record) {
        if let Some(key) = record.subject.strip_prefix("due.") {
            self.positions()
                .entry(key.to_owned())
                .or_default()
                .insert(record.position);
        }
    }

    /// Whether something is due for this lane.
    pub(super) fn has(&self, key: &str) -> bool {
        self.positions().contains_key(key)
    }

    /// The lanes for which something is due.
    pub(super) fn keys(&self) -> Vec<String> {
        self.positions().keys().cloned().collect()
    }

    fn count(&self) -> usize {
        self.positions().values().map(BTreeSet::len).sum()
    }

    fn first(&self, key: &str) -> Vec<Position> {
        self.positions()
            .get(key)
            .map(|set| set.iter().copied().take(FETCH_MAX).collect())
            .unwrap_or_default()
    }

    fn forget(&self, key: &str, position: Position) {
        let mut positions = self.positions();
        if let Some(set) = positions.get_mut(key) {
            set.remove(&position);
            if set.is_empty() {
                positions.remove(key);
            }
        }
    }

    /// Takes back what a lane had been given and leaves behind: the reader does not come by there again.
    pub(super) fn take_back(&self, key: &str, left: BTreeSet<Position>) {
        if !left.is_empty() {
            self.positions().entry(key.to_owned()).or_default().extend(left);
        }
    }

    /// Gives a lane what is due for it, as it has room.
    pub(super) async fn hand_to(&self, broker: &dyn Broker, lane: &Lane) {
        let key = lane.order.key();
        for position in self.first(&key) {
            if !lane.has_room(Room::Half) {
                return;
            }
            match fetch(broker, position).await {
                Ok(Some(item)) => {
                    if lane.offer_due(item, position) == Offer::Full {
                        return;
                    }
                }
                // Settled by somebody else, or no retry of ours.
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, position, "A due retry could not be read yet.");
                    return;
                }
            }
            self.forget(&key, position);
        }
    }
}

async fn fetch(broker: &dyn Broker, position: Position) -> Result<Option<Item>, BrokerError> {
    let Some(record) = broker.get(&LogName::new(RETRY_LOG)?, position).await? else {
        return Ok(None);
    };
    let Ok(retry) = serde_json::from_slice::<DueRetry>(&record.payload) else {
        tracing::error!(
            position,
            "A record in the retry log is no retry; it is passed over."
        );
        return Ok(None);
    };
    let name = LogName::new(&retry.log)?;
    let logged = match broker.get(&name, retry.position).await? {
        Some(record) => log::decode(record).ok(),
        None => None,
    };
    let logged = match (logged, &retry.event) {
        (Some(logged), Some(raw)) if retry.edited.is_some() => edited(logged, raw),
        (Some(logged), _) => Some(logged),
        (None, Some(raw)) => inline(&name, &retry, raw, &record),
        (None, None) => None,
    };
    if logged.is_none() {
        tracing::error!(log = %name, position = retry.position, "The event of a due retry is no longer in the log; the retry ends.");
    }
    Ok(logged.map(|logged| {
        let mut item = Item::new(Arc::new(logged));
        item.due = Some(position);
        item.attempts = retry.attempts;
        item.notes = retry.notes;
        item.edited = retry.edited.map(Arc::new);
        item
    }))
}

/// An event whose dead letter was edited, with what the log knows of the one that was accepted.
fn edited(logged: Logged, raw: &serde_json::value::RawValue) -> Option<Logged> {
    let event = stadtbus_event::json::parse(&bytes::Bytes::copy_from_slice(raw.get().as_bytes())).ok()?;
    Some(Logged {
        event: Arc::new(event),
        ..logged
    })
}

/// An event that its dead letter kept, after the log's retention removed it.
fn inline(
    name: &LogName,
    retry: &DueRetry,
    raw: &serde_json::value::RawValue,
    record: &Record,
) -> Option<Logged> {
    let event = stadtbus_event::json::parse(&bytes::Bytes::copy_from_slice(raw.get().as_bytes())).ok()?;
    let partner = name
        .as_str()
        .strip_prefix("LOG_")
        .and_then(|text| stadtbus_event::PartnerId::parse(&text.to_ascii_lowercase()).ok())?;
    let provenance = log::Provenance {
        partner,
        by: "dead-letter".to_owned(),
        token_id: String::new(),
        accepted: record.stored_at,
        contract: String::new(),
        hops: 0,
        cause: None,
        traceparent: None,
    };
    Some(Logged {
        log: name.clone(),
        position: retry.position,
        event: Arc::new(event),
        provenance,
    })
}

/// Reads what becomes due, from the first record that is left.
pub(super) async fn run(broker: Arc<dyn Broker>, index: Arc<DueIndex>, stop: CancellationToken) {
    let options = || ReadOptions {
        from: ReadFrom::Position(1),
        subject: Some("due.>".to_owned()),
        headers_only: true,
    };
    let Ok(name) = LogName::new(RETRY_LOG) else { return };
    let mut stream = loop {
        match broker.read(&name, options()).await {
            Ok(stream) => break stream,
            Err(error) => {
                tracing::warn!(%error, "Due retries cannot be read yet.");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            record = stream.next() => match record {
                Some(record) => index.add(&record),
                None => return,
            },
        }
        while index.count() > INDEX_MAX && !stop.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
