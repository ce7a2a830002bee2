//! One log: records by position, message ids for the duplicate window, schedules by key subject.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::SystemTime,
};

use bytes::Bytes;
use stadtbus_broker::{
    Appended, BrokerError, Entry, LogSpec, LogState, Position, ReadFrom, ReadOptions, Record, subject,
};
use tokio::time::Instant;

use crate::{clock::Now, signal::Signal};

/// What a record weighs besides its parts.
const RECORD_OVERHEAD_BYTES: u64 = 64;

#[derive(Debug)]
struct Stored {
    subject: String,
    headers: Vec<(String, String)>,
    payload: Bytes,
    at: Now,
    weight: u64,
}

#[derive(Debug)]
struct Schedule {
    due: Instant,
    position: Position,
    target: String,
}

#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) spec: LogSpec,
    records: BTreeMap<Position, Stored>,
    last: Position,
    bytes: u64,
    ids: HashMap<String, Position>,
    ids_by_age: VecDeque<(Instant, String)>,
    schedules: HashMap<String, Schedule>,
    /// Raised after every change.
    pub(crate) changed: Signal,
}

/// The next moment at which something happens by itself, and by how many bytes the log changed.
pub(crate) struct Advanced {
    pub(crate) next_due: Option<Instant>,
    pub(crate) bytes_freed: u64,
    pub(crate) bytes_added: u64,
}

impl Log {
    pub(crate) fn new(spec: LogSpec) -> Self {
        Self {
            spec,
            records: BTreeMap::new(),
            last: 0,
            bytes: 0,
            ids: HashMap::new(),
            ids_by_age: VecDeque::new(),
            schedules: HashMap::new(),
            changed: Signal::default(),
        }
    }

    pub(crate) fn weight(subject: &str, entry: &Entry) -> u64 {
        (entry.size_bytes() - entry.subject.len() + subject.len()) as u64 + RECORD_OVERHEAD_BYTES
    }

    pub(crate) fn takes(&self, subject: &str) -> bool {
        self.spec
            .subjects
            .iter()
            .any(|filter| subject::matches(filter, subject))
    }

    /// The position under which this message id is remembered.
    pub(crate) fn known(&self, entry: &Entry) -> Option<Appended> {
        let position = *self.ids.get(entry.message_id.as_ref()?)?;
        Some(Appended {
            position,
            duplicate: true,
        })
    }

    /// Whether the log's own limit leaves room for this many bytes.
    pub(crate) fn room(&self, weight: u64) -> Result<(), BrokerError> {
        match self.spec.bytes_max {
            Some(most) if self.bytes + weight > most => Err(BrokerError::Full(format!(
                "log {} is at its limit of {most} bytes",
                self.spec.name
            ))),
            _ => Ok(()),
        }
    }

    /// Stores an entry; the caller has checked identity, subject and room.
    pub(crate) fn store(&mut self, subject: String, entry: Entry, now: Now) -> Appended {
        let weight = Self::weight(&subject, &entry);
        let position = self.insert(subject, entry.headers, entry.payload, weight, now);
        if let Some(id) = entry.message_id {
            self.ids_by_age.push_back((now.steady, id.clone()));
            self.ids.insert(id, position);
        }
        Appended {
            position,
            duplicate: false,
        }
    }

    fn insert(
        &mut self,
        subject: String,
        headers: Vec<(String, String)>,
        payload: Bytes,
        weight: u64,
        at: Now,
    ) -> Position {
        self.last += 1;
        self.bytes += weight;
        self.records.insert(
            self.last,
            Stored {
                subject,
                headers,
                payload,
                at,
                weight,
            },
        );
        self.changed.raise();
        self.last
    }

    /// Puts the entry aside until it is due; answers the bytes freed by the schedule it replaces.
    pub(crate) fn schedule(
        &mut self,
        key: &str,
        target: &str,
        due: Instant,
        entry: Entry,
        now: Now,
    ) -> (Appended, u64) {
        let freed = match self.schedules.remove(key) {
            Some(earlier) => self.remove(earlier.position),
            None => 0,
        };
        let appended = self.store(key.to_owned(), entry, now);
        let position = appended.position;
        self.schedules.insert(
            key.to_owned(),
            Schedule {
                due,
                position,
                target: target.to_owned(),
            },
        );
        (appended, freed)
    }

    /// Lets happen what is due: schedules fire, old records and ids go.
    pub(crate) fn advance(&mut self, now: Now) -> Advanced {
        let (mut freed, mut added) = (0, 0);
        while let Some((at, _)) = self.ids_by_age.front() {
            if now.steady.saturating_duration_since(*at) <= self.spec.duplicate_window {
                break;
            }
            if let Some((_, id)) = self.ids_by_age.pop_front() {
                self.ids.remove(&id);
            }
        }
        if let Some(most) = self.spec.age_max {
            let old = |record: &Stored| now.steady.saturating_duration_since(record.at.steady) >= most;
            while let Some(position) = self
                .records
                .iter()
                .next()
                .filter(|(_, r)| old(r))
                .map(|(p, _)| *p)
            {
                freed += self.remove(position);
            }
        }
        let mut due: Vec<(Instant, String)> = self
            .schedules
            .iter()
            .filter(|(_, schedule)| schedule.due <= now.steady)
            .map(|(key, schedule)| (schedule.due, key.clone()))
            .collect();
        due.sort();
        for (_, key) in due {
            if let Some(schedule) = self.schedules.remove(&key)
                && let Some(stored) = self.records.remove(&schedule.position)
            {
                self.bytes -= stored.weight;
                freed += stored.weight;
                added += stored.weight;
                self.insert(
                    schedule.target,
                    stored.headers,
                    stored.payload,
                    stored.weight,
                    now,
                );
            }
        }
        let next_due = self.schedules.values().map(|schedule| schedule.due).min();
        Advanced {
            next_due,
            bytes_freed: freed,
            bytes_added: added,
        }
    }

    /// Removes a record; answers what it weighed.
    pub(crate) fn remove(&mut self, position: Position) -> u64 {
        let weight = self.records.remove(&position).map_or(0, |record| record.weight);
        self.bytes -= weight;
        weight
    }

    pub(crate) fn get(&self, position: Position) -> Option<Record> {
        self.records
            .get(&position)
            .map(|stored| self.record(position, stored, false))
    }

    fn record(&self, position: Position, stored: &Stored, headers_only: bool) -> Record {
        Record {
            log: self.spec.name.clone(),
            position,
            subject: stored.subject.clone(),
            headers: stored.headers.clone(),
            payload: if headers_only {
                Bytes::new()
            } else {
                stored.payload.clone()
            },
            stored_at: stored.at.system,
        }
    }

    /// The first position a reader is to look at.
    pub(crate) fn start(&self, from: ReadFrom) -> Position {
        match from {
            ReadFrom::Position(position) => position.max(1),
            ReadFrom::New => self.last + 1,
            ReadFrom::Time(time) => self.at_or_after(time).unwrap_or(self.last + 1),
        }
    }

    fn at_or_after(&self, time: SystemTime) -> Option<Position> {
        self.records
            .iter()
            .find(|(_, record)| record.at.system >= time)
            .map(|(position, _)| *position)
    }

    /// Up to `most` matching records from `next` on, and where to go on after them.
    pub(crate) fn portion(
        &self,
        next: Position,
        options: &ReadOptions,
        most: usize,
    ) -> (Vec<Record>, Position) {
        let mut found = Vec::new();
        for (position, stored) in self.records.range(next..) {
            if options
                .subject
                .as_ref()
                .is_none_or(|filter| subject::matches(filter, &stored.subject))
            {
                found.push(self.record(*position, stored, options.headers_only));
                if found.len() >= most {
                    return (found, position + 1);
                }
            }
        }
        (found, next.max(self.last + 1))
    }

    pub(crate) fn state(&self) -> LogState {
        LogState {
            first: self.records.keys().next().copied().unwrap_or(self.last + 1),
            last: self.last,
            count: self.records.len() as u64,
            bytes: self.bytes,
        }
    }
}
