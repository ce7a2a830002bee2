//! The index of one log: files for what is old, memory for what is new.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use stadtbus_broker::{LogName, Position, Record};
use tokio::sync::Notify;

use super::{
    Found,
    keys::{Key, digest},
    run::{Entry, Run, Span},
};
use crate::written::millis;

/// Entries in memory that become a file.
pub(super) const ENTRIES_FULL: usize = 65_536;
/// Positions that fit into one file.
const POSITIONS_MAX: u64 = 65_536;
/// Most places that one answer names; the newest ones.
const FOUND_MAX: usize = 4_096;

#[derive(Default)]
struct State {
    /// Ascending, without gap between them.
    runs: Vec<Arc<Run>>,
    /// What no file holds yet, beginning at `span.from`.
    recent: Vec<Entry>,
    span: Span,
}

/// The index of one log.
pub(super) struct Series {
    pub(super) log: LogName,
    dir: PathBuf,
    state: Mutex<State>,
    /// A file could not be read: its reader must begin anew.
    pub(super) damaged: Notify,
}

/// By what a record is known again: where the log was replaced by another, its time is another.
pub(super) fn witness(record: &Record) -> u64 {
    let stored = millis(record.stored_at).to_be_bytes();
    digest(&[b"witness", record.subject.as_bytes(), &stored])
}

impl Series {
    /// An index that knows nothing.
    pub(super) fn new(log: LogName, dir: PathBuf) -> Self {
        let state = State {
            span: Span {
                from: 1,
                ..Span::default()
            },
            ..State::default()
        };
        Self {
            log,
            dir,
            state: Mutex::new(state),
            damaged: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything up to here was looked at.
    pub(super) fn covered(&self) -> Position {
        self.state().span.to
    }

    /// The files that an earlier life left, ascending. What cannot be read is deleted.
    pub(super) fn left_behind(&self) -> Vec<Run> {
        let Ok(found) = fs::read_dir(&self.dir) else {
            return Vec::new();
        };
        let mut runs = Vec::new();
        for path in found.filter_map(|entry| Some(entry.ok()?.path())) {
            match Run::open(&path) {
                Ok(run) => runs.push(run),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "A file of the index is not whole; it is made again.");
                    drop(fs::remove_file(&path));
                }
            }
        }
        runs.sort_by_key(|run| run.span.from);
        runs
    }

    /// Goes on behind these files, which lie behind one another.
    pub(super) fn resume(&self, runs: Vec<Run>) {
        let mut state = self.state();
        let covered = runs.last().map_or(0, |run| run.span.to);
        state.runs = runs.into_iter().map(Arc::new).collect();
        state.begin(covered + 1);
    }

    /// Forgets everything: the log is not the one it was.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        for run in std::mem::take(&mut state.runs) {
            run.delete();
        }
        state.begin(1);
    }

    /// What lies before `first` is no longer in the log.
    pub(super) fn forget_before(&self, first: Position) {
        let mut state = self.state();
        let gone = state.runs.partition_point(|run| run.span.to < first);
        for run in state.runs.drain(..gone) {
            run.delete();
        }
        if state.span.to + 1 < first {
            state.begin(first);
        }
    }

    /// Whether an entry at `position` still fits into memory. If not, [`Series::write`] first.
    pub(super) fn takes(&self, position: Position) -> bool {
        let state = self.state();
        state.recent.len() < ENTRIES_FULL && position.saturating_sub(state.span.from) < POSITIONS_MAX
    }

    /// Remembers what stands at one position.
    pub(super) fn add(&self, seen: Seen, keys: Vec<Key>) {
        let mut state = self.state();
        let at = u16::try_from(seen.position.saturating_sub(state.span.from)).unwrap_or(u16::MAX);
        let entries = keys.into_iter().map(|(key, tag)| Entry { key, at, tag });
        state.recent.extend(entries);
        state.span.to = seen.position;
        state.span.last = seen.position;
        state.span.witness = seen.witness;
        state.span.last_ms = seen.stored_ms;
    }

    /// Makes a file of what is in memory; the next record stands at `next`. The only writer is the reader of this log.
    pub(super) async fn write(self: &Arc<Self>, next: Position) -> io::Result<()> {
        let series = Arc::clone(self);
        let work = move || {
            let (span, entries) = {
                let state = series.state();
                let to = next.saturating_sub(1);
                (Span { to, ..state.span }, state.recent.clone())
            };
            let run = (span.last > 0).then(|| Run::write(&series.dir, span, entries));
            let run = run.transpose()?;
            let mut state = series.state();
            state.runs.extend(run.map(Arc::new));
            state.begin(next);
            Ok(())
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(io::Error::other)?
    }

    /// What is known of this key, the newest first; files whose last record is older than `since_ms` are not asked.
    pub(super) async fn look_up(
        self: &Arc<Self>,
        key: u64,
        since_ms: u64,
        fits: impl Fn(u16) -> bool + Send + 'static,
    ) -> io::Result<Found> {
        let (mut places, runs, covered) = {
            let state = self.state();
            let recent = state.recent.iter().rev();
            let recent = recent.filter(|entry| entry.key == key && fits(entry.tag));
            let places: Vec<_> = recent
                .map(|entry| state.span.from + Position::from(entry.at))
                .collect();
            (places, state.runs.clone(), state.span.to)
        };
        let search = move || {
            for run in runs.iter().rev().filter(|run| run.span.last_ms >= since_ms) {
                if places.len() >= FOUND_MAX {
                    break;
                }
                places.extend(run.look_up(key, &fits)?);
            }
            places.truncate(FOUND_MAX);
            Ok(Found { places, covered })
        };
        let found = tokio::task::spawn_blocking(search)
            .await
            .map_err(io::Error::other)?;
        if found.is_err() {
            self.damaged.notify_one();
        }
        found
    }
}

/// A record that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) position: Position,
    pub(super) witness: u64,
    pub(super) stored_ms: u64,
}

impl State {
    fn begin(&mut self, from: Position) {
        self.recent = Vec::new();
        self.span = Span {
            from,
            to: from - 1,
            ..Span::default()
        };
    }
}
