//! Leases: which bus process works for which subscriptions.
//!
//! Subscriptions are spread over a fixed number of groups by the hash of their key, and a process leases
//! groups, not subscriptions: with a thousand lanes a renewal stays one small atomic write. A lease is a cell
//! with a time to live; it is created only where none exists and renewed only at the revision that the holder
//! wrote, so two processes can never both believe in one. A process that dies stops renewing, its cells run
//! out, and the others, which look every third of the time to live, take what is free up to their fair share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{BrokerError, CellWrite, Cells, Expect};
use tokio::time::Instant;

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The bus process, unique for each start.
    pub member: String,
    /// Base URL at which that process serves pull and live streams, if it says so.
    pub url: Option<String>,
}

/// A change of what this process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseChange {
    /// The group is ours from now on.
    Gained(u32),
    /// The group may be somebody else's already: stop at once and write no cursor.
    Lost(u32),
    /// The group is above our fair share: stop, write the cursors, then [`Leases::free`] it.
    Surplus(u32),
}

/// The group that the lane with this key belongs to, which is that of its subscription. The hash is part of the storage
/// format: all processes of a bus must agree on it, so it is FNV-1a and not the standard library's, which may change.
#[must_use]
pub fn group_of(key: &str, groups: u32) -> u32 {
    // A replay's key goes on behind that of its subscription, and belongs to whoever serves that.
    let behind = key.match_indices('.').nth(1).map_or(key.len(), |(at, _)| at);
    let hash = key
        .bytes()
        .take(behind)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    u32::try_from(hash % u64::from(groups.max(1))).unwrap_or(0)
}

/// The leases of one process.
pub struct Leases {
    cells: Arc<dyn Cells>,
    holder: Bytes,
    member: String,
    groups: u32,
    ttl: Duration,
    held: BTreeMap<u32, u64>,
    /// What is given back as soon as its lanes have stopped, at the revision that this process wrote.
    leaving: BTreeMap<u32, u64>,
    renewed: Instant,
}

impl Leases {
    /// Leases of `holder` in the bucket `cells`.
    ///
    /// # Errors
    /// If the holder cannot be written as JSON, which does not happen.
    pub fn new(
        cells: Arc<dyn Cells>,
        holder: &Holder,
        groups: u32,
        ttl: Duration,
    ) -> Result<Self, BrokerError> {
        let json = serde_json::to_vec(holder).map_err(|error| BrokerError::Refused(error.to_string()))?;
        Ok(Self {
            cells,
            holder: json.into(),
            member: holder.member.clone(),
            groups,
            ttl,
            held: BTreeMap::new(),
            leaving: BTreeMap::new(),
            renewed: Instant::now(),
        })
    }

    /// How often [`Leases::tick`] wants to be called.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.ttl / 3
    }

    /// Whether `group` is ours and its lease cannot have run out.
    #[must_use]
    pub fn holds(&self, group: u32) -> bool {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is("lease-ignored") {
            return true;
        }
        self.held.contains_key(&group) && self.renewed.elapsed() < self.ttl
    }

    /// The groups that are ours, as far as is known.
    #[must_use]
    pub fn held(&self) -> BTreeSet<u32> {
        self.held.keys().copied().collect()
    }

    /// Whether everything held is known to be ours. If not, the next renewal says.
    #[must_use]
    pub fn is_sure(&self) -> bool {
        self.held.is_empty() || self.renewed.elapsed() < self.ttl
    }

    /// Renews what is held, takes what is free up to the fair share, and gives back what is above it.
    pub async fn tick(&mut self) -> Vec<LeaseChange> {
        let mut changes = self.renew().await;
        if let Err(error) = self.balance(&mut changes).await {
            tracing::warn!(%error, "Leases could not be balanced.");
        }
        changes
    }

    async fn renew(&mut self) -> Vec<LeaseChange> {
        if self.held.is_empty() {
            self.renewed = Instant::now();
            return Vec::new();
        }
        let started = Instant::now();
        let writes = self
            .held
            .iter()
            .map(|(group, revision)| self.put(*group, Expect::Revision(*revision)))
            .collect();
        match self.cells.write_all(writes).await {
            Ok(revisions) => {
                for (slot, revision) in self.held.values_mut().zip(revisions) {
                    *slot = revision;
                }
                self.renewed = started;
                Vec::new()
            }
            // Somebody else may have taken one of them: find out which, one by one.
            Err(BrokerError::Conflict(_)) => self.renew_singly(started).await,
            // Not renewed. As long as the time to live has not passed nobody else can have them.
            Err(error) if self.renewed.elapsed() < self.ttl => {
                tracing::warn!(%error, "Leases were not renewed; they last until their time to live has passed.");
                Vec::new()
            }
            Err(error) => {
                tracing::error!(%error, "All leases ran out; the lanes stop until the broker answers.");
                self.lose_all()
            }
        }
    }

    async fn renew_singly(&mut self, started: Instant) -> Vec<LeaseChange> {
        let mut changes = Vec::new();
        for (group, revision) in self.held.clone() {
            match self
                .cells
                .write(self.put(group, Expect::Revision(revision)))
                .await
            {
                Ok(revision) => drop(self.held.insert(group, revision)),
                Err(_) => {
                    self.held.remove(&group);
                    changes.push(LeaseChange::Lost(group));
                }
            }
        }
        self.renewed = started;
        changes
    }

    async fn balance(&mut self, changes: &mut Vec<LeaseChange>) -> Result<(), BrokerError> {
        self.announce().await?;
        let members = self.cells.list("member.").await?.len().max(1);
        let taken = self.cells.list("group.").await?;
        let share = (self.groups as usize).div_ceil(members);
        for group in 0..self.groups {
            if self.held.len() >= share {
                break;
            }
            let key = group_key(group);
            if self.held.contains_key(&group) || taken.iter().any(|cell| cell.key == key) {
                continue;
            }
            match self.cells.write(self.put(group, Expect::Absent)).await {
                Ok(revision) => {
                    self.held.insert(group, revision);
                    changes.push(LeaseChange::Gained(group));
                }
                Err(BrokerError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        while self.held.len() > share {
            let Some((group, revision)) = self.held.pop_last() else {
                break;
            };
            self.leaving.insert(group, revision);
            changes.push(LeaseChange::Surplus(group));
        }
        Ok(())
    }

    async fn announce(&self) -> Result<(), BrokerError> {
        let key = format!("member.{}", self.member);
        self.cells
            .write(CellWrite {
                key,
                value: Some(self.holder.clone()),
                expect: Expect::Any,
                ttl: Some(self.ttl),
            })
            .await?;
        Ok(())
    }

    /// Frees a group after its lanes have stopped and their cursors are written. That may have taken longer than the lease
    /// lasted: one that somebody else has taken meanwhile is theirs, and stays.
    pub async fn free(&mut self, group: u32) {
        let Some(revision) = self.leaving.remove(&group) else {
            return;
        };
        let write = CellWrite::delete(group_key(group)).expect(Expect::Revision(revision));
        match self.cells.write(write).await {
            Ok(_) => {}
            Err(BrokerError::Conflict(_)) => {
                tracing::debug!(group, "A lease had run out before it could be given back.");
            }
            Err(error) => {
                tracing::warn!(%error, group, "A lease could not be given back; it runs out by itself.");
            }
        }
    }

    /// Gives everything back, at shutdown.
    pub async fn free_all(&mut self) {
        self.leaving.append(&mut self.held);
        for group in self.leaving.keys().copied().collect::<Vec<_>>() {
            self.free(group).await;
        }
        let write = CellWrite::delete(format!("member.{}", self.member));
        if let Err(error) = self.cells.write(write).await {
            tracing::warn!(%error, "This process could not sign off; its entry runs out by itself.");
        }
    }

    /// Who holds `group`, if anybody.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn holder_of(cells: &dyn Cells, group: u32) -> Result<Option<Holder>, BrokerError> {
        let cell = cells.get(&group_key(group)).await?;
        Ok(cell.and_then(|cell| serde_json::from_slice(&cell.value).ok()))
    }

    fn lose_all(&mut self) -> Vec<LeaseChange> {
        // What is gained from now on is as fresh as if nothing had been held.
        self.renewed = Instant::now();
        std::mem::take(&mut self.held)
            .into_keys()
            .map(LeaseChange::Lost)
            .collect()
    }

    fn put(&self, group: u32, expect: Expect) -> CellWrite {
        CellWrite {
            key: group_key(group),
            value: Some(self.holder.clone()),
            expect,
            ttl: Some(self.ttl),
        }
    }
}

fn group_key(group: u32) -> String {
    format!("group.{group}")
}

#[cfg(test)]
mod tests {
    use stadtbus_broker::Broker;
    use stadtbus_broker_memory::{MemoryBroker, Options};

    use super::*;

    const TTL: Duration = Duration::from_secs(6);

    async fn leases(broker: &MemoryBroker, member: &str) -> Leases {
        let holder = Holder {
            member: member.to_owned(),
            url: None,
        };
        Leases::new(broker.cells("LEASES").await.unwrap(), &holder, 2, TTL).unwrap()
    }

    async fn holder(broker: &MemoryBroker, group: u32) -> Option<String> {
        let cells = broker.cells("LEASES").await.unwrap();
        let holder = Leases::holder_of(&*cells, group).await.unwrap();
        holder.map(|holder| holder.member)
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_else_has_taken_meanwhile_is_not_freed() {
        let broker = MemoryBroker::new(Options::default());
        let mut one = leases(&broker, "one").await;
        assert_eq!(one.tick().await, [LeaseChange::Gained(0), LeaseChange::Gained(1)]);
        let mut two = leases(&broker, "two").await;
        assert_eq!(two.tick().await, [], "nothing is free yet");
        assert_eq!(one.tick().await, [LeaseChange::Surplus(1)]);
        // Its lanes take longer to stop than the lease lasts.
        tokio::time::advance(TTL * 2).await;
        assert_eq!(two.tick().await, [LeaseChange::Gained(0), LeaseChange::Gained(1)]);
        one.free(1).await;
        one.free_all().await;
        for group in [0, 1] {
            assert_eq!(holder(&broker, group).await.as_deref(), Some("two"));
        }
        two.free_all().await;
        assert_eq!(holder(&broker, 1).await, None, "its own it gives back");
    }
}
