//! The replays of the bus as one process follows them: which of them run here, and when they are over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use stadtbus_broker::{Broker, Cell};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    Replay, Stage, Why,
    store::{self, REPLAYS},
};
use crate::{
    city::{LiveCity, Order},
    follow::{Told, follow},
    lanes::{Lane, Lanes},
};

/// All replays that are stored, by key.
#[derive(Default)]
pub(in crate::lanes) struct Replays {
    known: Mutex<BTreeMap<String, Arc<Replay>>>,
    /// Something began, ended, or stands still.
    pub(in crate::lanes) changed: Notify,
}

impl Replays {
    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Replay>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The replay with this key.
    pub(in crate::lanes) fn get(&self, key: &str) -> Option<Arc<Replay>> {
        self.known().get(key).cloned()
    }

    fn put(&self, replay: Replay) {
        self.known().insert(replay.key(), Arc::new(replay));
    }

    fn running(&self) -> Vec<Arc<Replay>> {
        let known = self.known();
        let running = known.values().filter(|replay| replay.stage == Stage::Running);
        running.cloned().collect()
    }

    /// Follows what is stored, until stopped.
    pub(in crate::lanes) async fn follow(self: Arc<Self>, broker: Arc<dyn Broker>, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = follow(&*broker, REPLAYS, |told| self.heed(told)) => {}
        }
    }

    fn heed(&self, told: Told) {
        let read = |cell: Cell| Some((store::read(&cell).map(Arc::new)?, cell.key));
        match told {
            Told::All(cells) => {
                let read = cells.into_iter().filter_map(read);
                *self.known() = read.map(|(replay, key)| (key, replay)).collect();
            }
            Told::Put(cell) => {
                if let Some((replay, key)) = read(cell) {
                    self.known().insert(key, replay);
                }
            }
            Told::Deleted(key) => drop(self.known().remove(&key)),
        }
        self.changed.notify_one();
    }
}

impl Lanes {
    /// The orders of the replays that run, as far as their subscriptions are still there. One whose subscription is gone
    /// has failed.
    pub(in crate::lanes) async fn replayed_orders(
        &self,
        city: &LiveCity,
        ours: impl Fn(&str) -> bool + Send + Sync,
    ) -> Vec<Arc<Order>> {
        let mut orders = Vec::new();
        for replay in self.replays.running() {
            if !ours(&replay.key()) {
                continue;
            }
            let order = city
                .order(&replay.subscription)
                .filter(|order| order.partner().as_str() == replay.partner && !order.is_derivation());
            match order.map(|order| order.replaying(&replay.id, replay.sink.as_ref())) {
                Some(Ok(order)) => orders.push(Arc::new(order)),
                Some(Err(refusal)) => self.fail(&replay, refusal.code, &refusal.detail).await,
                None => self.fail(&replay, "SB-2001", "The subscription is gone.").await,
            }
        }
        orders
    }

    async fn fail(&self, replay: &Replay, code: &str, detail: &str) {
        let why = Why {
            code: code.to_owned(),
            detail: detail.to_owned(),
        };
        let failed = store::change(&*self.broker, &replay.key(), |replay: &mut Replay| {
            replay.stage = Stage::Failed;
            replay.why = Some(why.clone());
            replay.ended_ms = Some(crate::clock::millis_now());
        })
        .await;
        if let Err(refusal) = failed {
            tracing::warn!(replay = %replay.id, %refusal, "A replay that failed could not be written down as failed yet.");
        }
    }

    /// Lets replays stand still with their subscription, and ends those that are through.
    pub(in crate::lanes) async fn tend_replays(&self) {
        let lanes = self.lanes_at_work();
        for lane in lanes.iter().filter(|lane| lane.order.replay.is_some()) {
            self.pause_together(lane);
            let Some(replay) = self.replays.get(&lane.order.key()) else {
                continue;
            };
            if lane.has_replayed(&replay) {
                self.finish(&replay).await;
            }
        }
    }

    fn pause_together(&self, lane: &Lane) {
        if lane.order.replay.as_ref().is_some_and(|replay| replay.elsewhere) {
            return;
        }
        let Some(live) = self.lane(lane.order.id().as_str()) else {
            return;
        };
        let pause = live.paused();
        if pause != lane.paused() {
            lane.set_paused(pause);
        }
    }

    /// What its lane has to tell is written first: a replay is done when its cursor says so.
    async fn finish(&self, replay: &Replay) {
        let key = replay.key();
        self.stop_lane(&key, true).await;
        match self.ledger.marks(&key).await {
            Ok((marks, _)) if replay.is_settled(&marks) => {
                match store::end(&*self.broker, &key, Stage::Done).await {
                    Ok(done) => self.replays.put(done),
                    Err(refusal) => {
                        tracing::warn!(replay = %replay.id, %refusal, "A replay that is through could not be written down as done yet.");
                    }
                }
            }
            Ok(_) | Err(_) => {}
        }
        // If that was not written, it runs on from its cursor.
        self.replays.changed.notify_one();
    }
}
