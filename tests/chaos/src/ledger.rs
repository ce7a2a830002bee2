//! The oracle: what was promised, what was received, and whether the two agree.
//!
//! `claim` gives out a number before the event is sent. An answer of 202 makes it an *obligation*; anything else leaves it a
//! *maybe*: the event may be in the log or not. Receivers `report`. At the end, an obligation that a subscription has not
//! seen is *lost*; what nobody claimed is *foreign*; what has other data than was sent is *corrupted*. At least once is the
//! promise, so *duplicates* are counted and are no violation; that one event stands in the log twice is.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::payload::{self, Hash};

/// The types of events that are sent, and that the derivation makes of them.
pub(crate) const SENT: &str = "de.pruefstand.pub.probe.sent.v1";
const DERIVED: &str = "de.pruefstand.abl.probe.derived.v1";

/// The subscriptions whose receivers report, by index.
pub(crate) const SUBSCRIPTIONS: [&str; 4] = ["probe-webhook", "probe-pull", "probe-derived", "probe-ordered"];
/// The type that each asks for.
const TYPES: [&str; SUBSCRIPTIONS.len()] = [SENT, SENT, DERIVED, SENT];
/// Of another partner, whom nobody has permitted anything: it asks for [`SENT`] and gets nothing.
pub(crate) const STRANGER: &str = "probe-stranger";
/// Those that ask for order by key.
const ORDERED: [bool; SUBSCRIPTIONS.len()] = [false, false, false, true];

/// A place in a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) log: String,
    pub(crate) position: u64,
}

/// How a request to publish ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 202, with the place that the receipt names.
    Accepted(Place),
    /// No answer, or one that is not 202; in words.
    Open(String),
}

/// What a receiver got.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// Index into [`SUBSCRIPTIONS`].
    pub(crate) subscription: usize,
    /// The id of the event; `None` where the bus gives it one of its own (derived).
    pub(crate) event_id: Option<&'a str>,
    /// The type that it is told.
    pub(crate) event_type: &'a str,
    pub(crate) data: &'a [u8],
    /// Where it stands in the log, if the receiver is told.
    pub(crate) place: Option<Place>,
}

/// An event that the bus gave up on, with a reason.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetter {
    /// Whose receiver will not see it.
    pub(crate) receiver: &'static str,
    /// Which event it is, if it says so.
    pub(crate) number: Option<u64>,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Default)]
struct Claim {
    accepted: Option<Place>,
    seen_at: Option<Place>,
    received: [u16; SUBSCRIPTIONS.len()],
}

/// Everything claimed, answered and received in one run.
#[derive(Debug)]
pub(crate) struct Ledger {
    seed: u64,
    claims: Vec<Claim>,
    accepted: u64,
    met: [u64; SUBSCRIPTIONS.len()],
    duplicates: [u64; SUBSCRIPTIONS.len()],
    foreign: Vec<String>,
    corrupted: Vec<String>,
    twice_in_log: BTreeSet<u64>,
    changed_receipts: BTreeSet<u64>,
    /// What arrived for the first time where order is asked for, in this order.
    arrivals: Vec<u64>,
    trouble: String,
}

/// What is wrong, and what was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) claimed: u64,
    pub(crate) accepted: u64,
    pub(crate) maybe: u64,
    /// Maybes that some receiver got after all.
    pub(crate) maybe_received: u64,
    pub(crate) lost: Vec<String>,
    pub(crate) foreign: Vec<String>,
    pub(crate) corrupted: Vec<String>,
    pub(crate) twice_in_log: Vec<String>,
    pub(crate) changed_receipts: Vec<String>,
    /// Arrived after an event of its key that was accepted later.
    pub(crate) disordered: Vec<String>,
    pub(crate) duplicates: [u64; SUBSCRIPTIONS.len()],
}

impl Verdict {
    /// The checks that must be empty, by name.
    pub(crate) fn violations(&self) -> [(&'static str, &[String]); 6] {
        [
            ("lost", &self.lost),
            ("foreign", &self.foreign),
            ("corrupted", &self.corrupted),
            ("twice in the log", &self.twice_in_log),
            ("receipt changed", &self.changed_receipts),
            ("out of order", &self.disordered),
        ]
    }
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            claims: Vec::new(),
            accepted: 0,
            met: [0; SUBSCRIPTIONS.len()],
            duplicates: [0; SUBSCRIPTIONS.len()],
            foreign: Vec::new(),
            corrupted: Vec::new(),
            twice_in_log: BTreeSet::new(),
            changed_receipts: BTreeSet::new(),
            arrivals: Vec::new(),
            trouble: String::new(),
        }
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The number of the next event. From now on it may appear.
    pub(crate) fn claim(&mut self) -> u64 {
        self.claims.push(Claim::default());
        self.claimed() - 1
    }

    pub(crate) fn claimed(&self) -> u64 {
        self.claims.len() as u64
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// What was answered last that was not 202, for whoever watches.
    pub(crate) fn trouble(&self) -> &str {
        &self.trouble
    }

    fn at(&mut self, number: u64) -> Option<&mut Claim> {
        self.claims.get_mut(usize::try_from(number).ok()?)
    }

    /// Notes how a request ended. A repeat must get the receipt of the first time.
    pub(crate) fn answer(&mut self, number: u64, answer: Answer) {
        let place = match answer {
            Answer::Accepted(place) => place,
            Answer::Open(trouble) => {
                self.trouble = trouble;
                return;
            }
        };
        let Some(claim) = self.at(number) else {
            return;
        };
        match &claim.accepted {
            Some(first) if *first != place => {
                self.changed_receipts.insert(number);
            }
            Some(_) => {}
            None => {
                let received = claim.received;
                claim.accepted = Some(place);
                self.accepted += 1;
                // It may have arrived before its own answer did.
                for (met, received) in self.met.iter_mut().zip(received) {
                    *met += u64::from(received > 0);
                }
            }
        }
    }

    /// Notes that somebody got an event whom nobody has permitted it.
    pub(crate) fn strange(&mut self, event_id: &str) {
        self.foreign.push(format!("{event_id} at {STRANGER}"));
    }

    /// Notes what a receiver got.
    pub(crate) fn report(&mut self, report: Report<'_>) {
        let seed = self.seed;
        let shown = || {
            let id = report.event_id.unwrap_or("derived");
            format!(
                "{id} at {}",
                SUBSCRIPTIONS
                    .get(report.subscription)
                    .copied()
                    .unwrap_or_default()
            )
        };
        let number = match payload::origin(report.data) {
            Some((origin, number)) if origin == seed && number < self.claimed() => number,
            _ => return self.foreign.push(shown()),
        };
        if TYPES.get(report.subscription) != Some(&report.event_type) {
            return self.foreign.push(format!("{}: {}", shown(), report.event_type));
        }
        let expected: Hash = payload::hash(payload::data(seed, number).as_bytes());
        let renamed = report
            .event_id
            .is_some_and(|id| id != payload::event_id(seed, number));
        if renamed || payload::hash(report.data) != expected {
            return self.corrupted.push(shown());
        }
        self.count(number, report.subscription, report.place);
    }

    fn count(&mut self, number: u64, subscription: usize, place: Option<Place>) {
        let Some(claim) = self.at(number) else {
            return;
        };
        let elsewhere = match (&claim.seen_at, &place) {
            (Some(seen), Some(place)) => seen != place,
            _ => false,
        };
        if claim.seen_at.is_none() {
            claim.seen_at = place;
        }
        let accepted = claim.accepted.is_some();
        let Some(received) = claim.received.get_mut(subscription) else {
            return;
        };
        *received = received.saturating_add(1);
        let first = *received == 1;
        if first && ORDERED.get(subscription) == Some(&true) {
            self.arrivals.push(number);
        }
        if elsewhere {
            self.twice_in_log.insert(number);
        }
        let counter = if first {
            &mut self.met
        } else {
            &mut self.duplicates
        };
        if let Some(counter) = counter.get_mut(subscription).filter(|_| accepted || !first) {
            *counter += 1;
        }
    }

    /// Obligations that are not met yet, over all subscriptions.
    pub(crate) fn open(&self) -> u64 {
        self.met.iter().map(|met| self.accepted - met).sum()
    }

    /// The largest number of obligations that one subscription has not met yet.
    pub(crate) fn behind(&self) -> u64 {
        self.met
            .iter()
            .map(|met| self.accepted - met)
            .max()
            .unwrap_or_default()
    }

    /// Obligations that each subscription has met.
    pub(crate) fn met(&self) -> [u64; SUBSCRIPTIONS.len()] {
        self.met
    }

    /// What each subscription got more than once.
    pub(crate) fn duplicates(&self) -> [u64; SUBSCRIPTIONS.len()] {
        self.duplicates
    }

    /// Whether every subscription got this event.
    pub(crate) fn is_met(&self, number: u64) -> bool {
        let claim = usize::try_from(number)
            .ok()
            .and_then(|number| self.claims.get(number));
        claim.is_some_and(|claim| claim.received.iter().all(|received| *received > 0))
    }

    /// Lays promises and reports side by side. What the bus says it has dead-lettered with a reason is not lost.
    pub(crate) fn verdict(&self, dead: &[DeadLetter]) -> Verdict {
        let dead: HashSet<_> = dead
            .iter()
            .filter_map(|letter| Some((letter.receiver, letter.number?)))
            .collect();
        let mut verdict = Verdict {
            claimed: self.claimed(),
            accepted: self.accepted,
            maybe: self.claimed() - self.accepted,
            foreign: self.foreign.clone(),
            corrupted: self.corrupted.clone(),
            twice_in_log: self.ids(&self.twice_in_log),
            changed_receipts: self.ids(&self.changed_receipts),
            duplicates: self.duplicates,
            disordered: self.disordered(),
            ..Verdict::default()
        };
        for (number, claim) in (0..).zip(&self.claims) {
            let id = payload::event_id(self.seed, number);
            if claim.accepted.is_none() {
                verdict.maybe_received += u64::from(claim.received.iter().any(|received| *received > 0));
                continue;
            }
            for (subscription, received) in SUBSCRIPTIONS.iter().zip(claim.received) {
                if received == 0 && !dead.contains(&(*subscription, number)) {
                    verdict.lost.push(format!("{id} at {subscription}"));
                }
            }
        }
        verdict
    }

    /// Within one key, what was accepted first must arrive first. An event without a receipt has no place to compare.
    fn disordered(&self) -> Vec<String> {
        let mut last: HashMap<u64, u64> = HashMap::new();
        let mut found = Vec::new();
        for number in &self.arrivals {
            let claim = usize::try_from(*number).ok().and_then(|at| self.claims.get(at));
            let Some(place) = claim.and_then(|claim| claim.accepted.as_ref()) else {
                continue;
            };
            let last = last.entry(payload::key(*number)).or_default();
            if place.position < *last {
                found.push(payload::event_id(self.seed, *number));
            }
            *last = place.position.max(*last);
        }
        found
    }

    fn ids(&self, numbers: &BTreeSet<u64>) -> Vec<String> {
        numbers
            .iter()
            .map(|number| payload::event_id(self.seed, *number))
            .collect()
    }
}

#[cfg(test)]
mod tests;
