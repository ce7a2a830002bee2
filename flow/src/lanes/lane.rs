//! One lane: the bounded queue of one subscription, its cursors, its retries and its leases.
//!
//! *Promise*: whatever was offered and taken is open until it is settled, and an open event is either in the
//! queue, being carried, waiting for a retry, or leased; a crash gives all of them back through the cursor.
//! *Refuses*: to grow. A full lane says so, leaves the shared reader and catches up by itself later, so a
//! slow receiver delays nobody else.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stadtbus_broker::{LogName, Position};
use tokio::{sync::Notify, time::Instant};

use super::{
    cursor::{Cursor, Marks},
    item::{Item, Outcome, Waiting},
    settled::Fact,
    watch::Watch,
};
use crate::{Limits, city::Order, clock, deliver::pull::Leases, log::Logged};

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

/// Why a lane stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// `SB-2004` for an operator's pause, `SB-3005` when the receiver is gone.
    pub code: String,
    /// In words.
    pub reason: String,
}

impl Pause {
    /// The receiver's credential cannot be opened here: nothing may go to it without.
    pub(super) fn without_credential() -> Self {
        Self {
            code: "SB-3012".to_owned(),
            reason: "The receiver's credential was sealed with a key that this process does not have."
                .to_owned(),
        }
    }
}

pub(super) struct State {
    pub(super) queue: VecDeque<Item>,
    /// Transformed and waiting for a pull or a live stream.
    pub(super) ready: VecDeque<Item>,
    pub(super) waiting: BinaryHeap<Waiting>,
    /// Nothing is taken before: the first of the queue has to wait, and what follows must not pass it.
    pub(super) held_until: Option<Instant>,
    pub(super) leases: Leases<Item>,
    pub(super) bytes: usize,
    pub(super) carried: usize,
    pub(super) hangs: BTreeMap<LogName, (Cursor, Hang)>,
    pub(super) due_open: BTreeSet<Position>,
    pub(super) due_done: Vec<Position>,
    pub(super) facts: Vec<Fact>,
    pub(super) paused: Option<Pause>,
    pub(super) revision: Option<u64>,
    pub(super) written: Marks,
    pub(super) watch: Watch,
    pub(super) dirty: bool,
}

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
    queue_max: usize,
    queue_bytes_max: usize,
    retries_max: usize,
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
        let watch = marks
            .watch
            .clone()
            .resume(order.subscription(), clock::millis_now());
        let state = State {
            hangs,
            revision,
            paused,
            dirty: watch != marks.watch,
            watch,
            written: marks,
            ..State::empty(limits.lane_queue_max)
        };
        Self {
            order,
            state: Mutex::new(state),
            work: Notify::new(),
            room: Notify::new(),
            queue_max: limits.lane_queue_max,
            queue_bytes_max: limits.lane_queue_bytes_max,
            retries_max: limits.lane_retries_max,
        }
    }

    /// The lock is never held over an await, and a panic while holding it cannot leave a half-done change
    /// that matters more than going on, so poisoning is passed over.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offers an event that matched. `hang` says who offers: only the one on whom the lane hangs is heard.
    pub(super) fn offer(&self, logged: &Arc<Logged>, hang: Hang) -> Offer {
        let mut state = self.state();
        let full = state.occupied() >= self.queue_max || state.bytes >= self.queue_bytes_max;
        let Some((cursor, hung)) = state.hangs.get_mut(&logged.log) else {
            return Offer::Known;
        };
        if *hung != hang || !cursor.wants(logged.position) {
            return Offer::Known;
        }
        if full {
            // All before this event were offered while the lane was level.
            if hang == Hang::Level {
                cursor.pass(logged.position.saturating_sub(1));
                *hung = Hang::Behind;
                drop(state);
                self.work.notify_waiters();
            }
            return Offer::Full;
        }
        cursor.take(logged.position);
        state.watch.matched(clock::millis_now());
        state.bytes += logged.event.size_bytes();
        state.enqueue(
            Item::new(Arc::clone(logged)),
            self.order.hands_out_untransformed(),
        );
        drop(state);
        self.work.notify_waiters();
        Offer::Taken
    }

    /// Offers an event that a scheduled retry gave back.
    pub fn offer_due(&self, item: Item, due: Position) -> Offer {
        let mut state = self.state();
        if state.due_open.contains(&due) {
            return Offer::Known;
        }
        if state.occupied() >= self.queue_max {
            return Offer::Full;
        }
        state.due_open.insert(due);
        state.bytes += item.size_bytes();
        state.enqueue(item, self.order.hands_out_untransformed());
        drop(state);
        self.work.notify_waiters();
        Offer::Taken
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
        state.settle(item, outcome, code, detail);
        drop(state);
        self.room.notify_waiters();
    }

    /// Keeps an event in the lane for another attempt after `delay`. Gives it back if the lane keeps enough
    /// of them already: then a scheduled message must own it.
    pub(crate) fn wait(&self, item: Item, delay: Duration) -> Result<(), Item> {
        let mut state = self.state();
        if state.waiting.len() >= self.retries_max {
            return Err(item);
        }
        state.carried = state.carried.saturating_sub(1);
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
        state.held_until.or(waiting)
    }

    /// Stops the lane, visibly, or lets it go on.
    pub fn set_paused(&self, pause: Option<Pause>) {
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

    /// Why the lane stands still, if it does.
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
        state.occupied() <= self.queue_max - self.queue_max / part
            && state.bytes <= self.queue_bytes_max - self.queue_bytes_max / part
    }
}

impl State {
    fn empty(leases_max: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            ready: VecDeque::new(),
            waiting: BinaryHeap::new(),
            held_until: None,
            leases: Leases::new(leases_max),
            bytes: 0,
            carried: 0,
            hangs: BTreeMap::new(),
            due_open: BTreeSet::new(),
            due_done: Vec::new(),
            facts: Vec::new(),
            paused: None,
            revision: None,
            written: Marks::default(),
            watch: Watch::default(),
            dirty: false,
        }
    }

    fn occupied(&self) -> usize {
        self.queue.len() + self.ready.len() + self.waiting.len() + self.leases.len() + self.carried
    }

    fn enqueue(&mut self, item: Item, ready: bool) {
        self.dirty = true;
        if ready {
            self.ready.push_back(item)
        } else {
            self.queue.push_back(item)
        }
    }

    /// Before every event that came after it in its log.
    fn return_in_order(&mut self, item: Item) {
        let earlier = |queued: &Item| {
            queued.logged.log == item.logged.log && queued.logged.position < item.logged.position
        };
        let place = self.queue.iter().rposition(earlier).map_or(0, |last| last + 1);
        self.queue.insert(place, item);
    }

    pub(super) fn settle(
        &mut self,
        item: Item,
        outcome: Outcome,
        code: Option<&str>,
        detail: Option<String>,
    ) {
        self.bytes = self.bytes.saturating_sub(item.size_bytes());
        self.dirty = true;
        match item.due {
            Some(due) => {
                self.due_open.remove(&due);
                self.due_done.push(due);
            }
            None => {
                if let Some((cursor, _)) = self.hangs.get_mut(&item.logged.log) {
                    cursor.settle(item.logged.position);
                }
            }
        }
        self.facts.push(Fact {
            log: item.logged.log.clone(),
            position: item.logged.position,
            outcome,
            at_ms: clock::millis_now(),
            attempts: item.attempts,
            code: code.map(Box::from),
            detail: detail.map(String::into_boxed_str),
            notes: item.notes.into_boxed_slice(),
        });
    }
}
