//! How a lane parks: events of keys that do not move on leave its memory, and come back in order.

mod shown;

use std::{sync::Arc, time::Duration};

use shown::shown;
pub use shown::{KeyState, ParkedKey};
use stadtbus_broker::{LogName, Position};
use tokio::time::Instant;

use super::{
    balance::Account,
    cursor::Cursor,
    item::{AttemptNote, Item, Outcome},
    keys::Key,
    lane::{Hang, Lane},
    parked::{Backlog, Parked, Stop},
    settled::Fact,
    state::State,
};
use crate::clock::millis_now;

/// Events moved into the log of parked events together.
const CROWD_MAX: usize = 256;
/// Events in a lane that were fetched from there.
const FETCHED_MAX: usize = 64;
/// How long nothing is moved or fetched after the broker refused.
const HOLD_OFF: Duration = Duration::from_secs(1);

/// Positions of events, each with that of its record.
type Places = Vec<(Position, Position)>;

/// A parked event that is to come back into its lane.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) key: Key,
    pub(crate) position: Position,
    pub(crate) record: Position,
    stop: Option<Stop>,
}

impl Wanted {
    /// Whether it comes back only to be buried.
    pub(crate) fn is_buried(&self) -> bool {
        self.stop
            .as_ref()
            .and_then(|stop| stop.bury_to)
            .is_some_and(|to| self.position <= to)
    }

    /// The event as it goes on.
    pub(crate) fn item(&self, (logged, edits): Parked) -> Item {
        let mut item = Item::new(Arc::new(logged));
        item.edited = edits.map(Arc::new);
        item.key = Some(self.key.clone());
        item.parked = Some(self.record);
        if let Some(stop) = self.stop.as_ref().filter(|stop| stop.position == self.position) {
            item.attempts = stop.attempts;
            item.notes.clone_from(&stop.notes);
        }
        item
    }
}

/// The moment of a wall-clock time, for as long as this process lives.
fn moment(until_ms: Option<u64>) -> Option<Instant> {
    let left = until_ms?.saturating_sub(millis_now());
    Some(Instant::now() + Duration::from_millis(left))
}

impl Lane {
    /// Takes up what an earlier life parked.
    pub(super) fn restore(&self, backlog: Backlog) {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is("backlog-forgotten") {
            return;
        }
        let mut state = self.state();
        for (key, position, record) in backlog.records {
            if !state.enter_parked(key.log(), position, record) {
                continue;
            }
            if let Some(replaced) = state.keys.restore(&key, position, record) {
                state.park_done.push(replaced);
            }
        }
        for (id, stop) in backlog.stops {
            let found = state.keys.find(&id);
            let Some((key, parked)) =
                found.map(|(key, line)| (key.clone(), line.parked.contains_key(&stop.position)))
            else {
                continue;
            };
            // A stop at an event that has come to its end since is over.
            if parked || stop.bury_to.is_some() {
                let until = moment(stop.until_ms);
                state.change_stop(&key, Some(stop), until);
            }
        }
    }

    /// The life of this lane in the log of parked events; 0 if it has none there.
    pub(crate) fn parking_life(&self) -> Position {
        self.state().parking.unwrap_or(0)
    }

    /// Whether there is something to move into the log of parked events, or to fetch from it.
    pub(super) fn must_keep(&self) -> bool {
        let state = self.state();
        let held_off = state.keep_after.is_some_and(|after| after > Instant::now());
        let may_fetch = state.may_fetch();
        !held_off
            && state
                .keys
                .has_work(state.keys.parked() < self.parked_events_max, |key, position| {
                    may_fetch && state.is_read_to(key.log(), position)
                })
    }

    /// When a key goes on by itself, or the broker is to be asked again.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let state = self.state();
        state.keys.next_wake().into_iter().chain(state.keep_after).min()
    }

    /// Lets keys go on whose time has come.
    pub(super) fn wake_keys(&self) {
        let now = Instant::now();
        let mut state = self.state();
        if state.keep_after.is_some_and(|after| after <= now) {
            state.keep_after = None;
        }
        for item in state.keys.wake(now) {
            state.may_go(item);
        }
    }

    /// Events that must leave the lane's memory. They count as carried.
    pub(crate) fn crowd(&self) -> Vec<Item> {
        let mut state = self.state();
        if state.keys.parked() >= self.parked_events_max {
            return Vec::new();
        }
        let crowd = state.keys.crowd(CROWD_MAX);
        state.carried += crowd.len();
        crowd
    }

    /// One of them stands in the log of parked events.
    pub(crate) fn moved(&self, item: Item, record: Position) {
        let Some(key) = item.key.clone() else { return };
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        let position = item.logged.position;
        let detail = "It waits behind an earlier event of its key.".to_owned();
        state.hand_over(item, Outcome::Parked, "SB-3022", detail);
        if let Some(next) = state.keys.moved(&key, position, record) {
            state.may_go(next);
        }
        drop(state);
        self.room.notify_waiters();
        self.work.notify_waiters();
    }

    /// One of them could not be written there.
    pub(crate) fn not_moved(&self, item: Item) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        state.keep_after = Some(Instant::now() + HOLD_OFF);
        if let Some(next) = state.keys.not_moved(item) {
            state.may_go(next);
        }
        drop(state);
        self.work.notify_waiters();
    }

    /// Parked events whose turn it is. They count as carried.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let mut state = self.state();
        if !state.may_fetch() {
            return Vec::new();
        }
        let room = FETCHED_MAX.saturating_sub(state.fetched);
        let mut keys = std::mem::take(&mut state.keys);
        let wanted = keys.fetch(room, |key, position| state.is_read_to(key.log(), position));
        state.keys = keys;
        state.carried += wanted.len();
        state.fetched += wanted.len();
        wanted
            .into_iter()
            .map(|(key, position, record, stop)| Wanted {
                key,
                position,
                record,
                stop,
            })
            .collect()
    }

    /// The first event of a key that rests, for whoever decides about it; none while it is under way.
    pub(crate) fn claim(&self, id: &str) -> Option<Wanted> {
        let mut state = self.state();
        let (key, line) = state.keys.find(id)?;
        let first = line.first()?;
        if !state.is_read_to(key.log(), first) {
            return None;
        }
        let (key, position, record, stop) = state.keys.claim(id)?;
        state.carried += 1;
        state.fetched += 1;
        Some(Wanted {
            key,
            position,
            record,
            stop,
        })
    }

    /// It is back.
    pub(crate) fn fetched(&self, item: Item) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        state.bytes += item.size_bytes();
        state.may_go(item);
        drop(state);
        self.work.notify_waiters();
    }

    /// Nothing was done with it.
    pub(crate) fn not_fetched(&self, wanted: &Wanted) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        state.fetched = state.fetched.saturating_sub(1);
        state.keep_after = Some(Instant::now() + HOLD_OFF);
        state.keys.not_fetched(&wanted.key);
        drop(state);
        self.work.notify_waiters();
    }

    /// It is in no log any more: its key goes on without it.
    pub(crate) fn lost(&self, wanted: &Wanted) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        state.fetched = state.fetched.saturating_sub(1);
        let fact = Fact {
            log: wanted.key.log().clone(),
            position: wanted.position,
            outcome: Outcome::Expired,
            at_ms: millis_now(),
            attempts: 0,
            code: Some("SB-1505".into()),
            detail: Some("It is in no log any more.".into()),
            next_ms: None,
            notes: Box::default(),
            ran: None,
        };
        state.tell(fact, None);
        if let Some(next) = state.keys.lost(&wanted.key, wanted.position) {
            state.may_go(next);
        }
        drop(state);
        self.work.notify_waiters();
    }

    /// It is held in memory from now on, until it is settled.
    pub(crate) fn weigh(&self, item: &Item) {
        self.state().bytes += item.size_bytes();
    }

    /// The event that was under way stands in the log of parked events, at `record`, and its key waits.
    pub(crate) fn set_aside(&self, item: Item, record: Position, stop: Stop) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        let outcome = if stop.until_ms.is_some() {
            Outcome::Retry
        } else {
            Outcome::Parked
        };
        let until = moment(stop.until_ms);
        state.keys.rest(&item, record, stop.clone(), until);
        state.hand_over(item, outcome, &stop.code, stop.detail);
        drop(state);
        self.room.notify_waiters();
        self.work.notify_waiters();
    }

    /// Its record was replaced by another.
    pub(crate) fn replaced(&self, wanted: &Wanted, record: Position) {
        let mut state = self.state();
        state.carried = state.carried.saturating_sub(1);
        state.fetched = state.fetched.saturating_sub(1);
        let replaced = state.keys.restore(&wanted.key, wanted.position, record);
        state
            .park_done
            .extend(replaced.filter(|before| *before != record));
        state.keys.not_fetched(&wanted.key);
        state.dirty = true;
    }

    /// Changes why a key rests; none lets it go on.
    pub(crate) fn set_stop(&self, key: &Key, stop: Option<Stop>) {
        let mut state = self.state();
        let until = moment(stop.as_ref().and_then(|stop| stop.until_ms));
        state.change_stop(key, stop, until);
        drop(state);
        self.work.notify_waiters();
    }

    /// Keys of whose stop nothing must be remembered any more.
    pub(crate) fn cleared(&self) -> Vec<Key> {
        self.state().keys.cleared()
    }

    /// Their cells could not be removed yet.
    pub(crate) fn not_cleared(&self, keys: Vec<Key>) {
        let mut state = self.state();
        state.keep_after = Some(Instant::now() + HOLD_OFF);
        state.keys.not_cleared(keys);
    }

    /// The keys that do not move on, or have more events than the lane keeps in memory.
    #[must_use]
    pub fn parked_keys(&self) -> Vec<ParkedKey> {
        let state = self.state();
        state.keys.resting().map(|(key, line)| shown(key, line)).collect()
    }

    /// One of them, with the places of its first `count` parked events.
    #[must_use]
    pub(crate) fn parked_key(&self, id: &str, count: usize) -> Option<(ParkedKey, Key, Places)> {
        let state = self.state();
        let (key, line) = state.keys.find(id)?;
        let places = line.parked.iter().take(count).map(|(at, record)| (*at, *record));
        Some((shown(key, line), key.clone(), places.collect()))
    }

    /// What a key's stop would be if all of its backlog were buried.
    pub(crate) fn burial(&self, id: &str, code: &str, detail: &str) -> Option<(Key, Stop, usize)> {
        let state = self.state();
        let (key, line) = state.keys.find(id)?;
        let last = line.last()?;
        let mut stop = line.stop.clone().unwrap_or_else(|| Stop::new(last, millis_now()));
        stop.until_ms = None;
        stop.bury_to = Some(last);
        code.clone_into(&mut stop.code);
        detail.clone_into(&mut stop.detail);
        Some((key.clone(), stop, line.backlog()))
    }
}

impl State {
    fn may_fetch(&self) -> bool {
        self.fetched < FETCHED_MAX && !self.tells_too_much()
    }

    /// Whether all before this position is read: only then may a parked event come back, for what an earlier life left open,
    /// or had not come to when its cursor was written, may stand before it in its order.
    fn is_read_to(&self, log: &LogName, position: Position) -> bool {
        let ahead = |account: &Account| account.is_ahead(log, position);
        let reread = |(cursor, _): &(Cursor, Hang)| cursor.is_reread_to(position);
        !self.account.as_deref().is_some_and(ahead) && self.hangs.get(log).is_none_or(reread)
    }

    fn change_stop(&mut self, key: &Key, stop: Option<Stop>, until: Option<Instant>) {
        if let Some(next) = self.keys.set_stop(key, stop, until) {
            self.may_go(next);
        }
    }

    /// The event leaves the lane; the log of parked events owns it from now on.
    fn hand_over(&mut self, item: Item, outcome: Outcome, code: &str, detail: String) {
        self.bytes = self.bytes.saturating_sub(item.size_bytes());
        self.dirty = true;
        if item.parked.is_some() {
            self.fetched = self.fetched.saturating_sub(1);
        } else if let Some((cursor, _)) = self.hangs.get_mut(&item.logged.log) {
            cursor.settle(item.logged.position);
        }
        self.facts.push(Fact {
            log: item.logged.log.clone(),
            position: item.logged.position,
            outcome,
            at_ms: millis_now(),
            attempts: item.attempts,
            code: Some(code.into()),
            detail: Some(detail.into_boxed_str()),
            next_ms: None,
            notes: item.notes.into_iter().map(AttemptNote::without_answer).collect(),
            ran: item.ran,
        });
    }
}
