//! Measuring: each version for a slice of time, by turns, so that what disturbs the machine disturbs all of them alike.

use crate::plugin_test::{Sample, Samples, samples};
use crate::ui::Failure;
use stadtbus_plugin_host::{Cost, Manifest, Plugin, Report};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::times::Times;

/// How long one version runs before the other has its turn.
const SLICE: Duration = Duration::from_millis(100);
/// Runs before anything is counted.
const WARM_UP: Duration = Duration::from_millis(200);
/// Starts of an instance that are measured, and for how long at most: an interpreter takes a millisecond for one.
const STARTS: usize = 2_000;
const STARTS_TIME: Duration = Duration::from_secs(2);

/// A version under measurement, and what is known of it.
#[derive(Debug)]
pub(super) struct Version {
    /// Where it came from.
    pub(super) from: String,
    pub(super) manifest: Manifest,
    pub(super) report: Report,
    pub(super) compile: Duration,
    pub(super) samples: Samples,
    pub(super) starts: Times,
    /// By number of threads, in the order they were asked for.
    pub(super) rounds: Vec<Round>,
    plugin: Arc<Plugin>,
}

/// What one number of threads did in all its slices.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    pub(super) threads: usize,
    pub(super) times: Times,
    pub(super) elapsed: Duration,
    /// Calls that failed.
    pub(super) failed: u64,
    pub(super) memory_bytes: u64,
    pub(super) output_bytes: u64,
}

impl Round {
    /// Answered calls in a second.
    pub(super) fn per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.times.len() as f64 / seconds
        } else {
            0.0
        }
    }

    fn see(&mut self, cost: &Cost) {
        self.memory_bytes = self.memory_bytes.max(cost.memory_bytes);
        self.output_bytes = self.output_bytes.max(cost.output_bytes);
    }

    fn merge(&mut self, other: &Self) {
        self.times.merge(&other.times);
        self.failed = self.failed.saturating_add(other.failed);
        self.memory_bytes = self.memory_bytes.max(other.memory_bytes);
        self.output_bytes = self.output_bytes.max(other.output_bytes);
    }
}

impl Version {
    /// A version with the inputs of the tests in `folder`.
    pub(super) fn new(
        from: String,
        manifest: Manifest,
        report: Report,
        (plugin, compile): (Arc<Plugin>, Duration),
        folder: &Path,
    ) -> Result<Self, Failure> {
        let samples = samples(folder, &plugin)?;
        Ok(Self {
            from,
            manifest,
            report,
            compile,
            samples,
            starts: Times::default(),
            rounds: Vec::new(),
            plugin,
        })
    }

    /// The most that any round took.
    pub(super) fn most(&self, what: impl Fn(&Round) -> u64) -> u64 {
        self.rounds.iter().map(what).max().unwrap_or_default()
    }

    /// One slice with so many threads.
    fn slice(&self, threads: usize, time: Duration) -> Round {
        let began = Instant::now();
        let until = began + time;
        let mut round = std::thread::scope(|scope| {
            let runners: Vec<_> = (0..threads)
                .map(|thread| scope.spawn(move || calls(&self.plugin, &self.samples.inputs, thread, until)))
                .collect();
            let mut all = Round::default();
            for runner in runners {
                if let Ok(round) = runner.join() {
                    all.merge(&round);
                }
            }
            all
        });
        round.elapsed = began.elapsed();
        round
    }
}

/// Calls one after another until the time is over; each thread begins with another input.
fn calls(plugin: &Plugin, inputs: &[Sample], first: usize, until: Instant) -> Round {
    let mut round = Round::default();
    for input in inputs.iter().cycle().skip(first) {
        let began = Instant::now();
        if began >= until {
            break;
        }
        match plugin.run(input.call()) {
            Ok(answer) => {
                round.times.add(began.elapsed());
                round.see(&answer.cost);
            }
            Err(failure) => {
                round.failed = round.failed.saturating_add(1);
                round.see(&failure.cost);
            }
        }
    }
    round
}

/// Measures all versions with each number of threads, `time` for each version and number.
pub(super) fn measure(versions: &mut [Version], threads: &[usize], time: Duration) {
    for version in versions.iter() {
        version.slice(1, WARM_UP);
    }
    starts(versions);
    for &threads in threads {
        let mut rounds = vec![Round::default(); versions.len()];
        for number in 0..slices(time) {
            let left = time.saturating_sub(SLICE.saturating_mul(number)).min(SLICE);
            let mut pairs: Vec<_> = versions.iter().zip(&mut rounds).collect();
            // There and back: whoever is second in one slice is first in the next.
            if number % 2 == 1 {
                pairs.reverse();
            }
            for (version, round) in pairs {
                let slice = version.slice(threads, left);
                round.merge(&slice);
                round.elapsed = round.elapsed.saturating_add(slice.elapsed);
            }
        }
        for (version, mut round) in versions.iter_mut().zip(rounds) {
            round.threads = threads;
            version.rounds.push(round);
        }
    }
}

fn slices(time: Duration) -> u32 {
    let slices = time.as_millis().div_ceil(SLICE.as_millis().max(1));
    u32::try_from(slices).unwrap_or(u32::MAX)
}

/// Starts instances of all versions by turns.
fn starts(versions: &mut [Version]) {
    let until = Instant::now() + STARTS_TIME;
    for _ in 0..STARTS {
        for version in versions.iter_mut() {
            let began = Instant::now();
            if version.plugin.start().is_ok() {
                version.starts.add(began.elapsed());
            }
        }
        if Instant::now() >= until {
            return;
        }
    }
}
