//! Order by key: of all events of one key, one at a time is under way.
//!
//! *Promise*: events of one log, source and key leave in the order of their positions; a key waits for its own events
//! and for no other's; and a key with a long backlog takes no more of the lane's memory than its share: the rest stands
//! in the log of parked events ([`super::parked`]). *Why here and not in the queue*: everything that takes from the lane
//! (the runner, pulls, live streams) sees only events that may go, so none of them needs to know of order. *Why without
//! a broker and a clock*: the caller moves events and says what time it is, so that everything here can be tested.

use std::collections::{BTreeMap, BTreeSet};

use stadtbus_broker::{LogName, Position};
use tokio::time::Instant;

use super::{item::Item, parked::Stop};

mod key;
mod line;
#[cfg(test)]
mod tests;

pub use key::Key;
pub(super) use line::Line;
use line::Next;

/// The keys of which a lane holds events.
#[derive(Default)]
pub(super) struct Keys {
    lines: BTreeMap<Key, Line>,
    held: usize,
    parked: usize,
    /// Keys that have more in memory than their share, or rest.
    crowded: BTreeSet<Key>,
    /// Keys whose next event stands in the log of parked events.
    wanted: BTreeSet<Key>,
    wakes: BTreeSet<(Instant, Key)>,
    /// Keys of whose stop nothing must be remembered any more.
    cleared: BTreeSet<Key>,
    /// Most events of one key that wait in memory.
    share: usize,
}

impl Keys {
    pub(super) fn with_share(share: usize) -> Self {
        Self {
            share,
            ..Self::default()
        }
    }

    /// Gives the event back if it may go now, else keeps it until those before it have come to their end.
    pub(super) fn enter(&mut self, item: Item) -> Option<Item> {
        let Some(key) = item.key.clone() else {
            return Some(item);
        };
        let line = self.lines.entry(key.clone()).or_default();
        line.behind.insert(item.logged.position, item);
        self.held += 1;
        let next = self.go_on(&key);
        let line = self.lines.get(&key)?;
        if !line.behind.is_empty() && (line.rests() || line.behind.len() > self.share) {
            self.crowded.insert(key);
        }
        next
    }

    /// Whether this event stands in the log of parked events already.
    pub(super) fn has_parked(&self, key: &Key, position: Position) -> bool {
        self.lines
            .get(key)
            .is_some_and(|line| line.parked.contains_key(&position))
    }

    /// The event of this key that was under way has come to its end; the next one may go.
    pub(super) fn leave(&mut self, item: &Item) -> Option<Item> {
        let key = item.key.as_ref()?;
        let line = self.lines.get_mut(key)?;
        line.under_way = false;
        if item.parked.is_some() && line.parked.remove(&item.logged.position).is_some() {
            self.parked = self.parked.saturating_sub(1);
            // It was about this one.
            if line
                .stop
                .as_ref()
                .is_some_and(|stop| stop.was_waited_for() && stop.position == item.logged.position)
            {
                line.stop = None;
                self.cleared.insert(key.clone());
            }
        }
        self.go_on(key)
    }

    /// Looks what follows in a line.
    pub(super) fn go_on(&mut self, key: &Key) -> Option<Item> {
        let line = self.lines.get_mut(key)?;
        let buried = line.stop.as_ref().is_some_and(|stop| stop.bury_to.is_some())
            && !line.first().is_some_and(|first| line.buries(first));
        let empty = line.backlog() == 0;
        if (buried || empty) && !line.under_way && line.stop.take().is_some() {
            self.cleared.insert(key.clone());
        }
        match line.next() {
            Next::Goes(item) => {
                self.held = self.held.saturating_sub(1);
                return Some(*item);
            }
            Next::StandsInLog => {
                self.wanted.insert(key.clone());
            }
            Next::Waits => {}
            Next::Nothing => self.forget(key),
        }
        None
    }

    fn forget(&mut self, key: &Key) {
        self.lines.remove(key);
        self.crowded.remove(key);
        self.wanted.remove(key);
    }

    /// Up to `count` events that must leave the lane's memory, oldest first of each key.
    pub(super) fn crowd(&mut self, count: usize) -> Vec<Item> {
        let mut crowd = Vec::new();
        while crowd.len() < count {
            let Some(key) = self.crowded.first().cloned() else {
                break;
            };
            let share = self.share;
            let Some(line) = self.lines.get_mut(&key) else {
                self.crowded.remove(&key);
                continue;
            };
            let keep = if line.rests() { 0 } else { share };
            while line.behind.len() > keep && crowd.len() < count {
                let Some((position, item)) = line.behind.pop_last() else {
                    break;
                };
                line.moving.insert(position);
                self.held = self.held.saturating_sub(1);
                crowd.push(item);
            }
            if line.behind.len() <= keep {
                self.crowded.remove(&key);
            }
        }
        crowd.sort_by_key(|item| item.logged.position);
        crowd
    }

    /// An event stands in the log of parked events now. What follows may go.
    pub(super) fn moved(&mut self, key: &Key, position: Position, record: Position) -> Option<Item> {
        let line = self.lines.get_mut(key)?;
        line.moving.remove(&position);
        if line.parked.insert(position, record).is_none() {
            self.parked += 1;
        }
        self.go_on(key)
    }

    /// It could not be written there and stays in memory.
    pub(super) fn not_moved(&mut self, item: Item) -> Option<Item> {
        let key = item.key.clone()?;
        let line = self.lines.get_mut(&key)?;
        line.moving.remove(&item.logged.position);
        line.behind.insert(item.logged.position, item);
        self.held += 1;
        self.crowded.insert(key.clone());
        self.go_on(&key)
    }

    /// Keys whose next event must be fetched and may be: position and record of each. They count as under way from now on.
    pub(super) fn fetch(
        &mut self,
        count: usize,
        may: impl Fn(&Key, Position) -> bool,
    ) -> Vec<(Key, Position, Position, Option<Stop>)> {
        let mut found = Vec::new();
        let mut not_yet = BTreeSet::new();
        while found.len() < count {
            let Some(key) = self.wanted.pop_first() else { break };
            let Some(line) = self.lines.get_mut(&key) else {
                continue;
            };
            if line.under_way || line.stands() {
                continue;
            }
            let first = line.first();
            if let Some((position, record)) = line.parked.first_key_value()
                && first == Some(*position)
            {
                if !may(&key, *position) {
                    not_yet.insert(key);
                    continue;
                }
                line.under_way = true;
                found.push((key, *position, *record, line.stop.clone()));
            }
        }
        self.wanted.append(&mut not_yet);
        found
    }

    /// The first parked event of a key, for whoever decides about it; it counts as under way from now on. None while one
    /// of the key is under way already.
    pub(super) fn claim(&mut self, id: &str) -> Option<(Key, Position, Position, Option<Stop>)> {
        let key = self.find(id)?.0.clone();
        let line = self.lines.get_mut(&key)?;
        let first = line.first();
        let (position, record) = line.parked.first_key_value()?;
        let stopped = line.stop.as_ref().is_none_or(|stop| stop.position == *position);
        if line.under_way || !stopped || first != Some(*position) {
            return None;
        }
        line.under_way = true;
        Some((key, *position, *record, line.stop.clone()))
    }

    /// A parked event is in no log any more.
    pub(super) fn lost(&mut self, key: &Key, position: Position) -> Option<Item> {
        let line = self.lines.get_mut(key)?;
        line.under_way = false;
        if line.parked.remove(&position).is_some() {
            self.parked = self.parked.saturating_sub(1);
        }
        self.go_on(key)
    }

    /// It could not be fetched now, or nothing was done with it.
    pub(super) fn not_fetched(&mut self, key: &Key) {
        if let Some(line) = self.lines.get_mut(key) {
            line.under_way = false;
            self.wanted.insert(key.clone());
        }
    }

    /// The event under way stands in the log of parked events, and its key waits for what `stop` says.
    pub(super) fn rest(&mut self, item: &Item, record: Position, stop: Stop, until: Option<Instant>) {
        let Some(key) = item.key.clone() else { return };
        let line = self.lines.entry(key.clone()).or_default();
        line.under_way = false;
        line.moving.remove(&item.logged.position);
        if line.parked.insert(item.logged.position, record).is_none() {
            self.parked += 1;
        }
        line.stop = Some(stop);
        if !line.behind.is_empty() {
            self.crowded.insert(key.clone());
        }
        self.wake_at(&key, until);
    }

    fn wake_at(&mut self, key: &Key, until: Option<Instant>) {
        let Some(line) = self.lines.get_mut(key) else {
            return;
        };
        if let Some(before) = std::mem::replace(&mut line.wakes, until) {
            self.wakes.remove(&(before, key.clone()));
        }
        if let Some(until) = until {
            self.wakes.insert((until, key.clone()));
        }
    }

    /// When the next key that rests may go on.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Lets keys go on whose time has come.
    pub(super) fn wake(&mut self, now: Instant) -> Vec<Item> {
        let mut go = Vec::new();
        while self.wakes.first().is_some_and(|(at, _)| *at <= now)
            && let Some((at, key)) = self.wakes.pop_first()
        {
            // Else it is of a line of before.
            if let Some(line) = self.lines.get_mut(&key)
                && line.wakes == Some(at)
            {
                line.wakes = None;
                if let Some(stop) = &mut line.stop {
                    stop.is_over();
                }
            }
            go.extend(self.go_on(&key));
        }
        go
    }

    /// What an earlier life parked.
    pub(super) fn restore(&mut self, key: &Key, position: Position, record: Position) -> Option<Position> {
        let line = self.lines.entry(key.clone()).or_default();
        let before = line.parked.insert(position, record);
        if before.is_none() {
            self.parked += 1;
        }
        self.wanted.insert(key.clone());
        before
    }

    /// Changes why a key rests; none lets it go on.
    pub(super) fn set_stop(&mut self, key: &Key, stop: Option<Stop>, until: Option<Instant>) -> Option<Item> {
        let line = self.lines.get_mut(key)?;
        if line.stop.is_some() && stop.is_none() {
            self.cleared.insert(key.clone());
        }
        line.stop = stop;
        if line.rests() && !line.behind.is_empty() {
            self.crowded.insert(key.clone());
        }
        self.wake_at(key, until);
        self.go_on(key)
    }

    /// Keys of whose stop nothing must be remembered any more.
    pub(super) fn cleared(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.cleared)
            .into_iter()
            .filter(|key| self.lines.get(key).is_none_or(|line| line.stop.is_none()))
            .collect()
    }

    /// Their cells could not be removed yet.
    pub(super) fn not_cleared(&mut self, keys: Vec<Key>) {
        self.cleared.extend(keys);
    }

    /// A line by the id of its key.
    pub(super) fn find(&self, id: &str) -> Option<(&Key, &Line)> {
        self.lines.iter().find(|(key, _)| key.id() == id)
    }

    /// All lines of which something stands in the log of parked events, or that rest.
    pub(super) fn resting(&self) -> impl Iterator<Item = (&Key, &Line)> {
        self.lines
            .iter()
            .filter(|(_, line)| line.rests() || !line.parked.is_empty())
    }

    /// How many events wait behind others of their key in memory.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// How many events stand in the log of parked events.
    pub(super) fn parked(&self) -> usize {
        self.parked
    }

    /// Whether there is something to write to the log of parked events, or to fetch from it.
    pub(super) fn has_work(&self, may_park: bool, may_fetch: impl Fn(&Key, Position) -> bool) -> bool {
        let first = |key: &Key| {
            let line = self.lines.get(key);
            line.and_then(|line| line.parked.first_key_value())
                .map(|(at, _)| *at)
        };
        (may_park && !self.crowded.is_empty())
            || !self.cleared.is_empty()
            || self
                .wanted
                .iter()
                .any(|key| first(key).is_some_and(|at| may_fetch(key, at)))
    }

    /// Whether this event waits behind another of its key.
    pub(super) fn holds(&self, log: &LogName, position: Position) -> bool {
        self.held > 0
            && self
                .lines
                .iter()
                .any(|(key, line)| key.log() == log && line.behind.contains_key(&position))
    }

    /// The line in whose part of the log of parked events this event stands.
    pub(super) fn parked_line(&self, log: &LogName, position: Position) -> Option<&Line> {
        self.lines
            .iter()
            .find(|(key, line)| key.log() == log && line.parked.contains_key(&position))
            .map(|(_, line)| line)
    }
}
