//! Everything stored, behind one lock; and what all handles share.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use stadtbus_broker::{BrokerError, Health, LogName};
use tokio::{sync::watch, time::Instant};

use crate::{
    broker::Options,
    cells::Bucket,
    clock::{Clock, Now},
    faults::{Dice, Faults},
    log::Log,
    signal::Signal,
};

/// What is stored.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) logs: BTreeMap<LogName, Log>,
    pub(crate) buckets: BTreeMap<String, Bucket>,
    pub(crate) blobs: BTreeMap<String, BTreeMap<String, Bytes>>,
    /// The weight of all of it.
    pub(crate) bytes: u64,
}

impl Store {
    /// The log, after everything due in it has happened, with the moment of its next schedule.
    pub(crate) fn log(
        &mut self,
        name: &LogName,
        now: Now,
    ) -> Result<(&mut Log, Option<Instant>), BrokerError> {
        let log = self
            .logs
            .get_mut(name)
            .ok_or_else(|| BrokerError::NotFound(format!("log {name}")))?;
        let advanced = log.advance(now);
        self.bytes = (self.bytes + advanced.bytes_added).saturating_sub(advanced.bytes_freed);
        Ok((log, advanced.next_due))
    }

    /// The bucket, after everything due in it has happened, with the moment of its next expiry.
    pub(crate) fn bucket(
        &mut self,
        name: &str,
        now: Now,
    ) -> Result<(&mut Bucket, Option<Instant>), BrokerError> {
        let bucket = self
            .buckets
            .get_mut(name)
            .ok_or_else(|| BrokerError::NotFound(format!("bucket {name}")))?;
        let freed = bucket.advance(now);
        self.bytes = self.bytes.saturating_sub(freed);
        let next = bucket.next_due();
        Ok((bucket, next))
    }
}

/// What all clones of a broker and its handles share.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Mutex<Store>,
    dice: Mutex<Dice>,
    pub(crate) health: watch::Sender<Health>,
    /// Raised whenever the broker goes, comes back or is closed.
    pub(crate) trouble: Signal,
    pub(crate) closed: watch::Sender<bool>,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            store: Mutex::default(),
            dice: Mutex::new(Dice::new(options.seed)),
            health: watch::Sender::new(Health::Up),
            trouble: Signal::default(),
            closed: watch::Sender::new(false),
            clock: Clock::start(options.started),
            options,
        }
    }

    // A panic while the lock is held would be a defect of this crate; the data stays usable, so go on with it.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        let health = if faults.down {
            Health::Down("ordered down".to_owned())
        } else {
            Health::Up
        };
        self.dice().faults = faults;
        if !*self.closed.borrow() {
            self.health.send_if_modified(|now| {
                let changes = *now != health;
                *now = health;
                changes
            });
            self.trouble.raise();
        }
    }

    pub(crate) fn up(&self) -> Result<(), BrokerError> {
        match &*self.health.borrow() {
            Health::Up => Ok(()),
            Health::Down(why) => Err(BrokerError::Unavailable(why.clone())),
        }
    }

    /// Whether the whole broker has room for this many bytes.
    pub(crate) fn room(&self, store: &Store, weight: u64) -> Result<(), BrokerError> {
        let most = self
            .dice()
            .faults
            .full_at_bytes
            .unwrap_or(u64::MAX)
            .min(self.options.bytes_max);
        if store.bytes + weight > most {
            return Err(BrokerError::Full(format!(
                "the broker is at its limit of {most} bytes"
            )));
        }
        Ok(())
    }

    /// Waits as ordered before an answer is given. The answer is lost when it would come after the deadline, or when
    /// the broker went away meanwhile.
    pub(crate) async fn answer_delay(&self) -> Result<(), BrokerError> {
        let delay = {
            let mut dice = self.dice();
            let most = dice.faults.ack_delay;
            dice.up_to(most)
        };
        if delay.is_zero() {
            return Ok(());
        }
        tokio::time::sleep(delay.min(self.options.deadline)).await;
        if delay >= self.options.deadline {
            return Err(self.lost());
        }
        self.up().map_err(|_| self.lost())
    }

    pub(crate) async fn read_delay(&self) {
        let delay = {
            let mut dice = self.dice();
            let most = dice.faults.read_stall;
            dice.up_to(most)
        };
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
    }

    pub(crate) fn lost(&self) -> BrokerError {
        BrokerError::Unknown("the answer was lost".to_owned())
    }
}
