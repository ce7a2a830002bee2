//! The oracle: lays what was promised beside what was received and what stands in the logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, LogName, ReadFrom, ReadOptions, Record};
use stadtbus_flow::{
    lanes::{Outcome, settled::Page},
    log::{self, Logged},
};

use crate::{
    bus,
    ledger::{DERIVATION, Place, SUBSCRIPTIONS},
    payload,
    world::World,
};

/// The logs of events.
const LOGS: [&str; 3] = ["LOG_PUB", "LOG_NAH", "LOG_ABL"];

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
    /// What a run that is healed still does not do.
    pub stuck: Vec<String>,
}

impl Verdict {
    /// The kinds of violation by name, each with what was found.
    #[must_use]
    pub fn violations(&self) -> [(&'static str, &[String]); 8] {
        [
            ("lost", &self.lost),
            ("foreign", &self.foreign),
            ("corrupted", &self.corrupted),
            ("twice", &self.twice),
            ("repeated", &self.repeated),
            ("untrue", &self.untrue),
            ("miscounted", &self.miscounted),
            ("stuck", &self.stuck),
        ]
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations().iter().all(|(_, found)| found.is_empty())
    }
}

/// What stands in the logs.
pub(crate) struct Books {
    events: Vec<Logged>,
    /// When each of them was written, by its place.
    written: BTreeMap<Place, SystemTime>,
    facts: BTreeMap<(String, Place), Vec<Outcome>>,
    /// Places of events from which others were derived.
    causes: BTreeSet<String>,
    /// Retries that wait or are due, and dead letters.
    open: u64,
}

async fn records(world: &World, name: &str) -> Result<Vec<Record>, String> {
    let said = |error: stadtbus_broker::BrokerError| format!("{name}: {error}");
    let log = LogName::new(name).map_err(said)?;
    let state = world.broker.state(&log).await.map_err(said)?;
    if state.count == 0 {
        return Ok(Vec::new());
    }
    let options = ReadOptions {
        from: ReadFrom::Position(state.first),
        subject: None,
        headers_only: false,
    };
    let stream = world.broker.read(&log, options).await.map_err(said)?;
    let count = usize::try_from(state.count).unwrap_or(usize::MAX);
    Ok(stream.take(count).collect().await)
}

async fn count(world: &World, name: &str) -> Result<u64, String> {
    let log = LogName::new(name).map_err(|error| error.to_string())?;
    let state = world
        .broker
        .state(&log)
        .await
        .map_err(|error| error.to_string())?;
    Ok(state.count)
}

impl Books {
    /// Reads the logs. The broker must be healed.
    pub(crate) async fn open(world: &World) -> Result<Self, String> {
        let (mut events, mut written) = (Vec::new(), BTreeMap::new());
        for name in LOGS {
            for record in records(world, name).await? {
                written.insert((name.to_owned(), record.position), record.stored_at);
                events.push(log::decode(record).map_err(|error| error.to_string())?);
            }
        }
        let mut facts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for record in records(world, "SETTLED").await? {
            let page = Page::read(&record).map_err(|error| error.to_string())?;
            let subscription = record.subject.rsplit('.').next().unwrap_or_default().to_owned();
            for fact in page.facts {
                let place = (fact.log.to_string(), fact.position);
                facts
                    .entry((subscription.clone(), place))
                    .or_default()
                    .push(fact.outcome);
            }
        }
        let causes = events
            .iter()
            .filter_map(|event| event.provenance.cause.clone())
            .collect();
        Ok(Self {
            events,
            written,
            facts,
            causes,
            open: count(world, "RETRY").await? + count(world, "DEAD").await?,
        })
    }

    fn said(&self, subscription: &str, event: &Logged) -> &[Outcome] {
        let place = (event.log.to_string(), event.position);
        self.facts
            .get(&(subscription.to_owned(), place))
            .map_or(&[], Vec::as_slice)
    }

    /// All that anybody is to get: each event with each subscription that may have it.
    fn due(&self) -> impl Iterator<Item = (&'static str, &Logged)> {
        SUBSCRIPTIONS.iter().flat_map(move |one| {
            self.events
                .iter()
                .filter(|event| one.types.contains(&event.event.ty()))
                .map(|event| (one.name, event))
        })
    }

    fn has(&self, world: &World, subscription: &str, event: &Logged) -> bool {
        if subscription == DERIVATION {
            return self.causes.contains(&format!("{}:{}", event.log, event.position));
        }
        world.ledger().times_taken(subscription, event.event.id()) > 0
    }

    /// What is neither delivered nor expired, and what waits for an end.
    pub(crate) fn outstanding(&self, world: &World) -> Vec<String> {
        let mut outstanding: Vec<_> = self
            .due()
            .filter(|(subscription, event)| {
                !self.has(world, subscription, event)
                    && !self.said(subscription, event).contains(&Outcome::Expired)
            })
            .map(|(subscription, event)| shown(subscription, event))
            .collect();
        // What was promised must be there at all.
        let ledger = world.ledger();
        for (number, claim) in (0..).zip(&ledger.claims) {
            let Some((log, position)) = &claim.accepted else {
                continue;
            };
            let id = payload::event_id(world.seed, number);
            let there = self.events.iter().any(|event| {
                event.log.as_str() == log && event.position == *position && event.event.id() == id
            });
            if !there {
                outstanding.push(format!("{id} is not at {log}:{position}, as its receipt says"));
            }
        }
        outstanding
    }

    /// Whether everything has come to an end, and the bus has said so.
    pub(crate) fn is_balanced(&self, world: &World) -> bool {
        self.open == 0 && self.outstanding(world).is_empty() && self.unsaid().next().is_none()
    }

    fn unsaid(&self) -> impl Iterator<Item = String> + '_ {
        self.due()
            .filter(|(subscription, event)| {
                let last = self.said(subscription, event).iter();
                last.filter(|outcome| **outcome != Outcome::Retry).count() == 0
            })
            .map(|(subscription, event)| shown(subscription, event))
    }

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
                .push(format!("{open} retries or dead letters are left"));
        }
        self.judge_logs(world, &mut verdict);
        self.judge_facts(world, &mut verdict);
        self.judge_counts(world, &mut verdict);
        let ledger = world.ledger();
        verdict.foreign.extend(ledger.foreign.iter().cloned());
        verdict.corrupted.extend(ledger.corrupted.iter().cloned());
        verdict.twice.extend(ledger.receipts.iter().cloned());
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

    /// Events that stand in their log a second time although the broker still knew the first.
    fn repeats(&self) -> impl Iterator<Item = &Logged> {
        let at = |event: &Logged| {
            let place = (event.log.to_string(), event.position);
            self.written
                .get(&place)
                .copied()
                .unwrap_or(SystemTime::UNIX_EPOCH)
        };
        let mut first = BTreeMap::new();
        self.events.iter().filter(move |event| {
            let key = (event.log.to_string(), event.event.id().to_owned());
            let now = at(event);
            match first.insert(key, now) {
                None => false,
                Some(before) => now.duration_since(before).unwrap_or_default() <= bus::remembered(),
            }
        })
    }

    fn judge_facts(&self, world: &World, verdict: &mut Verdict) {
        for (subscription, event) in self.due() {
            let said = self.said(subscription, event);
            if said.contains(&Outcome::Delivered) && !self.has(world, subscription, event) {
                let what = shown(subscription, event);
                verdict.untrue.push(format!("{what} is said to be delivered"));
            }
            let data = event.event.data().map(|data| &data[..]).unwrap_or_default();
            let expires = payload::number(world.seed, data)
                .and_then(|number| world.ledger().of(number).map(|claim| claim.expires))
                .unwrap_or(false);
            if said.contains(&Outcome::Expired) && !expires {
                let what = shown(subscription, event);
                verdict.untrue.push(format!("{what} is said to be expired"));
            }
            let times = world.ledger().times_taken(subscription, event.event.id());
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
        // A process that died between an output and the state, and an input that had expired when the next one came to it:
        // the output stands, and the state does not know it.
        let half_done: BTreeSet<String> = self
            .due()
            .filter(|(subscription, event)| {
                *subscription == DERIVATION
                    && self.has(world, subscription, event)
                    && self.said(subscription, event).contains(&Outcome::Expired)
            })
            .filter_map(|(_, event)| payload::number(world.seed, event.event.data()?))
            .map(payload::place)
            .collect();
        for (place, mut found) in counts {
            if half_done.contains(&place) {
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

fn shown(subscription: &str, event: &Logged) -> String {
    format!(
        "{} ({}:{}) at {subscription}",
        event.event.id(),
        event.log,
        event.position
    )
}
