//! The witness: what the bus remembers of its logs outside the broker, so that a log cannot lose what was acknowledged
//! without anybody noticing.
//!
//! *Promise*: for each log there is a high-water mark, a digest of every record that was acknowledged, and a hash chain
//! over them, in a directory of this process. They are laid beside what the broker has at the start, every minute, and
//! whenever the broker comes back. A log that ends too early, begins too late, has a hole, holds another record, or
//! gives a position twice stops acceptance (`SB-1508`) until it is whole again or an operator has decided.
//! *Refuses*: to repair by itself, and to make a log anew that it knows to have existed. *Why here*: it looks through
//! the port, so it holds for every broker; and nothing else in the flow knows of it. It is a broker in front of the
//! broker ([`Witnessed`]), or it is not there.
//!
//! Several processes may share a broker. Each has a witness of its own that sees its own appends; what others append is
//! learnt when it is first read. No rule compares with what *this* process wrote last, only with what it knows to have
//! been there before the call, so that others cannot cause an alarm.

mod broker;
mod buckets;
mod chain;
mod check;
mod damage;
mod decide;
mod digest;
mod head;
mod run;
mod scan;
mod slots;
#[cfg(test)]
mod stuck;
#[cfg(test)]
mod tests;
mod watched;

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

pub use broker::Witnessed;
use buckets::Buckets;
use check::Finding;
pub use damage::{Damage, DamageKind};
pub use decide::{Asked, Decision};
use stadtbus_broker::{BrokerError, LogName, Position};
use tokio::sync::Notify;
use watched::{Watched, is_events};

use crate::{Limits, facts::Facts};

/// The file whose lock says that a process uses the directory.
const LOCK: &str = "lock";

/// What is known of one log.
#[derive(Debug, Clone)]
pub struct LogReport {
    /// Its name.
    pub log: String,
    /// The high-water mark: the last position that was acknowledged or seen.
    pub mark: Position,
    /// The first position at the last look.
    pub first: Position,
    /// Where the chain begins.
    pub chain_from: Position,
    /// The last position in it.
    pub chain_position: Position,
    /// The chain up to there, hexadecimal; empty before the first link.
    pub chain: String,
    /// When all of it was last compared, in milliseconds since 1970; 0: not yet.
    pub compared_ms: u64,
    /// How far the comparison under way is, if there is one.
    pub comparing_at: Option<Position>,
    /// What is wrong.
    pub damage: Option<Damage>,
}

/// The witness of one process.
pub struct Witness {
    dir: PathBuf,
    /// Held as long as the process lives.
    _lock: File,
    flush_every: Duration,
    look_every: Duration,
    scan_bytes_s: u64,
    logs: RwLock<BTreeMap<LogName, Arc<Watched>>>,
    buckets: Buckets,
    stopped: AtomicBool,
    wake: Notify,
    facts: Arc<Facts>,
}

impl Witness {
    /// Opens the directory, which belongs to this process alone, and all that is remembered in it.
    ///
    /// # Errors
    /// When it cannot be used, or another process uses it.
    pub fn open(dir: &Path, limits: &Limits, facts: Arc<Facts>) -> io::Result<Arc<Self>> {
        std::fs::create_dir_all(dir)?;
        let lock = File::create(dir.join(LOCK))?;
        lock.try_lock()
            .map_err(|_| io::Error::other("another process uses this directory"))?;
        let mut logs = BTreeMap::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry
                .file_name()
                .to_str()
                .and_then(|name| LogName::new(name).ok());
            if let Some(name) = name.filter(|_| entry.path().is_dir()) {
                let watched = Watched::open(dir, &name)?;
                logs.insert(name, Arc::new(watched));
            }
        }
        let witness = Self {
            dir: dir.to_path_buf(),
            _lock: lock,
            flush_every: Duration::from_millis(limits.witness_flush_ms),
            look_every: Duration::from_secs(limits.witness_look_s),
            scan_bytes_s: limits.witness_scan_bytes_s_max,
            logs: RwLock::new(logs),
            buckets: Buckets::open(dir)?,
            stopped: AtomicBool::new(false),
            wake: Notify::new(),
            facts,
        };
        witness.tell_standing();
        Ok(Arc::new(witness))
    }

    fn all(&self) -> Vec<Arc<Watched>> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.values().cloned().collect()
    }

    fn find(&self, log: &LogName) -> Option<Arc<Watched>> {
        let logs = self.logs.read().unwrap_or_else(PoisonError::into_inner);
        logs.get(log).cloned()
    }

    fn watched(&self, log: &LogName) -> Result<Arc<Watched>, BrokerError> {
        if let Some(watched) = self.find(log) {
            return Ok(watched);
        }
        let mut logs = self.logs.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(watched) = logs.get(log) {
            return Ok(Arc::clone(watched));
        }
        let watched = Watched::open(&self.dir, log)
            .map_err(|error| BrokerError::Unavailable(format!("the witness of log {log}: {error}")))?;
        let watched = Arc::new(watched);
        logs.insert(log.clone(), Arc::clone(&watched));
        self.wake.notify_one();
        Ok(watched)
    }

    /// What is known of every log.
    #[must_use]
    pub fn report(&self) -> Vec<LogReport> {
        self.all().iter().map(|watched| report(watched)).collect()
    }

    /// Buckets of cells that are damaged.
    #[must_use]
    pub fn bucket_damages(&self) -> Vec<(String, Damage)> {
        self.buckets.damages()
    }

    /// Why acceptance is stopped, if it is: the first log or bucket that is damaged.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        if !self.stopped.load(Ordering::Acquire) {
            return None;
        }
        let logs = self
            .all()
            .into_iter()
            .filter_map(|watched| Some((watched.name.to_string(), watched.damage()?)));
        let (name, damage) = logs.chain(self.buckets.damages()).next()?;
        Some(format!("{name}: {}; see `stadtbus log list`", damage.sentence()))
    }

    fn refuse_if_stopped(&self, log: &LogName) -> Result<(), BrokerError> {
        if is_events(log)
            && let Some(why) = self.stopped()
        {
            return Err(BrokerError::Untrusted(why));
        }
        Ok(())
    }

    /// Metrics and the flag, from what is known.
    fn tell_standing(&self) {
        let mut any = false;
        for watched in self.all() {
            let damaged = watched.damage().is_some();
            any |= damaged;
            self.facts.metrics.log_damaged(watched.name.as_str(), damaged);
        }
        for (bucket, damage) in self.buckets.standing() {
            any |= damage.is_some();
            self.facts.metrics.log_damaged(&bucket, damage.is_some());
        }
        self.stopped.store(any, Ordering::Release);
    }

    /// From now on nothing is accepted.
    fn raise(&self, watched: &Watched, damage: Damage) {
        if watched.damage().is_none() {
            tracing::error!(
                log = %watched.name, kind = damage.kind.word(), position = damage.position,
                "SB-1508: the log contradicts what was acknowledged ({}). Nothing is accepted until it is whole again or an operator decides: `stadtbus log show {}`.",
                damage.sentence(), watched.name
            );
            if let Err(error) = watched.set_damage(Some(damage)) {
                tracing::error!(log = %watched.name, %error, "The damage could not be written down; it is looked for again at the next start.");
            }
        }
        self.tell_standing();
    }

    fn found(&self, watched: &Watched, finding: Finding) -> bool {
        match finding {
            Finding::Fine => true,
            Finding::Unsure(why) => {
                tracing::debug!(log = %watched.name, why, "A log could not be looked at.");
                false
            }
            Finding::Damaged(damage) => {
                self.raise(watched, damage);
                false
            }
        }
    }
}

fn report(watched: &Watched) -> LogReport {
    let head = watched.head();
    let scan = *watched.scan.lock().unwrap_or_else(PoisonError::into_inner);
    LogReport {
        log: watched.name.to_string(),
        mark: head.mark,
        first: head.first,
        chain_from: head.chain_from,
        chain_position: head.chain_position,
        chain: head.chain,
        compared_ms: head.compared_ms,
        comparing_at: scan.map(|scan| scan.next),
        damage: head.damage,
    }
}
