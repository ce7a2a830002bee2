//! Reading once more what was confirmed: a reader came with a bookmark that lies before that.
//!
//! It may have been put back to an older state, and asks for what it no longer has. These events are settled, so nothing
//! in the lane moves: they are read from the log by the rule that holds now, until the reader is where it has been.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, LogName, Position, ReadFrom, ReadOptions, Record};

use super::{Batch, Ended, Given};
use crate::{
    clock,
    deliver::bookmark::Bookmark,
    lanes::{Item, Lane},
    log,
};

/// Most records looked at for one answer.
const LOOK_MAX: usize = 5_000;
/// How long a record is waited for that must be there.
const QUIET: Duration = Duration::from_millis(500);

/// Up to `max` events behind `at`, as far as was confirmed; none if `at` does not lie before that.
pub(super) async fn read_back(
    broker: &dyn Broker,
    lane: &Lane,
    at: &Bookmark,
    max: usize,
) -> Result<Option<Batch>, Ended> {
    let confirmed = lane.confirmed();
    let behind = at.read.iter().find_map(|(log, read)| {
        let to = *confirmed.get(log).filter(|to| read < to)?;
        Some((log.clone(), *read, to))
    });
    let Some((log, read, to)) = behind else {
        return Ok(None);
    };
    let mut back = Back {
        lane,
        log,
        read: at.read.clone(),
        events: Vec::new(),
    };
    back.fill(broker, read + 1, to, max)
        .await
        .map_err(Ended::Broker)?;
    let next = back.bookmark();
    Ok(Some(Batch {
        events: back.events,
        next,
    }))
}

struct Back<'a> {
    lane: &'a Lane,
    log: LogName,
    read: BTreeMap<LogName, Position>,
    events: Vec<Given>,
}

impl Back<'_> {
    async fn fill(
        &mut self,
        broker: &dyn Broker,
        first: Position,
        to: Position,
        max: usize,
    ) -> Result<(), BrokerError> {
        let options = ReadOptions::from(ReadFrom::Position(first));
        let mut stream = broker.read(&self.log, options).await?;
        for _ in 0..LOOK_MAX {
            let Ok(Some(record)) = tokio::time::timeout(QUIET, stream.next()).await else {
                // Nothing is left up to there, or it is not known: then the reader asks again.
                if broker.state(&self.log).await?.first > to {
                    self.passed(to);
                }
                return Ok(());
            };
            let position = record.position.min(to);
            if record.position > to {
                self.passed(to);
                return Ok(());
            }
            self.passed(position);
            self.take(record);
            if self.events.len() >= max || position >= to {
                return Ok(());
            }
        }
        Ok(())
    }

    fn passed(&mut self, position: Position) {
        self.read.insert(self.log.clone(), position);
    }

    fn bookmark(&self) -> Bookmark {
        Bookmark::new(&self.lane.order.key(), 0, 0, self.read.clone())
    }

    fn take(&mut self, record: Record) {
        let Ok(logged) = log::decode(record) else {
            return;
        };
        let wanted = self.lane.order.wants(&logged.event, clock::now());
        let logged = Arc::new(logged);
        if wanted && !Item::new(Arc::clone(&logged)).has_expired() {
            let bookmark = self.bookmark();
            self.events.push(Given { bookmark, logged });
        }
    }
}
