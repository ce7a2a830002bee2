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
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    balance::Origin,
    item::{AttemptNote, Item},
    lane::{Lane, Offer, Room},
    lease::group_of,
};
use crate::{
    deliver::dead_letter::Edits,
    log::{self, Logged, RETRY_LOG},
};

/// Positions kept in memory; the reader waits when there are more.
const INDEX_MAX: usize = 1_000_000;
/// How long nobody asks for what is due until it is removed.
const ORPHANED_FOR: Duration = Duration::from_secs(60);
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
    /// Which life of the lane wrote it, or gave the event up; 0: the event is in the books by another record of it.
    #[serde(default)]
    pub life: u64,
    /// Whether it was a dead letter before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dead: bool,
}

/// Positions of due retries by the lane's key, of the groups that this process holds. The others are found again when their
/// group comes here.
#[derive(Default)]
pub(super) struct DueIndex {
    groups: u32,
    known: Mutex<Known>,
    /// A group came: what is due for it lies behind the reader.
    gained: Notify,
}

#[derive(Default)]
struct Known {
    held: BTreeSet<u32>,
    /// Held, and not yet read from the beginning.
    fresh: BTreeSet<u32>,
    positions: BTreeMap<String, BTreeSet<Position>>,
    /// Since when the city has no subscription for what is due.
    orphans: BTreeMap<String, Instant>,
}

impl DueIndex {
    pub(super) fn new(groups: u32) -> Self {
        Self {
            groups,
            ..Self::default()
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps to these groups from now on.
    pub(super) fn hold(&self, held: BTreeSet<u32>) {
        let mut known = self.known();
        let fresh: Vec<u32> = held.difference(&known.held).copied().collect();
        known.fresh.retain(|group| held.contains(group));
        known.fresh.extend(&fresh);
        known
            .positions
            .retain(|key, _| held.contains(&group_of(key, self.groups)));
        known.held = held;
        drop(known);
        if !fresh.is_empty() {
            self.gained.notify_one();
        }
    }

    /// The groups that are to be read from the beginning now.
    fn freshly(&self) -> BTreeSet<u32> {
        std::mem::take(&mut self.known().fresh)
    }

    /// Takes a record in; one that was `passed` before only where its group is `fresh`.
    fn add(&self, record: &Record, passed: bool, fresh: &BTreeSet<u32>) {
        let Some(key) = record.subject.strip_prefix("due.") else {
            return;
        };
        let group = group_of(key, self.groups);
        let mut known = self.known();
        if known.held.contains(&group) && (!passed || fresh.contains(&group)) {
            let positions = known.positions.entry(key.to_owned()).or_default();
            positions.insert(record.position);
        }
    }

    /// Whether something is due for this lane.
    pub(super) fn has(&self, key: &str) -> bool {
        self.known().positions.contains_key(key)
    }

    /// The lanes for which something is due.
    pub(super) fn keys(&self) -> Vec<String> {
        self.known().positions.keys().cloned().collect()
    }

    fn count(&self) -> usize {
        self.known().positions.values().map(BTreeSet::len).sum()
    }

    fn first(&self, key: &str) -> Vec<Position> {
        self.known()
            .positions
            .get(key)
            .map(|set| set.iter().copied().take(FETCH_MAX).collect())
            .unwrap_or_default()
    }

    fn forget(&self, key: &str, position: Position) {
        let mut known = self.known();
        if let Some(set) = known.positions.get_mut(key) {
            set.remove(&position);
            if set.is_empty() {
                known.positions.remove(key);
            }
        }
    }

    /// Takes back what a lane had been given and leaves behind: the reader does not come by there again.
    pub(super) fn take_back(&self, key: &str, left: BTreeSet<Position>) {
        let mut known = self.known();
        if !left.is_empty() && known.held.contains(&group_of(key, self.groups)) {
            known.positions.entry(key.to_owned()).or_default().extend(left);
        }
    }

    /// Removes what is due for subscriptions that the city has not had for a while: nobody takes it any more, and a later
    /// subscription of the same name must not. Not at once, for a new subscription may be known elsewhere before it is here.
    pub(super) async fn sweep(&self, broker: &dyn Broker, is_ordered: impl Fn(&str) -> bool) {
        let keys: Vec<String> = self.keys().into_iter().filter(|key| !is_ordered(key)).collect();
        let now = Instant::now();
        let long_gone: Vec<String> = {
            let orphans = &mut self.known().orphans;
            orphans.retain(|key, _| keys.contains(key));
            let mut long_gone = Vec::new();
            for key in keys {
                if *orphans.entry(key.clone()).or_insert(now) + ORPHANED_FOR <= now {
                    long_gone.push(key);
                }
            }
            long_gone
        };
        let Ok(log) = LogName::new(RETRY_LOG) else { return };
        for key in long_gone {
            for position in self.first(&key) {
                if let Err(error) = broker.remove(&log, position).await {
                    tracing::warn!(%error, "A retry for a subscription that is gone could not be removed yet.");
                    return;
                }
                self.forget(&key, position);
            }
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
                Ok(Some((Due::Event(item), origin))) => {
                    if lane.offer_due(item, position, origin) == Offer::Full {
                        return;
                    }
                }
                Ok(Some((Due::Gone(log, at), origin))) => lane.end_due(&log, at, position, origin),
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

/// What a due retry brings.
enum Due {
    Event(Item),
    /// Nothing: the event is in no log any more. Its place.
    Gone(LogName, Position),
}

async fn fetch(broker: &dyn Broker, position: Position) -> Result<Option<(Due, Origin)>, BrokerError> {
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
    let origin = Origin {
        life: retry.life,
        dead: retry.dead,
    };
    let Some(logged) = logged else {
        tracing::error!(log = %name, position = retry.position, "The event of a due retry is no longer in the log; the retry ends.");
        return Ok(Some((Due::Gone(name, retry.position), origin)));
    };
    let mut item = Item::new(Arc::new(logged));
    item.due = Some(position);
    item.attempts = retry.attempts;
    item.notes = retry.notes;
    item.edited = retry.edited.map(Arc::new);
    Ok(Some((Due::Event(item), origin)))
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
    let (mut passed, mut stream, mut fresh) = (0, None, BTreeSet::new());
    loop {
        let Some(records) = &mut stream else {
            fresh.extend(index.freshly());
            match broker.read(&name, options()).await {
                Ok(begun) => stream = Some(begun),
                Err(error) => {
                    tracing::warn!(%error, "Due retries cannot be read yet.");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            continue;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = index.gained.notified() => stream = None,
            record = records.next() => match record {
                Some(record) => {
                    index.add(&record, record.position <= passed, &fresh);
                    if record.position > passed {
                        passed = record.position;
                        fresh.clear();
                    }
                }
                None => return,
            },
        }
        while index.count() > INDEX_MAX && !stop.is_cancelled() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[cfg(test)]
mod tests;
