//! What the reader of a feed was handed and has not confirmed.
//!
//! *Promise*: an event that was handed out is here until a bookmark covers it or the next reader begins, and leaves in
//! one of the two ways only. *Why numbers*: events leave a lane in the order in which they may go, which need not be that
//! of their positions; within one life of the lane a number says exactly what was handed out before. After it,
//! positions are enough, for a bookmark names none up to which something was kept back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use stadtbus_broker::{LogName, Position};
use tokio::time::Instant;

use super::item::Item;
use crate::{clock, deliver::bookmark::Bookmark};

#[derive(Debug)]
struct Out {
    number: u64,
    item: Item,
    at: Instant,
}

/// Handed out, not confirmed.
#[derive(Debug, Default)]
pub(super) struct Window {
    life: u64,
    last: u64,
    turn: u64,
    out: VecDeque<Out>,
    /// Until when its reader is waited for, where others would take the events as well.
    pub(super) held_until: Option<Instant>,
}

impl Window {
    /// Another reader begins; the one before is heard no more.
    pub(super) fn begin(&mut self) -> u64 {
        if self.life == 0 {
            self.life = (clock::unguessable().as_u64_pair().0).max(1);
        }
        self.turn += 1;
        self.turn
    }

    pub(super) fn turn(&self) -> u64 {
        self.turn
    }

    pub(super) fn life(&self) -> u64 {
        self.life
    }

    /// The number of the last event handed out.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Since when something is not confirmed.
    pub(super) fn since(&self) -> Option<Instant> {
        self.out.front().map(|out| out.at)
    }

    pub(super) fn hand_out(&mut self, item: Item, now: Instant) -> u64 {
        self.last += 1;
        self.out.push_back(Out {
            number: self.last,
            item,
            at: now,
        });
        self.last
    }

    /// Gives back what the bookmark covers: its reader has it.
    pub(super) fn confirm(&mut self, bookmark: &Bookmark) -> Vec<Item> {
        let of_this_life = bookmark.life == self.life;
        let (done, left) = std::mem::take(&mut self.out).into_iter().partition(|out: &Out| {
            // What was handed out again has a later number than the bookmark that its reader kept of the first time.
            is_covered(&out.item, &bookmark.read) || of_this_life && out.number <= bookmark.number
        });
        self.out = left;
        let done: VecDeque<Out> = done;
        done.into_iter().map(|out| out.item).collect()
    }

    /// Gives back the rest, in the order in which it was handed out.
    pub(super) fn take_back(&mut self) -> VecDeque<Item> {
        self.out.drain(..).map(|out| out.item).collect()
    }

    /// Whether this event is among them.
    pub(super) fn holds(&self, log: &LogName, position: Position) -> bool {
        let mut items = self.out.iter().map(|out| &out.item.logged);
        items.any(|logged| logged.position == position && logged.log == *log)
    }

    /// What stands here of each log, as far as its place in the log is its own.
    pub(super) fn places(&self) -> BTreeMap<LogName, BTreeSet<Position>> {
        let mut places: BTreeMap<LogName, BTreeSet<Position>> = BTreeMap::new();
        for out in self.out.iter().filter(|out| is_in_log(&out.item)) {
            let logged = &out.item.logged;
            places
                .entry(logged.log.clone())
                .or_default()
                .insert(logged.position);
        }
        places
    }
}

/// Whether the event's own place in its log says where it stands: not if a scheduled retry or the log of parked events
/// owns it.
pub(super) fn is_in_log(item: &Item) -> bool {
    item.due.is_none() && item.parked.is_none()
}

/// Whether a reader that has read up to `read` has this event.
pub(super) fn is_covered(item: &Item, read: &BTreeMap<LogName, Position>) -> bool {
    is_in_log(item)
        && read
            .get(&item.logged.log)
            .is_some_and(|up_to| item.logged.position <= *up_to)
}
