//! What dispatch runs on: shared readers, a lane for each subscription, durable cursors, leases.
//!
//! ```text
//!  log ──> Feed (one shared reader) ──matcher──> Lane (queue, retries, leases) ──runner──> Dispatcher::carry
//!    └───> catch_up (a lane's own reader, while it is behind) ──────┘
//! ```
//!
//! *Promise*: each lane works in one process at a time ([`lease`]), from where its cursor stands ([`cursor`],
//! [`ledger`]); a lane that is slow, dead or new never holds up another.

mod alone;
mod balance;
mod breaker;
mod catch_up;
pub mod cursor;
mod due;
mod feed;
mod figures;
mod hanging;
mod item;
mod keys;
mod lane;
pub mod lease;
pub mod ledger;
mod offer;
mod pace;
mod park;
pub(crate) mod parked;
pub mod pauses;
mod published;
mod reading;
mod receive;
mod reconcile;
pub mod replay;
mod runner;
pub mod settled;
mod standing;
pub mod starts;
mod state;
#[cfg(test)]
pub(crate) mod testing;
pub mod watch;
mod window;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
pub use balance::{Balance, Books, Counted, Terms};
pub use breaker::Broken;
pub(crate) use breaker::Moved;
use due::DueIndex;
pub use due::DueRetry;
pub use feed::Feed;
pub use figures::{LaneReport, Sight};
pub use item::{ATTEMPTS_KEPT_MAX, AttemptNote, Item, Outcome};
pub use keys::Key;
pub use lane::{Lane, Offer, Pause};
use lease::{Holder, LeaseChange, Leases};
use ledger::Ledger;
use pace::Pace;
pub(crate) use park::Wanted;
pub use park::{KeyState, ParkedKey};
pub use parked::Stop;
pub(crate) use pauses::WITHHELD;
pub(crate) use published::Output;
pub use reading::{Batch, Ended, Given, Reading};
pub(crate) use receive::TOO_OLD;
pub use receive::{Burial, Handed, Settlement};
use replay::Replays;
use stadtbus_broker::{Broker, BrokerError, LogName};
pub use standing::{Figures, Standing};
use tokio::{
    sync::{Semaphore, watch as watch_channel},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{Limits, city::Cities, dispatch::Dispatcher, log::own_log_specs, route::Matcher};

/// How often lanes with many facts are relieved of them between two flushes.
const RELIEFS_PER_FLUSH: u32 = 4;
/// The bucket of leases.
const LEASES: &str = "LEASES";

/// The matcher and the lanes that work in this process, by the same index. Replaced as a whole.
#[derive(Default)]
pub struct Routing {
    /// All orders of the city, compiled.
    pub matcher: Matcher,
    lanes: Vec<Option<Arc<Lane>>>,
}

impl Routing {
    fn lane(&self, index: u32) -> Option<&Arc<Lane>> {
        self.lanes.get(usize::try_from(index).ok()?)?.as_ref()
    }
}

/// A lane at work.
struct Working {
    lane: Arc<Lane>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Working {
    fn stop(&self) {
        self.stop.cancel();
        self.lane.close();
    }
}

/// All lanes of one process.
pub struct Lanes {
    broker: Arc<dyn Broker>,
    cities: Arc<Cities>,
    dispatcher: Arc<Dispatcher>,
    limits: Limits,
    routing: Arc<ArcSwap<Routing>>,
    working: Mutex<BTreeMap<String, Working>>,
    /// Of lanes that stopped here: one that starts again does not begin its second anew.
    paces: Mutex<BTreeMap<String, Pace>>,
    feeds: Mutex<BTreeMap<LogName, Arc<Feed>>>,
    due: Arc<DueIndex>,
    replays: Arc<Replays>,
    ledger: Ledger,
    readers: Arc<Semaphore>,
    leases: tokio::sync::Mutex<Leases>,
    holder: Holder,
    /// Whether every lane that is ours works.
    complete: AtomicBool,
    /// How many pauses and resumptions were heeded.
    pauses_changed: AtomicU64,
    /// Digest of the city that the lanes follow.
    followed: watch_channel::Sender<String>,
    stop: CancellationToken,
}

impl Lanes {
    /// Opens what the lanes need in the broker. Nothing runs yet.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn open(
        broker: Arc<dyn Broker>,
        cities: Arc<Cities>,
        dispatcher: Arc<Dispatcher>,
        limits: Limits,
        holder: &Holder,
    ) -> Result<Arc<Self>, BrokerError> {
        for spec in own_log_specs(&limits)? {
            broker.ensure_log(&spec).await?;
        }
        let ttl = Duration::from_millis(limits.lease_ttl_ms);
        let leases = Leases::new(broker.cells(LEASES).await?, holder, limits.lease_groups, ttl)?;
        Ok(Arc::new(Self {
            ledger: Ledger::open(Arc::clone(&broker)).await?,
            readers: Arc::new(Semaphore::new(limits.catch_up_readers_max)),
            due: Arc::new(DueIndex::new(limits.lease_groups)),
            broker,
            cities,
            dispatcher,
            limits,
            routing: Arc::default(),
            working: Mutex::default(),
            paces: Mutex::default(),
            feeds: Mutex::default(),
            replays: Arc::default(),
            leases: tokio::sync::Mutex::new(leases),
            holder: holder.clone(),
            complete: AtomicBool::new(true),
            pauses_changed: AtomicU64::new(0),
            followed: watch_channel::channel(String::new()).0,
            stop: CancellationToken::new(),
        }))
    }

    fn working(&self) -> MutexGuard<'_, BTreeMap<String, Working>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paces(&self) -> MutexGuard<'_, BTreeMap<String, Pace>> {
        self.paces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feeds(&self) -> MutexGuard<'_, BTreeMap<LogName, Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first leases and starts the lanes, so that a process that says it is ready serves them.
    pub async fn begin(&self) {
        self.tend_leases().await;
    }

    /// Runs until [`Lanes::shutdown`]: leases, changes of the city, flushes.
    pub async fn run(self: Arc<Self>) {
        let due = tokio::spawn(due::run(
            Arc::clone(&self.broker),
            Arc::clone(&self.due),
            self.stop.clone(),
        ));
        let pauses = tokio::spawn(Arc::clone(&self).follow_pauses());
        let replays = Arc::clone(&self.replays).follow(Arc::clone(&self.broker), self.stop.clone());
        let replays = tokio::spawn(replays);
        let books = tokio::spawn(Arc::clone(&self).keep_books_always());
        let mut cities = self.cities.changes();
        let mut lease_tick = tokio::time::interval(self.leases.lock().await.interval());
        let mut flush_tick = tokio::time::interval(Duration::from_millis(self.limits.flush_interval_ms));
        let mut relief_tick =
            tokio::time::interval(Duration::from_millis(self.limits.flush_interval_ms) / RELIEFS_PER_FLUSH);
        relief_tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        lease_tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        flush_tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                _ = lease_tick.tick() => self.tend_leases().await,
                changed = cities.changed() => match changed {
                    Ok(()) => self.reconcile().await,
                    Err(_) => break,
                },
                () = self.replays.changed.notified() => self.reconcile().await,
                _ = relief_tick.tick() => self.ledger.relieve(&self.lanes_at_work()).await,
                _ = flush_tick.tick() => {
                    self.flush(false).await;
                    self.wake_for_due();
                    self.sweep_due().await;
                    self.tend_replays().await;
                }
            }
        }
        due.abort();
        pauses.abort();
        replays.abort();
        books.abort();
    }

    async fn tend_leases(&self) {
        let (changes, held) = {
            let mut leases = self.leases.lock().await;
            (leases.tick().await, leases.held())
        };
        if changes.is_empty() && self.complete.load(Ordering::Relaxed) {
            return;
        }
        self.due.hold(held);
        for change in &changes {
            match change {
                LeaseChange::Gained(_) => {}
                LeaseChange::Lost(group) => self.stop_group(*group, false).await,
                LeaseChange::Surplus(group) => {
                    self.stop_group(*group, true).await;
                    self.leases.lock().await.free(*group).await;
                }
            }
        }
        self.reconcile().await;
    }

    fn lanes_at_work(&self) -> Vec<Arc<Lane>> {
        self.working()
            .values()
            .map(|working| Arc::clone(&working.lane))
            .collect()
    }

    async fn flush(&self, all: bool) {
        let feeds = self.feeds().clone();
        for lost in self.ledger.flush(&self.lanes_at_work(), &feeds, all).await {
            self.stop_lane(&lost.order.key(), false).await;
            // It may have been our own write, whose answer was lost: if the lease is still ours, the lane starts again.
            self.complete.store(false, Ordering::Relaxed);
        }
    }

    /// Lanes look for due retries when they are awake anyway; those that sleep are woken here, so that a thousand
    /// idle lanes need no clock of their own.
    fn wake_for_due(&self) {
        let keys = self.due.keys();
        let working = self.working();
        for key in keys {
            if let Some(working) = working.get(&key) {
                working.lane.work.notify_waiters();
            }
        }
    }

    async fn sweep_due(&self) {
        let Ok(city) = self.cities.current() else { return };
        let is_ordered = |key: &str| {
            let order = key.split_once('.').and_then(|(_, id)| city.order(id));
            order.is_some_and(|order| order.key() == key)
        };
        self.due.sweep(&*self.broker, is_ordered).await;
    }

    /// Stops taking, lets deliveries under way end, writes all cursors, gives the leases back.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        // All are told first, so that they drain side by side.
        self.working().values().for_each(Working::stop);
        let keys: Vec<_> = self.working().keys().cloned().collect();
        let drained = async {
            for key in &keys {
                self.halt(key).await;
            }
        };
        if tokio::time::timeout(Duration::from_millis(self.limits.drain_timeout_ms), drained)
            .await
            .is_err()
        {
            tracing::warn!(
                "Deliveries were still under way when the drain time was over; they are made again after the restart."
            );
        }
        self.flush(true).await;
        self.leases.lock().await.free_all().await;
    }

    /// The lane of a subscription, if it works in this process.
    #[must_use]
    pub fn lane(&self, subscription: &str) -> Option<Arc<Lane>> {
        self.working()
            .values()
            .find(|working| {
                working.lane.order.replay.is_none() && working.lane.order.id().as_str() == subscription
            })
            .map(|working| Arc::clone(&working.lane))
    }

    /// Writes down what this process knows and has not written yet.
    pub async fn write_down(&self) {
        let feeds = self.feeds().clone();
        // Lanes that are not ours any more are found out again by the next flush.
        drop(self.ledger.flush(&self.lanes_at_work(), &feeds, false).await);
    }

    /// The lane of a subscription's replay, if it works in this process.
    #[must_use]
    pub fn replay_lane(&self, order: &crate::city::Order, replay: &str) -> Option<Arc<Lane>> {
        let key = format!("{}.{replay}", order.rule.key());
        self.working().get(&key).map(|working| Arc::clone(&working.lane))
    }

    /// The cursor of a replay as it was written last.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn replay_marks(&self, replay: &replay::Replay) -> Result<cursor::Marks, BrokerError> {
        Ok(self.ledger.marks(&replay.key()).await?.0)
    }

    /// Waits until the lanes of this process follow the city with this digest, at most for `patience`. True if they do;
    /// false also where a later city overtook it.
    pub async fn follow(&self, digest: &str, patience: Duration) -> bool {
        let mut followed = self.followed.subscribe();
        let reached = followed.wait_for(|city| city == digest);
        tokio::time::timeout(patience, reached)
            .await
            .is_ok_and(|reached| reached.is_ok())
    }

    /// Who works for a subscription, if not this process. What an earlier life of this process at the same address has not
    /// given back is nobody's: whoever was sent there would come back here.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn holder_of(&self, key: &str) -> Result<Option<Holder>, BrokerError> {
        let cells = self.broker.cells(LEASES).await?;
        let holder = Leases::holder_of(&*cells, lease::group_of(key, self.limits.lease_groups)).await?;
        Ok(holder.filter(|other| other.member != self.holder.member && other.url != self.holder.url))
    }
}
