//! What a new version would change: both versions over events that are in the log already.
//!
//! *Promise*: nothing is delivered and nothing is written. Only events are run that the subscription would get now, by its
//! filter, its contract and its usage agreement. State lives in memory and begins empty, for both versions alike.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use stadtbus_broker::{Broker, LogName, Position, ReadFrom, ReadOptions, Record};
use stadtbus_contracts::{DataView, Registry};
use stadtbus_plugin_host::OwnedInput;
use std::sync::Arc;
use tokio::time::Instant;

use super::versions::{Judged, judged, run, told};
use crate::{
    Refusal,
    city::Order,
    clock,
    lanes::replay::Range,
    log::{self, Logged},
    rollout::{
        Counts,
        compare::{Difference, Kind, differences},
    },
    route::Decision,
    transform::{Run, Transform},
};

/// How long one comparison may take; it says if it did not come to its end.
const WITHIN: Duration = Duration::from_secs(20);
/// Keys of which state is held, for each version.
const STATES_MAX: usize = 100_000;

/// Two versions in one place.
pub struct Trial<'a> {
    /// The subscription.
    pub order: &'a Order,
    /// The contracts in force.
    pub registry: &'a Registry,
    /// The version in service.
    pub old: &'a Transform,
    /// The new one.
    pub new: &'a Transform,
    /// Events run at most.
    pub events_max: u64,
    /// Events told with what differs, at most; the first ones.
    pub examples_max: usize,
}

/// An event that comes out differently.
#[derive(Debug, Clone)]
pub struct Apart {
    /// Its log.
    pub log: String,
    /// Its position.
    pub position: Position,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// What a new version would change.
#[derive(Debug, Default)]
pub struct Diff {
    /// Events looked at.
    pub read: u64,
    /// Events that the recipient may not have now; they were not run.
    pub refused: u64,
    /// What was counted of the others.
    pub counts: Counts,
    /// Events whose verdict changes.
    pub verdicts: u64,
    /// The first that come out differently.
    pub apart: Vec<Apart>,
    /// Whether all events were looked at.
    pub complete: bool,
}

/// State of one version, by key.
type States = HashMap<String, Option<Bytes>>;

/// Runs both versions over these ranges.
///
/// # Errors
/// `SB-15xx`.
pub async fn diff(
    broker: &dyn Broker,
    trial: &Trial<'_>,
    ranges: &BTreeMap<String, Range>,
) -> Result<Diff, Refusal> {
    let until = Instant::now() + WITHIN;
    let mut found = Diff::default();
    let mut states = (States::new(), States::new());
    for (name, range) in ranges {
        let from = ReadOptions::from(ReadFrom::Position(range.first));
        let mut stream = broker.read(&LogName::new(name)?, from).await?;
        loop {
            let full = states.0.len().max(states.1.len()) >= STATES_MAX;
            if found.counts.events >= trial.events_max || full || Instant::now() >= until {
                return Ok(found);
            }
            let Ok(Some(record)) = tokio::time::timeout_at(until, stream.next()).await else {
                return Ok(found);
            };
            let position = record.position;
            if position > range.last {
                break;
            }
            found.read += 1;
            look_at(trial, record, &mut found, &mut states).await;
            if position == range.last {
                break;
            }
        }
    }
    found.complete = true;
    Ok(found)
}

async fn look_at(trial: &Trial<'_>, record: Record, found: &mut Diff, states: &mut (States, States)) {
    let Ok(logged) = log::decode(record) else { return };
    let decision = trial
        .order
        .explain_in(&DataView::new(&logged.event), clock::now());
    match decision {
        Decision::Match => {}
        Decision::Refused { .. } => {
            found.refused += 1;
            return;
        }
        Decision::OtherType | Decision::NoMatch { .. } => return,
    }
    let old = run_on(trial, trial.old, &logged, &mut states.0).await;
    let new = run_on(trial, trial.new, &logged, &mut states.1).await;
    let (old, new) = (told(&old), told(&new));
    let differences = differences(&old.outcome, &new.outcome);
    let counts = &mut found.counts;
    counts.events += 1;
    counts.taken += 1;
    counts.old.add(&old.cost);
    counts.new.add(&new.cost);
    match (old.outcome.is_failure(), new.outcome.is_failure()) {
        (false, true) => counts.failed += 1,
        (true, true) => counts.both_failed += 1,
        _ => {}
    }
    counts.differ(&differences);
    if differences.is_empty() {
        return;
    }
    found.verdicts += u64::from(differences.iter().any(|one| one.kind == Kind::Verdict));
    if found.apart.len() < trial.examples_max {
        found.apart.push(Apart {
            log: logged.log.as_str().to_owned(),
            position: logged.position,
            differences,
        });
    }
}

/// As a lane would run it: with state where that is a derivation's.
async fn run_on(trial: &Trial<'_>, plugin: &Transform, logged: &Logged, states: &mut States) -> Run<Judged> {
    let (order, registry) = (trial.order, trial.registry);
    if !order.runs_in_turn() {
        return run(order, registry, plugin, logged).await;
    }
    let input = OwnedInput::Event(Arc::clone(&logged.event));
    let key = match plugin.state_key(&input) {
        Ok(key) => key.unwrap_or_default(),
        Err(error) => {
            return Run {
                cost: error.cost,
                outcome: Err(error),
            };
        }
    };
    let before = states.get(&key).cloned().flatten();
    match plugin.run_one(input, before.clone()).await {
        Err(error) => Run {
            cost: error.cost,
            outcome: Err(error),
        },
        Ok(step) => {
            let cost = step.cost;
            let after = step.state;
            let outcome = judged(order, registry, plugin, logged, step.result);
            if outcome.is_ok() {
                states.insert(key, crate::transform::after(before, after));
            }
            Run { outcome, cost }
        }
    }
}
