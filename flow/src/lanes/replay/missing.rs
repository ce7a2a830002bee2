//! Which events of a range were delivered before, as the settle facts say.
//!
//! One bit for each position of the ranges, however many facts there are.

use std::{collections::BTreeMap, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, LogName, Position, ReadFrom, ReadOptions};

use super::Range;
use crate::{
    lanes::{Outcome, settled::Page},
    log::SETTLED_LOG,
};

/// Pages are stamped by the broker's clock as the events are, but the first event of a range may be settled as soon as it is
/// stored.
const BEFORE: Duration = Duration::from_secs(60);
/// How long the next page is waited for, of which it is known that it is there.
const NEXT_WITHIN: Duration = Duration::from_secs(30);

/// The positions of one log.
struct Bits {
    first: Position,
    words: Vec<u64>,
}

impl Bits {
    fn of(range: &Range) -> Self {
        let width = range.last.saturating_sub(range.first) / 64 + 1;
        Self {
            first: range.first,
            words: vec![0; usize::try_from(width).unwrap_or(0)],
        }
    }

    fn place(&self, position: Position) -> Option<(usize, u64)> {
        let at = position.checked_sub(self.first)?;
        Some((usize::try_from(at / 64).ok()?, 1 << (at % 64)))
    }

    fn set(&mut self, position: Position) {
        if let Some((word, bit)) = self.place(position)
            && let Some(word) = self.words.get_mut(word)
        {
            *word |= bit;
        }
    }

    fn has(&self, position: Position) -> bool {
        self.place(position)
            .is_some_and(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }
}

/// What was delivered to a subscription's own sink.
pub(super) struct Delivered {
    logs: BTreeMap<String, Bits>,
}

impl Delivered {
    /// Reads it for the subscription with this key: what it was delivered, and what replays into its own sink were.
    pub(super) async fn read(
        broker: &dyn Broker,
        key: &str,
        ranges: &BTreeMap<String, Range>,
    ) -> Result<Self, BrokerError> {
        let logs = ranges
            .iter()
            .map(|(log, range)| (log.clone(), Bits::of(range)))
            .collect();
        let mut delivered = Self { logs };
        let from = begin(broker, ranges).await?;
        let own = format!("settled.{key}");
        delivered.add(broker, from, own.clone(), own).await?;
        let (replays, end) = (format!("settled.{key}.>"), format!("settled.{key}.end"));
        delivered.add(broker, from, replays, end).await?;
        Ok(delivered)
    }

    /// Whether the event at this position was delivered.
    pub(super) fn has(&self, log: &str, position: Position) -> bool {
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is("replay-all") {
            return false;
        }
        self.logs.get(log).is_some_and(|bits| bits.has(position))
    }

    /// Adds what pages under `filter` say. An empty page at `end`, which the filter lets through, shows where they end: those of
    /// other subscriptions are not read.
    async fn add(
        &mut self,
        broker: &dyn Broker,
        from: ReadFrom,
        filter: String,
        end: String,
    ) -> Result<(), BrokerError> {
        let settled = LogName::new(SETTLED_LOG)?;
        let page = Page {
            plugin: None,
            tables: crate::transform::TableVersions::new(),
            replay: None,
            elsewhere: false,
            facts: Vec::new(),
        };
        let entry = page
            .entry(end)
            .map_err(|error| BrokerError::Refused(error.to_string()))?;
        let end = broker.append(&settled, entry).await?.position;
        let mut stream = broker
            .read(&settled, ReadOptions::from(from).subject(filter))
            .await?;
        loop {
            let Ok(Some(record)) = tokio::time::timeout(NEXT_WITHIN, stream.next()).await else {
                return Err(BrokerError::Unavailable(
                    "the settle facts cannot be read".to_owned(),
                ));
            };
            if let Ok(page) = Page::read(&record)
                && !page.elsewhere
            {
                self.take(&page);
            }
            if record.position >= end {
                return Ok(());
            }
        }
    }

    fn take(&mut self, page: &Page) {
        let delivered = page
            .facts
            .iter()
            .filter(|fact| fact.outcome == Outcome::Delivered);
        for fact in delivered {
            if let Some(bits) = self.logs.get_mut(fact.log.as_str()) {
                bits.set(fact.position);
            }
        }
    }
}

/// No event of the ranges was settled before it was stored.
async fn begin(broker: &dyn Broker, ranges: &BTreeMap<String, Range>) -> Result<ReadFrom, BrokerError> {
    let mut earliest = None;
    for (log, range) in ranges {
        match broker.get(&LogName::new(log)?, range.first).await? {
            // It may be removed already; then nothing says how far back.
            None => return Ok(ReadFrom::Position(1)),
            Some(record) => {
                earliest = Some(earliest.map_or(record.stored_at, |known| record.stored_at.min(known)))
            }
        }
    }
    let from = earliest.and_then(|time| time.checked_sub(BEFORE));
    Ok(from.map_or(ReadFrom::Position(1), ReadFrom::Time))
}
