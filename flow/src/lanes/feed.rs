//! The shared reader of one log: each event is read once and handed to the lanes of the subscriptions that
//! match.
//!
//! A durable consumer for each subscription would cost the broker twenty to thirty times the work; one
//! ordered reader and cursors kept here do not. Lanes hang on a feed while they are *level*. A lane that is
//! new, full, or behind reads by itself ([`super::catch_up`]) and asks to [`Feed::join`] again; the last events
//! are kept in a small ring so that the rejoining lane need not hit a moving target exactly.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use stadtbus_broker::{LogName, Position, Record, RecordStream};

use super::{
    Routing,
    lane::{Hang, Lane, Offer},
};
use crate::{
    city::Order,
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
    /// The log holds types under contract only.
    types: HashMap<String, Read>,
    /// Lanes that joined and had read further by themselves: what they are not offered is theirs to count from there on.
    ahead: BTreeMap<Position, Vec<Weak<Lane>>>,
}

impl Progress {
    /// How many events were read of the types that an order asks for.
    fn asked(&self, order: &Order) -> u64 {
        let of = |ty| self.types.get(ty).map_or(0, |read| read.events);
        order.types().map(of).sum()
    }
}

/// What was read of one type since the process started.
#[derive(Default)]
struct Read {
    events: u64,
    /// When the last one was, in milliseconds since 1970.
    at_ms: u64,
}

/// The shared readers of a lane, held still: while this lives they offer nothing, so that what the lane holds and how far
/// they are belong together. A reader offers while it holds its own lock: whoever holds a lane's must not ask for one.
#[derive(Default)]
pub(super) struct Still<'f>(Vec<(&'f LogName, MutexGuard<'f, Progress>)>);

impl<'f> Still<'f> {
    pub(super) fn of(feeds: &'f BTreeMap<LogName, Arc<Feed>>, lane: &Lane) -> Self {
        let logs = lane.logs();
        let read = feeds.iter().filter(|(log, _)| logs.contains(log));
        Self(read.map(|(log, feed)| (log, feed.progress())).collect())
    }

    fn find(&self, log: &LogName) -> Option<&Progress> {
        self.0
            .iter()
            .find(|(name, _)| *name == log)
            .map(|(_, progress)| &**progress)
    }

    /// How far the reader of this log is.
    pub(super) fn position(&self, log: &LogName) -> Option<Position> {
        self.find(log).map(|progress| progress.position)
    }

    /// How many events it has read of the types that an order asks for.
    pub(super) fn asked(&self, log: &LogName, order: &Order) -> Option<u64> {
        self.find(log).map(|progress| progress.asked(order))
    }
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
        self.progress().types.get(ty).map_or(0, |read| read.at_ms)
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

    /// Tells lanes that were ahead of this reader that it has come as far as they.
    fn reach(&self, position: Position) {
        let mut progress = self.progress();
        while progress
            .ahead
            .first_key_value()
            .is_some_and(|(at, _)| *at < position)
            && let Some((_, lanes)) = progress.ahead.pop_first()
        {
            for lane in lanes.iter().filter_map(Weak::upgrade) {
                lane.reached(&self.log, progress.asked(&lane.order));
            }
        }
    }

    fn hand_out(&self, record: Record) {
        let position = record.position;
        self.reach(position);
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
        routing.matcher.decide(&logged.event, clock::now(), |index, may| {
            let Some(lane) = routing.lane(index) else { return };
            if !may {
                lane.refuse(&self.log, position);
            } else {
                if lane.offer(&logged, Hang::Level) == Offer::Full {
                    lane.leave(&self.log, progress.asked(&lane.order));
                }
                #[cfg(feature = "planted-bugs")]
                if crate::planted::is("swap-tenants") {
                    let all = routing.lanes.iter().flatten();
                    all.filter(|other| other.order.partner() != lane.order.partner())
                        .for_each(|other| _ = other.offer(&logged, Hang::Level));
                }
            }
        });
        progress.position = position;
        let ty = logged.event.ty();
        if !progress.types.contains_key(ty) {
            progress.types.insert(ty.to_owned(), Read::default());
        }
        if let Some(of_type) = progress.types.get_mut(ty) {
            of_type.events += 1;
            of_type.at_ms = read;
        }
        if progress.ring.len() >= RING_MAX {
            progress.ring.pop_front();
        }
        progress.ring.push_back(logged);
    }

    /// Lets a lane hang on this feed again, if nothing lies between them that the ring does not hold. True if
    /// the lane is level now.
    #[must_use]
    pub fn join(&self, lane: &Arc<Lane>) -> bool {
        let mut progress = self.progress();
        let Some(next) = lane.next(&self.log) else {
            return true;
        };
        if next <= progress.position {
            let reaches_back = progress.ring.front().is_some_and(|first| first.position <= next);
            if !reaches_back {
                return false;
            }
            for logged in progress.ring.iter().filter(|logged| logged.position >= next) {
                if !lane.order.wants(&logged.event, clock::now()) {
                    lane.pass_over(logged);
                } else if lane.offer(logged, Hang::Behind) == Offer::Full {
                    return false;
                }
                lane.pass(&self.log, logged.position);
            }
        }
        if lane.rereads(&self.log) {
            return false;
        }
        let ahead = lane.hang_level(&self.log, progress.position, progress.asked(&lane.order));
        if let Some(seen) = ahead {
            progress.ahead.entry(seen).or_default().push(Arc::downgrade(lane));
        }
        true
    }
}
