//! How a lane moves between the shared reader and its own.

use std::collections::BTreeSet;

use stadtbus_broker::{LogName, Position};

use super::{
    cursor::Marks,
    feed::Still,
    lane::{Hang, Lane, Room},
    settled::Fact,
    state::State,
};

impl Lane {
    /// The first position that this lane still has to read; none if it does not read that log at all.
    pub(super) fn next(&self, log: &LogName) -> Option<Position> {
        self.state().hangs.get(log).map(|(cursor, _)| cursor.next())
    }

    /// Everything up to `position` was looked at by this lane's own reader.
    pub(super) fn pass(&self, log: &LogName, position: Position) {
        let mut state = self.state();
        let Some((cursor, Hang::Behind)) = state.hangs.get_mut(log) else {
            return;
        };
        let gone = cursor.pass(position);
        if gone {
            // It was open, and is no event any more.
            state.gone(1);
        }
        let read = state
            .account
            .as_mut()
            .is_some_and(|account| account.read_to(log, position));
        drop(state);
        if gone || read {
            self.work.notify_waiters();
        }
    }

    /// What lies before `first` is no longer in the log, by its retention: it cannot be read any more.
    pub(super) fn pass_removed(&self, log: &LogName, first: Position) {
        let mut state = self.state();
        if let Some((cursor, _)) = state.hangs.get_mut(log) {
            let gone = cursor.pass_removed(first);
            state.gone(gone);
            if let Some(account) = &mut state.account {
                account.read_to(log, first.saturating_sub(1));
            }
            drop(state);
            self.work.notify_waiters();
        }
    }

    /// The shared reader takes over; it has passed `position` and read so many events of the lane's types. Says how far the
    /// lane has come if that is further.
    pub(super) fn hang_level(&self, log: &LogName, position: Position, asked: u64) -> Option<Position> {
        let mut state = self.state();
        let (cursor, hang) = state.hangs.get_mut(log)?;
        *hang = Hang::Level;
        let gone = usize::from(cursor.pass(position));
        let ahead = Some(cursor.seen()).filter(|seen| *seen > position);
        state.gone(gone);
        if let Some(account) = &mut state.account {
            account.hang(log, Some(asked).filter(|_| ahead.is_none()));
        }
        ahead
    }

    /// The shared reader has come as far as the lane.
    pub(super) fn reached(&self, log: &LogName, asked: u64) {
        let mut state = self.state();
        if matches!(state.hangs.get(log), Some((_, Hang::Level)))
            && let Some(account) = &mut state.account
        {
            account.reach(log, asked);
        }
    }

    /// The logs that this lane reads.
    pub(super) fn logs(&self) -> Vec<LogName> {
        self.state().hangs.keys().cloned().collect()
    }

    /// The logs in which this lane reads by itself.
    pub(super) fn behind(&self) -> Vec<LogName> {
        self.state()
            .hangs
            .iter()
            .filter(|(_, (_, hang))| *hang == Hang::Behind)
            .map(|(log, _)| log.clone())
            .collect()
    }

    /// Waits until this part of the queue is free.
    pub(super) async fn until_room(&self, room_wanted: Room) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if self.has_room(room_wanted) {
                return;
            }
            room.await;
        }
    }

    /// Its cursors and books at this moment, in which the shared readers hold still.
    pub(super) fn marks(&self, still: &Still<'_>) -> Marks {
        self.marks_of(&mut self.state(), still)
    }

    fn marks_of(&self, state: &mut State, still: &Still<'_>) -> Marks {
        let mut marks = Marks {
            watch: state.watch.clone(),
            tally: state.tally,
            confirmed: state
                .confirmed
                .iter()
                .map(|(log, up_to)| (log.as_str().to_owned(), *up_to))
                .collect(),
            balance: state.books(still, &self.order),
            published: state.published.upto,
            parking: state.parking,
            ..Marks::default()
        };
        for (log, (cursor, hang)) in &state.hangs {
            let level = still.position(log).filter(|_| *hang == Hang::Level);
            let mark = cursor.mark(level);
            #[cfg(feature = "planted-bugs")]
            let mark = if crate::planted::is("cursor-before-settle") {
                super::cursor::Mark {
                    open: Vec::new(),
                    ..mark
                }
            } else {
                mark
            };
            marks.logs.insert(log.as_str().to_owned(), mark);
        }
        marks
    }

    /// What has to be written for this lane now: facts, settled retries, and the cursors if they moved enough.
    pub(super) fn collect(&self, still: &Still<'_>, all: bool) -> Option<Collected> {
        let mut state = self.state();
        let marks = self.marks_of(&mut state, still);
        let moved = marks.logs.iter().any(|(log, mark)| {
            let written = state.written.logs.get(log).map_or(0, |mark| mark.seen);
            mark.seen.saturating_sub(written) >= IDLE_POSITIONS_MAX
        });
        let write_cursor = state.dirty || moved || (all && marks != state.written);
        let done = !state.due_done.is_empty() || !state.park_done.is_empty();
        if !write_cursor && state.facts.is_empty() && !done {
            return None;
        }
        state.dirty = false;
        state.facts_away += state.facts.len();
        Some(Collected {
            facts: std::mem::take(&mut state.facts),
            due_done: std::mem::take(&mut state.due_done),
            park_done: std::mem::take(&mut state.park_done),
            marks,
            revision: state.revision,
        })
    }

    /// The facts alone, if there are at least so many.
    pub(super) fn collect_facts(&self, least: usize) -> Option<Vec<Fact>> {
        let mut state = self.state();
        if state.facts.len() < least {
            return None;
        }
        state.facts_away += state.facts.len();
        Some(std::mem::take(&mut state.facts))
    }

    /// So many of the facts that were taken are written.
    pub(super) fn facts_written(&self, count: usize) {
        let mut state = self.state();
        let held_up = state.tells_too_much();
        state.facts_away = state.facts_away.saturating_sub(count);
        drop(state);
        if held_up {
            self.room.notify_waiters();
            self.work.notify_waiters();
        }
    }

    /// The due retries that it was given and whose records are not removed.
    pub(super) fn due_left(&self) -> BTreeSet<Position> {
        let state = self.state();
        state.due_open.iter().chain(&state.due_done).copied().collect()
    }

    /// Takes back facts that could not be written.
    pub(super) fn give_back_facts(&self, mut facts: Vec<Fact>) {
        let mut state = self.state();
        state.facts_away = state.facts_away.saturating_sub(facts.len());
        facts.append(&mut state.facts);
        state.facts = facts;
    }

    /// Takes back what could not be written.
    pub(super) fn give_back(&self, collected: Collected) {
        self.give_back_facts(collected.facts);
        let mut state = self.state();
        state.due_done.extend(collected.due_done);
        state.park_done.extend(collected.park_done);
        state.dirty = true;
    }

    /// The cursors were written at `revision`.
    pub(super) fn written(&self, marks: Marks, revision: u64) {
        let mut state = self.state();
        state.written = marks;
        state.revision = Some(revision);
    }
}

/// A level lane without traffic of its own writes its cursor after so many positions, so that a restart does
/// not read the whole log for it.
const IDLE_POSITIONS_MAX: u64 = 10_000;

/// What one flush writes for one lane.
pub(super) struct Collected {
    pub(super) facts: Vec<Fact>,
    pub(super) due_done: Vec<Position>,
    pub(super) park_done: Vec<Position>,
    pub(super) marks: Marks,
    pub(super) revision: Option<u64>,
}
