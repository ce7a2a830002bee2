//! Where everything stands: from an event's id to its position, from a position to the pages that tell of it.
//!
//! A log can be read by position only, and ten million events are too many to read for one question. So a reader of
//! each log writes down, in the background, eight bytes of hash and a place for each event and each page of settle
//! facts: in memory first, then in sorted files ([`run`]). *Promise*: what is found here is looked up in the log and
//! compared before anybody believes it, so that the index can be incomplete and never wrong; how far it has come is
//! said with each answer ([`Found::covered`]). *What it refuses*: to be the truth. The directory may be deleted at any
//! time; it is built again from the logs.

mod keys;
mod reader;
mod run;
mod series;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stadtbus_broker::{Broker, LogName, Position};
use tokio::task::JoinSet;

use self::{reader::Matter, series::Series};
use crate::{city::Cities, log::SETTLED_LOG};

/// Most bus processes that keep their index below one directory.
const SLOTS_MAX: usize = 64;
/// How often it is looked whether the city has a log that nobody reads yet.
const TEND_INTERVAL: Duration = Duration::from_secs(1);

/// What an index knows of one key, and how far it has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Places that may be meant, the newest first.
    pub(super) places: Vec<Position>,
    /// Everything up to here was looked at.
    pub(super) covered: Position,
}

/// The index of all logs that one bus process keeps.
pub struct Places {
    dir: PathBuf,
    /// Held as long as this process uses the directory.
    _lock: File,
    series: Mutex<BTreeMap<LogName, Arc<Series>>>,
}

impl Places {
    /// Takes a place below `dir`. Several processes may be given the same one: each takes a directory of its own in it,
    /// and finds after a restart what one of them left there.
    ///
    /// # Errors
    /// When the directory cannot be made or written.
    pub fn open(dir: &Path) -> io::Result<Self> {
        for slot in 0..SLOTS_MAX {
            let dir = dir.join(slot.to_string());
            fs::create_dir_all(&dir)?;
            let lock = File::create(dir.join("lock"))?;
            match lock.try_lock() {
                Ok(()) => {
                    return Ok(Self {
                        dir,
                        _lock: lock,
                        series: Mutex::default(),
                    });
                }
                Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
        }
        let full = format!("{SLOTS_MAX} processes use it already");
        Err(io::Error::other(full))
    }

    fn series(&self) -> MutexGuard<'_, BTreeMap<LogName, Arc<Series>>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads all logs of the city and the settle facts, for ever.
    pub async fn run(self: Arc<Self>, broker: Arc<dyn Broker>, cities: Arc<Cities>) {
        let mut readers = JoinSet::new();
        let mut tend = tokio::time::interval(TEND_INTERVAL);
        tend.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tend.tick().await;
            self.tend(&broker, wanted(&cities), &mut readers);
        }
    }

    /// Starts the readers that are missing.
    fn tend(&self, broker: &Arc<dyn Broker>, wanted: Vec<(LogName, Matter)>, readers: &mut JoinSet<()>) {
        for (log, matter) in wanted {
            if self.series().contains_key(&log) {
                continue;
            }
            let series = Arc::new(Series::new(log.clone(), self.dir.join(log.as_str())));
            self.series().insert(log, Arc::clone(&series));
            readers.spawn(reader::run(Arc::clone(broker), series, matter));
        }
    }

    /// Where an event with this id may stand; with a source only what can have that source.
    pub(super) async fn of_event(&self, log: &LogName, id: &str, source: Option<&str>) -> io::Result<Found> {
        let tag = source.map(keys::of_source);
        let fits = move |found: u16| tag.is_none_or(|tag| tag == found);
        self.look_up(log, keys::of_id(id), 0, fits).await
    }

    /// The pages that hold a fact about the event at this place; none was written before `since_ms`.
    pub(super) async fn of_facts(
        &self,
        log: &LogName,
        position: Position,
        since_ms: u64,
    ) -> io::Result<Found> {
        let Ok(settled) = LogName::new(SETTLED_LOG) else {
            return Ok(Found::default());
        };
        let (key, bit) = keys::of_fact(log, position);
        self.look_up(&settled, key, since_ms, move |bits| bits & bit != 0)
            .await
    }

    async fn look_up(
        &self,
        log: &LogName,
        key: u64,
        since_ms: u64,
        fits: impl Fn(u16) -> bool + Send + 'static,
    ) -> io::Result<Found> {
        let series = self.series().get(log).cloned();
        match series {
            None => Ok(Found::default()),
            Some(series) => series.look_up(key, since_ms, fits).await,
        }
    }
}

/// The logs to read. Without a city there are none but the facts.
fn wanted(cities: &Cities) -> Vec<(LogName, Matter)> {
    let logs = cities.current().map(|city| city.logs()).unwrap_or_default();
    let facts = LogName::new(SETTLED_LOG).ok();
    logs.into_iter()
        .map(|log| (log, Matter::Events))
        .chain(facts.map(|log| (log, Matter::Pages)))
        .collect()
}
