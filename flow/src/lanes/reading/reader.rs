//! One reader of one lane, from the bookmark it came with.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use stadtbus_broker::{Broker, LogName};
use tokio::{sync::Semaphore, time::Instant};

use super::{Batch, Ended, Level, back::read_back};
use crate::{
    Refusal,
    deliver::bookmark::{Bookmark, Unusable},
    lanes::{Feed, Lane, Lanes},
};

#[cfg(test)]
mod tests;

/// One reader of one lane. Whoever begins later ends it.
pub struct Reading {
    lane: Arc<Lane>,
    turn: u64,
    broker: Arc<dyn Broker>,
    feeds: BTreeMap<LogName, Arc<Feed>>,
    readers: Arc<Semaphore>,
    /// Where it is, while that lies before what was confirmed.
    back_at: Option<Bookmark>,
}

impl Lanes {
    /// Begins to read a lane behind `after`, or at the first event that is not confirmed.
    ///
    /// # Errors
    /// When the bookmark cannot be used (`SB-2051` to `SB-2054`, `SB-2057`), or the broker does not answer.
    pub async fn read(&self, lane: &Arc<Lane>, after: Option<&str>) -> Result<Reading, Refusal> {
        let after = match after {
            None => None,
            Some(text) => Some(usable(&*self.broker, lane, text).await?),
        };
        let back_at = after.clone().filter(|after| goes_back(lane, after));
        let takes_up = lane.order.transform.is_none() && lane.order.replay.is_none();
        if back_at.is_some() && !takes_up {
            let detail = "The cursor lies before what was confirmed, and here nothing can be read twice.";
            let hint = format!("stadtbus replay start {} --help", lane.order.id());
            return Err(Refusal::new("SB-2057", detail).hint(hint));
        }
        let (turn, buried) = lane.begin_reading(after.as_ref());
        for (item, code, detail) in buried {
            self.dispatcher.give_up(lane, item, code, detail).await;
        }
        Ok(Reading {
            lane: Arc::clone(lane),
            turn,
            broker: Arc::clone(&self.broker),
            feeds: self.feeds().clone(),
            readers: Arc::clone(&self.readers),
            back_at,
        })
    }

    /// The reader has everything up to this bookmark. Returns how many events that settled.
    ///
    /// # Errors
    /// As [`Lanes::read`].
    pub async fn confirm(&self, lane: &Lane, bookmark: &str) -> Result<usize, Refusal> {
        let bookmark = usable(&*self.broker, lane, bookmark).await?;
        Ok(lane.confirm(&bookmark))
    }
}

/// Reads a bookmark, and compares it with the logs.
async fn usable(broker: &dyn Broker, lane: &Lane, text: &str) -> Result<Bookmark, Refusal> {
    let bookmark = Bookmark::parse(text, &lane.order.key()).map_err(|why| match why {
        Unusable::Unreadable => Refusal::new(
            "SB-2051",
            "This is no cursor of this bus, or it was cut or changed.",
        ),
        Unusable::Foreign => Refusal::new(
            "SB-2052",
            "This cursor belongs to another subscription or replay.",
        ),
    })?;
    let mut oldest = Bookmark::new(&lane.order.key(), 0, 0, bookmark.read.clone());
    let mut gone = Vec::new();
    for (log, read) in &bookmark.read {
        if lane.next(log).is_none() {
            continue;
        }
        let state = broker.state(log).await?;
        if *read > state.last {
            let detail = format!(
                "The cursor says that {log} was read up to position {read}, but it ends at {}.",
                state.last
            );
            return Err(Refusal::new("SB-2053", detail));
        }
        if read + 1 < state.first {
            gone.push(format!("{log} {} to {}", read + 1, state.first - 1));
            oldest.read.insert(log.clone(), state.first - 1);
        }
    }
    if gone.is_empty() {
        return Ok(bookmark);
    }
    // What it covers is confirmed all the same.
    lane.confirm(&bookmark);
    let detail = format!(
        "Since this cursor, positions were removed because of their age ({}). There may have been events for you.",
        gone.join(", ")
    );
    let hint = format!("The oldest that is there follows on this cursor: {oldest}");
    Err(Refusal::new("SB-2054", detail).hint(hint))
}

fn goes_back(lane: &Lane, bookmark: &Bookmark) -> bool {
    let confirmed = lane.confirmed();
    bookmark
        .read
        .iter()
        .any(|(log, read)| confirmed.get(log).is_some_and(|confirmed| read < confirmed))
}

impl Reading {
    /// Up to `max` events, waiting up to `wait` for the first; possibly none.
    ///
    /// # Errors
    /// Why there will be no more.
    pub async fn next(&mut self, max: usize, wait: Duration) -> Result<Batch, Ended> {
        // Whoever gives up waiting must be able to ask again: nothing is changed before there is an answer.
        if let Some(at) = self.back_at.clone() {
            let Ok(_turn) = self.readers.acquire().await else {
                return Err(Ended::Closed);
            };
            self.lane.still_reads(self.turn)?;
            let batch = read_back(&*self.broker, &self.lane, &at, max).await?;
            let next = batch.as_ref().map(|batch| batch.next.clone());
            self.back_at = next.filter(|at| goes_back(&self.lane, at));
            if let Some(batch) = batch {
                return Ok(batch);
            }
        }
        let feeds = &self.feeds;
        let level = || -> Level {
            let positions = feeds.iter().map(|(log, feed)| (log.clone(), feed.position()));
            positions.collect()
        };
        self.lane.read(self.turn, max, wait, level).await
    }

    /// Since when it owes a confirmation.
    #[must_use]
    pub fn unconfirmed_since(&self) -> Option<Instant> {
        self.lane.unconfirmed_since()
    }

    /// Waits until something was confirmed, at most so long. False if too much is owed still.
    pub async fn until_confirmed(&self, within: Duration) -> bool {
        tokio::time::timeout(within, self.lane.until_confirmed())
            .await
            .is_ok()
    }

    /// It has everything up to there. Returns how many events that settled.
    pub fn confirm(&self, bookmark: &Bookmark) -> usize {
        self.lane.confirm(bookmark)
    }
}
