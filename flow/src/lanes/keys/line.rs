//! The events of one key, and what follows in their order.

use std::collections::{BTreeMap, BTreeSet};

use stadtbus_broker::Position;
use tokio::time::Instant;

use crate::lanes::{Stop, item::Item};

/// The events of one key: one is under way, the others wait behind it.
#[derive(Default)]
pub(in crate::lanes) struct Line {
    pub(super) under_way: bool,
    pub(super) behind: BTreeMap<Position, Item>,
    /// On their way into the log of parked events.
    pub(super) moving: BTreeSet<Position>,
    /// By their own position, the position of their record.
    pub(in crate::lanes) parked: BTreeMap<Position, Position>,
    /// Why nothing of it goes, or what is remembered of its first event.
    pub(in crate::lanes) stop: Option<Stop>,
    pub(super) wakes: Option<Instant>,
}

/// What follows in a line.
pub(super) enum Next {
    Goes(Box<Item>),
    StandsInLog,
    Waits,
    Nothing,
}

impl Line {
    pub(super) fn next(&mut self) -> Next {
        if self.under_way || self.stands() {
            return Next::Waits;
        }
        let parked = self.parked.first_key_value().map(|(at, _)| *at);
        let moving = self.moving.first().copied();
        let first = self.first();
        match first {
            None => Next::Nothing,
            Some(_) if first == moving => Next::Waits,
            Some(_) if first == parked => Next::StandsInLog,
            // What is to be buried goes through the log of parked events, as the rest of it does.
            Some(at) if self.buries(at) => Next::Waits,
            Some(_) => {
                self.under_way = true;
                self.behind
                    .pop_first()
                    .map_or(Next::Nothing, |(_, item)| Next::Goes(Box::new(item)))
            }
        }
    }

    /// Whether it remembers a stop: then its events are kept out of memory.
    pub(super) fn rests(&self) -> bool {
        self.stop.is_some()
    }

    /// Whether nothing of it goes. What stands before the event that stopped it goes: a crash gave it back.
    pub(super) fn stands(&self) -> bool {
        self.stop
            .as_ref()
            .is_some_and(|stop| !stop.goes_on() && self.first().is_none_or(|first| first >= stop.position))
    }

    pub(super) fn buries(&self, position: Position) -> bool {
        self.stop
            .as_ref()
            .and_then(|stop| stop.bury_to)
            .is_some_and(|to| position <= to)
    }

    /// The last position of its backlog.
    pub(in crate::lanes) fn last(&self) -> Option<Position> {
        let behind = self.behind.last_key_value().map(|(at, _)| *at);
        let parked = self.parked.last_key_value().map(|(at, _)| *at);
        behind
            .into_iter()
            .chain(parked)
            .chain(self.moving.last().copied())
            .max()
    }

    /// How many events of it are not under way.
    pub(in crate::lanes) fn backlog(&self) -> usize {
        self.behind.len() + self.moving.len() + self.parked.len()
    }

    /// The first position of its backlog.
    pub(in crate::lanes) fn first(&self) -> Option<Position> {
        let behind = self.behind.first_key_value().map(|(at, _)| *at);
        let parked = self.parked.first_key_value().map(|(at, _)| *at);
        behind
            .into_iter()
            .chain(parked)
            .chain(self.moving.first().copied())
            .min()
    }

    /// Whether one of its events is under way.
    pub(in crate::lanes) fn is_under_way(&self) -> bool {
        self.under_way
    }
}
