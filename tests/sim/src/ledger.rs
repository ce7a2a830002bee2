//! What was promised and what was received.
//!
//! `claim` gives out a number before the event is sent. An answer of 202 makes it an obligation, at the place that the
//! receipt names; anything else leaves it a maybe. Receivers report what arrives at once, and that they have it later.

use std::collections::{BTreeMap, BTreeSet};

use crate::payload;

/// A subscription and the types that it may get.
pub(crate) struct Subscription {
    pub(crate) name: &'static str,
    pub(crate) partner: &'static str,
    pub(crate) types: &'static [&'static str],
}

pub(crate) const SENT_BY_PUB: &str = "de.simulation.pub.probe.sent.v1";
pub(crate) const SENT_BY_NAH: &str = "de.simulation.nah.probe.sent.v1";
/// Of the same log as [`SENT_BY_NAH`], and not for everybody who may have that.
pub(crate) const SECRET_OF_NAH: &str = "de.simulation.nah.geheim.sent.v1";
pub(crate) const COUNTED: &str = "de.simulation.abl.probe.counted.v1";
/// The subscription that publishes [`COUNTED`].
pub(crate) const DERIVATION: &str = "zaehlung";

/// All subscriptions of the city, as the oracle knows them.
pub(crate) const SUBSCRIPTIONS: [Subscription; 6] = [
    Subscription {
        name: "stetig",
        partner: "kom",
        types: &[SENT_BY_PUB],
    },
    Subscription {
        name: "knapp",
        partner: "kom",
        types: &[SENT_BY_PUB, SENT_BY_NAH, SECRET_OF_NAH],
    },
    Subscription {
        name: "abholung",
        partner: "kom",
        types: &[SENT_BY_PUB],
    },
    Subscription {
        name: "abgeleitet",
        partner: "kom",
        types: &[COUNTED],
    },
    Subscription {
        name: DERIVATION,
        partner: "abl",
        types: &[SENT_BY_PUB],
    },
    Subscription {
        name: "nachbar",
        partner: "fremd",
        types: &[SENT_BY_NAH],
    },
];

/// A place in a log.
pub(crate) type Place = (String, u64);

/// An event of a publisher.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) ty: &'static str,
    /// Its `expirytime`, milliseconds since 1970.
    pub(crate) expires: bool,
    pub(crate) accepted: Option<Place>,
}

/// What a receiver got.
pub(crate) struct Report<'a> {
    pub(crate) subscription: &'a str,
    pub(crate) id: &'a str,
    pub(crate) ty: &'a str,
    pub(crate) data: &'a [u8],
    /// By which the receiver is to know a repeat.
    pub(crate) delivery: Option<&'a str>,
}

/// Everything claimed, answered and received in one run.
pub(crate) struct Ledger {
    seed: u64,
    pub(crate) claims: Vec<Claim>,
    pub(crate) foreign: BTreeSet<String>,
    pub(crate) corrupted: BTreeSet<String>,
    pub(crate) receipts: BTreeSet<String>,
    taken: BTreeMap<(String, String), u32>,
    deliveries: BTreeMap<(String, String), String>,
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            claims: Vec::new(),
            foreign: BTreeSet::new(),
            corrupted: BTreeSet::new(),
            receipts: BTreeSet::new(),
            taken: BTreeMap::new(),
            deliveries: BTreeMap::new(),
        }
    }

    /// The number of the next event. From now on it may appear.
    pub(crate) fn claim(&mut self, ty: &'static str, expires: bool) -> u64 {
        self.claims.push(Claim {
            ty,
            expires,
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

    /// Something arrived.
    pub(crate) fn report(&mut self, report: &Report<'_>) {
        let Report {
            subscription, id, ty, ..
        } = report;
        let shown = format!("{id} ({ty}) at {subscription}");
        let may_have = SUBSCRIPTIONS
            .iter()
            .any(|one| one.name == *subscription && one.types.contains(ty));
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
        // A derived event that was published again after the broker forgot the first stands elsewhere.
        if let Some(delivery) = report.delivery.filter(|_| !derived) {
            let key = ((*subscription).to_owned(), (*id).to_owned());
            let first = self.deliveries.entry(key).or_insert_with(|| delivery.to_owned());
            if first != delivery {
                self.corrupted.insert(format!(
                    "{id} at {subscription} has another webhook-id than before"
                ));
            }
        }
    }

    /// The receiver has it.
    pub(crate) fn taken(&mut self, subscription: &str, id: &str) {
        *self
            .taken
            .entry((subscription.to_owned(), id.to_owned()))
            .or_default() += 1;
    }

    pub(crate) fn times_taken(&self, subscription: &str, id: &str) -> u32 {
        let key = (subscription.to_owned(), id.to_owned());
        self.taken.get(&key).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{COUNTED, Ledger, Report, SECRET_OF_NAH, SENT_BY_NAH, SENT_BY_PUB};
    use crate::payload::{data, event_id};

    #[test]
    fn what_nobody_sent_what_was_not_for_him_and_what_was_changed_is_found() {
        let mut ledger = Ledger::new(7);
        let (ours, theirs) = (ledger.claim(SENT_BY_PUB, false), ledger.claim(SENT_BY_NAH, false));
        let mut arrives = |subscription: &str, number, ty: &str, data: &str, delivery: &str| {
            ledger.report(&Report {
                subscription,
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
        let number = ledger.claim(SENT_BY_PUB, false);
        ledger.accepted(number, ("LOG_PUB".to_owned(), 3));
        ledger.accepted(number, ("LOG_PUB".to_owned(), 3));
        assert!(ledger.receipts.is_empty());
        ledger.accepted(number, ("LOG_PUB".to_owned(), 4));
        assert_eq!(ledger.receipts.len(), 1);
    }
}
