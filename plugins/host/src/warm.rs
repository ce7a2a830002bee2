//! Warm instances: for languages whose interpreter takes longer to start than an event takes to be handled.
//!
//! An instance that answered waits on its plugin's shelf for the next call. A [`Shelf`] belongs to one [`Plugin`], which
//! belongs to one partner and is one component: there is no way from one partner's instance to another's call. What the
//! guest keeps between its calls is therefore at most its own partner's, and at most for so long:
//!
//! - `limits.instance_calls_max` calls of the manifest,
//! - until its memory grew by [`WARM_GROWTH_BYTES_MAX`] over what it was after the first call,
//! - until a call fails, for whatever reason: a trap, a limit, an answer that is none,
//! - [`WARM_IDLE_S`] without a call, or until somebody else needs the room.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use wasmtime::Store;

use crate::bindings::scripting;
use crate::call::{Answer, Call, StateChange, Verdict};
use crate::document;
use crate::error::Failure;
use crate::failure;
use crate::guest::Guest;
use crate::limits::{WARM_GROWTH_BYTES_MAX, WARM_IDLE_S};
use crate::plugin::{Entry, Plugin, fits};

/// An instance and what it went through.
pub(crate) struct Instance {
    store: Store<Guest>,
    guest: scripting::Bytes,
    calls: u64,
    /// Its memory after the first call.
    settled_bytes: u64,
    last_used: Instant,
}

impl Plugin {
    /// One call in an instance off the shelf, or in a new one if none waits there.
    pub(crate) fn run_warm(&self, shelf: &Arc<Shelf>, call: &Call<'_>) -> Result<Answer, Failure> {
        let started = Instant::now();
        let Entry::Bytes(pre) = &self.entry else {
            return Err(self.no_such_input());
        };
        if !fits(self.manifest.role, call.input) {
            return Err(self.no_such_input());
        }
        let document = document::write(self.manifest.role, call)?;
        let explain = |error: wasmtime::Error| failure::explain(&error, &self.manifest.limits);
        let _running = self.ticker.enter();
        let mut instance = match shelf.take() {
            Some(mut instance) => {
                instance.store.data_mut().begin(call.tables.clone());
                self.limit_call(&mut instance.store);
                instance
            }
            None => {
                let mut store = self.store(call.tables);
                let guest = pre.instantiate(&mut store).map_err(explain)?;
                Instance {
                    store,
                    guest,
                    calls: 0,
                    settled_bytes: u64::MAX,
                    last_used: started,
                }
            }
        };
        let answered = self.ask(&mut instance, &document);
        let answer = self.settle(started, answered, instance.store.data_mut())?;
        // Whoever comes here was answered soundly; with a failure the instance has ended already.
        if instance.serves_on(self.manifest.limits.instance_calls_max) {
            shelf.put(instance);
        }
        Ok(answer)
    }

    fn ask(&self, instance: &mut Instance, document: &[u8]) -> Result<(Verdict, StateChange), Failure> {
        let answer = instance.guest.call_run(&mut instance.store, document);
        let answer = answer.map_err(|error| failure::explain(&error, &self.manifest.limits))?;
        document::read(&answer, self.manifest.limits.output_bytes_max)
    }
}

impl Instance {
    /// Counts a call that went well; whether there may be another one.
    fn serves_on(&mut self, calls_max: u64) -> bool {
        self.calls += 1;
        self.last_used = Instant::now();
        let bytes = self.store.data().limiter.memory_bytes;
        if self.calls == 1 {
            self.settled_bytes = bytes;
        }
        self.calls < calls_max && bytes.saturating_sub(self.settled_bytes) <= WARM_GROWTH_BYTES_MAX
    }
}

/// Where the instances of one plugin wait. The last one that was used is the first to be taken, so that those that are not
/// needed grow old at the other end.
pub(crate) struct Shelf {
    waiting: Mutex<VecDeque<Instance>>,
    room: Arc<Room>,
}

impl Shelf {
    fn take(&self) -> Option<Instance> {
        let mut waiting = self.lock();
        let taken = waiting.pop_back();
        let old = past_idle(&mut waiting);
        drop(waiting);
        self.room.count(0, old.len() + usize::from(taken.is_some()));
        taken.filter(|instance| !instance.is_past_idle())
    }

    fn put(&self, instance: Instance) {
        if !self.room.make() {
            return;
        }
        let mut waiting = self.lock();
        waiting.push_back(instance);
        let old = past_idle(&mut waiting);
        drop(waiting);
        self.room.count(1, old.len());
    }

    /// Since when the instance waits that waits longest.
    fn oldest(&self) -> Option<Instant> {
        self.lock().front().map(|instance| instance.last_used)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instance>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let count = self.lock().len();
        self.room.count(0, count);
    }
}

impl Instance {
    fn is_past_idle(&self) -> bool {
        self.last_used.elapsed() > Duration::from_secs(WARM_IDLE_S)
    }
}

/// Takes out those that waited too long; they end when the caller lets go of them, outside the lock.
fn past_idle(waiting: &mut VecDeque<Instance>) -> Vec<Instance> {
    let count = waiting
        .iter()
        .take_while(|instance| instance.is_past_idle())
        .count();
    waiting.drain(..count).collect()
}

/// How many instances may wait, over all plugins: each holds memory that fresh instances could have.
pub(crate) struct Room {
    instances_max: usize,
    waiting: AtomicUsize,
    shelves: Mutex<Vec<Weak<Shelf>>>,
}

impl Room {
    pub(crate) fn new(instances_max: usize) -> Arc<Self> {
        Arc::new(Self {
            instances_max,
            waiting: AtomicUsize::new(0),
            shelves: Mutex::default(),
        })
    }

    /// A new shelf, for one plugin.
    pub(crate) fn shelf(self: &Arc<Self>) -> Arc<Shelf> {
        let shelf = Arc::new(Shelf {
            waiting: Mutex::default(),
            room: Arc::clone(self),
        });
        let mut shelves = self.lock();
        shelves.retain(|shelf| shelf.strong_count() > 0);
        shelves.push(Arc::downgrade(&shelf));
        shelf
    }

    /// Makes room for one more, at the cost of the one that waits longest; false where none may wait at all.
    fn make(&self) -> bool {
        if self.instances_max == 0 {
            return false;
        }
        if self.waiting.load(Ordering::Relaxed) < self.instances_max {
            return true;
        }
        let shelves: Vec<Arc<Shelf>> = self.lock().iter().filter_map(Weak::upgrade).collect();
        let oldest = shelves
            .iter()
            .filter_map(|shelf| Some((shelf.oldest()?, shelf)))
            .min_by_key(|(since, _)| *since);
        let ended = oldest.and_then(|(_, shelf)| shelf.lock().pop_front());
        self.count(0, usize::from(ended.is_some()));
        ended.is_some()
    }

    fn count(&self, more: usize, fewer: usize) {
        self.waiting.fetch_add(more, Ordering::Relaxed);
        self.waiting.fetch_sub(fewer, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Shelf>>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
