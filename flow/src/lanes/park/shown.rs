//! A key that does not move on, as operators and subscribers see it.

use stadtbus_broker::{LogName, Position};

use crate::{
    lanes::{
        Stop,
        keys::{Key, Line},
    },
    written::{from_millis, rfc3339},
};

/// A key that does not move on, or whose backlog is longer than what a lane keeps in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedKey {
    /// What addresses name it by.
    pub id: String,
    /// The log of its events.
    pub log: LogName,
    /// Their source.
    pub source: String,
    /// What they share.
    pub value: String,
    /// How it stands.
    pub state: KeyState,
    /// How many events wait.
    pub events: usize,
    /// Position of the first of them.
    pub first: Option<Position>,
    /// Since when it does not move on; RFC 3339.
    pub since: Option<String>,
    /// When it goes on by itself; RFC 3339.
    pub until: Option<String>,
    /// Attempts made at its first event.
    pub attempts: u32,
    /// Code of the reason.
    pub code: Option<String>,
    /// The reason, without payload.
    pub detail: Option<String>,
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It waits until somebody decides.
    Parked,
    /// It waits for the next attempt at its first event.
    Waiting,
    /// Its backlog is being delivered.
    Draining,
    /// Its backlog is on its way to the dead letters.
    Burying,
}

impl KeyState {
    /// In one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Waiting => "waiting",
            Self::Draining => "draining",
            Self::Burying => "burying",
        }
    }

    fn of(stop: Option<&Stop>) -> Self {
        match stop {
            Some(stop) if stop.bury_to.is_some() => Self::Burying,
            Some(stop) if stop.goes_on() => Self::Draining,
            Some(stop) if stop.until_ms.is_some() => Self::Waiting,
            Some(_) => Self::Parked,
            None => Self::Draining,
        }
    }
}

pub(super) fn shown(key: &Key, line: &Line) -> ParkedKey {
    let stop = line.stop.as_ref();
    ParkedKey {
        id: key.id(),
        log: key.log().clone(),
        source: key.source().to_owned(),
        value: key.value().to_owned(),
        state: KeyState::of(stop),
        events: line.backlog(),
        first: line.first(),
        since: stop.map(|stop| time(stop.since_ms)),
        until: stop.and_then(|stop| stop.until_ms).map(time),
        attempts: stop.map_or(0, |stop| stop.attempts),
        code: stop.map(|stop| stop.code.clone()),
        detail: stop.map(|stop| stop.detail.clone()),
    }
}

fn time(ms: u64) -> String {
    rfc3339(from_millis(ms))
}
