//! Cells under the eye of the witness.
//!
//! Revisions grow within a bucket, so a write that gets one at or below what was seen before the call shows a bucket
//! that was cut or made anew. The values written last are remembered by revision: an older one in their place shows one
//! that was put back. A value that is gone says nothing, for another process may have deleted it, unless it is one that
//! nobody deletes; but a bucket whose newest revision is an older one than was seen has lost something. Cells that vanish
//! by themselves (leases) are left alone.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, BrokerError, Cell, CellStream, CellWrite, Cells};

use super::{
    Witness,
    damage::{Damage, DamageKind},
    head::replace,
};
use crate::city::{CITY, CURRENT};

const FILE: &str = "buckets.json";
/// Values remembered in each bucket.
const ANCHORS_MAX: usize = 256;
/// Looks that must agree before damage counts, and the time between them.
const CONFIRMATIONS: u32 = 3;
const CONFIRM_AFTER: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    mark: u64,
    anchors: BTreeMap<String, u64>,
    damage: Option<Damage>,
}

/// All buckets that were written or read through the witness.
pub(super) struct Buckets {
    dir: PathBuf,
    states: Mutex<BTreeMap<String, State>>,
    dirty: AtomicBool,
}

impl Buckets {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let states = match fs::read(dir.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            dir: dir.to_path_buf(),
            states: Mutex::new(states),
            dirty: AtomicBool::new(false),
        })
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn flush(&self) -> io::Result<()> {
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&*self.states())?;
        let replaced = replace(&self.dir, FILE, &bytes);
        if replaced.is_err() {
            self.dirty.store(true, Ordering::Release);
        }
        replaced
    }

    pub(super) fn standing(&self) -> Vec<(String, Option<Damage>)> {
        let states = self.states();
        states
            .iter()
            .map(|(name, state)| (name.clone(), state.damage.clone()))
            .collect()
    }

    pub(super) fn damages(&self) -> Vec<(String, Damage)> {
        let standing = self.standing().into_iter();
        standing
            .filter_map(|(name, damage)| Some((name, damage?)))
            .collect()
    }

    fn mark(&self, bucket: &str) -> u64 {
        self.states().get(bucket).map_or(0, |state| state.mark)
    }

    /// A value of this revision was written or seen.
    fn note(&self, bucket: &str, key: &str, revision: u64) {
        let mut states = self.states();
        let state = states.entry(bucket.to_owned()).or_default();
        if state.damage.is_some() {
            return;
        }
        state.mark = state.mark.max(revision);
        if !state.anchors.contains_key(key) && state.anchors.len() >= ANCHORS_MAX {
            state.anchors.pop_first();
        }
        let anchor = state.anchors.entry(key.to_owned()).or_default();
        *anchor = (*anchor).max(revision);
        self.dirty.store(true, Ordering::Release);
    }

    fn forget(&self, bucket: &str, key: &str, revision: u64) {
        let mut states = self.states();
        if let Some(state) = states.get_mut(bucket) {
            state.mark = state.mark.max(revision);
            state.anchors.remove(key);
            self.dirty.store(true, Ordering::Release);
        }
    }

    pub(super) fn set_damage(&self, bucket: &str, damage: Option<Damage>) {
        let mut states = self.states();
        states.entry(bucket.to_owned()).or_default().damage = damage;
        self.dirty.store(true, Ordering::Release);
    }

    /// Begins anew: an operator has decided that what is there is the truth. What was wrong.
    pub(super) fn begin_anew(&self, bucket: &str) -> Option<(Damage, u64)> {
        let mut states = self.states();
        let state = states.get_mut(bucket)?;
        let damage = state.damage.take()?;
        let mark = state.mark;
        *state = State::default();
        self.dirty.store(true, Ordering::Release);
        Some((damage, mark))
    }

    /// Looks at the remembered values; says whether the standing of a bucket changed.
    pub(super) async fn look(&self, broker: &dyn Broker) -> bool {
        let all: Vec<(String, State)> = self.states().clone().into_iter().collect();
        let mut changed = false;
        for (bucket, state) in all {
            let mut found = self.look_at(broker, &bucket, &state).await;
            for _ in 1..CONFIRMATIONS {
                if !matches!(found, Ok(Some(_))) {
                    break;
                }
                tokio::time::sleep(CONFIRM_AFTER).await;
                found = self.look_at(broker, &bucket, &state).await;
            }
            match found {
                Ok(Some(damage)) if state.damage.is_none() => {
                    self.raise(&bucket, damage);
                    changed = true;
                }
                Ok(None) if state.damage.is_some() && !state.anchors.is_empty() => {
                    tracing::warn!(bucket, "The bucket is whole again.");
                    self.set_damage(&bucket, None);
                    changed = true;
                }
                _ => {}
            }
        }
        changed
    }

    async fn look_at(
        &self,
        broker: &dyn Broker,
        bucket: &str,
        state: &State,
    ) -> Result<Option<Damage>, BrokerError> {
        let cells = broker.cells(bucket).await?;
        // Before the values: a bucket that was made anew holds none of them, and a value that is gone says nothing.
        let last = cells.last_revision().await?;
        if last < state.mark {
            return Ok(Some(Damage::new(
                DamageKind::RolledBack,
                state.mark,
                state.mark,
                last,
            )));
        }
        for (key, revision) in &state.anchors {
            let found = cells.get(key).await?.map(|cell| cell.revision);
            // After damage only presence shows that the values are back.
            let must_be_there = state.damage.is_some() || (bucket == CITY && key == CURRENT);
            if found.is_some_and(|found| found < *revision) || (found.is_none() && must_be_there) {
                let found = found.unwrap_or_default();
                return Ok(Some(Damage::new(
                    DamageKind::RolledBack,
                    *revision,
                    *revision,
                    found,
                )));
            }
        }
        Ok(None)
    }

    fn raise(&self, bucket: &str, damage: Damage) {
        tracing::error!(
            bucket,
            kind = damage.kind.word(),
            revision = damage.position,
            "SB-1508: the bucket contradicts what was written ({}). Nothing is accepted until it is whole again or an operator decides: `stadtbus log show {bucket}`.",
            damage.sentence()
        );
        self.set_damage(bucket, Some(damage));
        if let Err(error) = self.flush() {
            tracing::error!(bucket, %error, "The damage could not be written down; it is looked for again at the next start.");
        }
    }
}

/// The cells of one bucket, under the eye of the witness.
pub(super) struct WitnessedCells {
    inner: Arc<dyn Cells>,
    bucket: String,
    witness: Arc<Witness>,
}

impl WitnessedCells {
    pub(super) fn new(inner: Arc<dyn Cells>, bucket: &str, witness: Arc<Witness>) -> Self {
        Self {
            inner,
            bucket: bucket.to_owned(),
            witness,
        }
    }

    /// What is written after a call began gets a revision behind all that were there before it.
    fn tell(&self, before: u64, key: &str, stays: bool, revision: u64) {
        let buckets = &self.witness.buckets;
        if revision <= before {
            let damage = Damage::new(DamageKind::Reused, revision, before, revision);
            if !buckets.damages().iter().any(|(name, _)| *name == self.bucket) {
                buckets.raise(&self.bucket, damage);
                self.witness.tell_standing();
            }
        } else if stays {
            buckets.note(&self.bucket, key, revision);
        } else {
            buckets.forget(&self.bucket, key, revision);
        }
    }
}

#[async_trait]
impl Cells for WitnessedCells {
    async fn get(&self, key: &str) -> Result<Option<Cell>, BrokerError> {
        let cell = self.inner.get(key).await?;
        if let Some(cell) = cell.as_ref().filter(|_| self.bucket == CITY) {
            self.witness.buckets.note(&self.bucket, key, cell.revision);
        }
        Ok(cell)
    }

    async fn write(&self, write: CellWrite) -> Result<u64, BrokerError> {
        if write.ttl.is_some() {
            return self.inner.write(write).await;
        }
        let before = self.witness.buckets.mark(&self.bucket);
        let (key, stays) = (write.key.clone(), write.value.is_some());
        let revision = self.inner.write(write).await?;
        self.tell(before, &key, stays, revision);
        Ok(revision)
    }

    async fn write_all(&self, writes: Vec<CellWrite>) -> Result<Vec<u64>, BrokerError> {
        let before = self.witness.buckets.mark(&self.bucket);
        let told: Vec<_> = writes
            .iter()
            .map(|write| (write.key.clone(), write.value.is_some(), write.ttl.is_none()))
            .collect();
        let revisions = self.inner.write_all(writes).await?;
        for ((key, stays, lasting), revision) in told.into_iter().zip(&revisions) {
            if lasting {
                self.tell(before, &key, stays, *revision);
            }
        }
        Ok(revisions)
    }

    async fn last_revision(&self) -> Result<u64, BrokerError> {
        self.inner.last_revision().await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Cell>, BrokerError> {
        self.inner.list(prefix).await
    }

    async fn watch(&self, prefix: &str) -> Result<CellStream, BrokerError> {
        self.inner.watch(prefix).await
    }
}
