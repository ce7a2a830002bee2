//! What a lane holds, behind its lock.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    time::Duration,
};

use stadtbus_broker::{LogName, Position};
use tokio::time::Instant;

use super::{
    balance::Account,
    breaker::Breaker,
    cursor::{Cursor, Marks},
    item::{AttemptNote, Item, Outcome, Waiting},
    keys::Keys,
    lane::{Hang, Pause},
    pace::Pace,
    published::Published,
    replay::Tally,
    settled::Fact,
    watch::Watch,
    window::Window,
};
use crate::{clock, deliver::pull::Leases};

/// How often an event looks whether its receiver consents by now. How often the receiver is asked is not for the lane to say.
const CONSENT_LOOK: Duration = Duration::from_secs(1);

/// Facts of one lane that may be unwritten. A bus that writes them four times a second stays far below; reached, it cannot write
/// them, and then no event more is taken into the lane: else they would be all that is in memory, and without them no
/// cursor moves, so that a restart would deliver again what they are about.
pub(super) const FACTS_HELD_MAX: usize = 32_768;

/// What a lane holds. Everything open is in exactly one place of it, or carried.
pub(super) struct State {
    pub(super) queue: VecDeque<Item>,
    /// Transformed and waiting for a pull or a live stream.
    pub(super) ready: VecDeque<Item>,
    pub(super) waiting: BinaryHeap<Waiting>,
    /// Nothing is taken before: the first of the queue has to wait, and what follows must not pass it.
    pub(super) held_until: Option<Instant>,
    pub(super) leases: Leases<Item>,
    /// Handed to the reader of the feed, and not confirmed.
    pub(super) window: Window,
    /// Up to where readers have confirmed, in each log.
    pub(super) confirmed: BTreeMap<LogName, Position>,
    /// How fast the receiver wants to be delivered to, if it says.
    pub(super) pace: Option<Pace>,
    pub(super) breaker: Breaker,
    /// Shut by the first refusal of a receiver that must consent; then one event in a while asks whether it does.
    pub(super) consent: Breaker,
    /// That of the plugin: opens when it fails at one event after another. It guards what the runner takes, not what is ready.
    pub(super) plugin: Breaker,
    /// What may not go yet, because an earlier event of its key is under way.
    pub(super) keys: Keys,
    /// Whether receivers take events as they are, without a runner that prepares them.
    pub(super) ready_at_once: bool,
    /// Events that were fetched from the log of parked events.
    pub(super) fetched: usize,
    /// The life of the lane in that log.
    pub(super) parking: Option<Position>,
    /// Records there whose events are settled.
    pub(super) park_done: Vec<Position>,
    /// Nothing is moved there or fetched before: the broker refused.
    pub(super) keep_after: Option<Instant>,
    pub(super) bytes: usize,
    pub(super) carried: usize,
    pub(super) hangs: BTreeMap<LogName, (Cursor, Hang)>,
    pub(super) due_open: BTreeSet<Position>,
    pub(super) due_done: Vec<Position>,
    pub(super) facts: Vec<Fact>,
    /// Facts that are being written: still in memory, and perhaps back soon.
    pub(super) facts_away: usize,
    pub(super) paused: Option<Pause>,
    /// Its life in this process is over.
    pub(super) closed: bool,
    pub(super) revision: Option<u64>,
    pub(super) written: Marks,
    pub(super) watch: Watch,
    pub(super) tally: Option<Tally>,
    /// What the balance is made of; a replay has none.
    pub(super) account: Option<Box<Account>>,
    pub(super) published: Published,
    pub(super) dirty: bool,
}

impl State {
    pub(super) fn empty(leases_max: usize, key_share: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            ready: VecDeque::new(),
            waiting: BinaryHeap::new(),
            held_until: None,
            leases: Leases::new(leases_max),
            window: Window::default(),
            confirmed: BTreeMap::new(),
            pace: None,
            breaker: Breaker::new(0, Duration::ZERO, Duration::ZERO),
            consent: Breaker::new(1, CONSENT_LOOK, CONSENT_LOOK),
            plugin: Breaker::new(0, Duration::ZERO, Duration::ZERO),
            keys: Keys::with_share(key_share),
            ready_at_once: false,
            fetched: 0,
            parking: None,
            park_done: Vec::new(),
            keep_after: None,
            bytes: 0,
            carried: 0,
            hangs: BTreeMap::new(),
            due_open: BTreeSet::new(),
            due_done: Vec::new(),
            facts: Vec::new(),
            facts_away: 0,
            paused: None,
            closed: false,
            revision: None,
            written: Marks::default(),
            watch: Watch::default(),
            tally: None,
            account: None,
            published: Published::default(),
            dirty: false,
        }
    }

    /// How many attempts may begin now, `most` at most.
    pub(super) fn paced(&self, most: usize, now: Instant) -> usize {
        let most = self.gates().iter().fold(most, |most, gate| gate.room(most, now));
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is("pace-ignored") {
            return most;
        }
        self.pace.as_ref().map_or(most, |pace| pace.room(most, now))
    }

    /// So many began.
    pub(super) fn begun(&mut self, count: usize, now: Instant) {
        self.breaker.begun(count);
        self.consent.begun(count);
        if count > 0
            && let Some(pace) = &mut self.pace
        {
            pace.spend(count, now);
        }
    }

    /// What must be open for an attempt to begin.
    fn gates(&self) -> [&Breaker; 2] {
        [&self.breaker, &self.consent]
    }

    /// What must be open for an event to be taken by the runner.
    fn all_gates(&self) -> [&Breaker; 3] {
        [&self.breaker, &self.consent, &self.plugin]
    }

    /// Whether nothing but one event in a while may be taken.
    pub(super) fn is_left_alone(&self) -> bool {
        self.all_gates().iter().any(|gate| gate.is_open())
    }

    /// When that one may go; none while it is under way.
    pub(super) fn next_alone(&self) -> Option<Instant> {
        let open = self.all_gates().into_iter().filter(|gate| gate.is_open());
        let next: Option<Vec<_>> = open.map(Breaker::next).collect();
        next?.into_iter().max()
    }

    /// Why the lane stands still, if it does.
    pub(super) fn standstill(&self) -> Option<Pause> {
        let withheld = || self.consent.is_open().then(Pause::without_consent);
        self.paused.clone().or_else(withheld)
    }

    /// When an attempt may begin that waits for nothing but the pace.
    pub(super) fn next_pace(&self) -> Option<Instant> {
        let waits = !self.queue.is_empty() || !self.ready.is_empty() || !self.waiting.is_empty();
        self.pace.as_ref().filter(|_| waits).and_then(Pace::next)
    }

    pub(super) fn occupied(&self) -> usize {
        self.queue.len()
            + self.ready.len()
            + self.waiting.len()
            + self.leases.len()
            + self.window.len()
            + self.keys.held()
            + self.carried
    }

    /// Whether as many outcomes wait to be written down as a lane may hold: nothing more may come to its end.
    pub(super) fn tells_too_much(&self) -> bool {
        self.facts.len() + self.facts_away >= FACTS_HELD_MAX
    }

    pub(super) fn enqueue(&mut self, item: Item) {
        self.dirty = true;
        if let Some(item) = self.keys.enter(item) {
            self.may_go(item);
        }
    }

    pub(super) fn may_go(&mut self, item: Item) {
        if self.ready_at_once {
            self.ready.push_back(item)
        } else {
            self.queue.push_back(item)
        }
    }

    /// Before every event that came after it in its log.
    pub(super) fn return_in_order(&mut self, item: Item) {
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
        if let Some(tally) = &mut self.tally {
            tally.settle(outcome);
        }
        self.published.end(&item);
        match (item.due, item.parked) {
            (Some(due), _) => {
                self.due_open.remove(&due);
                self.due_done.push(due);
            }
            (None, Some(record)) => {
                self.fetched = self.fetched.saturating_sub(1);
                self.park_done.push(record);
            }
            (None, None) => {
                if let Some((cursor, _)) = self.hangs.get_mut(&item.logged.log) {
                    cursor.settle(item.logged.position);
                }
            }
        }
        if let Some(next) = self.keys.leave(&item) {
            self.may_go(next);
        }
        let fact = Fact {
            log: item.logged.log.clone(),
            position: item.logged.position,
            outcome,
            at_ms: clock::millis_now(),
            attempts: item.attempts,
            code: code.map(Box::from),
            detail: detail.map(String::into_boxed_str),
            next_ms: item.next_ms.filter(|_| outcome == Outcome::Retry),
            notes: item.notes.into_iter().map(AttemptNote::without_answer).collect(),
            ran: item.ran,
        };
        self.tell(fact, item.due);
    }
}
