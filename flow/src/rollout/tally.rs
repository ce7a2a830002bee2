//! What a trial counted: in this process, and added up over all.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use stadtbus_plugin_host::Cost;

use super::{
    Policy,
    compare::{Difference, shape_of},
};

/// Kinds of difference counted one by one; what comes after counts as `other`.
const KINDS_MAX: usize = 64;
/// Examples kept, the first ones.
const EXAMPLES_MAX: usize = 20;
/// Paths kept of one example.
const PATHS_MAX: usize = 16;

/// What the calls of one version cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// Calls.
    pub calls: u64,
    /// Their time, in microseconds.
    pub micros: u64,
    /// The longest, in microseconds.
    pub micros_max: u64,
    /// The most memory one used, in bytes.
    pub memory_bytes_max: u64,
    /// Their outputs, in bytes.
    pub output_bytes: u64,
}

impl Costs {
    /// Adds one call.
    pub fn add(&mut self, cost: &Cost) {
        self.calls += 1;
        self.micros = self.micros.saturating_add(cost.micros);
        self.micros_max = self.micros_max.max(cost.micros);
        self.memory_bytes_max = self.memory_bytes_max.max(cost.memory_bytes);
        self.output_bytes = self.output_bytes.saturating_add(cost.output_bytes);
    }

    /// The time of a call on average, in microseconds.
    #[must_use]
    pub fn mean_us(&self) -> u64 {
        self.micros.checked_div(self.calls).unwrap_or(0)
    }

    fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.micros = self.micros.saturating_add(other.micros);
        self.micros_max = self.micros_max.max(other.micros_max);
        self.memory_bytes_max = self.memory_bytes_max.max(other.memory_bytes_max);
        self.output_bytes = self.output_bytes.saturating_add(other.output_bytes);
    }
}

/// An event that went otherwise, without anything of what it says: where it stands, and in which fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The subscription, or the route.
    pub place: String,
    /// Its log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Its position there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// What differs, `<kind> <path>`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// The code with which the new version failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Events that came by.
    pub events: u64,
    /// Of them, those that the new version was given.
    pub taken: u64,
    /// Those of which both outcomes are known.
    pub compared: u64,
    /// Those that come out differently.
    pub different: u64,
    /// Those at which only the new version failed. A canary's went through the old one.
    pub failed: u64,
    /// Those at which both failed.
    pub both_failed: u64,
    /// Those that a shadow had no time for.
    pub skipped: u64,
    /// What the old version cost.
    pub old: Costs,
    /// What the new one cost.
    pub new: Costs,
    /// How often what differed, or failed.
    pub by_kind: BTreeMap<String, u64>,
    /// The first ones.
    pub examples: Vec<Example>,
}

impl Counts {
    /// Adds what another process counted.
    pub fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.taken += other.taken;
        self.compared += other.compared;
        self.different += other.different;
        self.failed += other.failed;
        self.both_failed += other.both_failed;
        self.skipped += other.skipped;
        self.old.merge(&other.old);
        self.new.merge(&other.new);
        for (kind, count) in other.by_kind {
            self.note(kind, count);
        }
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES_MAX);
    }

    /// Counts the differences of one event.
    pub fn differ(&mut self, differences: &[Difference]) {
        self.compared += 1;
        if differences.is_empty() {
            return;
        }
        self.different += 1;
        let mut kinds: Vec<String> = differences.iter().map(shape_of).collect();
        kinds.sort();
        kinds.dedup();
        for kind in kinds {
            self.note(kind, 1);
        }
    }

    fn note(&mut self, kind: String, count: u64) {
        let known = self.by_kind.contains_key(&kind) || self.by_kind.len() < KINDS_MAX;
        let kind = if known { kind } else { "other".to_owned() };
        *self.by_kind.entry(kind).or_default() += count;
    }

    fn keep(&mut self, example: Example) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example);
        }
    }
}

/// Where an event was met, for an example.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The subscription, or the route.
    pub place: String,
    /// Log and position, if it stands in one.
    pub at: Option<(String, u64)>,
}

impl Seen {
    fn example(&self, differences: Vec<String>, code: Option<&str>) -> Example {
        let (log, position) = self.at.clone().unzip();
        Example {
            place: self.place.clone(),
            log,
            position,
            differences,
            code: code.map(str::to_owned),
        }
    }
}

/// The counts of this process.
#[derive(Debug, Default)]
pub struct Tally {
    counts: Mutex<Counts>,
    changed: AtomicBool,
}

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.changed.store(true, Ordering::Release);
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event went through the old version alone.
    pub fn old(&self, cost: &Cost) {
        let mut counts = self.counts();
        counts.events += 1;
        counts.old.add(cost);
    }

    /// The new version took an event.
    pub fn taken(&self, cost: &Cost) {
        let mut counts = self.counts();
        counts.events += 1;
        counts.taken += 1;
        counts.new.add(cost);
    }

    /// Both ran, and this is how their outcomes differ.
    pub fn compared(&self, seen: &Seen, old: &Cost, differences: &[Difference]) {
        let mut counts = self.counts();
        counts.old.add(old);
        counts.differ(differences);
        if !differences.is_empty() {
            let shown = differences.iter().take(PATHS_MAX).map(Difference::place);
            counts.keep(seen.example(shown.collect(), None));
        }
    }

    /// The new version failed; `both` says whether the old one did, too.
    pub fn failed(&self, seen: &Seen, code: &str, both: bool) {
        let mut counts = self.counts();
        if both {
            counts.both_failed += 1;
            return;
        }
        counts.failed += 1;
        counts.note(format!("failed {code}"), 1);
        counts.keep(seen.example(Vec::new(), Some(code)));
    }

    /// A shadow had no time for an event.
    pub fn skipped(&self) {
        let mut counts = self.counts();
        counts.events += 1;
        counts.skipped += 1;
    }

    /// Why a canary with these counts has to stop, if it has to.
    #[must_use]
    pub fn judged(&self, policy: &Policy) -> Option<String> {
        policy.judge(&self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was counted.
    #[must_use]
    pub fn now(&self) -> Counts {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was counted, if that changed since this was asked last.
    pub(super) fn news(&self) -> Option<Counts> {
        self.changed.swap(false, Ordering::AcqRel).then(|| self.now())
    }

    /// It could not be written down: it is still news.
    pub(super) fn again(&self) {
        self.changed.store(true, Ordering::Release);
    }
}
