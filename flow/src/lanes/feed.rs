//! The shared reader of one log: each event is read once and handed to the lanes of the subscriptions that
//! match.
//!
//! A durable consumer for each subscription would cost the broker twenty to thirty times the work; one
//! ordered reader and cursors kept here do not. Lanes hang on a feed while they are *level*. A lane that is
//! new, full, or behind reads by itself ([`super::catch_up`]) and asks to [`Feed::join`] again; the last events
//! are kept in a small ring so that the rejoining lane need not hit a moving target exactly.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use stadtbus_broker::{LogName, Position, Record, RecordStream};

use super::{
    Routing,
    lane::{Hang, Lane, Offer},
};
use crate::{
    clock,
    log::{self, Logged},
};

/// Events kept for lanes that rejoin.
const RING_MAX: usize = 512;
/// Records handled before other tasks get a turn.
const CHUNK_MAX: usize = 128;

#[derive(Default)]
struct Progress {
    position: Position,
    ring: VecDeque<Arc<Logged>>,
    /// When an event of each type was last read, in milliseconds since 1970. The log holds types under contract only.
    types: HashMap<String, u64>,
}

/// The shared reader of one log.
pub struct Feed {
    /// The log it reads.
    pub log: LogName,
    progress: Mutex<Progress>,
    routing: Arc<ArcSwap<Routing>>,
}

impl Feed {
    /// A feed that will start behind `position`.
    #[must_use]
    pub fn new(log: LogName, position: Position, routing: Arc<ArcSwap<Routing>>) -> Self {
        Self {
            log,
            progress: Mutex::new(Progress {
                position,
                ..Progress::default()
            }),
            routing,
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything up to here was offered to the lanes that were level.
    #[must_use]
    pub fn position(&self) -> Position {
        self.progress().position
    }

    /// When an event of this type was last read, in milliseconds since 1970; 0 if none was since the process started.
    #[must_use]
    pub fn type_seen(&self, ty: &str) -> u64 {
        self.progress().types.get(ty).copied().unwrap_or(0)
    }

    /// Reads until the stream ends, which it does only when the broker is closed.
    pub async fn run(self: Arc<Self>, stream: RecordStream) {
        let mut chunks = stream.ready_chunks(CHUNK_MAX);
        while let Some(chunk) = chunks.next().await {
            for record in chunk {
                self.hand_out(record);
            }
            tokio::task::yield_now().await;
        }
    }

    fn hand_out(&self, record: Record) {
        let position = record.position;
        let logged = match log::decode(record) {
            Ok(logged) => Arc::new(logged),
            Err(error) => {
                if error.code != log::LOST_CODE {
                    tracing::error!(log = %self.log, position, %error, "A record in the log is not an event of this bus; it is passed over.");
                }
                self.progress().position = position;
                return;
            }
        };
        // Before the offers, so that an event is never younger than its own match.
        let read = clock::millis_now();
        // Held over the offers, so that a lane joins either before this event or after it.
        let mut progress = self.progress();
        // Looked up now that no lane can join: one that joined before is in it.
        let routing = self.routing.load();
        routing.matcher.matches(&logged.event, clock::now(), |index| {
            if let Some(lane) = routing.lane(index) {
                lane.offer(&logged, Hang::Level);
                #[cfg(feature = "planted-bugs")]
                if crate::planted::is("swap-tenants") {
                    let all = routing.lanes.iter().flatten();
                    all.filter(|other| other.order.partner() != lane.order.partner())
                        .for_each(|other| drop(other.offer(&logged, Hang::Level)));
                }
            }
        });
        progress.position = position;
        match progress.types.get_mut(logged.event.ty()) {
            Some(seen) => *seen = read,
            None => drop(progress.types.insert(logged.event.ty().to_owned(), read)),
        }
        if progress.ring.len() >= RING_MAX {
            progress.ring.pop_front();
        }
        progress.ring.push_back(logged);
    }

    /// Lets a lane hang on this feed again, if nothing lies between them that the ring does not hold. True if
    /// the lane is level now.
    #[must_use]
    pub fn join(&self, lane: &Lane) -> bool {
        let progress = self.progress();
        let Some(next) = lane.next(&self.log) else {
            return true;
        };
        if next <= progress.position {
            let reaches_back = progress.ring.front().is_some_and(|first| first.position <= next);
            if !reaches_back {
                return false;
            }
            for logged in progress.ring.iter().filter(|logged| logged.position >= next) {
                if lane.order.wants(&logged.event, clock::now())
                    && lane.offer(logged, Hang::Behind) == Offer::Full
                {
                    return false;
                }
                lane.pass(&self.log, logged.position);
            }
        }
        lane.hang_level(&self.log, progress.position);
        true
    }
}
