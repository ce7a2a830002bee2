//! What the lanes write down: settle facts, then cursors, then the end of scheduled retries.
//!
//! The order is the promise. Facts come first, so that no cursor passes an event about which nothing is
//! known; cursors second, guarded by the revision that this process wrote last, so that a stale owner cannot
//! overwrite its successor; and a retry record goes only when both are durable. All dirty lanes are written
//! together, at most once in a flush interval.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use stadtbus_broker::{Broker, BrokerError, CellWrite, Cells, Entry, Expect, LogName, Position};

use super::{
    cursor::Marks,
    feed::{Feed, Still},
    hanging::Collected,
    lane::Lane,
    settled::{Fact, PAGE_FACTS_MAX, Page},
};
use crate::log::{PARKED_LOG, RETRY_LOG, SETTLED_LOG};

/// The bucket of cursors; the key is `<partner>.<subscription>`.
pub const CURSORS: &str = "CURSORS";
/// Bytes of pages made ready at a time: a flush must not take memory in proportion to what it writes.
const PAGES_BYTES_MAX: usize = 1 << 20;
/// Facts of one lane that do not wait for the next flush.
const FACTS_MANY: usize = 256;
/// Cursors in one atomic write.
const GROUP_MAX: usize = 500;

/// Writes for all lanes of one process.
pub struct Ledger {
    broker: Arc<dyn Broker>,
    cursors: Arc<dyn Cells>,
    settled: LogName,
    retries: LogName,
    parked: LogName,
    /// One writes at a time: while facts of one flush are on their way, another must not write the cursor that passes them.
    turn: tokio::sync::Mutex<()>,
}

impl Ledger {
    /// Opens the ledger.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn open(broker: Arc<dyn Broker>) -> Result<Self, BrokerError> {
        let cursors = broker.cells(CURSORS).await?;
        Ok(Self {
            broker,
            cursors,
            settled: LogName::new(SETTLED_LOG)?,
            retries: LogName::new(RETRY_LOG)?,
            parked: LogName::new(PARKED_LOG)?,
            turn: tokio::sync::Mutex::default(),
        })
    }

    /// The cursors of one lane as they were written last, with their revision.
    ///
    /// # Errors
    /// When the broker does not answer. Marks that cannot be read are an error and not a fresh start.
    pub async fn marks(&self, key: &str) -> Result<(Marks, Option<u64>), BrokerError> {
        match self.cursors.get(key).await? {
            None => Ok((Marks::default(), None)),
            Some(cell) => match serde_json::from_slice(&cell.value) {
                Ok(marks) => Ok((marks, Some(cell.revision))),
                Err(error) => Err(BrokerError::Refused(format!(
                    "the cursor {key} cannot be read: {error}"
                ))),
            },
        }
    }

    /// Writes the cursors with which a lane begins. Whoever wrote them before loses the lane by that.
    ///
    /// # Errors
    /// When somebody else wrote them since `revision`, or the broker does not answer.
    pub(super) async fn begin(
        &self,
        key: &str,
        marks: &Marks,
        revision: Option<u64>,
    ) -> Result<u64, BrokerError> {
        self.cursors
            .write(marks_write(key.to_owned(), marks, revision))
            .await
    }

    /// The cursors of all lanes as they were written last, by key; those that cannot be read are not among them.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn all_marks(&self) -> Result<BTreeMap<String, Marks>, BrokerError> {
        let cells = self.cursors.list("").await?.into_iter();
        let read = |cell: stadtbus_broker::Cell| Some((cell.key, serde_json::from_slice(&cell.value).ok()?));
        Ok(cells.filter_map(read).collect())
    }

    /// Writes what the lanes have to tell. `all` writes clean cursors that moved, too. Returns the lanes whose
    /// cursor somebody else has written: they are not ours any more.
    pub async fn flush(
        &self,
        lanes: &[Arc<Lane>],
        feeds: &BTreeMap<LogName, Arc<Feed>>,
        all: bool,
    ) -> Vec<Arc<Lane>> {
        let _turn = self.turn.lock().await;
        let mut collected = Vec::new();
        for lane in lanes {
            if let Some(one) = lane.collect(&Still::of(feeds, lane), all) {
                collected.push((Arc::clone(lane), one));
            }
        }
        let mut lost = Vec::new();
        while !collected.is_empty() {
            let group = collected.split_off(collected.len().saturating_sub(GROUP_MAX));
            lost.extend(self.flush_group(group).await);
        }
        lost
    }

    /// Writes the facts of lanes that have gathered many, and no cursor: what waits for the next flush must not
    /// take memory in proportion to how fast receivers are.
    pub async fn relieve(&self, lanes: &[Arc<Lane>]) {
        let _turn = self.turn.lock().await;
        let full: Vec<_> = lanes
            .iter()
            .filter_map(|lane| Some((Arc::clone(lane), lane.collect_facts(FACTS_MANY)?)))
            .collect();
        let written = self
            .write_facts(full.iter().map(|(lane, facts)| (&**lane, facts.as_slice())))
            .await;
        if let Err(error) = written {
            tracing::warn!(%error, "Settle facts could not be written; they are kept for the next flush.");
            full.into_iter()
                .for_each(|(lane, facts)| lane.give_back_facts(facts));
            return;
        }
        for (lane, facts) in full {
            lane.facts_written(facts.len());
        }
    }

    async fn flush_group(&self, group: Vec<(Arc<Lane>, Collected)>) -> Vec<Arc<Lane>> {
        let facts = group.iter().map(|(lane, one)| (&**lane, one.facts.as_slice()));
        if let Err(error) = self.write_facts(facts).await {
            tracing::warn!(%error, "Settle facts could not be written; they are kept for the next flush.");
            give_back(group);
            return Vec::new();
        }
        for (lane, one) in &group {
            lane.facts_written(one.facts.len());
        }
        let mut lost = Vec::new();
        let writes = group.iter().map(|(lane, one)| cursor_write(lane, one)).collect();
        let kept = match self.cursors.write_all(writes).await {
            Ok(revisions) => {
                for ((lane, one), revision) in group.iter().zip(revisions) {
                    lane.written(one.marks.clone(), revision);
                }
                group
            }
            Err(BrokerError::Conflict(_)) => self.write_singly(group, &mut lost).await,
            Err(error) => {
                tracing::warn!(%error, "Cursors could not be written; they are kept for the next flush.");
                give_back(
                    group
                        .into_iter()
                        .map(|(lane, one)| {
                            (
                                lane,
                                Collected {
                                    facts: Vec::new(),
                                    ..one
                                },
                            )
                        })
                        .collect(),
                );
                return Vec::new();
            }
        };
        self.end_retries(kept).await;
        lost
    }

    async fn write_facts<'a>(
        &self,
        of_lanes: impl Iterator<Item = (&'a Lane, &'a [Fact])> + Send,
    ) -> Result<(), BrokerError> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for (lane, facts) in of_lanes {
            for facts in facts.chunks(PAGE_FACTS_MAX) {
                let page = Page {
                    plugin: lane.order.plugin_name(),
                    tables: lane.order.table_versions(),
                    replay: lane.order.replay.as_ref().map(|replay| replay.id.clone()),
                    elsewhere: lane.order.replay.as_ref().is_some_and(|replay| replay.elsewhere),
                    facts: facts.to_vec(),
                };
                let entry = page.entry(lane.order.settled_subject());
                let entry = entry.map_err(|error| BrokerError::Refused(error.to_string()))?;
                bytes += entry.size_bytes();
                entries.push(entry);
                if bytes >= PAGES_BYTES_MAX {
                    bytes = 0;
                    self.append_pages(std::mem::take(&mut entries)).await?;
                }
            }
        }
        self.append_pages(entries).await
    }

    /// A page that was written twice is harmless; a page that was not written is not.
    async fn append_pages(&self, entries: Vec<Entry>) -> Result<(), BrokerError> {
        if entries.is_empty() {
            return Ok(());
        }
        let appended = self.broker.append_all(&self.settled, entries).await;
        appended.into_iter().try_for_each(|outcome| outcome.map(drop))
    }

    /// One of the group lost its lane: find out which, and write the others.
    async fn write_singly(
        &self,
        group: Vec<(Arc<Lane>, Collected)>,
        lost: &mut Vec<Arc<Lane>>,
    ) -> Vec<(Arc<Lane>, Collected)> {
        let mut kept = Vec::new();
        for (lane, one) in group {
            match self.cursors.write(cursor_write(&lane, &one)).await {
                Ok(revision) => {
                    lane.written(one.marks.clone(), revision);
                    kept.push((lane, one));
                }
                Err(BrokerError::Conflict(_)) => {
                    tracing::error!(subscription = %lane.order.id(), "Another process wrote this lane's cursor; the lane is let go.");
                    lane.give_back(Collected {
                        facts: Vec::new(),
                        ..one
                    });
                    lost.push(lane);
                }
                Err(error) => {
                    tracing::warn!(%error, "A cursor could not be written; it is kept for the next flush.");
                    lane.give_back(Collected {
                        facts: Vec::new(),
                        ..one
                    });
                }
            }
        }
        kept
    }

    /// Removes settled records; those that could not be removed now are returned.
    async fn remove_all(&self, log: &LogName, positions: Vec<Position>) -> Vec<Position> {
        let mut left = Vec::new();
        for position in positions {
            if let Err(error) = self.broker.remove(log, position).await {
                tracing::warn!(%error, %log, position, "A settled record could not be removed yet.");
                left.push(position);
            }
        }
        left
    }

    async fn end_retries(&self, group: Vec<(Arc<Lane>, Collected)>) {
        for (lane, one) in group {
            let due_done = self.remove_all(&self.retries, one.due_done).await;
            let park_done = self.remove_all(&self.parked, one.park_done).await;
            if !due_done.is_empty() || !park_done.is_empty() {
                lane.give_back(Collected {
                    facts: Vec::new(),
                    due_done,
                    park_done,
                    marks: Marks::default(),
                    revision: None,
                });
            }
        }
    }
}

fn cursor_write(lane: &Lane, one: &Collected) -> CellWrite {
    marks_write(lane.order.key(), &one.marks, one.revision)
}

fn marks_write(key: String, marks: &Marks, revision: Option<u64>) -> CellWrite {
    let value = serde_json::to_vec(marks).unwrap_or_default();
    let expect = revision.map_or(Expect::Absent, Expect::Revision);
    CellWrite {
        key,
        value: Some(Bytes::from(value)),
        expect,
        ttl: None,
    }
}

fn give_back(group: Vec<(Arc<Lane>, Collected)>) {
    for (lane, one) in group {
        lane.give_back(one);
    }
}
