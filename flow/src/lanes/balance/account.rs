//! The right side of the books, as a lane keeps it.

use std::collections::{BTreeMap, BTreeSet};

use stadtbus_broker::{LogName, Position};

use super::{Balance, Books, Counted, count};
use crate::{
    city::Order,
    clock,
    facts::BalanceOff,
    lanes::{
        cursor::Marks,
        feed::Still,
        item::{Item, Outcome},
        lane::{Hang, Lane},
        settled::Fact,
        state::State,
    },
    log::Logged,
    route::Decision,
};

/// Looks after which a difference is a fault.
const LOOKS_MAX: u32 = 2;

/// From which life of a lane an event comes back, and from where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The life that wrote the record; 0 if what it did is not in the books.
    pub(crate) life: u64,
    /// Whether it was a dead letter.
    pub(crate) dead: bool,
}

/// Under which head of the account an event stands until it is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lanes) enum Head {
    /// With what is open in the lane, or parked.
    Lane,
    /// With scheduled retries.
    Scheduled,
    /// With dead letters.
    Dead,
    /// Under none: the event is in the books by another record of it, from before a crash.
    Nowhere,
}

/// Where a lane began to hang on a shared reader, counted in events of its types.
#[derive(Debug, Clone, Copy, Default)]
struct Tide {
    /// None while that reader has not come as far as the lane: what it passes is counted already.
    began: Option<u64>,
    offered: u64,
}

/// The account of one lane.
#[derive(Debug)]
pub(in crate::lanes) struct Account {
    pub(in crate::lanes) books: Books,
    tides: BTreeMap<LogName, Tide>,
    /// Due retries in the lane, by the position of their record.
    due: BTreeMap<Position, Head>,
    /// Parked by a life that could not write its cursor any more, in positions that are still to be read.
    pub(super) parked_ahead: BTreeSet<(LogName, Position)>,
    ended_due: BTreeSet<Position>,
    pub(super) ended_parked: BTreeSet<Position>,
    /// Looks in a row that found a difference.
    off: u32,
    /// Whether the books were opened by this life.
    pub(super) opened: bool,
}

impl Account {
    /// Takes up the books in `marks`, or opens them; `marks` has a cursor for each of the lane's logs.
    pub(in crate::lanes) fn resume(order: &Order, logs: &[LogName], marks: &mut Marks, now_ms: u64) -> Self {
        let opened = marks.balance.is_none();
        let mut books = match marks.balance.take() {
            Some(books) => books,
            None => Books::open(types_of(order), marks, now_ms),
        };
        books.begin_life(&marks.logs, now_ms);
        books.types = types_of(order);
        // What was open in a log that the subscription does not read any more is not for it any more.
        let reads = |name: &str| logs.iter().any(|log| log.as_str() == name);
        for (_, mark) in marks.logs.iter().filter(|(log, _)| !reads(log)) {
            books.terms.filtered += count(mark.open.len());
        }
        books.counted.retain(|log, _| reads(log));
        for (log, mark) in marks.logs.iter().filter(|(log, _)| reads(log)) {
            let counted = books.counted.entry(log.clone());
            counted.or_insert_with(|| Counted::starting(mark.seen));
        }
        Self {
            tides: BTreeMap::new(),
            due: BTreeMap::new(),
            parked_ahead: BTreeSet::new(),
            ended_due: books.ending_due.iter().copied().collect(),
            ended_parked: books.ending_parked.iter().copied().collect(),
            off: 0,
            opened,
            books,
        }
    }

    /// The lane hangs on the shared reader from here on.
    pub(in crate::lanes) fn hang(&mut self, log: &LogName, began: Option<u64>) {
        *self.tide(log) = Tide { began, offered: 0 };
    }

    /// The shared reader has come as far as the lane, which had been further.
    pub(in crate::lanes) fn reach(&mut self, log: &LogName, asked: u64) {
        self.tide(log).began.get_or_insert(asked);
    }

    fn tide(&mut self, log: &LogName) -> &mut Tide {
        self.tides.entry(log.clone()).or_default()
    }

    /// The shared reader offered an event.
    pub(in crate::lanes) fn offered(&mut self, log: &LogName) {
        self.tide(log).offered += 1;
    }

    /// All that the shared reader passed and did not offer was filtered. `asked` is how many of the lane's types it has read.
    fn settle_tide(&mut self, log: &LogName, asked: u64) {
        let tide = self.tide(log);
        let Some(began) = tide.began else { return };
        let passed = asked.saturating_sub(began);
        let filtered =
            i64::try_from(passed).unwrap_or(i64::MAX) - i64::try_from(tide.offered).unwrap_or(i64::MAX);
        *tide = Tide {
            began: Some(asked),
            offered: 0,
        };
        self.books.terms.filtered += filtered;
    }

    /// A due retry enters the lane. False if its end is in the books already and only its record is left.
    pub(in crate::lanes) fn enter_due(
        &mut self,
        (log, position): (&LogName, Position),
        due: Position,
        origin: Origin,
    ) -> bool {
        if self.ended_due.contains(&due) {
            return false;
        }
        let Origin { life, dead } = origin;
        let known = self.books.knows(life, log.as_str(), position);
        let head = match (known, dead) {
            (false, _) => Head::Nowhere,
            (true, false) => Head::Scheduled,
            (true, true) => Head::Dead,
        };
        self.due.insert(due, head);
        true
    }

    /// How many dead letters are in the lane again.
    fn risen(&self) -> i64 {
        count(self.due.values().filter(|head| **head == Head::Dead).count())
    }
}

fn types_of(order: &Order) -> Vec<String> {
    let mut types: Vec<String> = order.types().map(str::to_owned).collect();
    types.sort_unstable();
    types.dedup();
    types
}

impl State {
    /// Writes down what became of an event, in the facts and in the books. `due` is its record among the due retries, if that
    /// is where it came from.
    pub(in crate::lanes) fn tell(&mut self, fact: Fact, due: Option<Position>) {
        if let Some(account) = &mut self.account {
            let head = due.map_or(Head::Lane, |due| {
                account.due.remove(&due).unwrap_or(Head::Nowhere)
            });
            account.books.terms.book(head, fact.outcome);
        }
        self.facts.push(fact);
    }

    /// What an event was that never entered the lane.
    fn book(&mut self, outcome: Outcome, events: i64) {
        if let Some(account) = &mut self.account {
            for _ in 0..events {
                account.books.terms.book(Head::Lane, outcome);
            }
        }
    }

    /// Its events are in no log any more.
    pub(in crate::lanes) fn gone(&mut self, events: usize) {
        self.book(Outcome::Expired, count(events));
    }

    /// The books as they stand with these cursors; what is level is settled up first.
    pub(in crate::lanes) fn books(&mut self, still: &Still<'_>, order: &Order) -> Option<Books> {
        let account = self.account.as_deref_mut()?;
        for (log, (_, hang)) in &self.hangs {
            if *hang == Hang::Level
                && let Some(asked) = still.asked(log, order)
            {
                account.settle_tide(log, asked);
            }
        }
        account.books.parked = count(self.keys.parked()) - count(account.parked_ahead.len());
        account.books.ending_due.clone_from(&self.due_done);
        account.books.ending_parked.clone_from(&self.park_done);
        Some(account.books.clone())
    }
}

impl Lane {
    /// The shared reader has an event that the filter lets through and the partner may not have.
    pub(in crate::lanes) fn refuse(&self, log: &LogName, position: Position) {
        let mut state = self.state();
        match state.hangs.get_mut(log) {
            Some((cursor, Hang::Level)) if cursor.wants(position) => cursor.pass(position),
            _ => return,
        };
        if let Some(account) = &mut state.account {
            account.offered(log);
            account.books.terms.refused += 1;
        }
    }

    /// The lane has left the shared reader, which has read so many events of its types.
    pub(in crate::lanes) fn leave(&self, log: &LogName, asked: u64) {
        if let Some(account) = &mut self.state().account {
            account.settle_tide(log, asked);
        }
    }

    /// The lane's own reader has an event that is not for it, or not any more.
    pub(in crate::lanes) fn pass_over(&self, logged: &Logged) {
        let (event, now) = (&logged.event, clock::now());
        let asked = self.order.types().any(|ty| ty == event.ty());
        // Only for what may not be had is it worth asking whether the filter lets it through.
        let refused = asked
            && self.order.grounds(event.ty(), now).is_err()
            && matches!(self.order.explain(event, now), Decision::Refused { .. });
        let mut state = self.state();
        let Some((cursor, _)) = state.hangs.get_mut(&logged.log) else {
            return;
        };
        let again = cursor.reopens(logged.position);
        if !cursor.wants(logged.position) || !(asked || again) {
            return;
        }
        cursor.pass(logged.position);
        // What was parked belongs to the log of parked events, whatever the subscription asks for by now.
        let parked = state
            .account
            .as_mut()
            .is_some_and(|account| account.was_parked(&logged.log, logged.position));
        if let Some(account) = state.account.as_mut().filter(|_| !parked) {
            if refused {
                account.books.terms.refused += 1;
            } else {
                account.books.terms.filtered += 1;
            }
        }
        drop(state);
        if again || parked {
            // What is parked behind it may come back now.
            self.work.notify_waiters();
        }
    }

    /// Which life of the lane is to stand on a record about this event: none, if the event is not in the books by it.
    pub(crate) fn life_for(&self, item: &Item) -> u64 {
        let state = self.state();
        let Some(account) = &state.account else { return 0 };
        match item.due.map(|due| account.due.get(&due)) {
            Some(Some(Head::Nowhere) | None) => 0,
            _ => account.books.life,
        }
    }

    /// The balance when the sides were last compared.
    #[must_use]
    pub fn balance(&self) -> Option<Balance> {
        let state = self.state();
        let account = state.account.as_deref()?;
        account.books.last.clone()
    }

    /// What the left side has come to. `books` are those of [`Lane::marks`], moved on.
    pub(in crate::lanes) fn compared(&self, books: Books) -> Option<BalanceOff> {
        let mut state = self.state();
        let account = state.account.as_deref_mut()?;
        let moved = account.books.accepted != books.accepted;
        account.books.accepted = books.accepted;
        account.books.counted = books.counted;
        account.books.gap = books.gap;
        let fresh =
            books.last.as_ref().map(|last| last.at_ms) != account.books.last.as_ref().map(|last| last.at_ms);
        account.books.last = books.last;
        let difference = account.books.last.as_ref().map_or(0, |last| last.difference);
        let told = if !fresh {
            None
        } else if difference != 0 {
            account.off = account.off.saturating_add(1);
            (account.off == LOOKS_MAX).then_some(difference)
        } else {
            (std::mem::take(&mut account.off) >= LOOKS_MAX).then_some(0)
        };
        state.dirty |= moved;
        drop(state);
        told.map(|difference| BalanceOff {
            subscription: self.order.id().to_string(),
            difference,
        })
    }

    /// Dead letters that are in the lane again are pending, although they are booked out only with their next end.
    pub(in crate::lanes) fn with_risen(&self, mut balance: Balance) -> Balance {
        let risen = self.state().account.as_ref().map_or(0, |account| account.risen());
        balance.dead_lettered -= risen;
        balance.pending += risen;
        balance
    }
}
