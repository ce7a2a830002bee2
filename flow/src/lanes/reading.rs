//! Reading by bookmark: one reader of a lane is handed events in turn, and confirms them by coming back with the
//! bookmark that covers them.
//!
//! *Promise*: an event is delivered when its reader has shown a bookmark that covers it, never earlier; until then it is
//! handed out again to whoever begins to read, in the same order. *Why one reader*: a bookmark says "everything up to
//! here", and only one can say that; the one who began last is it. *What counts as an attempt*: a reader that begins
//! with an event handed out before and not confirmed. Only the first one: those behind it were perhaps never looked at.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use stadtbus_broker::{BrokerError, LogName, Position};
use tokio::time::Instant;

use super::{
    item::{AttemptNote, Item, Outcome},
    lane::{Hang, Lane},
    receive::{Burial, TOO_OLD},
    state::State,
    window::{is_covered, is_in_log},
};
use crate::{deliver::bookmark::Bookmark, log::Logged};

mod back;
mod reader;
#[cfg(test)]
mod tests;

pub use reader::Reading;

/// How long a reader is waited for that is not reading, before others may be given what it was handed.
const HOLD: Duration = Duration::from_secs(30);

/// An event handed to a reader.
#[derive(Debug, Clone)]
pub struct Given {
    /// Shown, it confirms this event and all before it.
    pub bookmark: Bookmark,
    /// The event.
    pub logged: Arc<Logged>,
}

/// What a reader is handed at one time.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The events, possibly none.
    pub events: Vec<Given>,
    /// Up to where that is. It may go on although no event came.
    pub next: Bookmark,
}

/// Why a reader is handed nothing more.
#[derive(Debug)]
pub enum Ended {
    /// Another one began to read.
    Displaced,
    /// The lane stops working in this process.
    Closed,
    /// It was handed as much as may stand unconfirmed.
    Unconfirmed,
    /// The broker does not answer.
    Broker(BrokerError),
}

/// The positions of the shared readers.
pub(super) type Level = BTreeMap<LogName, Position>;

impl Lane {
    /// Begins to read behind `after`, which confirms what it covers; without it, at the first event that is not confirmed.
    /// Gives the turn, and what was handed out too often.
    pub(super) fn begin_reading(&self, after: Option<&Bookmark>) -> (u64, Vec<Burial>) {
        let mut state = self.state();
        let turn = state.window.begin();
        if let Some(after) = after {
            state.confirm(after);
        }
        let again = state.window.take_back();
        let buried = self.count_attempt(&mut state, again);
        drop(state);
        self.room.notify_waiters();
        // The reader before, if it waits, has to see that it is no longer heard.
        self.work.notify_waiters();
        (turn, buried)
    }

    /// Puts back in front what was handed out and not confirmed.
    fn count_attempt(&self, state: &mut State, mut again: VecDeque<Item>) -> Vec<Burial> {
        let mut buried = Vec::new();
        if let Some(first) = again.front_mut() {
            let most = self.order.subscription().delivery.attempts_max;
            first.note(AttemptNote::now("SB-2056", "It was not confirmed."));
            let too_often = first.attempts >= most;
            if too_often || self.is_too_old(first, Duration::ZERO) {
                let (code, detail) = if too_often {
                    let detail = format!("It was handed out {} times and not confirmed.", first.attempts);
                    ("SB-3008", detail)
                } else {
                    ("SB-3024", TOO_OLD.to_owned())
                };
                state.carried += 1;
                buried.extend(again.pop_front().map(|item| (item, code, detail)));
            } else {
                first.attempts += 1;
            }
        }
        state.put_in_front(again);
        buried
    }

    /// The reader has everything that `bookmark` covers. Returns how many events that settled.
    pub fn confirm(&self, bookmark: &Bookmark) -> usize {
        let mut state = self.state();
        let settled = state.confirm(bookmark);
        drop(state);
        self.room.notify_waiters();
        self.work.notify_waiters();
        settled
    }

    /// Up to where readers have confirmed.
    pub(super) fn confirmed(&self) -> BTreeMap<LogName, Position> {
        self.state().confirmed.clone()
    }

    /// Since when the reader at work owes a confirmation.
    pub(super) fn unconfirmed_since(&self) -> Option<Instant> {
        self.state().window.since()
    }

    /// Waits until its reader may be handed more.
    pub(super) async fn until_confirmed(&self) {
        loop {
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            if self.state().window.len() < self.unconfirmed_max {
                return;
            }
            work.await;
        }
    }

    /// Hands out up to `max` events, waiting up to `wait` for the first. Nothing within that time is no end.
    pub(super) async fn read(
        &self,
        turn: u64,
        max: usize,
        wait: Duration,
        level: impl Fn() -> Level + Send,
    ) -> Result<Batch, Ended> {
        let until = Instant::now() + wait;
        loop {
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            let batch = self.hand_out(turn, max, until, &level())?;
            if !batch.events.is_empty() || Instant::now() >= until {
                return Ok(batch);
            }
            // Where only the pace holds events up, nobody calls.
            let now = Instant::now();
            let pace = self.state().next_pace().filter(|at| *at > now);
            let wake = until.min(pace.unwrap_or(until));
            drop(tokio::time::timeout_at(wake, work).await);
        }
    }

    fn hand_out(&self, turn: u64, max: usize, until: Instant, level: &Level) -> Result<Batch, Ended> {
        let now = Instant::now();
        let mut state = self.state();
        self.has_turn(&state, turn)?;
        let room = self.unconfirmed_max.saturating_sub(state.window.len());
        if room == 0 {
            return Err(Ended::Unconfirmed);
        }
        state.window.held_until = Some(until.max(now) + HOLD);
        let (mut handed, mut ended) = (Vec::new(), false);
        if state.paused.is_none() {
            let max = state.paced(max.min(room), now);
            while handed.len() < max
                && let Some(mut item) = state.next_ready(now, &mut ended)
            {
                item.attempts = item.attempts.max(1);
                let (logged, in_log) = (Arc::clone(&item.logged), is_in_log(&item));
                handed.push((state.window.hand_out(item, now), logged, in_log));
            }
            state.begun(handed.len(), now);
        }
        let batch = self.marked(&state, handed, level);
        drop(state);
        if ended {
            self.room.notify_waiters();
            self.work.notify_waiters();
        }
        Ok(batch)
    }

    /// Whether the reader with this turn is heard.
    pub(super) fn still_reads(&self, turn: u64) -> Result<(), Ended> {
        self.has_turn(&self.state(), turn)
    }

    fn has_turn(&self, state: &State, turn: u64) -> Result<(), Ended> {
        if state.closed {
            Err(Ended::Closed)
        } else if state.window.turn() == turn {
            Ok(())
        } else {
            Err(Ended::Displaced)
        }
    }

    /// With the bookmark of each: from the last one backwards, for what it covers those before it do not.
    fn marked(&self, state: &State, handed: Vec<(u64, Arc<Logged>, bool)>, level: &Level) -> Batch {
        let (key, life) = (self.order.key(), state.window.life());
        let mut read = state.read_up_to(level);
        let next = Bookmark::new(&key, life, state.window.last(), read.clone());
        let mut events = Vec::with_capacity(handed.len());
        for (number, logged, in_log) in handed.into_iter().rev() {
            let bookmark = Bookmark::new(&key, life, number, read.clone());
            if in_log && let Some(up_to) = read.get_mut(&logged.log) {
                *up_to = (*up_to).min(logged.position.saturating_sub(1));
            }
            events.push(Given { bookmark, logged });
        }
        events.reverse();
        Batch { events, next }
    }
}

impl State {
    /// The next event that a receiver may have now. Those that have come to their end meanwhile are settled on the way.
    pub(super) fn next_ready(&mut self, now: Instant, ended: &mut bool) -> Option<Item> {
        loop {
            let due = self.waiting.peek().is_some_and(|waiting| waiting.at <= now);
            let item = if due {
                self.waiting.pop()?.item
            } else {
                self.ready.pop_front()?
            };
            if is_covered(&item, &self.confirmed) {
                self.settle_read(item);
            } else if item.has_expired() {
                self.settle(item, Outcome::Expired, None, None);
            } else {
                return Some(item);
            }
            *ended = true;
        }
    }

    fn settle_read(&mut self, mut item: Item) {
        item.attempts = item.attempts.max(1);
        let edited = item.edited_note();
        self.settle(item, Outcome::Delivered, None, edited);
    }

    fn confirm(&mut self, bookmark: &Bookmark) -> usize {
        for (log, up_to) in &bookmark.read {
            if self.hangs.contains_key(log) {
                let known = self.confirmed.entry(log.clone()).or_default();
                if *known < *up_to {
                    *known = *up_to;
                    self.dirty = true;
                }
            }
        }
        let mut done = self.window.confirm(bookmark);
        // An earlier life handed these out, or they came back from a reader that was away for long.
        let ready = std::mem::take(&mut self.ready);
        let (had, rest): (VecDeque<_>, VecDeque<_>) = ready
            .into_iter()
            .partition(|item| is_covered(item, &self.confirmed));
        self.ready = rest;
        done.extend(had);
        let settled = done.len();
        done.into_iter().for_each(|item| self.settle_read(item));
        settled
    }

    pub(super) fn put_in_front(&mut self, items: VecDeque<Item>) {
        for item in items.into_iter().rev() {
            self.ready.push_front(item);
        }
    }

    /// What a reader left that does not come any more goes to whoever takes events on loan.
    pub(super) fn let_reader_go(&mut self, now: Instant) {
        if self.window.held_until.is_some_and(|until| until <= now) && !self.window.is_empty() {
            let again = self.window.take_back();
            self.put_in_front(again);
        }
    }

    /// In each log: everything up to here is handed out or has ended.
    fn read_up_to(&self, level: &Level) -> BTreeMap<LogName, Position> {
        let handed = self.window.places();
        let of = |(log, (cursor, hang)): (&LogName, &(super::cursor::Cursor, Hang))| {
            let handed = handed.get(log);
            let kept = cursor.first_open(|at| !handed.is_some_and(|handed| handed.contains(&at)));
            let level = level.get(log).copied().filter(|_| *hang == Hang::Level);
            let up_to = match kept {
                Some(kept) => kept.saturating_sub(1),
                None => cursor.seen().max(level.unwrap_or(0)),
            };
            (log.clone(), up_to)
        };
        self.hangs.iter().map(of).collect()
    }
}
