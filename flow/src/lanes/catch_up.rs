//! A lane reads by itself until it is level with the shared reader.
//!
//! It reads only while there is room in the lane, gives its reader back when the receiver is slow, and waits
//! its turn, because readers are the part that costs the broker something. A lane that is full for a moment keeps its
//! reader: a new one would fetch again what this one holds already.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, ReadFrom, ReadOptions, Record};
use tokio::sync::Semaphore;

use super::{
    feed::Feed,
    lane::{Hang, Lane, Offer, Room},
};
use crate::{clock, log};

/// How long an idle reader waits before it looks whether the feed can be joined.
const QUIET: Duration = Duration::from_millis(50);
/// How long a full lane keeps its reader; a receiver that needs longer for half a queue is slow.
const PATIENCE: Duration = Duration::from_millis(250);
/// Pause after the broker refused a reader.
const BROKER_PAUSE: Duration = Duration::from_millis(500);

/// Brings `lane` level with `feed`. Returns when it is, and only then.
pub(super) async fn catch_up(
    broker: Arc<dyn Broker>,
    lane: Arc<Lane>,
    feed: Arc<Feed>,
    readers: Arc<Semaphore>,
) {
    loop {
        if feed.join(&lane) {
            return;
        }
        lane.until_room(Room::Half).await;
        let Ok(_permit) = readers.acquire().await else {
            return;
        };
        if read_on(&*broker, &lane, &feed).await {
            return;
        }
    }
}

/// Reads until the lane is level (true) or has no room (false).
async fn read_on(broker: &dyn Broker, lane: &Arc<Lane>, feed: &Feed) -> bool {
    let Some(next) = lane.next(&feed.log) else {
        return true;
    };
    let options = ReadOptions {
        from: ReadFrom::Position(next),
        subject: None,
        headers_only: false,
    };
    let mut stream = match broker.read(&feed.log, options).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(log = %feed.log, subscription = %lane.order.id(), %error, "A lane cannot read its log and tries again.");
            tokio::time::sleep(BROKER_PAUSE).await;
            return false;
        }
    };
    loop {
        match tokio::time::timeout(QUIET, stream.next()).await {
            Ok(Some(record)) => {
                let (log, position) = (record.log.clone(), record.position);
                if !offer(lane, record).await {
                    return false;
                }
                lane.pass(&log, position);
                if position >= feed.position() && feed.join(lane) {
                    return true;
                }
            }
            Ok(None) => return false,
            Err(_quiet) if feed.join(lane) => return true,
            Err(_quiet) => {
                // The log may end below the feed's position where records were removed.
                if let Ok(state) = broker.state(&feed.log).await {
                    lane.pass_removed(&feed.log, state.first);
                    lane.at_end(&feed.log, state.last);
                }
            }
        }
    }
}

/// False if the lane stayed full.
async fn offer(lane: &Lane, record: Record) -> bool {
    let position = record.position;
    let logged = match log::decode(record) {
        Ok(logged) => Arc::new(logged),
        Err(error) => {
            if error.code != log::LOST_CODE {
                tracing::error!(position, %error, "A record in the log is not an event of this bus; it is passed over.");
            }
            return true;
        }
    };
    if !lane.order.wants(&logged.event, clock::now()) {
        lane.pass_over(&logged);
        return true;
    }
    while lane.offer(&logged, Hang::Behind) == Offer::Full {
        if tokio::time::timeout(PATIENCE, lane.until_room(Room::Some))
            .await
            .is_err()
        {
            return false;
        }
    }
    true
}
