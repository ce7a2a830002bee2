//! The threads plugins run on, and who gets them next.
//!
//! A guest may spin until its deadline, so it must not spin on a thread that serves sockets. It runs here, on a fixed
//! number of threads, and whoever waits waits without blocking.
//!
//! **Fair between partners.** Each partner has a queue and an account of thread time used. A free thread takes the
//! partner with the least on its account and runs its calls for at most [`SLICE_US`], so what an honest partner
//! waits for is one slice, not another partner's queue. A partner that was idle starts at the level of the others:
//! nobody saves up.
//!
//! **Hostile neighbours.** A partner whose calls take [`HEAVY_US`] on average is *heavy*. A heavy partner gets one
//! thread at a time, and all heavy ones together at most half of the threads. So however many of them spin, half of
//! the threads keep answering the others. Some quick calls make a partner ordinary again.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use stadtbus_event::PartnerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::call::{Answer, ConfigFault};
use crate::error::{Failure, PluginError};
use crate::manifest::Manifest;
use crate::owned::OwnedCall;
use crate::plugin::Plugin;
use crate::tables::Tables;

/// Longest a thread stays with one partner while others wait, in microseconds (one call is never interrupted for it).
const SLICE_US: u64 = 2_000;
/// Average time of a call from which on a partner counts as heavy, in microseconds.
const HEAVY_US: u64 = 5_000;
/// Least number of threads: with one, a heavy partner would have all of them.
const THREADS_MIN: usize = 2;
/// Stack of a thread: the guest's, and room for the host's own calls.
const THREAD_STACK_BYTES: usize = 2 * 1024 * 1024;

/// Is told of each call that a pool ran, on the thread that ran it: whoever is told must be quick and must not wait.
pub trait Observer: Send + Sync {
    /// A call of the plugin with this manifest came to its end.
    fn called(&self, manifest: &Manifest, outcome: &Result<Answer, Failure>);
}

/// A bounded pool of threads that runs plugins.
pub struct Pool {
    shared: Arc<Shared>,
    queue_max: usize,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("threads", &self.shared.threads)
            .field("queue_max", &self.queue_max)
            .finish()
    }
}

impl Pool {
    /// A pool of `threads` (at least 2; 0 means one per core), each partner's queue bounded to `queue_max` calls.
    ///
    /// # Errors
    /// SB-1002 if the system gives no threads.
    pub fn new(threads: usize, queue_max: usize) -> Result<Self, PluginError> {
        let cores = || thread::available_parallelism().map_or(THREADS_MIN, std::num::NonZero::get);
        let threads = if threads == 0 { cores() } else { threads }.max(THREADS_MIN);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            threads,
            observer: OnceLock::new(),
        });
        // Made first, so that threads already started end if a later one cannot be.
        let pool = Self {
            shared,
            queue_max: queue_max.clamp(1, 1 << 20),
        };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new()
                .name(format!("plugin-{number}"))
                .stack_size(THREAD_STACK_BYTES)
                .spawn(move || shared.serve())
                .map_err(|error| {
                    PluginError::new("SB-1002", format!("a plugin thread cannot start: {error}"))
                })?;
        }
        Ok(pool)
    }

    /// A pool without threads: each call runs where it is made, and nobody shares with anybody. For simulations, whose clock
    /// would not wait for another thread.
    #[must_use]
    pub fn in_place() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                work: Condvar::new(),
                threads: 0,
                observer: OnceLock::new(),
            }),
            queue_max: 1,
        }
    }

    /// Who is told of each call from now on. The first one stays.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        let _ = self.shared.observer.set(observer);
    }

    /// Number of threads; none for a pool whose calls run where they are made.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.shared.threads
    }

    /// Runs `calls` one after another and gives the results in their order. Waits while the partner's queue is full.
    ///
    /// Dropping the future does not interrupt a call that runs; calls that do not run yet are dropped with it.
    pub async fn run_batch(
        &self,
        plugin: &Arc<Plugin>,
        calls: Vec<OwnedCall>,
    ) -> Vec<Result<Answer, Failure>> {
        let count = calls.len();
        if count == 0 {
            return Vec::new();
        }
        if self.shared.threads == 0 {
            return calls.iter().map(|call| self.shared.run(plugin, call)).collect();
        }
        let partner = &plugin.manifest().partner;
        let wanted = u32::try_from(count.min(self.queue_max)).unwrap_or(u32::MAX);
        let room = self.shared.room(partner, self.queue_max);
        let Ok(permit) = room.acquire_many_owned(wanted).await else {
            return lost(count);
        };
        let (done, answered) = oneshot::channel();
        let job = Job {
            plugin: Arc::clone(plugin),
            results: Vec::with_capacity(count),
            calls: calls.into_iter(),
            done,
            _permit: permit,
        };
        self.shared.submit(partner, job);
        answered.await.unwrap_or_else(|_| lost(count))
    }

    /// Runs one call.
    ///
    /// # Errors
    /// As [`Plugin::run`].
    pub async fn run(&self, plugin: &Arc<Plugin>, call: OwnedCall) -> Result<Answer, Failure> {
        self.run_batch(plugin, vec![call])
            .await
            .pop()
            .unwrap_or_else(|| Err(stopped()))
    }
}

impl Pool {
    /// Asks a plugin what is wrong with a configuration, as [`Plugin::check_config`]. It happens when somebody writes one
    /// down, so it waits for no partner's turn.
    ///
    /// # Errors
    /// As [`Plugin::check_config`].
    pub async fn check_config(
        &self,
        plugin: &Arc<Plugin>,
        config: &Bytes,
        tables: &Tables,
    ) -> Result<Vec<ConfigFault>, Failure> {
        if self.shared.threads == 0 {
            return plugin.check_config(config, tables);
        }
        let (plugin, config, tables) = (Arc::clone(plugin), config.clone(), tables.clone());
        let checked = tokio::task::spawn_blocking(move || plugin.check_config(&config, &tables));
        checked.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.work.notify_all();
    }
}

/// A panic here would be the host's own fault; the thread and the other partners outlive it.
fn run_guarded(plugin: &Plugin, call: &OwnedCall) -> Result<Answer, Failure> {
    catch_unwind(AssertUnwindSafe(|| plugin.run(call.borrowed())))
        .unwrap_or_else(|_| Err(Failure::new("SB-4103", "the host failed while it ran the plugin")))
}

fn stopped() -> Failure {
    Failure::new("SB-1405", "the plugin threads are shutting down")
}

fn lost(count: usize) -> Vec<Result<Answer, Failure>> {
    (0..count).map(|_| Err(stopped())).collect()
}

struct Job {
    plugin: Arc<Plugin>,
    calls: std::vec::IntoIter<OwnedCall>,
    results: Vec<Result<Answer, Failure>>,
    done: oneshot::Sender<Vec<Result<Answer, Failure>>>,
    _permit: OwnedSemaphorePermit,
}

impl Job {
    /// Runs calls until the slice is used up; returns the time used and the mean of a call carried on from `mean_us`.
    fn run_slice(&mut self, shared: &Shared, mut mean_us: u64) -> (u64, u64) {
        let mut used_us = 0u64;
        while used_us < SLICE_US && !self.done.is_closed() {
            let Some(call) = self.calls.next() else { break };
            let started = Instant::now();
            let result = shared.run(&self.plugin, &call);
            let took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            used_us = used_us.saturating_add(took_us);
            mean_us = mean_us.saturating_mul(3).saturating_add(took_us) / 4;
            self.results.push(result);
        }
        (used_us, mean_us)
    }

    fn is_over(&self) -> bool {
        self.calls.as_slice().is_empty() || self.done.is_closed()
    }
}

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    threads: usize,
    observer: OnceLock<Arc<dyn Observer>>,
}

#[derive(Default)]
struct State {
    partners: HashMap<PartnerId, Partner>,
    heavy_running: usize,
    idle_threads: usize,
    /// Account of the partner served last: where one that was idle begins.
    level_us: u64,
    stopped: bool,
}

struct Partner {
    queue: VecDeque<Job>,
    room: Arc<Semaphore>,
    running: usize,
    used_us: u64,
    mean_us: u64,
}

impl Partner {
    fn is_heavy(&self) -> bool {
        self.mean_us >= HEAVY_US
    }
}

/// Work handed to a thread, with what must be settled afterwards.
struct Turn {
    partner: PartnerId,
    job: Job,
    heavy: bool,
    mean_us: u64,
}

impl State {
    fn next(&mut self, threads: usize) -> Option<Turn> {
        let heavy_max = (threads / 2).max(1);
        let heavy_full = self.heavy_running >= heavy_max;
        let (id, partner) = self
            .partners
            .iter_mut()
            .filter(|(_, partner)| !partner.queue.is_empty())
            .filter(|(_, partner)| !partner.is_heavy() || (partner.running == 0 && !heavy_full))
            .min_by_key(|(_, partner)| partner.used_us)?;
        let job = partner.queue.pop_front()?;
        let heavy = partner.is_heavy();
        partner.running += 1;
        self.level_us = self.level_us.max(partner.used_us);
        let turn = Turn {
            partner: id.clone(),
            job,
            heavy,
            mean_us: partner.mean_us,
        };
        self.heavy_running += usize::from(heavy);
        Some(turn)
    }

    /// Settles a turn; an unfinished job goes back to the head of its queue.
    fn settle(&mut self, id: &PartnerId, heavy: bool, used_us: u64, mean_us: u64, rest: Option<Job>) {
        self.heavy_running -= usize::from(heavy);
        let Some(partner) = self.partners.get_mut(id) else {
            return;
        };
        partner.running -= 1;
        partner.used_us = partner.used_us.saturating_add(used_us);
        partner.mean_us = mean_us;
        if let Some(job) = rest {
            partner.queue.push_front(job);
        }
        // Keep no account of those who are away and were quick; nobody holds their room open but waiting callers.
        if partner.running == 0
            && partner.queue.is_empty()
            && !partner.is_heavy()
            && Arc::strong_count(&partner.room) == 1
        {
            self.partners.remove(id);
        }
    }

    fn has_work(&self) -> bool {
        self.partners.values().any(|partner| !partner.queue.is_empty())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, plugin: &Plugin, call: &OwnedCall) -> Result<Answer, Failure> {
        let outcome = run_guarded(plugin, call);
        if let Some(observer) = self.observer.get() {
            observer.called(plugin.manifest(), &outcome);
        }
        outcome
    }

    fn room(&self, partner: &PartnerId, queue_max: usize) -> Arc<Semaphore> {
        let mut state = self.lock();
        let level_us = state.level_us;
        let partner = state.partners.entry(partner.clone()).or_insert_with(|| Partner {
            queue: VecDeque::new(),
            room: Arc::new(Semaphore::new(queue_max)),
            running: 0,
            used_us: level_us,
            mean_us: 0,
        });
        Arc::clone(&partner.room)
    }

    fn submit(&self, id: &PartnerId, job: Job) {
        let mut state = self.lock();
        let level_us = state.level_us;
        // The account exists: the job's permit holds its room open.
        if let Some(partner) = state.partners.get_mut(id) {
            if partner.queue.is_empty() && partner.running == 0 {
                partner.used_us = partner.used_us.max(level_us);
            }
            partner.queue.push_back(job);
        }
        let wake = state.idle_threads > 0;
        drop(state);
        if wake {
            self.work.notify_one();
        }
    }

    fn serve(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let Some(mut turn) = state.next(self.threads) else {
                state.idle_threads += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle_threads -= 1;
                continue;
            };
            drop(state);
            let (used_us, mean_us) = turn.job.run_slice(self, turn.mean_us);
            let (rest, finished) = if turn.job.is_over() {
                (None, Some(turn.job))
            } else {
                (Some(turn.job), None)
            };
            if let Some(Job {
                done,
                results,
                _permit,
                ..
            }) = finished
            {
                drop(_permit);
                // Nobody waits any more if the caller went away.
                let _ = done.send(results);
            }
            state = self.lock();
            state.settle(&turn.partner, turn.heavy, used_us, mean_us, rest);
            if state.idle_threads > 0 && state.has_work() {
                self.work.notify_one();
            }
        }
        // Whoever still waits is told so by the closed channel.
        state.partners.clear();
        self.work.notify_all();
    }
}
