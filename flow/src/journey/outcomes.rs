//! Reads what became of one event from the pages of settle facts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use stadtbus_broker::{Broker, BrokerError, LogName, Position, ReadFrom, ReadOptions, Record};

use super::{Places, building, unreadable};
use crate::{
    Refusal,
    city::{LiveCity, Order},
    lanes::{
        Lanes,
        settled::{Fact, Page},
    },
    log::{Logged, SETTLED_LOG},
    transform::TableVersions,
    written::millis,
};

/// Pages are stamped by the broker's clock and events by ours; so much difference is allowed for.
const CLOCKS_APART: Duration = Duration::from_secs(60);
/// Pages fetched side by side.
const FETCH_MAX: usize = 32;
/// How long the broker may be silent before the end; then there is no answer rather than half of one.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Most pages read that the index has not come to.
const TAIL_MAX: u64 = 4_096;

/// A fact as it was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) fact: Fact,
    /// The plugin that transformed the event then.
    pub(super) plugin: Option<String>,
    /// The tables that the plugin was given then.
    pub(super) tables: TableVersions,
}

/// What is recorded of one event, by the subscription's key.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) by_key: BTreeMap<String, Vec<Recorded>>,
}

impl Outcomes {
    fn take_in(&mut self, logged: &Logged, record: &Record) {
        let (Some(key), Ok(page)) = (record.subject.strip_prefix("settled."), Page::read(record)) else {
            return;
        };
        let about = |fact: &Fact| fact.position == logged.position && fact.log == logged.log;
        for fact in page.facts.into_iter().filter(about) {
            self.by_key.entry(key.to_owned()).or_default().push(Recorded {
                fact,
                plugin: page.plugin.clone(),
                tables: page.tables.clone(),
            });
        }
    }

    /// Adds what is not written down yet. A flush in between can have written it.
    pub(super) fn add(&mut self, key: String, facts: Vec<Recorded>) {
        let known = self.by_key.entry(key).or_default();
        for recorded in facts {
            if !known.contains(&recorded) {
                known.push(recorded);
            }
        }
    }

    fn ended(&self, key: &str) -> bool {
        let facts = self.by_key.get(key);
        facts.is_some_and(|facts| facts.iter().any(|one| one.fact.outcome.is_end()))
    }
}

/// What the lanes of this process know and have not written yet.
pub(super) fn unwritten(
    city: &LiveCity,
    lanes: Option<&Lanes>,
    logged: &Logged,
) -> Vec<(String, Vec<Recorded>)> {
    let facts = |order: &Arc<Order>| {
        let lane = lanes?.lane(order.id().as_str())?;
        let (plugin, tables) = (lane.order.plugin_name(), lane.order.table_versions());
        let facts = lane.unwritten(&logged.log, logged.position).into_iter();
        let recorded = facts.map(|fact| Recorded {
            fact,
            plugin: plugin.clone(),
            tables: tables.clone(),
        });
        Some((order.key(), recorded.collect::<Vec<_>>()))
    };
    let told = city.orders.iter().filter_map(facts);
    told.filter(|(_, facts)| !facts.is_empty()).collect()
}

/// The facts about `logged`. Where no index is kept, reading ends as soon as each of `matching` has come to its end.
pub(super) async fn read(
    broker: &Arc<dyn Broker>,
    places: Option<&Places>,
    logged: &Logged,
    matching: &[String],
) -> Result<Outcomes, Refusal> {
    let log = LogName::new(SETTLED_LOG)?;
    let accepted = logged.provenance.accepted;
    let since = accepted.checked_sub(CLOCKS_APART).unwrap_or(accepted);
    let mut outcomes = Outcomes::default();
    let Some(places) = places else {
        let last = broker.state(&log).await?.last;
        let from = ReadFrom::Time(since);
        let all_ended =
            |outcomes: &Outcomes| !matching.is_empty() && matching.iter().all(|key| outcomes.ended(key));
        tail(broker, &log, from, last, logged, &mut outcomes, all_ended).await?;
        return Ok(outcomes);
    };
    let found = places
        .of_facts(&logged.log, logged.position, millis(since))
        .await
        .map_err(|error| unreadable(&error))?;
    let state = broker.state(&log).await?;
    let covered = found.covered.max(state.first.saturating_sub(1));
    if state.last.saturating_sub(covered) > TAIL_MAX {
        return Err(building(&log, covered, state.last));
    }
    for record in pages(broker, &log, found.places).await? {
        outcomes.take_in(logged, &record);
    }
    if covered < state.last {
        let from = ReadFrom::Position(covered + 1);
        tail(broker, &log, from, state.last, logged, &mut outcomes, |_| false).await?;
    }
    Ok(outcomes)
}

/// These pages, the oldest first; those that are no longer kept are left out.
async fn pages(
    broker: &Arc<dyn Broker>,
    log: &LogName,
    places: Vec<Position>,
) -> Result<Vec<Record>, BrokerError> {
    let fetched = stream::iter(places.into_iter().rev())
        .map(|position| broker.get(log, position))
        .buffered(FETCH_MAX);
    let records: Vec<Option<Record>> = fetched.try_collect().await?;
    Ok(records.into_iter().flatten().collect())
}

/// Reads pages up to `last`, which is there unless the log's retention has removed it together with all others.
async fn tail(
    broker: &Arc<dyn Broker>,
    log: &LogName,
    from: ReadFrom,
    last: Position,
    logged: &Logged,
    outcomes: &mut Outcomes,
    enough: impl Fn(&Outcomes) -> bool,
) -> Result<(), Refusal> {
    let youngest = match last {
        0 => None,
        last => broker.get(log, last).await?,
    };
    let Some(youngest) = youngest else { return Ok(()) };
    // Where no page is as young as the event nothing was settled, and nothing would come.
    if matches!(from, ReadFrom::Time(since) if youngest.stored_at < since) {
        return Ok(());
    }
    let mut stream = broker.read(log, ReadOptions::from(from)).await?;
    let cut_short =
        || BrokerError::Unavailable("what became of the event could not be read to its end".to_owned());
    loop {
        let next = tokio::time::timeout(SILENCE_MAX, stream.next()).await;
        let record = next.map_err(|_| cut_short())?.ok_or_else(cut_short)?;
        outcomes.take_in(logged, &record);
        if record.position >= last || enough(outcomes) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use stadtbus_broker::Entry;
    use stadtbus_broker_memory::{MemoryBroker, Options};
    use tokio::time::Instant;

    use super::*;
    use crate::{Limits, lanes::testing, log::own_log_specs};

    /// The end of the log is known, not waited for: neither behind its last page nor where none is as young as the event.
    #[tokio::test(start_paused = true)]
    async fn reading_ends_where_the_log_does() {
        let memory = MemoryBroker::new(Options::default());
        for spec in own_log_specs(&Limits::default()).unwrap() {
            memory.ensure_log(&spec).await.unwrap();
        }
        let log = LogName::new(SETTLED_LOG).unwrap();
        let broker: Arc<dyn Broker> = Arc::new(memory.clone());
        let logged = testing::logged(1, "urn:a", "k");
        let none = |_: &Outcomes| false;
        let started = Instant::now();
        let page = Entry::new("settled.amt.amt-probe".to_owned(), "");
        let last = memory.append(&log, page).await.unwrap().position;
        let stored = memory.get(&log, last).await.unwrap().unwrap().stored_at;
        let mut outcomes = Outcomes::default();
        for (from, last) in [
            (ReadFrom::Position(1), 0),
            (ReadFrom::Position(1), last),
            (ReadFrom::Time(stored), last),
            (ReadFrom::Time(stored + Duration::from_secs(60)), last),
            // It was removed meanwhile.
            (ReadFrom::Position(1), last + 1),
        ] {
            let told = tail(&broker, &log, from, last, &logged, &mut outcomes, none).await;
            assert!(told.is_ok(), "{from:?} {last}");
        }
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
