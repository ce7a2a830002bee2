//! Lanes follow the city and the leases: what is missing is started, what is not ours any more is stopped.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
};

use futures_util::{StreamExt, stream};
use stadtbus_broker::{BrokerError, LogName, ReadFrom, ReadOptions};
use tokio_util::sync::CancellationToken;

use super::{
    Feed, Lanes, Routing, Working, balance,
    cursor::{Mark, Marks},
    lane::{Lane, Pause},
    lease,
    parked::{self, Backlog},
    pauses,
    replay::Replay,
    runner::Runner,
    starts,
};
use crate::{
    city::{LiveCity, Order},
    route::Matcher,
};

/// Lanes made ready side by side. One after another, many lanes behind a slow broker would take longer than a lease lasts.
const PREPARED_SIDE_BY_SIDE: usize = 16;
/// A feed starts so far back at most for lanes that are a little behind; the others read by themselves.
const FEED_REACH_MAX: u64 = 10_000;

impl Lanes {
    /// Brings the lanes in line with the city and the leases, and publishes the routing table.
    pub(super) async fn reconcile(&self) {
        let Ok(city) = self.cities.current() else { return };
        let (wanted, mut complete) = self.wanted(&city).await;
        let keys: BTreeSet<String> = wanted.iter().map(|order| order.key()).collect();
        let stale: Vec<String> = self
            .working()
            .iter()
            .filter(|(key, working)| {
                !keys.contains(*key)
                    || wanted.iter().any(|order| {
                        order.key() == **key && order.fingerprint() != working.lane.order.fingerprint()
                    })
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in stale {
            self.stop_lane(&key, true).await;
            self.forget_parked(&city, &key).await;
        }
        let pauses_changed = self.pauses_changed.load(Ordering::Relaxed);
        let mut fresh = Vec::new();
        let missing: Vec<_> = {
            let working = self.working();
            let missing = wanted.iter().filter(|order| !working.contains_key(&order.key()));
            missing.cloned().collect()
        };
        let prepare = async |order: Arc<Order>| {
            let lane = self.prepare(&city, &order).await;
            (order, lane)
        };
        let mut prepared = stream::iter(missing).map(prepare).buffered(PREPARED_SIDE_BY_SIDE);
        while let Some((order, lane)) = prepared.next().await {
            match lane {
                Ok(lane) => fresh.push(lane),
                Err(error) => {
                    complete = false;
                    tracing::error!(subscription = %order.id(), %error, "A lane cannot start; it is tried again with the next lease renewal.")
                }
            }
        }
        drop(prepared);
        for log in self.open_feeds(&city, &fresh).await {
            complete = false;
            fresh.retain(|lane| lane.next(&log).is_none());
        }
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is("lane-before-feed") {
            fresh.iter().for_each(|lane| self.start(Arc::clone(lane)));
            for lane in fresh.drain(..) {
                self.catch_up_with_pause(&lane).await;
            }
        }
        // First: a lane that hangs on a feed before the feed knows of it is level with events that nobody offered to it.
        self.publish_routing(&city, &fresh);
        for lane in &fresh {
            self.start(Arc::clone(lane));
        }
        if self.pauses_changed.load(Ordering::Relaxed) != pauses_changed {
            for lane in &fresh {
                self.catch_up_with_pause(lane).await;
            }
        }
        self.complete.store(complete, Ordering::Relaxed);
        self.followed.send_replace(city.digest.clone());
    }

    /// What was parked of a subscription that is gone ends with it; its lane has stopped, and nobody parks anything more. What
    /// was scheduled for it is swept up when it is due.
    async fn forget_parked(&self, city: &LiveCity, key: &str) {
        let is_replay = key.matches('.').count() > 1;
        if is_replay || city.orders.iter().any(|order| order.key() == key) {
            return;
        }
        if let Err(error) = parked::forget(&*self.broker, key).await {
            tracing::warn!(key, %error, "What was parked of a subscription that is gone is left over.");
        }
    }

    /// The orders that are ours to carry out, and whether that is known for all of them.
    async fn wanted(&self, city: &LiveCity) -> (Vec<Arc<Order>>, bool) {
        let leases = self.leases.lock().await;
        let holds = |key: &str| leases.holds(lease::group_of(key, self.limits.lease_groups));
        let orders = city.orders.iter().filter(|order| holds(&order.key()));
        let mut ours: Vec<_> = orders.cloned().collect();
        ours.extend(self.replayed_orders(city, holds).await);
        (ours, leases.is_sure())
    }

    async fn prepare(&self, city: &LiveCity, order: &Arc<Order>) -> Result<Arc<Lane>, BrokerError> {
        let (mut marks, mut revision) = self.ledger.marks(&order.key()).await?;
        if let Some(replay) = self.replays.get(&order.key()) {
            return self.prepare_replay(order, &replay, marks, revision).await;
        }
        let paused = pauses::read(&*self.broker, &order.key())
            .await?
            .or_else(|| order.lacks_credential().then(Pause::without_credential));
        let logs = city.logs_of(order)?;
        let starts = starts::read(&*self.broker, &order.key()).await?;
        if revision.is_none() {
            tracing::warn!(subscription = %order.id(), "There is no cursor, though each subscription is given one before its city is in force: it is lost. The subscription begins with the first event there is, so that none is missed.");
        }
        for log in &logs {
            // A log that came to the subscription by a change begins where that change found it, not at its first event.
            if !marks.logs.contains_key(log.as_str()) {
                let seen = match (starts.get(log.as_str()), revision) {
                    (Some(start), _) => *start,
                    (None, Some(_)) => self.broker.state(log).await?.last,
                    (None, None) => 0,
                };
                marks.logs.insert(
                    log.as_str().to_owned(),
                    Mark {
                        seen,
                        open: Vec::new(),
                    },
                );
            }
        }
        balance::settle_change(&*self.broker, order, &logs, &mut marks).await?;
        let backlog = self.begin_parking(order, &mut marks, &mut revision).await?;
        let lane = Lane::new(Arc::clone(order), &logs, marks, revision, paused, &self.limits);
        lane.go_on_at(self.paces().remove(&order.key()));
        lane.restore(backlog);
        Ok(Arc::new(lane))
    }

    /// Begins the life of a lane in the log of parked events, and says what stands there. Its cursors are written with it: a
    /// process that works for the subscription still loses it by that, and one that was held up in here does not get it.
    async fn begin_parking(
        &self,
        order: &Order,
        marks: &mut Marks,
        revision: &mut Option<u64>,
    ) -> Result<Backlog, BrokerError> {
        let (key, ordered) = (order.key(), order.subscription().order.is_some());
        if !ordered && !parked::is_known(&*self.broker, &key).await? {
            return Ok(Backlog::default());
        }
        let life = parked::mark(&*self.broker, &key).await?;
        let before = marks.parking.replace(life);
        *revision = Some(self.ledger.begin(&key, marks, *revision).await?);
        let lives: Vec<_> = before.into_iter().chain([life]).collect();
        parked::load(&*self.broker, &key, ordered, &lives).await
    }

    /// What its subscription was given a moment ago is written down first, for a replay of what is missing.
    async fn prepare_replay(
        &self,
        order: &Arc<Order>,
        replay: &Replay,
        marks: Marks,
        revision: Option<u64>,
    ) -> Result<Arc<Lane>, BrokerError> {
        if replay.only_missing {
            self.write_down().await;
        }
        let own_sink = order.replay.as_ref().is_some_and(|replay| !replay.elsewhere);
        let paused = match own_sink {
            true => pauses::read(&*self.broker, &order.rule.key()).await?,
            false => None,
        };
        let paused = paused.or_else(|| order.lacks_credential().then(Pause::without_credential));
        let (logs, marks) = (replay.logs(), replay.begin(marks));
        Ok(Arc::new(Lane::new(
            Arc::clone(order),
            &logs,
            marks,
            revision,
            paused,
            &self.limits,
        )))
    }

    /// Starts the shared readers that are missing, far enough back for the lanes that are nearly level. A log that no
    /// lane of this process reads needs none. Returns the logs that cannot be read now.
    async fn open_feeds(&self, city: &LiveCity, fresh: &[Arc<Lane>]) -> Vec<LogName> {
        let mut unread = Vec::new();
        // A replay reads for itself alone.
        let fresh: Vec<_> = fresh
            .iter()
            .filter(|lane| lane.order.replay.is_none())
            .cloned()
            .collect();
        for log in city.logs() {
            if self.feeds().contains_key(&log) || !fresh.iter().any(|lane| lane.next(&log).is_some()) {
                continue;
            }
            if let Err(error) = self.open_feed(log.clone(), &fresh).await {
                tracing::error!(%log, %error, "A log cannot be read; it is tried again with the next lease renewal.");
                unread.push(log);
            }
        }
        unread
    }

    async fn open_feed(&self, log: LogName, fresh: &[Arc<Lane>]) -> Result<(), BrokerError> {
        let last = self.broker.state(&log).await?.last;
        let reach = last.saturating_sub(FEED_REACH_MAX);
        let nearest = fresh
            .iter()
            .filter_map(|lane| lane.next(&log))
            .filter(|next| *next > reach)
            .min();
        let start = nearest.map_or(last, |next| (next - 1).min(last));
        let options = ReadOptions {
            from: ReadFrom::Position(start + 1),
            subject: None,
            headers_only: false,
        };
        let stream = self.broker.read(&log, options).await?;
        let feed = Arc::new(Feed::new(log.clone(), start, Arc::clone(&self.routing)));
        self.feeds().insert(log, Arc::clone(&feed));
        let stop = self.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = feed.run(stream) => {}
            }
        });
        Ok(())
    }

    fn start(&self, lane: Arc<Lane>) {
        let stop = CancellationToken::new();
        let runner = Runner {
            lane: Arc::clone(&lane),
            broker: Arc::clone(&self.broker),
            cities: Arc::clone(&self.cities),
            dispatcher: Arc::clone(&self.dispatcher),
            feeds: self.feeds().clone(),
            due: Arc::clone(&self.due),
            readers: Arc::clone(&self.readers),
            replay: self.replays.get(&lane.order.key()),
            stop: stop.clone(),
        };
        let task = tokio::spawn(runner.run());
        self.working()
            .insert(lane.order.key(), Working { lane, stop, task });
    }

    fn publish_routing(&self, city: &LiveCity, fresh: &[Arc<Lane>]) {
        let working = self.working();
        let mut lanes: BTreeMap<_, _> = fresh.iter().map(|lane| (lane.order.key(), lane)).collect();
        lanes.extend(working.iter().map(|(key, working)| (key.clone(), &working.lane)));
        let lanes = city
            .orders
            .iter()
            .map(|order| lanes.get(&order.key()).map(|lane| Arc::clone(lane)))
            .collect();
        drop(working);
        self.routing.store(Arc::new(Routing {
            matcher: Matcher::new(city.orders.iter().map(|order| Arc::clone(&order.rule)).collect()),
            lanes,
        }));
    }

    /// Stops a lane. `ours` says whether its cursor may still be written.
    pub(super) async fn stop_lane(&self, key: &str, ours: bool) {
        self.halt(key).await;
        let working = self.working().remove(key);
        let Some(Working { lane, .. }) = working else {
            return;
        };
        if let Some(pace) = lane.pace() {
            self.paces().insert(key.to_owned(), pace);
        }
        if ours {
            let feeds = self.feeds().clone();
            self.ledger.flush(&[Arc::clone(&lane)], &feeds, true).await;
        }
        self.due.take_back(key, lane.due_left());
    }

    /// Lets a lane's deliveries under way end; it takes no more.
    pub(super) async fn halt(&self, key: &str) {
        let task = {
            let mut working = self.working();
            let Some(working) = working.get_mut(key) else {
                return;
            };
            working.stop();
            std::mem::replace(&mut working.task, tokio::spawn(async {}))
        };
        if let Err(error) = task.await {
            tracing::error!(key, %error, "A lane ended badly; its open events are delivered again.");
        }
    }

    pub(super) async fn stop_group(&self, group: u32, ours: bool) {
        let keys: Vec<_> = self
            .working()
            .keys()
            .filter(|key| lease::group_of(key, self.limits.lease_groups) == group)
            .cloned()
            .collect();
        for key in keys {
            self.stop_lane(&key, ours).await;
        }
    }
}
