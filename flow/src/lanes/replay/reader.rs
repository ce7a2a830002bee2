//! A replay reads its ranges by itself, no faster than it may, and only while its lane has room.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, LogName, Position, ReadFrom, ReadOptions, Record};
use stadtbus_contracts::DataView;
use tokio::sync::Semaphore;

use super::{Range, Replay, missing::Delivered};
use crate::{
    clock,
    lanes::{
        lane::{Hang, Lane, Offer, Room},
        pace::Pace,
    },
    log::{self, Logged},
    route::Decision,
};

/// How long a reader waits for a record before it looks whether there is one at all.
const QUIET: Duration = Duration::from_millis(200);
/// Pause after the broker refused a reader.
const BROKER_PAUSE: Duration = Duration::from_millis(500);

/// What reads for a replay's lane.
pub(in crate::lanes) struct Reader {
    pub(in crate::lanes) broker: Arc<dyn Broker>,
    pub(in crate::lanes) lane: Arc<Lane>,
    pub(in crate::lanes) replay: Arc<Replay>,
    /// The turns of all who read by themselves.
    pub(in crate::lanes) readers: Arc<Semaphore>,
}

impl Reader {
    /// Reads to the end of the ranges, whatever the broker does.
    pub(in crate::lanes) async fn run(self) {
        let mut pace = Pace::new(self.replay.rate_per_s);
        let delivered = self.delivered().await;
        for (log, range) in self.replay.logs().iter().zip(self.replay.ranges.values()) {
            while !self.read(log, range, delivered.as_ref(), &mut pace).await {}
        }
    }

    async fn delivered(&self) -> Option<Delivered> {
        if !self.replay.only_missing {
            return None;
        }
        loop {
            match Delivered::read(&*self.broker, &self.lane.order.rule.key(), &self.replay.ranges).await {
                Ok(delivered) => return Some(delivered),
                Err(error) => self.trouble(&error).await,
            }
        }
    }

    async fn trouble(&self, error: &BrokerError) {
        tracing::warn!(replay = %self.replay.id, subscription = %self.replay.subscription, %error, "A replay cannot read and tries again.");
        tokio::time::sleep(BROKER_PAUSE).await;
    }

    /// True at the end of the range; false if it has to be gone on with.
    async fn read(
        &self,
        log: &LogName,
        range: &Range,
        delivered: Option<&Delivered>,
        pace: &mut Pace,
    ) -> bool {
        let next = match self.lane.next(log) {
            Some(next) if next <= range.last => next,
            _ => return true,
        };
        self.lane.until_room(Room::Some).await;
        let Ok(_turn) = self.readers.acquire().await else {
            return true;
        };
        let options = ReadOptions::from(ReadFrom::Position(next));
        let mut stream = match self.broker.read(log, options).await {
            Ok(stream) => stream,
            Err(error) => {
                self.trouble(&error).await;
                return false;
            }
        };
        loop {
            match tokio::time::timeout(QUIET, stream.next()).await {
                Ok(Some(record)) => {
                    let position = record.position;
                    if position <= range.last && !self.offer(record, delivered, pace).await {
                        return false;
                    }
                    if position >= range.last {
                        self.lane.pass_counting(log, range.last, |_| {});
                        // What is left lies before: it was given back by an earlier life, and may be removed since.
                        return self.nothing_left(log, range.last).await;
                    }
                }
                Ok(None) => return false,
                Err(_quiet) => {
                    if self.nothing_left(log, range.last).await {
                        return true;
                    }
                }
            }
        }
    }

    /// Whether the log's retention removed what was left.
    async fn nothing_left(&self, log: &LogName, last: Position) -> bool {
        let Ok(state) = self.broker.state(log).await else {
            return false;
        };
        self.lane.pass_removed(log, state.first);
        self.lane.next(log).is_none_or(|next| next > last)
    }

    /// False if the lane has no room: then its turn is given to others.
    async fn offer(&self, record: Record, delivered: Option<&Delivered>, pace: &mut Pace) -> bool {
        let (log, position) = (record.log.clone(), record.position);
        if !self.lane.still_wants(&log, position) {
            return true;
        }
        let Ok(logged) = log::decode(record) else {
            tracing::error!(%log, position, "A record in the log is not an event of this bus; it is passed over.");
            self.lane.pass_counting(&log, position, |_| {});
            return true;
        };
        let order = &self.lane.order;
        // Decided first: what a view holds does not go from thread to thread.
        let decision = order.explain_in(&DataView::new(&logged.event), clock::now());
        match decision {
            Decision::OtherType | Decision::NoMatch { .. } => {
                self.lane
                    .pass_counting(&log, position, |tally| tally.unmatched += 1);
            }
            Decision::Refused { .. } => self
                .lane
                .pass_counting(&log, position, |tally| tally.refused += 1),
            Decision::Match if delivered.is_some_and(|delivered| delivered.has(log.as_str(), position)) => {
                self.lane
                    .pass_counting(&log, position, |tally| tally.skipped += 1);
            }
            Decision::Match => {
                pace.turn().await;
                return self.hand_over(logged);
            }
        }
        true
    }

    fn hand_over(&self, logged: Logged) -> bool {
        let order = &self.lane.order;
        let event = match &order.replay {
            // Nobody transforms it after this.
            Some(replay) if order.hands_out_untransformed() => replay.mark(logged.event),
            _ => logged.event,
        };
        let logged = Arc::new(Logged { event, ..logged });
        self.lane.offer(&logged, Hang::Behind) != Offer::Full
    }
}
