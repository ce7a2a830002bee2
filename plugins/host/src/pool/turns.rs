//! Who gets a thread next: accounts of partners, and the decision. No thread and no clock is touched here; the time is
//! handed in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stadtbus_event::PartnerId;
use tokio::sync::Semaphore;

/// Average time of a call from which on a partner that is not light counts as heavy, in microseconds.
pub(super) const HEAVY_US: u64 = 5_000;
/// How many times over the part of a call beyond [`HEAVY_US`] is put on the account. Whoever spins to its deadline shall
/// not be back among the light ones before some seconds are over.
const PENALTY: u64 = 20;
/// In this time, in microseconds, half of what was used recently is forgotten.
const HALF_LIFE_US: u64 = 500_000;
/// What a partner that uses a whole thread without end has on its account of recent time, in microseconds: the half-life
/// divided by the logarithm of 2.
const WHOLE_THREAD_US: u64 = 721_000;
/// Most, and least, that a partner may have used recently and be light: a half and a tenth of a thread.
const LIGHT_US_MAX: u64 = WHOLE_THREAD_US / 2;
const LIGHT_US_MIN: u64 = WHOLE_THREAD_US / 10;
/// For how long after a call of a light partner a thread is left free for the next.
const RESERVED_FOR: Duration = Duration::from_secs(1);
/// How often accounts of those who are away are looked for, and the others counted.
const SWEEP_EVERY: Duration = Duration::from_millis(250);

/// How a partner has used the threads lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Less than its share. It waits for nobody who uses more.
    Light,
    /// More than its share, in short calls.
    Busy,
    /// More than its share, in long calls.
    Heavy,
}

/// All accounts. `J` is a job; what it does is no matter here.
pub(super) struct State<J> {
    partners: HashMap<PartnerId, Partner<J>>,
    /// Threads that may serve those who are not light.
    threads: usize,
    heavy_running: usize,
    /// Turns of busy and heavy partners that run.
    greedy_running: usize,
    pub(super) idle_threads: usize,
    /// Account of the partner served last: where one that was idle begins.
    level_us: u64,
    /// When a light partner was served last.
    light_served: Option<Instant>,
    swept: Option<Instant>,
    /// How much a partner may have used recently and be light: its share of the threads, as of the last sweep.
    light_us: u64,
    /// Jobs in all queues.
    waiting: usize,
    pub(super) stopped: bool,
}

struct Partner<J> {
    queue: VecDeque<J>,
    room: Arc<Semaphore>,
    running: usize,
    /// All that was charged: who has least is served next.
    used_us: u64,
    /// What was charged lately, as of `recent_at`.
    recent_us: u64,
    recent_at: Instant,
    mean_us: u64,
}

impl<J> Partner<J> {
    fn recent_us(&self, now: Instant) -> u64 {
        let halvings = micros(now.saturating_duration_since(self.recent_at)) / HALF_LIFE_US;
        self.recent_us >> halvings.min(63)
    }

    fn charge(&mut self, charged_us: u64, now: Instant) {
        let halvings = micros(now.saturating_duration_since(self.recent_at)) / HALF_LIFE_US;
        self.recent_us = self.recent_us(now).saturating_add(charged_us);
        // Only whole half-lives have been taken off.
        self.recent_at += Duration::from_micros(halvings.saturating_mul(HALF_LIFE_US));
        self.used_us = self.used_us.saturating_add(charged_us);
    }

    fn class(&self, light_us: u64, now: Instant) -> Class {
        if self.recent_us(now) <= light_us {
            Class::Light
        } else if self.mean_us >= HEAVY_US {
            Class::Heavy
        } else {
            Class::Busy
        }
    }

    fn is_away(&self) -> bool {
        // Nobody holds the room open but waiting callers.
        self.running == 0 && self.queue.is_empty() && Arc::strong_count(&self.room) == 1
    }
}

/// Work handed to a thread, with what must be settled afterwards.
pub(super) struct Turn<J> {
    pub(super) partner: PartnerId,
    pub(super) job: J,
    pub(super) class: Class,
    pub(super) tally: Tally,
}

/// What the calls of one turn took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    /// Processor time of all of them, in microseconds.
    pub(super) used_us: u64,
    charged_us: u64,
    /// Average of a call, carried on from the turns before.
    mean_us: u64,
}

impl Tally {
    pub(super) fn add(&mut self, took: Duration) {
        let took_us = micros(took);
        let beyond_us = took_us.saturating_sub(HEAVY_US);
        let charged_us = took_us.saturating_add(beyond_us.saturating_mul(PENALTY));
        self.used_us = self.used_us.saturating_add(took_us);
        self.charged_us = self.charged_us.saturating_add(charged_us);
        // Quick to see a long call, slow to forget it: some short ones in between make no difference.
        let weight = if took_us > self.mean_us { 3 } else { 31 };
        self.mean_us = self.mean_us.saturating_mul(weight).saturating_add(took_us) / (weight + 1);
    }
}

impl<J> State<J> {
    pub(super) fn new(threads: usize) -> Self {
        Self {
            partners: HashMap::new(),
            threads,
            heavy_running: 0,
            greedy_running: 0,
            idle_threads: 0,
            level_us: 0,
            light_served: None,
            swept: None,
            light_us: LIGHT_US_MAX,
            waiting: 0,
            stopped: false,
        }
    }

    /// The turn of the partner that is to be served next, if there is one that may be.
    pub(super) fn next(&mut self, now: Instant) -> Option<Turn<J>> {
        self.sweep(now);
        let (id, class) = self.choose(now)?;
        let partner = self.partners.get_mut(&id)?;
        let job = partner.queue.pop_front()?;
        self.waiting = self.waiting.saturating_sub(1);
        partner.running += 1;
        self.level_us = self.level_us.max(partner.used_us);
        if class == Class::Light {
            self.light_served = Some(now);
        } else {
            self.greedy_running += 1;
        }
        self.heavy_running += usize::from(class == Class::Heavy);
        let tally = Tally {
            used_us: 0,
            charged_us: 0,
            mean_us: partner.mean_us,
        };
        Some(Turn {
            partner: id,
            job,
            class,
            tally,
        })
    }

    /// Whether a thread that is woken now would find something to do.
    pub(super) fn has_turn(&self, now: Instant) -> bool {
        self.waiting > 0 && self.choose(now).is_some()
    }

    /// Light ones before the others, and among equals the one with the least on its account.
    fn choose(&self, now: Instant) -> Option<(PartnerId, Class)> {
        self.partners
            .iter()
            .filter(|(_, partner)| !partner.queue.is_empty())
            .map(|(id, partner)| (id, partner, partner.class(self.light_us, now)))
            .filter(|(_, partner, class)| self.may_run(partner, *class, now))
            .min_by_key(|(_, partner, class)| (*class != Class::Light, partner.used_us))
            .map(|(id, _, class)| (id.clone(), class))
    }

    fn may_run(&self, partner: &Partner<J>, class: Class, now: Instant) -> bool {
        let half = (self.threads / 2).max(1);
        let greedy_fits = self.greedy_running < self.greedy_max(now);
        match class {
            // Nobody knows yet what one does that has done little.
            Class::Light => partner.running < half,
            Class::Busy => greedy_fits,
            Class::Heavy => greedy_fits && partner.running == 0 && self.heavy_running < half,
        }
    }

    /// While light partners come and go, those who are not leave a thread's worth of the processors to them: a thread
    /// alone is no help where all processors are taken.
    fn greedy_max(&self, now: Instant) -> usize {
        let reserved = self
            .light_served
            .is_some_and(|served| now.saturating_duration_since(served) < RESERVED_FOR);
        (self.threads - usize::from(reserved && self.threads > 0)).max(1)
    }

    /// Settles a turn; what is left of its job goes back to the head of its queue.
    pub(super) fn settle(
        &mut self,
        id: &PartnerId,
        class: Class,
        tally: Tally,
        rest: Option<J>,
        now: Instant,
    ) {
        self.heavy_running -= usize::from(class == Class::Heavy);
        self.greedy_running -= usize::from(class != Class::Light);
        let Some(partner) = self.partners.get_mut(id) else {
            return;
        };
        partner.running -= 1;
        partner.charge(tally.charged_us, now);
        partner.mean_us = tally.mean_us;
        if let Some(job) = rest {
            self.waiting += 1;
            partner.queue.push_front(job);
        }
    }

    /// Keeps no account of those who are away and have nothing on it that counts, and shares the threads among the rest.
    fn sweep(&mut self, now: Instant) {
        let recently = |swept: Instant| now.saturating_duration_since(swept) < SWEEP_EVERY;
        if self.swept.is_some_and(recently) {
            return;
        }
        self.swept = Some(now);
        self.partners
            .retain(|_, partner| !partner.is_away() || partner.recent_us(now) > 0);
        let all_us = WHOLE_THREAD_US.saturating_mul(self.threads as u64);
        let present = (self.partners.len() as u64).max(1);
        self.light_us = (all_us / present).clamp(LIGHT_US_MIN, LIGHT_US_MAX);
    }

    /// Drops all jobs that wait, which tells their callers.
    pub(super) fn clear(&mut self) {
        self.partners.clear();
        self.waiting = 0;
    }

    pub(super) fn room(&mut self, id: &PartnerId, queue_max: usize, now: Instant) -> Arc<Semaphore> {
        let level_us = self.level_us;
        let partner = self.partners.entry(id.clone()).or_insert_with(|| Partner {
            queue: VecDeque::new(),
            room: Arc::new(Semaphore::new(queue_max)),
            running: 0,
            used_us: level_us,
            recent_us: 0,
            recent_at: now,
            mean_us: 0,
        });
        Arc::clone(&partner.room)
    }

    pub(super) fn submit(&mut self, id: &PartnerId, job: J) {
        let level_us = self.level_us;
        // The account exists: the job's permit holds its room open.
        if let Some(partner) = self.partners.get_mut(id) {
            if partner.queue.is_empty() && partner.running == 0 {
                partner.used_us = partner.used_us.max(level_us);
            }
            self.waiting += 1;
            partner.queue.push_back(job);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
