//! An operator decides that what the broker has is the truth, and the decision is kept.
//!
//! Positions that were acknowledged and are gone are never given again: cursors and receipts name them. The end of a
//! log that was cut is filled with records that say "lost", and holes are remembered as given up.

use std::{
    fs::{self, File},
    io::{self, Write},
    time::Duration,
};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, BrokerError, LogName, LogState, Position, ReadFrom, ReadOptions};
use tokio::time::timeout;

use super::{
    Witness,
    damage::Damage,
    run::set_scan,
    watched::{Watched, is_events},
};
use crate::{
    Refusal,
    log::placeholder,
    written::{millis_now, rfc3339},
};

const FILE: &str = "decisions.jsonl";
/// Most positions that are filled; more than that is another log.
const PLACEHOLDERS_MAX: u64 = 10_000_000;
/// Placeholders written at a time.
const PLACEHOLDERS_AT_ONCE: u64 = 500;
/// Records learnt between two writings.
const FLUSH_AFTER: u64 = 65_536;
/// How long a reader may be silent before the next record is asked for by itself.
const STALL: Duration = Duration::from_secs(2);

/// Who decides, and why.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `partner/system` of the operator.
    pub by: String,
    /// In the operator's words.
    pub reason: String,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The log or bucket.
    pub log: String,
    /// When, RFC 3339.
    pub time: String,
    /// Who, `partner/system`.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// What was wrong.
    pub damage: Damage,
    /// The high-water mark before.
    pub mark: Position,
    /// The first position that is there now.
    pub first: Position,
    /// The last position that was there.
    pub last: Position,
    /// Positions at the end that were filled because what stood there is lost.
    pub filled: u64,
    /// The chain that ended: its last position and value.
    pub chain_position: Position,
    /// Hexadecimal.
    pub chain: String,
}

impl Witness {
    /// Takes what the broker has for the truth.
    ///
    /// # Errors
    /// `SB-1505` for an unknown name, `SB-1509` when there is nothing to decide or it cannot be done, `SB-15xx` of the
    /// broker.
    pub async fn accept_truth(
        &self,
        broker: &dyn Broker,
        name: &str,
        asked: Asked,
    ) -> Result<Decision, Refusal> {
        let watched = LogName::new(name).ok().and_then(|log| self.find(&log));
        let decision = match watched {
            Some(watched) if watched.damage().is_some() => self.accept_log(broker, &watched, asked).await?,
            Some(_) => return Err(nothing_to_decide(name)),
            None => self.accept_bucket(name, asked)?,
        };
        tracing::warn!(
            log = decision.log,
            by = decision.by,
            mark = decision.mark,
            last = decision.last,
            filled = decision.filled,
            "An operator decided that what the broker has is the truth."
        );
        self.tell_standing();
        Ok(decision)
    }

    /// Decisions on this log or bucket, oldest first.
    ///
    /// # Errors
    /// `SB-1510` when they cannot be read.
    pub fn decisions(&self, name: &str) -> Result<Vec<Decision>, Refusal> {
        let text = match fs::read_to_string(self.dir.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(own_files(&error)),
        };
        let all = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Decision>(line).ok());
        Ok(all.filter(|decision| decision.log == name).collect())
    }

    fn accept_bucket(&self, name: &str, asked: Asked) -> Result<Decision, Refusal> {
        let known = self.buckets.standing().iter().any(|(bucket, _)| bucket == name);
        if !known {
            return Err(Refusal::new(
                "SB-1505",
                "The witness knows no log or bucket of this name.",
            ));
        }
        let (damage, mark) = self
            .buckets
            .begin_anew(name)
            .ok_or_else(|| nothing_to_decide(name))?;
        let decision = Decision {
            log: name.to_owned(),
            time: now(),
            by: asked.by,
            reason: asked.reason,
            mark,
            first: 0,
            last: damage.found,
            filled: 0,
            chain_position: 0,
            chain: String::new(),
            damage,
        };
        self.keep_decision(&decision).map_err(|error| own_files(&error))?;
        Ok(decision)
    }

    async fn accept_log(
        &self,
        broker: &dyn Broker,
        watched: &Watched,
        asked: Asked,
    ) -> Result<Decision, Refusal> {
        let _turn = watched.turn.lock().await;
        watched.flush().map_err(|error| own_files(&error))?;
        let head = watched.head();
        let damage = head
            .damage
            .ok_or_else(|| nothing_to_decide(watched.name.as_str()))?;
        let state = present(broker, watched).await?;
        // First the end, so that a crash here leaves the alarm, and never a log that gives positions again.
        let filled = if is_events(&watched.name) {
            fill(broker, &watched.name, state.last, head.mark).await?
        } else {
            0
        };
        let decision = Decision {
            log: watched.name.to_string(),
            time: now(),
            by: asked.by,
            reason: asked.reason,
            damage,
            mark: head.mark,
            first: state.first,
            last: state.last,
            filled,
            chain_position: head.chain_position,
            chain: head.chain,
        };
        self.keep_decision(&decision).map_err(|error| own_files(&error))?;
        let state = broker.state(&watched.name).await?;
        watched.begin_anew(&state).map_err(|error| own_files(&error))?;
        let lost = take_all(broker, watched, &state).await?;
        watched.set_lost(lost);
        set_scan(watched, None);
        watched.compared();
        watched
            .flush()
            .and_then(|()| watched.set_damage(None))
            .map_err(|error| own_files(&error))?;
        Ok(decision)
    }

    fn keep_decision(&self, decision: &Decision) -> io::Result<()> {
        let mut line = serde_json::to_vec(decision)?;
        line.push(b'\n');
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join(FILE))?;
        file.write_all(&line)?;
        file.sync_data()
    }
}

/// The log as it is; one that is gone is made anew, as its specification says.
async fn present(broker: &dyn Broker, watched: &Watched) -> Result<LogState, Refusal> {
    match broker.state(&watched.name).await {
        Err(BrokerError::NotFound(_)) => {
            let spec = watched.spec().ok_or_else(|| {
                Refusal::new(
                    "SB-1509",
                    "The log is not there, and no city in force says how it should be.",
                )
                .hint("stadtbus apply FOLDER")
            })?;
            broker.ensure_log(&spec).await?;
            Ok(broker.state(&watched.name).await?)
        }
        state => Ok(state?),
    }
}

/// Gives every position up to `mark` to a record that says "lost".
async fn fill(broker: &dyn Broker, log: &LogName, last: Position, mark: Position) -> Result<u64, Refusal> {
    let missing = mark.saturating_sub(last);
    if missing > PLACEHOLDERS_MAX {
        let detail = format!("{missing} positions are missing, more than {PLACEHOLDERS_MAX} are not filled.");
        return Err(Refusal::new("SB-1509", detail));
    }
    let mut filled = 0;
    while filled < missing {
        let count = PLACEHOLDERS_AT_ONCE.min(missing - filled);
        let entries = (0..count).map(|_| placeholder(log)).collect();
        for answer in broker.append_all(log, entries).await {
            answer?;
            filled += 1;
        }
    }
    Ok(filled)
}

/// Learns every record; answers with how many positions were given up.
async fn take_all(broker: &dyn Broker, watched: &Watched, state: &LogState) -> Result<u64, Refusal> {
    let (mut next, mut lost) = (state.first, 0);
    'reading: while next <= state.last {
        let options = ReadOptions::from(ReadFrom::Position(next));
        let mut records = broker.read(&watched.name, options).await?;
        while next <= state.last {
            let record = match timeout(STALL, records.next()).await {
                Ok(Some(record)) => record,
                Ok(None) => return Err(BrokerError::Unavailable("the broker was closed".to_owned()).into()),
                Err(_) => {
                    let given_up = pass_hole(broker, watched, next, state.last).await?;
                    lost += given_up;
                    next += given_up + 1;
                    continue 'reading;
                }
            };
            while next < record.position.min(state.last + 1) {
                watched.give_up(next);
                next += 1;
                lost += 1;
            }
            if record.position <= state.last {
                watched.learn(&record);
                next = record.position + 1;
            }
            if next.is_multiple_of(FLUSH_AFTER) {
                watched.flush().map_err(|error| own_files(&error))?;
            }
        }
        watched.flush().map_err(|error| own_files(&error))?;
    }
    Ok(lost)
}

/// Gives up everything from here to the next record that can be had, which is learnt, or to the end; answers with how many
/// positions that are. One question for each: a reader would have to be waited for at each of them, and a hole may be as
/// large as a file of the broker.
async fn pass_hole(
    broker: &dyn Broker,
    watched: &Watched,
    from: Position,
    last: Position,
) -> Result<u64, Refusal> {
    for position in from..=last {
        match broker.get(&watched.name, position).await {
            Ok(Some(record)) => {
                watched.learn(&record);
                return Ok(position - from);
            }
            Ok(None) | Err(BrokerError::Refused(_)) => watched.give_up(position),
            Err(error) => return Err(error.into()),
        }
        if position.is_multiple_of(FLUSH_AFTER) {
            watched.flush().map_err(|error| own_files(&error))?;
        }
    }
    Ok(last + 1 - from)
}

fn now() -> String {
    rfc3339(crate::written::from_millis(millis_now()))
}

fn nothing_to_decide(name: &str) -> Refusal {
    Refusal::new(
        "SB-1509",
        format!("Nothing is wrong with {name}; there is nothing to decide."),
    )
    .hint("stadtbus log list")
}

fn own_files(error: &io::Error) -> Refusal {
    Refusal::new("SB-1510", format!("The witness's own files: {error}"))
}
