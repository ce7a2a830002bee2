//! Cells: the last write of each key, deletions included so that watchers can be told of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use stadtbus_broker::{
    BrokerError, Cell, CellChange, CellStream, CellWrite, Cells, Expect, WRITE_ALL_MAX, check_cell_key,
};
use tokio::time::Instant;

use crate::{
    clock::Now,
    faults::Fate,
    read::Waiting,
    signal::{Listener, Signal},
    state::Shared,
};

/// How long a deletion is remembered for watchers that have not seen it.
const DELETION_KEPT: Duration = Duration::from_secs(60 * 60);

#[derive(Debug)]
struct Kept {
    value: Option<Bytes>,
    revision: u64,
    /// When the value expires or the deletion is forgotten.
    ends: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    kept: BTreeMap<String, Kept>,
    by_revision: BTreeMap<u64, String>,
    ends: BTreeSet<(Instant, String)>,
    revision: u64,
    pub(crate) changed: Signal,
}

fn weight(key: &str, value: Option<&Bytes>) -> u64 {
    (key.len() + value.map_or(0, Bytes::len)) as u64
}

impl Bucket {
    pub(crate) fn new() -> Self {
        Self {
            kept: BTreeMap::new(),
            by_revision: BTreeMap::new(),
            ends: BTreeSet::new(),
            revision: 0,
            changed: Signal::default(),
        }
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.ends.first().map(|(at, _)| *at)
    }

    /// Lets values expire and deletions be forgotten; answers the bytes freed.
    pub(crate) fn advance(&mut self, now: Now) -> u64 {
        let mut freed = 0;
        while let Some((at, key)) = self.ends.first().cloned() {
            if at > now.steady {
                break;
            }
            if self.kept.get(&key).is_some_and(|kept| kept.value.is_some()) {
                freed += self.set(&key, None, Some(at + DELETION_KEPT)).1;
                freed = freed.saturating_sub(weight(&key, None));
            } else {
                freed += self.forget(&key);
            }
        }
        freed
    }

    fn forget(&mut self, key: &str) -> u64 {
        let Some(kept) = self.kept.remove(key) else {
            return 0;
        };
        self.by_revision.remove(&kept.revision);
        if let Some(at) = kept.ends {
            self.ends.remove(&(at, key.to_owned()));
        }
        weight(key, kept.value.as_ref())
    }

    /// Writes; answers the revision and the bytes freed by what was there.
    fn set(&mut self, key: &str, value: Option<Bytes>, ends: Option<Instant>) -> (u64, u64) {
        let freed = self.forget(key);
        self.revision += 1;
        self.kept.insert(
            key.to_owned(),
            Kept {
                value,
                revision: self.revision,
                ends,
            },
        );
        self.by_revision.insert(self.revision, key.to_owned());
        if let Some(at) = ends {
            self.ends.insert((at, key.to_owned()));
        }
        self.changed.raise();
        (self.revision, freed)
    }

    fn get(&self, key: &str) -> Option<Cell> {
        let kept = self.kept.get(key)?;
        Some(Cell {
            key: key.to_owned(),
            value: kept.value.clone()?,
            revision: kept.revision,
        })
    }

    fn holds(&self, write: &CellWrite) -> bool {
        let present = self
            .kept
            .get(&write.key)
            .filter(|kept| kept.value.is_some())
            .map(|kept| kept.revision);
        match write.expect {
            Expect::Any => true,
            Expect::Absent => present.is_none(),
            Expect::Revision(revision) => present == Some(revision),
        }
    }

    fn list(&self, prefix: &str) -> Vec<Cell> {
        let from = self
            .kept
            .range(prefix.to_owned()..)
            .take_while(|(key, _)| key.starts_with(prefix));
        from.filter_map(|(key, _)| self.get(key)).collect()
    }

    fn changes_after(&self, revision: u64, prefix: &str) -> Vec<CellChange> {
        let later = self
            .by_revision
            .range(revision + 1..)
            .filter(|(_, key)| key.starts_with(prefix));
        later
            .map(|(revision, key)| match self.get(key) {
                Some(cell) => CellChange::Put(cell),
                None => CellChange::Deleted {
                    key: key.clone(),
                    revision: *revision,
                },
            })
            .collect()
    }
}

pub(crate) struct MemoryCells {
    pub(crate) shared: Arc<Shared>,
    pub(crate) bucket: String,
}

impl MemoryCells {
    fn with<T>(&self, f: impl FnOnce(&mut Bucket) -> T) -> Result<T, BrokerError> {
        self.shared.up()?;
        let now = self.shared.clock.now();
        let mut store = self.shared.store();
        let (bucket, _) = store.bucket(&self.bucket, now)?;
        Ok(f(bucket))
    }

    fn apply(&self, writes: Vec<CellWrite>) -> Result<Vec<u64>, BrokerError> {
        let now = self.shared.clock.now();
        let mut store = self.shared.store();
        let added = writes
            .iter()
            .map(|write| weight(&write.key, write.value.as_ref()))
            .sum();
        // Deletions must go through when all is full: they are what makes room.
        if writes.iter().any(|write| write.value.is_some()) {
            self.shared.room(&store, added)?;
        }
        let (bucket, _) = store.bucket(&self.bucket, now)?;
        if let Some(stale) = writes.iter().find(|write| !bucket.holds(write)) {
            return Err(BrokerError::Conflict(format!("cell {}", stale.key)));
        }
        let mut freed = 0;
        let mut revisions = Vec::with_capacity(writes.len());
        for write in writes {
            let ends = match write.value {
                Some(_) => write.ttl.map(|ttl| now.steady + ttl),
                None => Some(now.steady + DELETION_KEPT),
            };
            let (revision, was) = bucket.set(&write.key, write.value, ends);
            freed += was;
            revisions.push(revision);
        }
        store.bytes = (store.bytes + added).saturating_sub(freed);
        Ok(revisions)
    }
}

fn check_all(writes: &[CellWrite]) -> Result<(), BrokerError> {
    let mut keys = HashSet::new();
    for write in writes {
        write.check()?;
        if !keys.insert(&write.key) {
            return Err(BrokerError::Refused(format!(
                "cell {} is written twice in one go",
                write.key
            )));
        }
    }
    if writes.len() > WRITE_ALL_MAX && writes.iter().any(|write| write.expect != Expect::Any) {
        return Err(BrokerError::Refused(format!(
            "at most {WRITE_ALL_MAX} conditional writes in one go"
        )));
    }
    Ok(())
}

#[async_trait]
impl Cells for MemoryCells {
    async fn get(&self, key: &str) -> Result<Option<Cell>, BrokerError> {
        check_cell_key(key)?;
        self.with(|bucket| bucket.get(key))
    }

    async fn write(&self, write: CellWrite) -> Result<u64, BrokerError> {
        let revisions = self.write_all(vec![write]).await?;
        revisions.first().copied().ok_or_else(|| self.shared.lost())
    }

    async fn write_all(&self, writes: Vec<CellWrite>) -> Result<Vec<u64>, BrokerError> {
        check_all(&writes)?;
        self.shared.up()?;
        if let Some(write) = writes.iter().find(|w| {
            w.value
                .as_ref()
                .is_some_and(|v| v.len() > self.shared.options.payload_bytes_max)
        }) {
            return Err(BrokerError::TooLarge(format!("cell {}", write.key)));
        }
        let fate = self.shared.dice().cell();
        match fate {
            Fate::Refused => Err(BrokerError::Unavailable("ordered to refuse".to_owned())),
            Fate::Through => {
                let revisions = self.apply(writes)?;
                self.shared.answer_delay().await?;
                Ok(revisions)
            }
            Fate::Lost { stored } => {
                if stored {
                    self.apply(writes)?;
                }
                Err(self.shared.lost())
            }
        }
    }

    async fn last_revision(&self) -> Result<u64, BrokerError> {
        self.with(|bucket| bucket.revision)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Cell>, BrokerError> {
        self.with(|bucket| bucket.list(prefix))
    }

    async fn watch(&self, prefix: &str) -> Result<CellStream, BrokerError> {
        let (present, revision, changed) =
            self.with(|bucket| (bucket.list(prefix), bucket.revision, bucket.changed.listen()))?;
        let mut ready: VecDeque<CellChange> = present.into_iter().map(CellChange::Put).collect();
        ready.push_back(CellChange::Level);
        let watcher = Watcher {
            waiting: Waiting::on(&self.shared),
            shared: Arc::clone(&self.shared),
            bucket: self.bucket.clone(),
            prefix: prefix.to_owned(),
            revision,
            ready,
            changed,
        };
        Ok(Box::pin(stream::unfold(watcher, |mut watcher| async move {
            let change = watcher.next().await?;
            Some((change, watcher))
        })))
    }
}

struct Watcher {
    shared: Arc<Shared>,
    bucket: String,
    prefix: String,
    revision: u64,
    ready: VecDeque<CellChange>,
    changed: Listener,
    waiting: Waiting,
}

impl Watcher {
    async fn next(&mut self) -> Option<CellChange> {
        loop {
            if self.waiting.closed() {
                return None;
            }
            if let Some(change) = self.ready.pop_front() {
                return Some(change);
            }
            self.changed.catch_up();
            let mut due = None;
            if self.shared.up().is_ok() {
                let now = self.shared.clock.now();
                let mut store = self.shared.store();
                let (bucket, next_due) = store.bucket(&self.bucket, now).ok()?;
                self.ready
                    .extend(bucket.changes_after(self.revision, &self.prefix));
                self.revision = bucket.revision;
                due = next_due;
            }
            if self.ready.is_empty() && !self.waiting.wait(&mut self.changed, due).await {
                return None;
            }
        }
    }
}
