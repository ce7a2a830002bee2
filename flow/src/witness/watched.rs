//! One log under the eye of the witness.
//!
//! Two locks, so that accepting never waits for a disk: `fresh` takes what was acknowledged just now, `files` is what
//! has been written down. [`Watched::flush`] carries the one to the other.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use stadtbus_broker::{Appended, LogName, LogSpec, LogState, Position, Record};

use tokio::time::Instant;

use super::{
    chain,
    damage::{Damage, DamageKind},
    digest::{self, Digest},
    head::Head,
    scan::Scan,
    slots::{Slot, Slots},
};
use crate::{
    log::SETTLED_LOG,
    written::{millis, millis_now},
};

/// Acknowledged records that wait to be written down. Beyond that they are forgotten, and learnt from the broker later.
const FRESH_MAX: usize = 1_000_000;
/// How long an acknowledgement of this process may be under way: what is unknown after that is another's.
const FOLLOW_AFTER: Duration = Duration::from_secs(5);
/// How much younger than its age a record may be when it is gone: clocks differ.
const AGE_SLACK_S: u64 = 300;

/// What the witness expects of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Records leave it by age only: a log of events, the settle facts.
    Whole,
    /// The bus takes records out: those that are there must be right.
    Worked,
}

impl Kind {
    pub(super) fn of(log: &LogName) -> Self {
        if is_events(log) || log.as_str() == SETTLED_LOG {
            Self::Whole
        } else {
            Self::Worked
        }
    }
}

/// Whether it is the log of a publishing partner.
pub(super) fn is_events(log: &LogName) -> bool {
    log.as_str().starts_with("LOG_")
}

struct Files {
    slots: Slots,
    head: Head,
    saved: Head,
    /// Which position the chain waits for, and since when.
    stuck: Option<(Position, Instant)>,
}

/// One log.
pub(super) struct Watched {
    pub(super) name: LogName,
    pub(super) kind: Kind,
    dir: PathBuf,
    mark: AtomicU64,
    fresh: Mutex<Vec<(Position, Slot)>>,
    files: Mutex<Files>,
    /// How the log is to be made, once somebody has said so.
    spec: Mutex<Option<LogSpec>>,
    /// Where the comparison of the whole log stands; `None`: nothing to do.
    pub(super) scan: Mutex<Option<Scan>>,
    /// One looks or decides at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl Watched {
    pub(super) fn open(dir: &Path, name: &LogName) -> io::Result<Self> {
        let dir = dir.join(name.as_str());
        fs::create_dir_all(&dir)?;
        let head = Head::load(&dir, name.as_str())?;
        let scanned = head.scanned;
        let mut slots = Slots::in_dir(&dir);
        if head.mark == 0 {
            slots.clear()?;
        }
        Ok(Self {
            name: name.clone(),
            kind: Kind::of(name),
            mark: AtomicU64::new(head.mark),
            fresh: Mutex::default(),
            files: Mutex::new(Files {
                slots,
                saved: head.clone(),
                head,
                stuck: None,
            }),
            spec: Mutex::default(),
            scan: Mutex::new(Some(Scan::resumed(scanned))),
            turn: tokio::sync::Mutex::default(),
            dir,
        })
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> MutexGuard<'_, Vec<(Position, Slot)>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The high-water mark.
    pub(super) fn mark(&self) -> Position {
        self.mark.load(Ordering::Acquire)
    }

    pub(super) fn raise_mark(&self, position: Position) {
        self.mark.fetch_max(position, Ordering::AcqRel);
    }

    pub(super) fn head(&self) -> Head {
        let mut head = self.files().head.clone();
        head.mark = self.mark();
        head
    }

    pub(super) fn damage(&self) -> Option<Damage> {
        self.files().head.damage.clone()
    }

    pub(super) fn set_spec(&self, spec: &LogSpec) {
        self.files().head.age_max_s = spec.age_max.map_or(0, |age| age.as_secs());
        *self.spec.lock().unwrap_or_else(PoisonError::into_inner) = Some(spec.clone());
    }

    pub(super) fn spec(&self) -> Option<LogSpec> {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An append was answered. `before` is the mark at the moment of the call: whatever is stored after it comes behind
    /// that, whoever else writes.
    pub(super) fn acknowledged(
        &self,
        before: Position,
        digest: Option<Digest>,
        appended: Appended,
    ) -> Result<(), Damage> {
        if appended.duplicate {
            return Ok(());
        }
        if appended.position <= before {
            return Err(Damage::new(
                DamageKind::Reused,
                appended.position,
                before,
                appended.position,
            ));
        }
        self.raise_mark(appended.position);
        if let Some(digest) = digest {
            self.note(appended.position, digest, millis_now());
        }
        Ok(())
    }

    fn note(&self, position: Position, digest: Digest, at_ms: u64) {
        let at_s = u32::try_from(at_ms / 1_000).unwrap_or(u32::MAX);
        let mut fresh = self.fresh();
        if fresh.len() < FRESH_MAX {
            fresh.push((position, Slot { digest, at_s }));
        }
    }

    /// Takes a record as it is.
    pub(super) fn learn(&self, record: &Record) {
        self.note(
            record.position,
            digest::of_record(record),
            millis(record.stored_at),
        );
    }

    /// Gives a position up.
    pub(super) fn give_up(&self, position: Position) {
        self.fresh().push((position, Slot::lost()));
    }

    /// What is known of a position. Call [`Watched::flush`] before.
    pub(super) fn known(&self, position: Position) -> io::Result<Option<Slot>> {
        self.files().slots.get(position)
    }

    /// Compares a record with what was acknowledged; an unknown one is learnt, unless the log is in doubt.
    pub(super) fn compare(&self, record: &Record) -> io::Result<Option<Damage>> {
        let position = record.position;
        let doubt = self.damage().is_some();
        match self.known(position)? {
            Some(slot) if !slot.is_lost() => {
                let same = slot.digest == digest::of_record(record);
                Ok((!same).then(|| Damage::new(DamageKind::Altered, position, position, position)))
            }
            _ if doubt => Ok(None),
            _ => {
                self.learn(record);
                self.raise_mark(position);
                Ok(None)
            }
        }
    }

    /// What the figures of the log say by themselves.
    pub(super) fn judge(&self, mark: Position, state: &LogState) -> io::Result<Option<Damage>> {
        if state.last < mark {
            let damage = Damage::new(DamageKind::Truncated, state.last + 1, mark, state.last);
            return Ok(Some(damage));
        }
        if self.kind == Kind::Worked {
            return Ok(None);
        }
        let mut files = self.files();
        let held = (state.last + 1).saturating_sub(state.first);
        if held > state.count.saturating_add(files.head.lost) {
            let damage = Damage::new(DamageKind::Hole, state.first, held, state.count);
            return Ok(Some(damage));
        }
        let before = files.head.first;
        if before > 0 && state.first > before {
            let last_gone = state.first - 1;
            let gone = files.slots.get(last_gone)?.filter(|slot| !slot.is_lost());
            let age = files.head.age_max_s;
            let now_s = millis_now() / 1_000;
            let old_enough =
                |slot: &Slot| age > 0 && u64::from(slot.at_s) + age <= now_s.saturating_add(AGE_SLACK_S);
            if gone.is_some_and(|slot| !old_enough(&slot)) {
                let damage = Damage::new(DamageKind::Beheaded, last_gone, before, state.first);
                return Ok(Some(damage));
            }
        }
        Ok(None)
    }

    /// A look found nothing wrong.
    pub(super) fn passed(&self, state: &LogState) -> io::Result<()> {
        self.raise_mark(state.last);
        let mut files = self.files();
        if state.first > files.head.first {
            files.head.first = state.first;
            files.slots.forget_below(state.first)?;
        }
        // What is gone cannot be chained any more.
        let passed_over = files.head.chain_position + 1 < state.first;
        if self.kind == Kind::Whole && (files.head.chain_from == 0 || passed_over) {
            files.head.chain_from = state.first;
            files.head.chain_position = state.first.saturating_sub(1);
            files.head.chain.clear();
        }
        Ok(())
    }

    /// The position that the chain has not got past for a while, because another process appended its record.
    pub(super) fn unknown_from(&self) -> io::Result<Option<Position>> {
        self.flush()?;
        let mut files = self.files();
        let next = files.head.chain_position + 1;
        if self.kind == Kind::Worked || files.head.chain_from == 0 || next > files.head.mark {
            return Ok(None);
        }
        let since = match files.stuck {
            Some((position, since)) if position == next => since,
            _ => {
                files.stuck = Some((next, Instant::now()));
                return Ok(None);
            }
        };
        let unknown = since.elapsed() >= FOLLOW_AFTER && files.slots.get(next)?.is_none();
        Ok(unknown.then_some(next))
    }

    pub(super) fn compared(&self) {
        let mut files = self.files();
        files.head.compared_ms = millis_now();
        files.head.scanned = 0;
    }

    /// How far the comparison of the whole log has come; written with the next flush.
    pub(super) fn scanned(&self, position: Position) {
        self.files().head.scanned = position;
    }

    /// Marks the log as damaged, or whole again; written at once.
    pub(super) fn set_damage(&self, damage: Option<Damage>) -> io::Result<()> {
        let mut files = self.files();
        files.head.damage = damage;
        self.save(&mut files)
    }

    /// Begins anew with what the broker has: an operator has decided that it is the truth.
    pub(super) fn begin_anew(&self, state: &LogState) -> io::Result<()> {
        self.fresh().clear();
        let mut files = self.files();
        files.slots.clear()?;
        files.head = Head {
            mark: state.last,
            first: state.first,
            age_max_s: files.head.age_max_s,
            chain_from: state.first,
            chain_position: state.first.saturating_sub(1),
            damage: files.head.damage.clone(),
            log: self.name.to_string(),
            ..Head::default()
        };
        self.mark.store(state.last, Ordering::Release);
        Ok(())
    }

    pub(super) fn set_lost(&self, lost: u64) {
        self.files().head.lost = lost;
    }

    /// Writes down what came since the last time and lets the chain grow. Blocks on the disk.
    pub(super) fn flush(&self) -> io::Result<()> {
        let mark = self.mark();
        let mut taken = std::mem::take(&mut *self.fresh());
        taken.sort_unstable_by_key(|(position, _)| *position);
        taken.dedup_by_key(|(position, _)| *position);
        let mut files = self.files();
        if let Err(error) = files.slots.write(&taken) {
            let mut fresh = self.fresh();
            taken.truncate(FRESH_MAX.saturating_sub(fresh.len()));
            fresh.append(&mut taken);
            return Err(error);
        }
        files.head.mark = mark;
        if self.kind == Kind::Whole {
            let files = &mut *files;
            chain::grow(&mut files.slots, &mut files.head, mark)?;
        }
        self.save(&mut files)
    }

    fn save(&self, files: &mut Files) -> io::Result<()> {
        files.head.mark = self.mark();
        if files.head != files.saved {
            files.head.save(&self.dir)?;
            files.saved = files.head.clone();
        }
        Ok(())
    }
}
