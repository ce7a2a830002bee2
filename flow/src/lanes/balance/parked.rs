//! What earlier lives of a lane parked, in its account. Such a life may have parked events further than its cursor was
//! written: they are read again, and belong to the log of parked events all the same.

use stadtbus_broker::{LogName, Position};

use super::account::Account;
use crate::lanes::{
    cursor::Cursor,
    lane::{Hang, Lane},
    state::State,
};

impl Account {
    /// Whether the event was parked by an earlier life and is offered only because that life could not write its cursor.
    pub(in crate::lanes) fn was_parked(&mut self, log: &LogName, position: Position) -> bool {
        !self.parked_ahead.is_empty() && self.parked_ahead.remove(&(log.clone(), position))
    }

    /// Whether it was, and is still to be read. Events before it may be, too.
    pub(in crate::lanes) fn is_ahead(&self, log: &LogName, position: Position) -> bool {
        !self.parked_ahead.is_empty() && self.parked_ahead.contains(&(log.clone(), position))
    }

    /// Whether there is such an event in this log.
    fn has_ahead(&self, log: &LogName) -> bool {
        self.parked_ahead.iter().any(|(ahead, _)| ahead == log)
    }

    /// The lane has read the log up to here, so that nothing up to here is still to be read. True if that was not known.
    pub(in crate::lanes) fn read_to(&mut self, log: &LogName, position: Position) -> bool {
        if self.parked_ahead.is_empty() {
            return false;
        }
        let before = self.parked_ahead.len();
        self.parked_ahead
            .retain(|(ahead, at)| ahead != log || *at > position);
        before != self.parked_ahead.len()
    }
}

impl Lane {
    /// Whether the lane must read this log by itself, because it is to read again what an earlier life left open or parked: the
    /// shared reader passes over what the lane does not ask for any more, and would not tell when that is behind it.
    pub(in crate::lanes) fn rereads(&self, log: &LogName) -> bool {
        let state = self.state();
        let ahead = |account: &Account| account.has_ahead(log);
        let left = |(cursor, _): &(Cursor, Hang)| !cursor.is_reread_to(Position::MAX);
        state.account.as_deref().is_some_and(ahead) || state.hangs.get(log).is_some_and(left)
    }

    /// The log ends with `last`: what was parked from behind it is not to be read any more.
    pub(in crate::lanes) fn at_end(&self, log: &LogName, last: Position) {
        let mut state = self.state();
        let State { hangs, account, .. } = &mut *state;
        if let (Some((cursor, _)), Some(account)) = (hangs.get(log), account)
            && cursor.next() > last
            && account.read_to(log, Position::MAX)
        {
            drop(state);
            self.work.notify_waiters();
        }
    }
}

impl State {
    /// An event stands in the log of parked events, by a record that an earlier life wrote. False if its end is in the books
    /// already and only its record is left.
    pub(in crate::lanes) fn enter_parked(
        &mut self,
        log: &LogName,
        position: Position,
        record: Position,
    ) -> bool {
        let Some(account) = &mut self.account else {
            return true;
        };
        if account.ended_parked.contains(&record) {
            self.park_done.push(record);
            return false;
        }
        let Some((cursor, _)) = self.hangs.get_mut(log) else {
            return true;
        };
        // That life could not write its cursor any more: the log of parked events owns the event.
        if cursor.reopens(position) {
            cursor.pass(position);
            self.dirty = true;
        } else if position > cursor.seen() {
            account.parked_ahead.insert((log.clone(), position));
        } else if account.opened {
            account.books.accepted += 1;
        }
        true
    }
}
