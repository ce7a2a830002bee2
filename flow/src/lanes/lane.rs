//! One lane: the bounded queue of one subscription, its cursors, its retries and its leases.
//!
//! *Promise*: whatever was offered and taken is open until it is settled, and an open event is either in the
//! queue, being carried, waiting for a retry, or leased; a crash gives all of them back through the cursor.
//! *Refuses*: to grow. A full lane says so, leaves the shared reader and catches up by itself later, so a
//! slow receiver delays nobody else.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stadtbus_broker::LogName;
use tokio::{sync::Notify, time::Instant};

pub use super::pauses::Pause;
use super::{
    balance::Account,
    breaker::Breaker,
    cursor::{Cursor, Marks},
    item::{Item, Outcome, Waiting},
    pace::Pace,
    published::Published,
    replay,
    state::State,
};
use crate::{Limits, city::Order, clock};

/// How a lane hangs on one log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hang {
    /// The shared reader offers it every event.
    Level,
    /// It reads by itself.
    Behind,
}

/// What became of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// In the queue now.
    Taken,
    /// Settled before, or in the lane already.
    Known,
    /// No room.
    Full,
}

/// How much of a lane's queue is to be free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Half: enough to be worth a new reader.
    Half,
    /// An eighth: enough to go on with a reader that is there.
    Some,
}

/// How long an event waits that the broker could not take.
const PUT_BACK_DELAY: Duration = Duration::from_secs(1);

/// One subscription at work.
pub struct Lane {
    /// The standing order that it carries out.
    pub order: Arc<Order>,
    state: Mutex<State>,
    /// There may be something to carry, to catch up, or to hand to a waiting receiver. All who wait are woken: each
    /// looks at the state after it has begun to listen, so no change is missed.
    pub(super) work: Notify,
    /// There may be room again.
    pub(super) room: Notify,
    pub(super) queue_max: usize,
    pub(super) queue_bytes_max: usize,
    retries_max: usize,
    pub(super) parked_events_max: usize,
    /// Most events handed to the reader of the feed and not confirmed.
    pub(super) unconfirmed_max: usize,
}

impl Lane {
    /// A lane for `order` that goes on at `marks`, for the logs that the order can match.
    #[must_use]
    pub fn new(
        order: Arc<Order>,
        logs: &[LogName],
        marks: Marks,
        revision: Option<u64>,
        paused: Option<Pause>,
        limits: &Limits,
    ) -> Self {
        let hangs = logs
            .iter()
            .map(|log| {
                let mark = marks.logs.get(log.as_str()).cloned().unwrap_or_default();
                (log.clone(), (Cursor::resume(&mark), Hang::Behind))
            })
            .collect();
        let confirmed = marks
            .confirmed
            .iter()
            .filter_map(|(log, up_to)| Some((LogName::new(log).ok()?, *up_to)))
            .collect();
        let (mut marks, mut account) = (marks, None);
        if order.replay.is_none() {
            let opened = Account::resume(&order, logs, &mut marks, clock::millis_now());
            account = Some(Box::new(opened));
        }
        let watch = marks
            .watch
            .clone()
            .resume(order.subscription(), clock::millis_now());
        let (queue_max, retries_max) = replay::bounds(&order, limits);
        let state = State {
            hangs,
            revision,
            paused,
            dirty: watch != marks.watch || account.is_some(),
            account,
            watch,
            confirmed,
            tally: order.replay.as_ref().map(|_| marks.tally.unwrap_or_default()),
            published: Published::resume(marks.published),
            parking: marks.parking,
            written: marks,
            ready_at_once: order.hands_out_untransformed(),
            breaker: Breaker::of(&order, limits),
            plugin: Breaker::of_plugin(&order, limits),
            pace: order.subscription().delivery.rate_per_s.map(Pace::new),
            ..State::empty(limits.lane_queue_max, limits.key_backlog_max)
        };
        Self {
            order,
            state: Mutex::new(state),
            work: Notify::new(),
            room: Notify::new(),
            queue_max,
            queue_bytes_max: limits.lane_queue_bytes_max,
            retries_max,
            parked_events_max: limits.parked_events_max,
            unconfirmed_max: limits.unconfirmed_events_max,
        }
    }

    /// The lock is never held over an await, and a panic while holding it cannot leave a half-done change
    /// that matters more than going on, so poisoning is passed over.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to `count` events to carry now, retries that are due first. None while paused.
    pub(super) fn take(&self, count: usize) -> Vec<Item> {
        let mut state = self.state();
        if state.paused.is_some() {
            return Vec::new();
        }
        let now = Instant::now();
        if state.held_until.is_some_and(|until| until > now) {
            return Vec::new();
        }
        state.held_until = None;
        // What receivers take themselves is paced where they take it.
        let count = if self.order.is_taken_by_receiver() {
            count
        } else {
            state.paced(count, now)
        };
        let count = state.plugin.room(count, now);
        let mut items = Vec::new();
        while items.len() < count {
            let due = state.waiting.peek().is_some_and(|waiting| waiting.at <= now);
            let next = if due {
                state.waiting.pop().map(|waiting| waiting.item)
            } else {
                state.queue.pop_front()
            };
            let Some(item) = next else { break };
            items.push(item);
        }
        state.carried += items.len();
        state.plugin.begun(items.len());
        if !self.order.is_taken_by_receiver() {
            state.begun(items.len(), now);
        }
        items
    }

    /// Puts a transformed event where pulls and live streams take it from.
    pub(crate) fn ready(&self, item: Item) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        state.ready.push_back(item);
        drop(state);
        self.work.notify_waiters();
    }

    /// The end of one delivery. The caller has made durable what the outcome needs (dead letter, schedule).
    pub(crate) fn settle(&self, item: Item, outcome: Outcome, code: Option<&str>, detail: Option<String>) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        let goes_on = item.key.is_some();
        state.settle(item, outcome, code, detail);
        drop(state);
        self.room.notify_waiters();
        if goes_on {
            self.work.notify_waiters();
        }
    }

    /// Keeps an event in the lane for another attempt after `delay`. Gives it back if the lane keeps enough
    /// of them already: then a scheduled message must own it, or its key be set aside.
    #[allow(
        clippy::result_large_err,
        reason = "what comes back is the event itself, moved there and back"
    )]
    pub(crate) fn wait(&self, item: Item, delay: Duration) -> Result<(), Item> {
        let mut state = self.state();
        if state.waiting.len() >= self.retries_max {
            return Err(item);
        }
        state.carried = state.carried.saturating_sub(1);
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is("order-ignored")
            && let Some(next) = state.keys.leave(&item)
        {
            state.may_go(next);
        }
        state.waiting.push(Waiting {
            at: Instant::now() + delay,
            item,
        });
        drop(state);
        self.work.notify_waiters();
        Ok(())
    }

    /// Gives an event back to the lane, unharmed: the broker could not be reached to settle it. Where the plugin
    /// keeps state the lane waits with it, so that no later event passes it.
    pub(crate) fn put_back(&self, item: Item) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        state.plugin.untried();
        let at = Instant::now() + PUT_BACK_DELAY;
        if self.order.runs_in_turn() {
            state.return_in_order(item);
            state.held_until = Some(at);
        } else {
            state.waiting.push(Waiting { at, item });
        }
        drop(state);
        self.work.notify_waiters();
    }

    /// When the next retry inside the lane is due.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        let state = self.state();
        let waiting = state.waiting.peek().map(|waiting| waiting.at);
        // While the lane is held nothing is taken, however long it has been due.
        let earliest = state.held_until.or(waiting);
        // While the receiver is left alone nothing goes before its time.
        if state.is_left_alone() {
            let next = state.next_alone()?;
            // One that came to nothing has used up its turn all the same.
            let next = state.next_pace().map_or(next, |pace| pace.max(next));
            if state.held_until.is_none() && !state.queue.is_empty() {
                return Some(next);
            }
            // Its time may be up long before anything is due.
            return earliest.map(|at| at.max(next));
        }
        // Where the pace holds up what is due, it says when.
        let pace = state
            .next_pace()
            .map(|pace| state.held_until.map_or(pace, |held| pace.max(held)));
        match (pace, earliest) {
            (Some(pace), _) if !state.queue.is_empty() => Some(pace),
            (Some(pace), Some(earliest)) => Some(earliest.max(pace)),
            (_, earliest) => earliest,
        }
    }

    /// Stops the lane, visibly, or lets it go on.
    pub fn set_paused(&self, pause: Option<Pause>) {
        if let (None, Some(target)) = (&pause, &self.order.webhook) {
            target.ask_anew();
        }
        self.state().paused = pause;
        self.let_go();
        self.work.notify_waiters();
    }

    /// Takes back events that only wait for their receiver's rate.
    pub(super) fn let_go(&self) {
        if let Some(target) = &self.order.webhook {
            target.let_go();
        }
    }

    /// How fast it is delivered to, and when it goes on.
    pub(super) fn pace(&self) -> Option<Pace> {
        self.state().pace.clone()
    }

    /// Goes on at the pace at which an earlier life of it in this process stopped.
    pub(super) fn go_on_at(&self, before: Option<Pace>) {
        if let (Some(pace), Some(before)) = (&mut self.state().pace, before) {
            pace.go_on_at(&before);
        }
    }

    /// Why the lane was told to stand still, if it was.
    #[must_use]
    pub fn paused(&self) -> Option<Pause> {
        self.state().paused.clone()
    }

    /// Whether this part of the queue is free, in number and in bytes.
    pub(super) fn has_room(&self, room: Room) -> bool {
        let state = self.state();
        let part = match room {
            Room::Half => 2,
            Room::Some => 8,
        };
        !state.tells_too_much()
            && state.occupied() <= self.queue_max - self.queue_max / part
            && state.bytes <= self.queue_bytes_max - self.queue_bytes_max / part
    }
}

#[cfg(test)]
mod tests;
