//! The runs of many seeds, on as many threads as there are cores: each run has one of them for itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    time::Duration,
};

use crate::{Run, Stage, coverage::Coverage, run};

/// Runs that are made and not counted yet.
const UNREAD_MAX: usize = 64;

/// What became of many runs.
#[derive(Default)]
pub struct Summary {
    /// Runs made.
    pub seeds: u64,
    /// Those with a violation, by seed.
    pub violations: BTreeMap<u64, Run>,
    /// What happened in all of them.
    pub happenings: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// What they met.
    pub coverage: Coverage,
}

/// Makes the runs of `count` seeds from `first` on, and ends early when there are `enough` violations. Every seed below
/// the last one that is told was run.
///
/// # Errors
/// In words, why a run could not be made.
pub fn seeds(stage: &Arc<Stage>, first: u64, count: u64, enough: usize) -> Result<Summary, String> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let last = first.saturating_add(count);
    let (next, end) = (AtomicU64::new(first), AtomicU64::new(last));
    let (told, runs) = sync_channel(UNREAD_MAX);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let told = told.clone();
            let (next, end) = (&next, &end);
            scope.spawn(move || work(stage, next, end, &told));
        }
        drop(told);
        let mut summary = Summary::default();
        for made in runs {
            let made = match made {
                Ok(made) => made,
                Err(error) => {
                    end.store(0, Ordering::Relaxed);
                    return Err(error);
                }
            };
            summary.take(made);
            if summary.violations.len() >= enough {
                end.store(next.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        Ok(summary)
    })
}

fn work(stage: &Arc<Stage>, next: &AtomicU64, end: &AtomicU64, told: &SyncSender<Result<Run, String>>) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end.load(Ordering::Relaxed) || told.send(run(stage, seed, false)).is_err() {
            return;
        }
    }
}

impl Summary {
    fn take(&mut self, run: Run) {
        self.seeds += 1;
        self.happenings += run.count;
        self.simulated += run.simulated;
        self.coverage.merge(&run.coverage);
        if !run.verdict.is_clean() {
            self.violations.insert(run.seed, run);
        }
    }
}
