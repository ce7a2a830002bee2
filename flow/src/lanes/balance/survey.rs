//! What stands in a log: positions by type, read for the left side of the books and for nothing else.

use std::collections::HashMap;

use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, LogName, Position, ReadFrom, ReadOptions};
use tokio::time::{Duration, timeout};

use super::count;

/// Most positions read of one log in one look; the rest is for the next.
const READ_MAX: u64 = 200_000;
/// How long the log may be silent before its end.
const STALL: Duration = Duration::from_secs(3);

/// Stretches of one log, by what stands in them.
#[derive(Debug, Default)]
pub(super) struct Survey {
    first: Position,
    /// First and last position of each stretch, in order, not touching.
    looked_at: Vec<(Position, Position)>,
    types: HashMap<Box<str>, Vec<Position>>,
}

impl Survey {
    /// Looks at what lies behind the first and up to the second position of each of these, as far as it is wanted and not too
    /// much. The newest stretches come first.
    pub(super) async fn of(
        broker: &dyn Broker,
        log: &LogName,
        wanted: Vec<(Position, Position)>,
    ) -> Result<Self, BrokerError> {
        let state = broker.state(log).await?;
        let mut survey = Self {
            first: state.first,
            ..Self::default()
        };
        let mut left = READ_MAX;
        for (from, to) in merged(wanted, state.first, state.last).into_iter().rev() {
            if left == 0 {
                break;
            }
            let to = to.min(from.saturating_add(left - 1));
            left -= to - from + 1;
            survey.read(broker, log, from, to).await?;
        }
        survey.looked_at.reverse();
        survey
            .types
            .values_mut()
            .for_each(|positions| positions.sort_unstable());
        Ok(survey)
    }

    async fn read(
        &mut self,
        broker: &dyn Broker,
        log: &LogName,
        from: Position,
        to: Position,
    ) -> Result<(), BrokerError> {
        let options = ReadOptions {
            headers_only: true,
            ..ReadOptions::from(ReadFrom::Position(from))
        };
        let mut records = broker.read(log, options).await?;
        let mut last = from.saturating_sub(1);
        while last < to {
            let Ok(Some(record)) = timeout(STALL, records.next()).await else {
                // Silence is no end, unless there is nothing at the end any more.
                if broker.get(log, to).await?.is_none() {
                    break;
                }
                return Err(BrokerError::Unavailable(format!(
                    "{log} could not be read to its end"
                )));
            };
            last = record.position;
            if last <= to
                && let Some(ty) = type_of(&record.subject)
            {
                match self.types.get_mut(ty) {
                    Some(positions) => positions.push(last),
                    None => drop(self.types.insert(ty.into(), vec![last])),
                }
            }
        }
        self.looked_at.push((from, to));
        Ok(())
    }

    /// A log of events of one type, as it is looked at.
    #[cfg(test)]
    pub(super) fn made(ty: &str, first: Position, last: Position) -> Self {
        Self {
            first,
            looked_at: vec![(first, last)],
            types: HashMap::from([(ty.into(), (first..=last).collect())]),
        }
    }

    /// The first position that is still in the log.
    pub(super) fn first(&self) -> Position {
        self.first
    }

    /// How far everything behind `after` is known. What was removed is known to be gone.
    pub(super) fn reach(&self, after: Position) -> Position {
        let after = after.max(self.first.saturating_sub(1));
        self.looked_at
            .iter()
            .find(|(from, to)| *from <= after + 1 && after < *to)
            .map_or(after, |(_, to)| *to)
    }

    /// How many events of these types stand behind `after` and up to `to`.
    pub(super) fn count(&self, types: &[String], after: Position, to: Position) -> i64 {
        let within = |positions: &Vec<Position>| {
            let below = |bound| positions.partition_point(|position| *position <= bound);
            below(to).saturating_sub(below(after))
        };
        let found = types.iter().filter_map(|ty| self.types.get(ty.as_str()));
        count(found.map(within).sum())
    }
}

/// `log.<partner>.<type>`, whose type may have dots.
fn type_of(subject: &str) -> Option<&str> {
    subject.strip_prefix("log.")?.split_once('.').map(|(_, ty)| ty)
}

/// The stretches in order, those that touch made one, as far as the log reaches.
fn merged(
    mut wanted: Vec<(Position, Position)>,
    first: Position,
    last: Position,
) -> Vec<(Position, Position)> {
    wanted.sort_unstable();
    let mut merged: Vec<(Position, Position)> = Vec::new();
    for (after, to) in wanted {
        let (from, to) = ((after + 1).max(first), to.min(last));
        if from > to {
            continue;
        }
        match merged.last_mut().filter(|(_, end)| from <= *end + 1) {
            Some((_, end)) => *end = to.max(*end),
            None => merged.push((from, to)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn types_keep_their_dots() {
        assert_eq!(
            type_of("log.ngn.de.krefeld.netz.stoerung.v1"),
            Some("de.krefeld.netz.stoerung.v1")
        );
        assert_eq!(type_of("settled.ngn.x"), None);
    }

    proptest! {
        /// Whatever is wanted is in exactly one stretch.
        #[test]
        fn stretches_are_merged(wanted in prop::collection::vec((0u64..60, 0u64..60), 0..12), first in 1u64..20, last in 20u64..60) {
            let merged = merged(wanted.clone(), first, last);
            for position in 0..70 {
                let asked = position >= first && position <= last
                    && wanted.iter().any(|(after, to)| position > *after && position <= *to);
                let found = merged.iter().filter(|(from, to)| (*from..=*to).contains(&position)).count();
                prop_assert_eq!(found, usize::from(asked));
            }
            for pair in merged.windows(2) {
                prop_assert!(pair[0].1 + 1 < pair[1].0);
            }
        }
    }
}
