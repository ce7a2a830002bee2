//! Whether anything is missing between a source and the log.
//!
//! *Promise*: for a stretch of one partner's log, what each source published there, and which numbers of its own count are
//! missing. A source that numbers its events (the `sequence` extension, a decimal number) can be checked against itself:
//! what it sent and the bus never accepted leaves a gap. One that does not number can only be checked against the log:
//! positions whose event was lost. *Refuses*: to look at more than [`SPAN_MAX`] positions at a time.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use stadtbus_broker::{Broker, BrokerError, LogName, Position, ReadFrom, ReadOptions, Record};
use stadtbus_event::{Event, PartnerId, extensions::Sequence};
use tokio::time::{Duration, timeout};

use crate::{
    Refusal,
    log::{LOST_CODE, decode, log_of},
};

/// Most positions in one question.
pub const SPAN_MAX: u64 = 100_000;
/// Most sources in one answer.
const SOURCES_MAX: usize = 1_000;
/// Most gaps that are named for a source, or for the log; all are counted.
const GAPS_MAX: usize = 100;
/// How long the log may be silent before its end.
const STALL: Duration = Duration::from_secs(3);

/// Numbers or positions from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

/// What one source published in the stretch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source.
    pub source: String,
    /// Its events.
    pub events: u64,
    /// Events without a number in `sequence`.
    pub unnumbered: u64,
    /// The lowest number.
    pub first: Option<u64>,
    /// The highest number.
    pub last: Option<u64>,
    /// Numbers between them that are missing.
    pub missing: u64,
    /// Where, at most the first hundred.
    pub gaps: Vec<Gap>,
    /// Events whose number another event has, too.
    pub repeated: u64,
    /// Events with a lower number than one before them.
    pub out_of_order: u64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The log.
    pub log: String,
    /// The first position that was looked at.
    pub from: Position,
    /// The last one.
    pub to: Position,
    /// Positions whose event is lost.
    pub lost: u64,
    /// Where, at most the first hundred.
    pub lost_at: Vec<Gap>,
    /// The sources, by name.
    pub sources: Vec<SourceReport>,
}

/// Which stretch of a log, and whose events.
#[derive(Debug, Clone, Default)]
pub struct Stretch {
    /// Only this source.
    pub source: Option<String>,
    /// The first position; the newest [`SPAN_MAX`] if there is none.
    pub from: Option<Position>,
    /// The last position; as far as the span goes if there is none.
    pub to: Option<Position>,
}

#[derive(Default)]
struct Count {
    events: u64,
    numbers: Vec<u64>,
    highest: Option<u64>,
    out_of_order: u64,
}

impl Count {
    fn add(&mut self, event: &Event) {
        self.events += 1;
        let sequence = Sequence::of(event).ok().flatten();
        let Some(number) = sequence.and_then(|sequence| sequence.value.parse().ok()) else {
            return;
        };
        self.out_of_order += u64::from(self.highest.is_some_and(|highest| number < highest));
        self.highest = self.highest.max(Some(number));
        self.numbers.push(number);
    }

    fn report(mut self, source: String) -> SourceReport {
        let numbered = self.numbers.len() as u64;
        self.numbers.sort_unstable();
        self.numbers.dedup();
        let (missing, gaps) = gaps(&self.numbers);
        SourceReport {
            source,
            events: self.events,
            unnumbered: self.events - numbered,
            first: self.numbers.first().copied(),
            last: self.numbers.last().copied(),
            missing,
            gaps,
            repeated: numbered - self.numbers.len() as u64,
            out_of_order: self.out_of_order,
        }
    }
}

/// What lies between the numbers, which are in order.
fn gaps(numbers: &[u64]) -> (u64, Vec<Gap>) {
    let (mut missing, mut gaps) = (0_u64, Vec::new());
    for (before, after) in numbers.iter().zip(numbers.iter().skip(1)) {
        let between = after - before - 1;
        if between > 0 {
            missing = missing.saturating_add(between);
            if gaps.len() < GAPS_MAX {
                gaps.push(Gap {
                    from: before + 1,
                    to: after - 1,
                });
            }
        }
    }
    (missing, gaps)
}

/// Looks at a stretch of the log of `partner`.
///
/// # Errors
/// `SB-1119` when the stretch is too long or ends before it begins, or when too many sources published in it; `SB-15xx`
/// when the broker does not answer, or a record is no event.
pub async fn check(broker: &dyn Broker, partner: &PartnerId, asked: &Stretch) -> Result<Report, Refusal> {
    let log = log_of(partner)?;
    let state = broker.state(&log).await?;
    let to = asked.to.unwrap_or(match asked.from {
        Some(from) => from.saturating_add(SPAN_MAX - 1),
        None => state.last,
    });
    let from = asked.from.unwrap_or((to + 1).saturating_sub(SPAN_MAX));
    let too_much = to.saturating_sub(from) >= SPAN_MAX;
    if too_much || (asked.from.is_some() && asked.to.is_some_and(|to| to < from)) {
        let detail = format!("`from` to `to` must be 1 to {SPAN_MAX} positions.");
        return Err(Refusal::new("SB-1119", detail).at("/to"));
    }
    let (from, to) = (from.max(state.first).max(1), to.min(state.last));
    let mut seen = Seen::default();
    read(broker, &log, (from, to), asked, &mut seen).await?;
    let (count, lost_at) = runs(&seen.lost);
    Ok(Report {
        log: log.to_string(),
        from,
        to,
        lost: count,
        lost_at,
        sources: seen
            .sources
            .into_iter()
            .map(|(source, count)| count.report(source))
            .collect(),
    })
}

/// What stands in a stretch.
#[derive(Default)]
struct Seen {
    lost: Vec<Position>,
    sources: BTreeMap<String, Count>,
}

impl Seen {
    fn take(&mut self, record: Record, asked: &Stretch) -> Result<(), Refusal> {
        let position = record.position;
        match decode(record) {
            Ok(logged) => self.count(asked, &logged.event),
            Err(refusal) if refusal.code == LOST_CODE => {
                self.lost.push(position);
                Ok(())
            }
            Err(refusal) => Err(refusal),
        }
    }

    fn count(&mut self, asked: &Stretch, event: &Event) -> Result<(), Refusal> {
        let source = event.source();
        if asked.source.as_deref().is_some_and(|wanted| wanted != source) {
            return Ok(());
        }
        if !self.sources.contains_key(source) && self.sources.len() >= SOURCES_MAX {
            let detail = format!("More than {SOURCES_MAX} sources published here: ask for one of them.");
            return Err(Refusal::new("SB-1119", detail).at("/source"));
        }
        self.sources.entry(source.to_owned()).or_default().add(event);
        Ok(())
    }
}

/// Reads every position from the first to the last.
async fn read(
    broker: &dyn Broker,
    log: &LogName,
    (from, to): (Position, Position),
    asked: &Stretch,
    seen: &mut Seen,
) -> Result<(), Refusal> {
    if from > to {
        return Ok(());
    }
    let options = ReadOptions {
        headers_only: true,
        ..ReadOptions::from(ReadFrom::Position(from))
    };
    let mut records = broker.read(log, options).await?;
    let mut next = from;
    while next <= to {
        let Ok(Some(record)) = timeout(STALL, records.next()).await else {
            break;
        };
        let position = record.position;
        seen.lost.extend(next..position.min(to + 1));
        next = position + 1;
        if position <= to {
            seen.take(record, asked)?;
        }
    }
    // A broker that is silent has not said that they are lost.
    while next <= to {
        if broker.get(log, next).await?.is_some() {
            let silent = BrokerError::Unavailable(format!("{log} could not be read to its end"));
            return Err(silent.into());
        }
        seen.lost.push(next);
        next += 1;
    }
    Ok(())
}

/// Positions in order as stretches.
fn runs(positions: &[Position]) -> (u64, Vec<Gap>) {
    let mut runs: Vec<Gap> = Vec::new();
    for position in positions {
        let open = runs.len() < GAPS_MAX;
        match runs.last_mut().filter(|run| run.to + 1 == *position) {
            Some(run) => run.to = *position,
            None if open => runs.push(Gap {
                from: *position,
                to: *position,
            }),
            None => {}
        }
    }
    (positions.len() as u64, runs)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stadtbus_broker::{LogSpec, Position};
    use stadtbus_broker_memory::{Faults, MemoryBroker};

    use super::*;
    use crate::log::{Provenance, encode, placeholder};

    async fn with(
        broker: &MemoryBroker,
        partner: &PartnerId,
        id: &str,
        source: &str,
        sequence: Option<&str>,
    ) {
        let mut event = Event::builder(id, source, "t");
        if let Some(sequence) = sequence {
            event = event.extension("sequence", sequence);
        }
        let provenance = Provenance {
            partner: partner.clone(),
            by: "system:s".to_owned(),
            token_id: String::new(),
            accepted: std::time::SystemTime::now(),
            contract: "c@1".to_owned(),
            hops: 0,
            cause: None,
            traceparent: None,
        };
        let entry = encode(partner, &event.build().unwrap(), &provenance);
        broker.append(&log_of(partner).unwrap(), entry).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn gaps_repeats_and_lost_positions_are_told_apart() {
        let partner = PartnerId::parse("werk").unwrap();
        let log = log_of(&partner).unwrap();
        let broker = MemoryBroker::default();
        let spec = LogSpec::new(log.clone(), vec!["log.werk.>".to_owned()]);
        broker.ensure_log(&spec).await.unwrap();
        for (n, number) in [1, 2, 5, 4, 9, 9].iter().enumerate() {
            let number = format!("{number:04}");
            with(&broker, &partner, &format!("a{n}"), "urn:a", Some(&number)).await;
        }
        broker.append(&log, placeholder(&log)).await.unwrap();
        with(&broker, &partner, "b", "urn:b", None).await;
        with(&broker, &partner, "c", "urn:b", None).await;
        broker.remove(&log, 8).await.unwrap();
        let broker: Arc<dyn Broker> = Arc::new(broker);
        let report = check(&*broker, &partner, &Stretch::default()).await.unwrap();
        assert_eq!((report.from, report.to, report.lost), (1, 9, 2));
        assert_eq!(report.lost_at, vec![Gap { from: 7, to: 8 }]);
        let a = &report.sources[0];
        assert_eq!((a.events, a.first, a.last), (6, Some(1), Some(9)));
        assert_eq!((a.missing, a.repeated, a.out_of_order), (4, 1, 1));
        assert_eq!(a.gaps, vec![Gap { from: 3, to: 3 }, Gap { from: 6, to: 8 }]);
        let b = &report.sources[1];
        assert_eq!((b.events, b.unnumbered, b.missing), (1, 1, 0));
        let stretch = |from: Position, to: Position| Stretch {
            source: Some("urn:a".to_owned()),
            from: Some(from),
            to: Some(to),
        };
        let part = check(&*broker, &partner, &stretch(2, 3)).await.unwrap();
        assert_eq!((part.sources.len(), part.sources[0].missing), (1, 2));
        for wrong in [stretch(3, 2), stretch(1, SPAN_MAX + 1)] {
            assert_eq!(
                check(&*broker, &partner, &wrong).await.unwrap_err().code,
                "SB-1119"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_broker_is_no_loss() {
        let partner = PartnerId::parse("werk").unwrap();
        let log = log_of(&partner).unwrap();
        let broker = MemoryBroker::default();
        let spec = LogSpec::new(log, vec!["log.werk.>".to_owned()]);
        broker.ensure_log(&spec).await.unwrap();
        for n in 0..50 {
            with(&broker, &partner, &format!("a{n}"), "urn:a", None).await;
        }
        broker.set_faults(Faults {
            read_stall: Duration::from_secs(3_600),
            ..broker.faults()
        });
        let told = check(&broker, &partner, &Stretch::default()).await;
        assert_eq!(told.unwrap_err().code, "SB-1501");
    }
}
