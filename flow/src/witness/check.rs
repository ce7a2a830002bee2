//! Laying what the broker has beside what the witness saw.
//!
//! A quick look costs a few questions a log: its figures, its recent tail, and a sample of what lies before. The
//! comparison of a whole log reads all of it once, at a bounded rate. What looks like damage is looked at again before
//! it counts, for a broker that is electing a leader may not know its newest records for a moment.

use std::{io, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, Position, ReadFrom, ReadOptions};
use tokio::time::{Instant, sleep, timeout};

use super::{
    damage::{Damage, DamageKind},
    watched::{Kind, Watched},
};

/// Records of the tail that every look compares.
const TAIL: u64 = 256;
/// Records before the tail that every look compares, drawn by chance.
const SAMPLES: usize = 32;
/// Looks that must agree before damage counts.
const CONFIRMATIONS: u32 = 3;
const CONFIRM_AFTER: Duration = Duration::from_millis(400);
/// How long a reader may be silent before the next record is asked for by itself.
const STALL: Duration = Duration::from_secs(2);

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// Nothing is wrong.
    Fine,
    /// The broker did not answer: nothing is known.
    Unsure(String),
    /// Something is wrong.
    Damaged(Damage),
}

impl From<BrokerError> for Finding {
    fn from(error: BrokerError) -> Self {
        Self::Unsure(error.to_string())
    }
}

impl From<io::Error> for Finding {
    fn from(error: io::Error) -> Self {
        Self::Unsure(format!("the witness's own files: {error}"))
    }
}

/// A step of a look that may go on (`Ok`) or has found its answer.
type Step<T = ()> = Result<T, Finding>;

/// The quick look, repeated until it is sure.
pub(super) async fn look(broker: &dyn Broker, watched: &Watched) -> Finding {
    let mut tries = Tries::default();
    loop {
        match quick(broker, watched).await {
            Ok(()) => return Finding::Fine,
            Err(finding) if tries.again(&finding) => sleep(CONFIRM_AFTER).await,
            Err(finding) => return finding,
        }
    }
}

/// Compares the records from `from` to `to`; answers with how many bytes it read.
pub(super) async fn compare(
    broker: &dyn Broker,
    watched: &Watched,
    from: Position,
    to: Position,
) -> Result<u64, Finding> {
    let mut tries = Tries::default();
    loop {
        match range(broker, watched, from, to).await {
            Err(finding) if tries.again(&finding) => sleep(CONFIRM_AFTER).await,
            answer => return answer,
        }
    }
}

/// How often damage was seen.
#[derive(Default)]
struct Tries(u32);

impl Tries {
    fn again(&mut self, finding: &Finding) -> bool {
        self.0 += 1;
        self.0 < CONFIRMATIONS && matches!(finding, Finding::Damaged(_))
    }
}

async fn quick(broker: &dyn Broker, watched: &Watched) -> Step {
    watched.flush()?;
    let mark = watched.mark();
    let state = match broker.state(&watched.name).await {
        Ok(state) => state,
        Err(BrokerError::NotFound(_)) if mark == 0 => return Ok(()),
        Err(BrokerError::NotFound(_)) => {
            return Err(Finding::Damaged(Damage::new(DamageKind::Missing, 0, mark, 0)));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(damage) = watched.judge(mark, &state)? {
        return Err(Finding::Damaged(damage));
    }
    watched.passed(&state)?;
    if state.count > 0 && watched.kind == Kind::Whole {
        let tail = state.first.max((state.last + 1).saturating_sub(TAIL));
        range(broker, watched, tail, state.last).await?;
        if tail > state.first {
            for _ in 0..SAMPLES {
                inspect(broker, watched, fastrand::u64(state.first..tail)).await?;
            }
        }
    }
    watched.flush()?;
    Ok(())
}

/// One record by itself.
async fn inspect(broker: &dyn Broker, watched: &Watched, position: Position) -> Step<u64> {
    match broker.get(&watched.name, position).await {
        Ok(Some(record)) => match watched.compare(&record)? {
            Some(damage) => Err(Finding::Damaged(damage)),
            None => Ok(record.payload.len() as u64),
        },
        Ok(None) => {
            let given_up = watched.known(position)?.is_some_and(|slot| slot.is_lost());
            if watched.kind == Kind::Worked || given_up {
                return Ok(0);
            }
            // It may have reached its age in this moment; the next look judges that.
            if broker.state(&watched.name).await?.first > position {
                return Ok(0);
            }
            let damage = Damage::new(DamageKind::Hole, position, position, 0);
            Err(Finding::Damaged(damage))
        }
        Err(BrokerError::Refused(_)) => {
            let damage = Damage::new(DamageKind::Unreadable, position, position, 0);
            Err(Finding::Damaged(damage))
        }
        Err(error) => Err(error.into()),
    }
}

async fn range(broker: &dyn Broker, watched: &Watched, from: Position, to: Position) -> Step<u64> {
    let mut bytes = 0;
    let mut next = from;
    'reading: while next <= to {
        // What was given up is not asked for: a broker may not answer at all where it cannot read its own files.
        if watched.known(next)?.is_some_and(|slot| slot.is_lost()) {
            next += 1;
            continue;
        }
        let options = ReadOptions::from(ReadFrom::Position(next));
        let mut records = broker.read(&watched.name, options).await?;
        while next <= to {
            let Ok(record) = timeout(STALL, records.next()).await else {
                if watched.kind == Kind::Worked {
                    return Ok(bytes);
                }
                // Either it is gone, or the reader cannot get over it.
                bytes += inspect(broker, watched, next).await?;
                next += 1;
                continue 'reading;
            };
            let record = record.ok_or_else(|| Finding::Unsure("the broker was closed".to_owned()))?;
            if watched.kind == Kind::Whole {
                skipped(broker, watched, next, record.position.min(to + 1)).await?;
            }
            next = record.position + 1;
            if record.position > to {
                break;
            }
            bytes += record.payload.len() as u64;
            if let Some(damage) = watched.compare(&record)? {
                return Err(Finding::Damaged(damage));
            }
        }
    }
    Ok(bytes)
}

/// Positions that the reader passed over: gone by age, given up, or a hole.
async fn skipped(broker: &dyn Broker, watched: &Watched, from: Position, to: Position) -> Step {
    if from >= to {
        return Ok(());
    }
    let first = broker.state(&watched.name).await?.first;
    for position in from.max(first)..to {
        if !watched.known(position)?.is_some_and(|slot| slot.is_lost()) {
            inspect(broker, watched, position).await?;
        }
    }
    Ok(())
}

/// How long a pause keeps `bytes` in `spent` below the rate.
pub(super) fn pause(bytes: u64, began: Instant, bytes_per_s: u64) -> Duration {
    let due = Duration::from_millis(bytes.saturating_mul(1_000) / bytes_per_s.max(1));
    due.saturating_sub(began.elapsed())
}
