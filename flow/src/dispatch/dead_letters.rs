//! Dead letters: listed, counted by reason, shown, edited, sent on their way again, thrown away.
//!
//! *Promise*: a letter leaves only after what takes its place is durable, so that whatever fails on the way leaves it where
//! it was. *What it refuses*: to deliver to somebody who may not have the event any more.

mod again;
mod edit;
mod select;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub use again::{Redrive, Redriven};
use futures_util::{StreamExt, TryStreamExt, stream};
pub use select::{Head, Wanted};
use serde::Serialize;
use stadtbus_broker::{Broker, LogName, Position, ReadFrom, ReadOptions};

use crate::{
    Refusal,
    deliver::dead_letter::DeadLetter,
    log::DEAD_LOG,
    written::{from_millis, rfc3339},
};

/// Most dead letters looked at in one call.
const SCAN_MAX: u64 = 100_000;
/// Letters read, written or removed side by side.
const SIDE_BY_SIDE: usize = 64;
/// How long the next letter is waited for; there is none if it was removed meanwhile.
const NEXT_WITHIN: Duration = Duration::from_secs(2);

/// The dead letters of the bus.
#[derive(Clone)]
pub struct DeadLetters {
    broker: Arc<dyn Broker>,
}

/// One dead letter with its place in the log of dead letters.
#[derive(Debug)]
pub struct Buried {
    /// Its position there; what an operator names it by.
    pub position: Position,
    /// The letter.
    pub letter: DeadLetter,
}

/// The letters that were given up for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// `SB-nnnn`.
    pub code: String,
    /// How many.
    pub count: u64,
    /// Of how many subscriptions.
    pub subscriptions: u64,
    /// When the first of them was given up, RFC 3339.
    pub oldest: String,
    /// When the last of them was, RFC 3339.
    pub newest: String,
}

#[derive(Default)]
struct Counted {
    count: u64,
    subscriptions: std::collections::BTreeSet<(String, String)>,
    oldest_ms: Option<u64>,
    newest_ms: u64,
}

impl DeadLetters {
    /// Dead letters in `broker`.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>) -> Self {
        Self { broker }
    }

    /// Up to `limit` dead letters that are wanted, oldest first, and how many there are in all.
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn list(&self, wanted: &Wanted, limit: usize) -> Result<(Vec<Buried>, u64), Refusal> {
        let heads = self.heads(wanted).await?;
        let matching = heads.len() as u64;
        let first = heads.into_iter().take(limit).map(|head| head.position);
        let letters = stream::iter(first)
            .map(|position| self.find(position))
            .buffered(SIDE_BY_SIDE)
            .try_filter_map(|found| std::future::ready(Ok(found)))
            .try_collect()
            .await?;
        Ok((letters, matching))
    }

    /// How many letters there are for each reason, most first.
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn reasons(&self, wanted: &Wanted) -> Result<Vec<Reason>, Refusal> {
        let mut by_code: BTreeMap<String, Counted> = BTreeMap::new();
        for head in self.heads(wanted).await? {
            let counted = by_code.entry(head.code).or_default();
            counted.count += 1;
            counted.subscriptions.insert((head.partner, head.subscription));
            let oldest = counted.oldest_ms.unwrap_or(head.buried_ms);
            counted.oldest_ms = Some(oldest.min(head.buried_ms));
            counted.newest_ms = counted.newest_ms.max(head.buried_ms);
        }
        let mut reasons: Vec<Reason> = by_code
            .into_iter()
            .map(|(code, counted)| Reason {
                code,
                count: counted.count,
                subscriptions: counted.subscriptions.len() as u64,
                oldest: rfc3339(from_millis(counted.oldest_ms.unwrap_or_default())),
                newest: rfc3339(from_millis(counted.newest_ms)),
            })
            .collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
        Ok(reasons)
    }

    /// One dead letter.
    ///
    /// # Errors
    /// `SB-1505` when there is none at this position.
    pub async fn get(&self, position: Position) -> Result<Buried, Refusal> {
        let unknown = || Refusal::new("SB-1505", "There is no dead letter at this position.");
        self.find(position).await?.ok_or_else(unknown)
    }

    /// Throws letters away. What is not there any more is no error.
    ///
    /// # Errors
    /// `SB-15xx`; some of them may be gone then.
    pub async fn remove(&self, positions: &[Position]) -> Result<(), Refusal> {
        let log = LogName::new(DEAD_LOG)?;
        stream::iter(positions.iter().copied())
            .map(|position| self.broker.remove(&log, position))
            .buffer_unordered(SIDE_BY_SIDE)
            .try_collect::<()>()
            .await?;
        Ok(())
    }

    /// What is known of the wanted letters from their headers, oldest first, at most [`SCAN_MAX`].
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn heads(&self, wanted: &Wanted) -> Result<Vec<Head>, Refusal> {
        let log = LogName::new(DEAD_LOG)?;
        let state = self.broker.state(&log).await?;
        let mut heads = Vec::new();
        if state.count == 0 {
            return Ok(heads);
        }
        let options = ReadOptions {
            headers_only: true,
            ..ReadOptions::from(ReadFrom::Position(state.first))
        };
        let mut stream = self.broker.read(&log, options).await?;
        for _ in 0..state.count.min(SCAN_MAX) {
            let Ok(Some(record)) = tokio::time::timeout(NEXT_WITHIN, stream.next()).await else {
                break;
            };
            if let Some(head) = self.head(&record, wanted).await? {
                heads.push(head);
            }
            if record.position >= state.last {
                break;
            }
        }
        Ok(heads)
    }

    async fn head(&self, record: &stadtbus_broker::Record, wanted: &Wanted) -> Result<Option<Head>, Refusal> {
        let Some(mut head) = Head::of(record).filter(|head| wanted.wants(head)) else {
            return Ok(None);
        };
        // Letters of an older version do not say in their headers of which type their event is.
        if head.ty.is_empty() && wanted.ty.is_some() {
            let Some(buried) = self.find(head.position).await? else {
                return Ok(None);
            };
            buried.letter.event.ty().clone_into(&mut head.ty);
        }
        Ok(Some(head).filter(|head| wanted.wants_type(&head.ty)))
    }

    async fn find(&self, position: Position) -> Result<Option<Buried>, Refusal> {
        let Some(record) = self.broker.get(&LogName::new(DEAD_LOG)?, position).await? else {
            return Ok(None);
        };
        let letter =
            DeadLetter::decode(&record).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        Ok(Some(Buried { position, letter }))
    }
}
