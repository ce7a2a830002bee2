//! How events come into a lane: from the shared reader, from its own, from a scheduled retry.

use std::sync::Arc;

use stadtbus_broker::{LogName, Position};

use super::{
    balance::{Account, Origin},
    item::{Item, Outcome},
    keys::Key,
    lane::{Hang, Lane, Offer},
    settled::Fact,
    state::State,
};
use crate::{clock, log::Logged};

impl Lane {
    /// Offers an event that matched. `hang` says who offers: only the one on whom the lane hangs is heard.
    pub(super) fn offer(&self, logged: &Arc<Logged>, hang: Hang) -> Offer {
        let key = self.key_of(logged);
        let mut state = self.state();
        let full = state.occupied() >= self.queue_max
            || state.bytes >= self.queue_bytes_max
            || state.tells_too_much();
        let State {
            hangs,
            keys,
            account,
            dirty,
            ..
        } = &mut *state;
        let Some((cursor, hung)) = hangs.get_mut(&logged.log) else {
            return Offer::Known;
        };
        if *hung != hang || !cursor.wants(logged.position) {
            return Offer::Known;
        }
        // Parked by an earlier life that could not write its cursor any more.
        let parked = key
            .as_ref()
            .is_some_and(|key| keys.has_parked(key, logged.position))
            | account
                .as_mut()
                .is_some_and(|account| account.was_parked(&logged.log, logged.position));
        if let Some(account) = account
            .as_mut()
            .filter(|_| hang == Hang::Level && (parked || !full))
        {
            account.offered(&logged.log);
        }
        if parked {
            cursor.take(logged.position);
            cursor.settle(logged.position);
            *dirty = true;
            drop(state);
            self.work.notify_waiters();
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
        state.enqueue(Item {
            key,
            ..Item::new(Arc::clone(logged))
        });
        drop(state);
        self.work.notify_waiters();
        Offer::Taken
    }

    /// What an event must not overtake, if the subscription asks for order.
    fn key_of(&self, logged: &Logged) -> Option<Key> {
        let order = self.order.subscription().order.as_ref();
        // A replay parks nothing: it keeps the order of first attempts by making them one after another. So does a plugin
        // with state: an input that waited for its key would come behind later ones that the state includes.
        let in_turn = self.order.runs_in_turn();
        #[cfg(feature = "planted-bugs")]
        let in_turn = in_turn && !crate::planted::is("turn-by-key");
        let order = order.filter(|_| self.order.replay.is_none() && !in_turn)?;
        Key::of(&order.by, logged)
    }

    /// Offers an event that a scheduled retry gave back: a dead letter that is sent again, whose turn is over, or one of
    /// a time when the subscription did not ask for order.
    pub(crate) fn offer_due(&self, item: Item, due: Position, origin: Origin) -> Offer {
        let mut state = self.state();
        if state.due_open.contains(&due) || state.due_done.contains(&due) {
            return Offer::Known;
        }
        if state.occupied() >= self.queue_max || state.tells_too_much() {
            return Offer::Full;
        }
        if state
            .account
            .as_mut()
            .is_some_and(|account| !account.enter_due((&item.logged.log, item.logged.position), due, origin))
        {
            state.due_done.push(due);
            return Offer::Known;
        }
        state.due_open.insert(due);
        state.bytes += item.size_bytes();
        state.enqueue(item);
        drop(state);
        self.work.notify_waiters();
        Offer::Taken
    }

    /// Ends a due retry whose event is in no log any more.
    pub(crate) fn end_due(&self, log: &LogName, position: Position, due: Position, origin: Origin) {
        let mut state = self.state();
        if state.due_open.contains(&due) || state.due_done.contains(&due) {
            return;
        }
        state.due_done.push(due);
        state.dirty = true;
        let enters = |account: &mut Box<Account>| account.enter_due((log, position), due, origin);
        if !state.account.as_mut().is_none_or(enters) {
            return;
        }
        let fact = Fact {
            log: log.clone(),
            position,
            outcome: Outcome::Expired,
            at_ms: clock::millis_now(),
            attempts: 0,
            code: Some("SB-1505".into()),
            detail: Some("It is in no log any more.".into()),
            next_ms: None,
            notes: Box::default(),
            ran: None,
        };
        state.tell(fact, Some(due));
    }
}
