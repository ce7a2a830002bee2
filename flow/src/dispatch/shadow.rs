//! The new version beside the old one: it gets what the old one got, after it, and delivers nothing.
//!
//! *Promise*: it holds up nobody. What it has no time or room for it leaves out, and says how much that was. Its state is its
//! own: it begins as a copy of the old version's, key by key, when a key is met for the first time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use stadtbus_broker::BrokerError;
use stadtbus_contracts::Registry;
use stadtbus_plugin_host::OwnedInput;
use tokio::sync::mpsc;

use super::versions::{Judged, judged, run, seen, told};
use crate::{
    city::Order,
    log::Logged,
    rollout::{Live, Rollouts, compare::Outcome},
    transform::{Held, Run, Transform},
};

/// Most events that wait for a shadow.
const JOBS_MAX: usize = 4_096;
/// Most bytes that wait for shadows, of all plugins together.
const BYTES_MAX: usize = 32 << 20;
/// After so long without an event a shadow's task ends; the next event begins another.
const IDLE: Duration = Duration::from_secs(60);

/// One event that the old version is done with.
pub(super) struct Job {
    pub(super) live: Arc<Live>,
    pub(super) order: Arc<Order>,
    pub(super) registry: Arc<Registry>,
    pub(super) placed: Transform,
    pub(super) logged: Arc<Logged>,
    pub(super) old: Run<Outcome>,
    /// Key and value of the old version's state before it, where it keeps any.
    pub(super) before: Option<(String, Option<Bytes>)>,
}

impl Job {
    fn size_bytes(&self) -> usize {
        self.logged.event.size_bytes() + self.old.outcome.size_bytes()
    }
}

/// The shadows of this process, one task for each plugin.
#[derive(Default)]
pub(super) struct Shadows {
    tasks: Mutex<HashMap<String, mpsc::Sender<Job>>>,
    bytes: Arc<AtomicUsize>,
}

impl Shadows {
    /// Leaves an event to the shadow, if there is room.
    pub(super) fn submit(&self, rollouts: &Arc<Rollouts>, job: Job) {
        let size = job.size_bytes();
        let live = Arc::clone(&job.live);
        if self.bytes.fetch_add(size, Ordering::Relaxed) + size > BYTES_MAX {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            return rollouts.count_skipped(&live);
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let plugin = live.rollout.plugin.clone();
        if tasks.get(&plugin).is_none_or(mpsc::Sender::is_closed) {
            let (sender, jobs) = mpsc::channel(JOBS_MAX);
            tokio::spawn(work(Arc::clone(rollouts), jobs, Arc::clone(&self.bytes)));
            tasks.insert(plugin.clone(), sender);
        }
        let refused = tasks.get(&plugin).is_none_or(|task| task.try_send(job).is_err());
        drop(tasks);
        if refused {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
            rollouts.count_skipped(&live);
        }
    }
}

async fn work(rollouts: Arc<Rollouts>, mut jobs: mpsc::Receiver<Job>, bytes: Arc<AtomicUsize>) {
    loop {
        match tokio::time::timeout(IDLE, jobs.recv()).await {
            Ok(Some(job)) => {
                let size = job.size_bytes();
                follow(&rollouts, job).await;
                bytes.fetch_sub(size, Ordering::Relaxed);
            }
            Ok(None) => return,
            // What was sent until now is still done.
            Err(_) => jobs.close(),
        }
    }
}

/// Runs the new version as the old one was run, and counts how it differs.
async fn follow(rollouts: &Rollouts, job: Job) {
    let candidate = job.live.candidate(&job.placed);
    let new = match &job.before {
        None => Ok(Some(
            run(&job.order, &job.registry, &candidate, &job.logged).await,
        )),
        Some(before) => run_with_state(&job, &candidate, before).await,
    };
    match new {
        Ok(Some(new)) => {
            let seen = seen(&job.order, &job.logged);
            rollouts.count_shadow(&job.live, &seen, &job.old, &told(&new));
        }
        // Seen before: its inputs were run again.
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(plugin = job.live.rollout.plugin, %error, "The state of a shadow cannot be reached; it leaves an event out.");
            rollouts.count_skipped(&job.live);
        }
    }
}

async fn run_with_state(
    job: &Job,
    candidate: &Transform,
    (key, before): &(String, Option<Bytes>),
) -> Result<Option<Run<Judged>>, BrokerError> {
    let Some(store) = &candidate.state else {
        return Ok(None);
    };
    let own = store.beside(candidate.digest());
    let (log, position) = (job.logged.log.as_str(), job.logged.position);
    let held = own.get(key).await?;
    if held.includes(log, position) {
        return Ok(None);
    }
    let held = if held.is_kept() {
        held
    } else {
        Held::begun_as(before.clone())
    };
    let input = OwnedInput::Event(Arc::clone(&job.logged.event));
    let step = match candidate.run_one(input, held.value.clone()).await {
        Ok(step) => step,
        Err(error) => {
            let cost = error.cost;
            return Ok(Some(Run {
                outcome: Err(error),
                cost,
            }));
        }
    };
    let outcome = judged(&job.order, &job.registry, candidate, &job.logged, step.result);
    if outcome.is_ok() {
        own.put(key, held.after_event(step.state, log, position)).await?;
    }
    Ok(Some(Run {
        outcome,
        cost: step.cost,
    }))
}
