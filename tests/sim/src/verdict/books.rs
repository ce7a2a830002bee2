//! What stands in the logs at the end of a run.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, LogName, ReadFrom, ReadOptions, Record};
use stadtbus_flow::{
    dispatch::BREAKER_MOVED,
    lanes::{
        Outcome,
        replay::{Replay, store},
        settled::Page,
    },
    log::{self, Logged},
};

use crate::{
    city::{DERIVATION, SUBSCRIPTIONS, Subscription, subscription},
    ledger::Place,
    payload,
    world::World,
};

/// The logs of events.
const LOGS: [&str; 3] = ["LOG_PUB", "LOG_NAH", "LOG_ABL"];
/// Where the bus speaks of itself.
const NOTICES: &str = "LOG_HAUS";

/// What was said of one event.
type Said = BTreeMap<(String, Place), Vec<Outcome>>;

/// What stands in the logs.
pub(crate) struct Books {
    pub(super) events: Vec<Logged>,
    facts: Said,
    /// The same of replays, by their ids.
    replayed: Said,
    /// The first page that says that an event was delivered to a subscription's own sink.
    delivered: BTreeMap<(String, Place), u64>,
    /// Places of events from which others were derived.
    causes: BTreeSet<String>,
    pub(super) replays: Vec<Replay>,
    /// Retries, dead letters and parked events that are left.
    pub(super) open: u64,
    /// What the bus met, by name.
    met: BTreeMap<&'static str, u64>,
}

async fn records(world: &World, name: &str) -> Result<Vec<Record>, String> {
    let said = |error: stadtbus_broker::BrokerError| format!("{name}: {error}");
    let log = LogName::new(name).map_err(said)?;
    let state = match world.broker.state(&log).await {
        Ok(state) => state,
        // Nothing was ever written there.
        Err(stadtbus_broker::BrokerError::NotFound(_)) => return Ok(Vec::new()),
        Err(error) => return Err(said(error)),
    };
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

/// How many records wait for an end.
async fn open(world: &World) -> Result<u64, String> {
    let mut open = 0;
    for name in ["RETRY", "DEAD", "PARKED"] {
        let records = records(world, name).await?;
        // A mark of a life that ended before it could remove it waits for nothing.
        let waits = records.iter().filter(|record| !record.subject.ends_with(".end"));
        open += waits.count() as u64;
    }
    Ok(open)
}

impl Books {
    /// Reads the logs. The broker must be healed.
    pub(crate) async fn open(world: &World) -> Result<Self, String> {
        let mut books = Self {
            events: Vec::new(),
            facts: BTreeMap::new(),
            replayed: BTreeMap::new(),
            delivered: BTreeMap::new(),
            causes: BTreeSet::new(),
            replays: store::list(&world.broker, "")
                .await
                .map_err(|error| error.to_string())?,
            open: open(world).await?,
            met: BTreeMap::new(),
        };
        for name in LOGS {
            for record in records(world, name).await? {
                books
                    .events
                    .push(log::decode(record).map_err(|error| error.to_string())?);
            }
        }
        for record in records(world, "SETTLED").await? {
            books.take(&record)?;
        }
        for record in records(world, NOTICES).await? {
            let notice = log::decode(record).map_err(|error| error.to_string())?.event;
            if notice.ty() == BREAKER_MOVED {
                let opened = notice.id().ends_with(".open");
                books.meet(if opened {
                    "breakers opened"
                } else {
                    "breakers closed"
                });
            }
        }
        books.causes = books
            .events
            .iter()
            .filter_map(|event| event.provenance.cause.clone())
            .collect();
        Ok(books)
    }

    fn meet(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// One page of facts; its subject is `settled.<partner>.<subscription>`, for a replay with its id behind that.
    fn take(&mut self, record: &Record) -> Result<(), String> {
        let page = Page::read(record).map_err(|error| error.to_string())?;
        let name = record.subject.split('.').nth(2).unwrap_or_default().to_owned();
        let ordered = subscription(&name).is_some_and(|one| one.order.is_some());
        for fact in page.facts {
            let place = (fact.log.to_string(), fact.position);
            if fact.outcome == Outcome::Delivered && !page.elsewhere {
                let key = (name.clone(), place.clone());
                self.delivered.entry(key).or_insert(record.position);
            }
            match (&page.replay, fact.outcome, fact.code.as_deref()) {
                (Some(_), Outcome::Delivered, _) => self.meet("replayed"),
                (Some(_), ..) => {}
                (None, Outcome::Parked, Some("SB-3022")) => self.meet("backlog parked"),
                (None, Outcome::Parked, _) => self.meet("parked"),
                (None, Outcome::Retry, _) if ordered => self.meet("keys that waited"),
                (None, Outcome::Retry, _) => self.meet("retries scheduled"),
                (None, Outcome::Expired, _) => self.meet("expired"),
                (None, Outcome::DeadLettered, _) => self.meet("dead letters"),
                _ => {}
            }
            let (said, by) = match &page.replay {
                Some(replay) => (&mut self.replayed, replay.clone()),
                None => (&mut self.facts, name.clone()),
            };
            said.entry((by, place)).or_default().push(fact.outcome);
        }
        Ok(())
    }

    /// Tells what the bus met.
    pub(crate) fn cover(&self, world: &World) {
        let mut coverage = world.coverage();
        for (what, times) in &self.met {
            coverage.add(what, *times);
        }
    }

    pub(super) fn said(&self, subscription: &str, event: &Logged) -> &[Outcome] {
        let key = (subscription.to_owned(), place(event));
        self.facts.get(&key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn said_of_replay(&self, replay: &str, event: &Logged) -> &[Outcome] {
        let key = (replay.to_owned(), place(event));
        self.replayed.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The page that first said that it was delivered to the subscription's own sink.
    pub(super) fn delivered_at(&self, subscription: &str, event: &Logged) -> Option<u64> {
        let key = (subscription.to_owned(), place(event));
        self.delivered.get(&key).copied()
    }

    /// What a subscription may have, in the order of the logs.
    pub(super) fn due_to<'a>(&'a self, one: &'a Subscription) -> impl Iterator<Item = &'a Logged> {
        let events = self.events.iter();
        events.filter(|event| one.types.contains(&event.event.ty()))
    }

    /// All that anybody is to get: each event with each subscription that may have it.
    pub(super) fn due(&self) -> impl Iterator<Item = (&'static str, &Logged)> {
        SUBSCRIPTIONS
            .iter()
            .flat_map(move |one| self.due_to(one).map(|event| (one.name, event)))
    }

    pub(super) fn has(&self, world: &World, subscription: &str, event: &Logged) -> bool {
        if subscription == DERIVATION {
            return self.causes.contains(&format!("{}:{}", event.log, event.position));
        }
        world.ledger().reception(subscription, event.event.id()).times > 0
    }

    /// What is neither delivered nor expired, and what waits for an end.
    pub(super) fn outstanding(&self, world: &World) -> Vec<String> {
        let mut outstanding: Vec<_> = self
            .due()
            .filter(|(subscription, event)| {
                !self.has(world, subscription, event)
                    && !self.said(subscription, event).contains(&Outcome::Expired)
                    && !self.was_passed(world, subscription, event)
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

    /// Whether a derivation passed an input that was over, and could not say so any more when the clock was set back: then
    /// its state is ahead of it.
    fn was_passed(&self, world: &World, subscription: &str, event: &Logged) -> bool {
        let filtered = self.said(subscription, event).contains(&Outcome::Filtered);
        subscription == DERIVATION && filtered && world.dice.clock > 0.0 && Self::expires(world, event)
    }

    /// Whether the event has an `expirytime`.
    pub(super) fn expires(world: &World, event: &Logged) -> bool {
        let number = Self::number(world, event);
        number.is_some_and(|number| world.ledger().of(number).is_some_and(|claim| claim.expires))
    }

    /// Whether everything has come to an end, and the bus has said so.
    pub(crate) fn is_balanced(&self, world: &World) -> bool {
        self.open == 0
            && self.replays.iter().all(|replay| replay.stage.has_ended())
            && self.outstanding(world).is_empty()
            && self.unsaid().next().is_none()
    }

    pub(super) fn unsaid(&self) -> impl Iterator<Item = String> + '_ {
        self.due()
            .filter(|(subscription, event)| {
                let said = self.said(subscription, event).iter();
                said.filter(|outcome| outcome.is_end()).count() == 0
            })
            .map(|(subscription, event)| shown(subscription, event))
    }

    /// The number of the publisher's event that this one is or comes from.
    pub(super) fn number(world: &World, event: &Logged) -> Option<u64> {
        payload::number(world.seed, event.event.data()?)
    }
}

pub(super) fn place(event: &Logged) -> Place {
    (event.log.to_string(), event.position)
}

pub(super) fn shown(subscription: &str, event: &Logged) -> String {
    format!(
        "{} ({}:{}) at {subscription}",
        event.event.id(),
        event.log,
        event.position
    )
}
