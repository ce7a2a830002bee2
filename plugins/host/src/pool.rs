//! The threads plugins run on, and who gets them next.
//!
//! A guest may spin until its deadline, so it must not spin on a thread that serves sockets. It runs here, on a fixed
//! number of threads, and whoever waits waits without blocking.
//!
//! **Fair between partners.** Each partner has a queue and an account of processor time used. A free thread takes the
//! partner with the least on its account and runs its calls for at most [`SLICE_US`], so what an honest partner
//! waits for is one slice, not another partner's queue. A partner that was idle starts at the level of the others:
//! nobody saves up.
//!
//! **Hostile neighbours.** No call can be interrupted before its deadline, so who may spin must be kept from having all
//! threads at once. The account says how much a partner has used *recently*:
//!
//! | class | recently it used | it gets |
//! |---|---|---|
//! | light | less than its share | a thread at once: there are [`SPARE_THREADS`] more of them than the others may have |
//! | busy | more, in short calls | what the others leave; one less while light partners come and go |
//! | heavy | more, in long calls | one thread at a time, and all heavy ones together at most half of the threads |
//!
//! What a call takes beyond some milliseconds counts many times over ([`turns`]), so whoever spins to its deadline is not
//! light again for seconds. So however many of them spin, a partner that asks for little finds a thread; the processors it
//! shares with them.

mod turns;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use stadtbus_event::PartnerId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use turns::{State, Tally};

use crate::call::{Answer, ConfigFault};
use crate::error::{Failure, PluginError};
use crate::manifest::Manifest;
use crate::owned::OwnedCall;
use crate::plugin::Plugin;
use crate::tables::Tables;

/// Longest a thread stays with one partner while others wait, in microseconds (one call is never interrupted for it).
const SLICE_US: u64 = 2_000;
/// Least number of threads: with one, a heavy partner would have all of them.
const THREADS_MIN: usize = 2;
/// Threads beyond those that were asked for. Only partners that use little run there: so many of them may turn out to
/// spin, all for the first time and all at once, before another one has to wait.
const SPARE_THREADS: usize = 8;
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
    /// A pool of `threads` (at least 2; 0 means one per core), each partner's queue bounded to `queue_max` calls. Some
    /// threads more stand by for partners that use little.
    ///
    /// # Errors
    /// SB-1002 if the system gives no threads.
    pub fn new(threads: usize, queue_max: usize) -> Result<Self, PluginError> {
        let cores = || thread::available_parallelism().map_or(THREADS_MIN, std::num::NonZero::get);
        let threads = if threads == 0 { cores() } else { threads }.max(THREADS_MIN);
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(threads)),
            work: Condvar::new(),
            threads: threads + SPARE_THREADS,
            observer: OnceLock::new(),
        });
        // Made first, so that threads already started end if a later one cannot be.
        let pool = Self {
            shared,
            queue_max: queue_max.clamp(1, 1 << 20),
        };
        for number in 0..pool.shared.threads {
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
                state: Mutex::new(State::new(0)),
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

    /// Number of threads, those that stand by included; none for a pool whose calls run where they are made.
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

/// What this thread has used of a processor. Not the time on the wall: a call that had to wait for a processor behind
/// somebody else's would be charged for that.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
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
    /// Runs calls until the slice is used up.
    fn run_slice(&mut self, shared: &Shared, tally: &mut Tally) {
        let mut before = processor_time();
        while tally.used_us < SLICE_US && !self.done.is_closed() {
            let Some(call) = self.calls.next() else { break };
            let result = shared.run(&self.plugin, &call);
            let now = processor_time();
            tally.add(now.saturating_sub(before));
            before = now;
            self.results.push(result);
        }
    }

    fn is_over(&self) -> bool {
        self.calls.as_slice().is_empty() || self.done.is_closed()
    }
}

struct Shared {
    state: Mutex<State<Job>>,
    work: Condvar,
    threads: usize,
    observer: OnceLock<Arc<dyn Observer>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State<Job>> {
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
        self.lock().room(partner, queue_max, Instant::now())
    }

    fn submit(&self, id: &PartnerId, job: Job) {
        let mut state = self.lock();
        state.submit(id, job);
        self.wake_one(state);
    }

    /// Wakes a thread if it would find a turn: one that finds none has only cost somebody's processor.
    fn wake_one(&self, state: MutexGuard<'_, State<Job>>) {
        let wake = state.idle_threads > 0 && state.has_turn(Instant::now());
        drop(state);
        if wake {
            self.work.notify_one();
        }
    }

    fn serve(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let Some(mut turn) = state.next(Instant::now()) else {
                state.idle_threads += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle_threads -= 1;
                continue;
            };
            // This one may not have been the only one that can be served.
            self.wake_one(state);
            turn.job.run_slice(self, &mut turn.tally);
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
            state.settle(&turn.partner, turn.class, turn.tally, rest, Instant::now());
        }
        // Whoever still waits is told so by the closed channel.
        state.clear();
        self.work.notify_all();
    }
}
