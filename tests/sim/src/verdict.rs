//! The oracle: lays what was promised beside what was received and what stands in the logs.

mod books;
mod order;
mod replays;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use books::Books;
use books::shown;
use stadtbus_flow::{lanes::Outcome, log::Logged};

use crate::{city::DERIVATION, payload, world::World};

/// What is wrong with a run. Empty lists: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Promised and not delivered, nor accounted for.
    pub lost: Vec<String>,
    /// What nobody sent, or what was not for who got it.
    pub foreign: Vec<String>,
    /// Not as it was sent.
    pub corrupted: Vec<String>,
    /// One event at two places of its log, or with two receipts.
    pub twice: Vec<String>,
    /// Delivered more than once where nothing had gone wrong that would explain it.
    pub repeated: Vec<String>,
    /// The bus says of an event what is not so, or nothing.
    pub untrue: Vec<String>,
    /// Counted twice or not at all by the plugin that counts.
    pub miscounted: Vec<String>,
    /// Came to its receiver before an earlier event of its key.
    pub disordered: Vec<String>,
    /// Delivered faster than the subscription asked for.
    pub hasty: Vec<String>,
    /// What a replay brought and should not have, or left out.
    pub replayed: Vec<String>,
    /// What a run that is healed still does not do.
    pub stuck: Vec<String>,
}

impl Verdict {
    /// The kinds of violation by name, each with what was found.
    #[must_use]
    pub fn violations(&self) -> [(&'static str, &[String]); 11] {
        [
            ("lost", &self.lost),
            ("foreign", &self.foreign),
            ("corrupted", &self.corrupted),
            ("twice", &self.twice),
            ("repeated", &self.repeated),
            ("untrue", &self.untrue),
            ("miscounted", &self.miscounted),
            ("disordered", &self.disordered),
            ("hasty", &self.hasty),
            ("replayed", &self.replayed),
            ("stuck", &self.stuck),
        ]
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations().iter().all(|(_, found)| found.is_empty())
    }
}

impl Books {
    pub(crate) fn verdict(&self, world: &World) -> Verdict {
        let mut verdict = Verdict {
            lost: self.outstanding(world),
            untrue: self
                .unsaid()
                .map(|what| format!("nothing is said of {what}"))
                .collect(),
            ..Verdict::default()
        };
        if self.open > 0 {
            let open = self.open;
            verdict
                .stuck
                .push(format!("{open} retries, dead letters or parked events are left"));
        }
        self.judge_logs(world, &mut verdict);
        self.judge_facts(world, &mut verdict);
        self.judge_counts(world, &mut verdict);
        self.judge_order(world, &mut verdict);
        self.judge_replays(world, &mut verdict);
        let ledger = world.ledger();
        verdict.foreign.extend(ledger.foreign.iter().cloned());
        verdict.corrupted.extend(ledger.corrupted.iter().cloned());
        verdict.twice.extend(ledger.receipts.iter().cloned());
        verdict.hasty.extend(ledger.paces.broken.iter().cloned());
        world.coverage().add("paced", ledger.paces.held_up);
        verdict
    }

    fn judge_logs(&self, world: &World, verdict: &mut Verdict) {
        for event in self.repeats() {
            let id = event.event.id();
            verdict.twice.push(format!("{id} stands twice in {}", event.log));
        }
        for event in &self.events {
            let id = event.event.id();
            let data = event.event.data().map(|data| &data[..]).unwrap_or_default();
            let Some(number) = payload::number(world.seed, data) else {
                verdict.foreign.push(format!("{id} in {}", event.log));
                continue;
            };
            if payload::data(world.seed, number).as_bytes() != data {
                verdict.corrupted.push(format!("{id} in {}", event.log));
            }
        }
    }

    /// Events that stand in their log a second time.
    fn repeats(&self) -> impl Iterator<Item = &Logged> {
        let mut first = BTreeSet::new();
        self.events
            .iter()
            .filter(move |event| !first.insert((event.log.to_string(), event.event.id().to_owned())))
    }

    fn judge_facts(&self, world: &World, verdict: &mut Verdict) {
        for (subscription, event) in self.due() {
            let said = self.said(subscription, event);
            if said.contains(&Outcome::Delivered) && !self.has(world, subscription, event) {
                let what = shown(subscription, event);
                verdict.untrue.push(format!("{what} is said to be delivered"));
            }
            // What was over is not over any more where the clock is set back.
            let derived = subscription == DERIVATION && self.has(world, subscription, event);
            let taken_back = derived && world.dice.clock == 0.0;
            if said.contains(&Outcome::Expired) && (!Self::expires(world, event) || taken_back) {
                let what = shown(subscription, event);
                verdict.untrue.push(format!("{what} is said to be expired"));
            }
            let times = world.ledger().reception(subscription, event.event.id()).times;
            if world.dice.calm && times > 1 {
                let what = shown(subscription, event);
                verdict.repeated.push(format!("{what}, {times} times"));
            }
        }
    }

    /// The plugin counts by place; its count stands in the subject.
    fn judge_counts(&self, world: &World, verdict: &mut Verdict) {
        let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        let mut counted = BTreeSet::new();
        for event in self.events.iter().filter(|event| event.log.as_str() == "LOG_ABL") {
            let data = event.event.data().map(|data| &data[..]).unwrap_or_default();
            let number = payload::number(world.seed, data).unwrap_or(u64::MAX);
            let count = event.event.subject().and_then(|text| text.parse().ok());
            let count = count.unwrap_or(0);
            // The same event again, which is judged elsewhere, or the same input counted again.
            if !ids.insert(event.event.id()) {
                continue;
            }
            counts.entry(payload::place(number)).or_default().push(count);
            if !counted.insert(number) {
                let id = payload::event_id(world.seed, number);
                verdict.miscounted.push(format!("{id} was counted again"));
            }
        }
        // An input may be over when it is run again, or, where the clock is set, not be over any more: then outputs of later
        // inputs may stand that count it, or do not.
        let undecided: BTreeSet<String> = self
            .due()
            .filter(|(subscription, event)| {
                let over = self.said(subscription, event).contains(&Outcome::Expired);
                *subscription == DERIVATION && Self::expires(world, event) && (over || world.dice.clock > 0.0)
            })
            .filter_map(|(_, event)| Self::number(world, event))
            .map(payload::place)
            .collect();
        for (place, mut found) in counts {
            if undecided.contains(&place) {
                continue;
            }
            found.sort_unstable();
            let wanted: Vec<u64> = (1..=found.len() as u64).collect();
            if found != wanted {
                verdict.miscounted.push(format!("{place}: {found:?}"));
            }
        }
    }
}
