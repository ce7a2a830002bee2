//! One task for each lane: it takes events as room allows, hands them to the dispatcher, keeps retries in time,
//! ends leases that ran out, and catches up with logs in which the lane is behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use stadtbus_broker::{Broker, LogName};
use tokio::{sync::Semaphore, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    catch_up::catch_up,
    due::DueIndex,
    feed::Feed,
    lane::Lane,
    replay::{Reader, Replay},
};
use crate::{city::Cities, dispatch::Dispatcher};

/// Events of a derivation carried together: their outputs become one group append.
const DERIVE_GROUP_MAX: usize = 256;
/// Groups of a derivation under way at one time.
const DERIVE_GROUPS: usize = 3;
/// How often leases are looked at while there are any.
const LEASE_INTERVAL: Duration = Duration::from_millis(200);

pub(super) struct Runner {
    pub(super) lane: Arc<Lane>,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) cities: Arc<Cities>,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) feeds: BTreeMap<LogName, Arc<Feed>>,
    pub(super) due: Arc<DueIndex>,
    pub(super) readers: Arc<Semaphore>,
    /// What is replayed, if it is a replay's lane.
    pub(super) replay: Option<Arc<Replay>>,
    pub(super) stop: CancellationToken,
}

impl Runner {
    /// Runs until stopped, then until what is under way has ended.
    pub(super) async fn run(self) {
        let mut carrying: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut catching: FuturesUnordered<BoxFuture<'_, LogName>> = FuturesUnordered::new();
        let mut keeping: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut caught_by_self: BTreeSet<LogName> = BTreeSet::new();
        let key = self.lane.order.key();
        let replays = self.replay.is_some();
        let mut replaying: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        replaying.extend(
            self.reader()
                .map(|reader| -> BoxFuture<'_, ()> { Box::pin(reader.run()) }),
        );
        let mut tend = tokio::time::interval(LEASE_INTERVAL);
        tend.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let work = self.lane.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            for log in self.lane.behind() {
                if !replays
                    && let Some(feed) = self.feeds.get(&log)
                    && caught_by_self.insert(log.clone())
                {
                    catching.push(Box::pin(self.catch_up(Arc::clone(feed), log)));
                }
            }
            if self.due.has(&key) {
                self.due.hand_to(&*self.broker, &self.lane).await;
            }
            self.lane.wake_keys();
            if keeping.is_empty() && self.lane.must_keep() {
                keeping.push(Box::pin(self.dispatcher.keep(&self.lane)));
            }
            self.take_more(&mut carrying);
            let wake = self.lane.next_wake();
            let retry = self
                .lane
                .next_retry()
                .filter(|at| self.carries() || *at > Instant::now());
            // What is under way is looked at before what calls for more.
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                _ = tend.tick(), if self.lane.has_leases() => self.end_leases().await,
                Some(log) = catching.next(), if !catching.is_empty() => { caught_by_self.remove(&log); }
                Some(()) = carrying.next(), if !carrying.is_empty() => {}
                Some(()) = keeping.next(), if !keeping.is_empty() => {}
                Some(()) = replaying.next(), if !replaying.is_empty() => {}
                () = at(wake), if wake.is_some() => {}
                () = at(retry), if retry.is_some() && carrying.len() < self.width() => self.lane.work.notify_waiters(),
                () = &mut work => {}
            }
        }
        drop(catching);
        drop(replaying);
        while keeping.next().await.is_some() {}
        while !carrying.is_empty() {
            // What only waits for its receiver's rate is not under way.
            self.lane.let_go();
            tokio::select! {
                biased;
                _ = carrying.next() => {}
                () = tokio::time::sleep(LEASE_INTERVAL) => {}
            }
        }
    }

    fn reader(&self) -> Option<Reader> {
        let replay = self.replay.as_ref()?;
        Some(Reader {
            broker: Arc::clone(&self.broker),
            lane: Arc::clone(&self.lane),
            replay: Arc::clone(replay),
            readers: Arc::clone(&self.readers),
        })
    }

    async fn catch_up(&self, feed: Arc<Feed>, log: LogName) -> LogName {
        catch_up(
            Arc::clone(&self.broker),
            Arc::clone(&self.lane),
            feed,
            Arc::clone(&self.readers),
        )
        .await;
        log
    }

    /// Whether this task takes what is due. If not (receivers do, or the lane is paused), what became due waits for
    /// somebody else, and the runner must not.
    fn carries(&self) -> bool {
        !self.lane.order.hands_out_untransformed() && self.lane.paused().is_none()
    }

    /// How many groups may be carried at one time.
    fn width(&self) -> usize {
        let order = &self.lane.order;
        let in_order = self.replay.is_some() && order.subscription().order.is_some();
        if order.runs_in_turn() || in_order {
            // Inputs with one state key come one after another, and two groups may share a key; and first attempts of a replay
            // come in the order that its subscription asks for.
            1
        } else if order.is_derivation() {
            DERIVE_GROUPS
        } else {
            order.subscription().delivery.concurrency.max(1) as usize
        }
    }

    fn take_more<'a>(&'a self, carrying: &mut FuturesUnordered<BoxFuture<'a, ()>>) {
        if self.lane.order.hands_out_untransformed() || self.stop.is_cancelled() {
            return;
        }
        // Without a city nothing can be carried; there is none only before the first one was applied.
        let Ok(city) = self.cities.current() else { return };
        let group = if self.lane.order.is_derivation() {
            DERIVE_GROUP_MAX
        } else {
            1
        };
        while carrying.len() < self.width() {
            let items = self.lane.take(group);
            if items.is_empty() {
                return;
            }
            let (city, lane) = (Arc::clone(&city), Arc::clone(&self.lane));
            let dispatcher = Arc::clone(&self.dispatcher);
            let carried = async move { dispatcher.carry(&lane, &city, items).await };
            if group > 1 {
                carrying.push(Box::pin(self.beside(tokio::spawn(carried))));
            } else {
                carrying.push(Box::pin(carried));
            }
        }
    }

    /// A group is work for a core of its own, while the lane goes on reading.
    async fn beside(&self, carried: JoinHandle<()>) {
        if let Err(error) = carried.await {
            tracing::error!(subscription = %self.lane.order.id(), %error, "A group ended badly; its open events are delivered again after a restart.");
        }
    }

    async fn end_leases(&self) {
        for (item, code, detail) in self.lane.end_leases(Instant::now()) {
            self.dispatcher.give_up(&self.lane, item, code, detail).await;
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
