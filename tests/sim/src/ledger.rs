//! What was promised and what was received.
//!
//! `claim` gives out a number before the event is sent. An answer of 202 makes it an obligation, at the place that the
//! receipt names; anything else leaves it a maybe. Receivers report what arrives at once, and that they have it later.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    city::{COUNTED, subscription},
    pace::Paces,
    payload,
    replayed::Replays,
};

/// A place in a log.
pub(crate) type Place = (String, u64);

/// An event of a publisher.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) ty: &'static str,
    /// Its `expirytime`, milliseconds since 1970.
    pub(crate) expires: bool,
    /// No receiver of webhooks takes it before all is healed.
    pub(crate) poison: bool,
    pub(crate) accepted: Option<Place>,
}

/// What a receiver got.
pub(crate) struct Report<'a> {
    /// Who got it; receivers are named after their subscriptions.
    pub(crate) receiver: &'a str,
    /// By which process.
    pub(crate) process: &'a str,
    /// Of which replay, if it says so.
    pub(crate) replay: Option<&'a str>,
    pub(crate) id: &'a str,
    pub(crate) ty: &'a str,
    pub(crate) data: &'a [u8],
    /// By which the receiver is to know a repeat.
    pub(crate) delivery: Option<&'a str>,
}

/// How one event came to one subscription. Moments are counted, not measured.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reception {
    /// When it arrived first.
    pub(crate) arrived: Option<u64>,
    /// When the receiver had it first.
    pub(crate) taken: Option<u64>,
    /// How often it had it.
    pub(crate) times: u32,
}

/// Everything claimed, answered and received in one run.
pub(crate) struct Ledger {
    seed: u64,
    pub(crate) claims: Vec<Claim>,
    pub(crate) foreign: BTreeSet<String>,
    pub(crate) corrupted: BTreeSet<String>,
    pub(crate) receipts: BTreeSet<String>,
    /// Events that somebody saw among the dead letters, by subscription: they come out of turn.
    pub(crate) buried: BTreeSet<(String, Place)>,
    pub(crate) paces: Paces,
    pub(crate) replays: Replays,
    received: BTreeMap<(String, String), Reception>,
    deliveries: BTreeMap<(String, String), String>,
    moment: u64,
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            claims: Vec::new(),
            foreign: BTreeSet::new(),
            corrupted: BTreeSet::new(),
            receipts: BTreeSet::new(),
            buried: BTreeSet::new(),
            paces: Paces::default(),
            replays: Replays::default(),
            received: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            moment: 0,
        }
    }

    /// The number of the next event. From now on it may appear.
    pub(crate) fn claim(&mut self, ty: &'static str, expires: bool, poison: bool) -> u64 {
        self.claims.push(Claim {
            ty,
            expires,
            poison,
            accepted: None,
        });
        self.claims.len() as u64 - 1
    }

    pub(crate) fn of(&self, number: u64) -> Option<&Claim> {
        self.claims.get(usize::try_from(number).ok()?)
    }

    /// A receipt came. A repeat must get the receipt of the first time.
    pub(crate) fn accepted(&mut self, number: u64, place: Place) {
        let id = payload::event_id(self.seed, number);
        let Some(claim) = usize::try_from(number).ok().and_then(|n| self.claims.get_mut(n)) else {
            return;
        };
        match &claim.accepted {
            Some(first) if *first != place => {
                self.receipts.insert(format!("{id}: {first:?}, then {place:?}"));
            }
            _ => claim.accepted = Some(place),
        }
    }

    pub(crate) fn foreign(&mut self, what: String) {
        self.foreign.insert(what);
    }

    fn now(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// What a receiver was given last came over a connection that it closed without an answer.
    pub(crate) fn left(&mut self, receiver: &str, process: &str) {
        self.paces.left(receiver, process);
    }

    /// Something arrived.
    pub(crate) fn report(&mut self, report: &Report<'_>) {
        let Report { receiver, id, ty, .. } = report;
        let shown = format!("{id} ({ty}) at {receiver}");
        let Some(wanted) = self.addressee(report) else {
            return self.foreign(shown);
        };
        let may_have = subscription(&wanted).is_some_and(|one| one.types.contains(ty));
        let number = payload::number(self.seed, report.data);
        let claim = number.and_then(|number| Some((number, self.of(number)?)));
        let Some((number, claim)) = claim.filter(|_| may_have) else {
            return self.foreign(shown);
        };
        let derived = *ty == COUNTED;
        let named = derived || (claim.ty == *ty && payload::event_id(self.seed, number) == *id);
        if !named || payload::data(self.seed, number).as_bytes() != report.data {
            self.corrupted.insert(shown);
        }
        if report.replay.is_none() {
            let now = self.now();
            let key = ((*receiver).to_owned(), (*id).to_owned());
            self.received.entry(key).or_default().arrived.get_or_insert(now);
            self.paces.arrived(receiver, report.process);
        }
        if let Some(delivery) = report.delivery {
            let by = report.replay.unwrap_or(receiver);
            let key = (by.to_owned(), (*id).to_owned());
            let first = self.deliveries.entry(key).or_insert_with(|| delivery.to_owned());
            if first != delivery {
                self.corrupted
                    .insert(format!("{id} at {by} has another webhook-id than before"));
            }
        }
    }

    /// Whose event it is; nobody's, if it came to a receiver where no such thing was to go.
    fn addressee(&self, report: &Report<'_>) -> Option<String> {
        match report.replay {
            None => Some(report.receiver.to_owned()),
            Some(replay) => {
                let ordered = self.replays.ordered.get(replay)?;
                (ordered.receiver == report.receiver).then(|| ordered.subscription.to_owned())
            }
        }
    }

    /// The receiver has it.
    pub(crate) fn taken(&mut self, receiver: &str, replay: Option<&str>, id: &str) {
        if let Some(replay) = replay {
            return self.replays.taken(replay, id);
        }
        let now = self.now();
        let key = (receiver.to_owned(), id.to_owned());
        let reception = self.received.entry(key).or_default();
        reception.taken.get_or_insert(now);
        reception.times += 1;
    }

    pub(crate) fn reception(&self, subscription: &str, id: &str) -> Reception {
        let key = (subscription.to_owned(), id.to_owned());
        self.received.get(&key).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Ledger, Report};
    use crate::{
        city::{COUNTED, SECRET_OF_NAH, SENT_BY_NAH, SENT_BY_PUB},
        payload::{data, event_id},
    };

    #[test]
    fn what_nobody_sent_what_was_not_for_him_and_what_was_changed_is_found() {
        let mut ledger = Ledger::new(7);
        let ours = ledger.claim(SENT_BY_PUB, false, false);
        let theirs = ledger.claim(SENT_BY_NAH, false, false);
        let mut arrives = |receiver: &str, number, ty: &str, data: &str, delivery: &str| {
            ledger.report(&Report {
                receiver,
                process: "bus",
                replay: None,
                id: &event_id(7, number),
                ty,
                data: data.as_bytes(),
                delivery: Some(delivery),
            });
            let found = (ledger.foreign.len(), ledger.corrupted.len());
            ledger.foreign.clear();
            ledger.corrupted.clear();
            found
        };
        assert_eq!(arrives("stetig", ours, SENT_BY_PUB, &data(7, ours), "1"), (0, 0));
        assert_eq!(arrives("stetig", ours, SENT_BY_PUB, &data(7, ours), "2"), (0, 1));
        assert_eq!(
            arrives("nachbar", theirs, SENT_BY_NAH, &data(7, theirs), "1"),
            (0, 0)
        );
        assert_eq!(arrives("nachbar", ours, SENT_BY_PUB, &data(7, ours), "1"), (1, 0));
        assert_eq!(
            arrives("nachbar", theirs, SECRET_OF_NAH, &data(7, theirs), "1"),
            (1, 0)
        );
        assert_eq!(arrives("stetig", 9, SENT_BY_PUB, &data(7, 9), "1"), (1, 0));
        assert_eq!(arrives("stetig", ours, SENT_BY_PUB, &data(8, ours), "1"), (1, 0));
        let rewritten = data(7, ours).replace(": ", ":");
        assert_eq!(arrives("stetig", ours, SENT_BY_PUB, &rewritten, "1"), (0, 1));
        assert_eq!(arrives("abgeleitet", 5, COUNTED, &data(7, ours), "1"), (0, 0));
    }

    #[test]
    fn a_repeat_with_another_receipt_is_found() {
        let mut ledger = Ledger::new(7);
        let number = ledger.claim(SENT_BY_PUB, false, false);
        ledger.accepted(number, ("LOG_PUB".to_owned(), 3));
        ledger.accepted(number, ("LOG_PUB".to_owned(), 3));
        assert!(ledger.receipts.is_empty());
        ledger.accepted(number, ("LOG_PUB".to_owned(), 4));
        assert_eq!(ledger.receipts.len(), 1);
    }
}
