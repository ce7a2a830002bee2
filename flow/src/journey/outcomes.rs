//! Reads what became of one event from the pages of settle facts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, LogName, ReadFrom, ReadOptions};

use crate::{
    Refusal,
    lanes::settled::{Fact, Page},
    log::{Logged, SETTLED_LOG},
};

/// Pages are stamped by the broker's clock and events by ours; so much difference is allowed for.
const CLOCKS_APART: Duration = Duration::from_secs(60);

/// The facts about `logged`, by the subscription's key. Ends as soon as each of `matching` has come to its end.
pub(super) async fn read(
    broker: &Arc<dyn Broker>,
    logged: &Logged,
    matching: &[String],
) -> Result<BTreeMap<String, Vec<Fact>>, Refusal> {
    let mut outcomes: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
    let log = LogName::new(SETTLED_LOG)?;
    let last = broker.state(&log).await?.last;
    if last == 0 {
        return Ok(outcomes);
    }
    let from = ReadFrom::Time(
        logged
            .provenance
            .accepted
            .checked_sub(CLOCKS_APART)
            .unwrap_or(logged.provenance.accepted),
    );
    let mut stream = broker
        .read(
            &log,
            ReadOptions {
                from,
                subject: None,
                headers_only: false,
            },
        )
        .await?;
    // Where no page is as young as the event, nothing comes: then nothing was settled.
    while let Ok(Some(record)) = tokio::time::timeout(Duration::from_secs(2), stream.next()).await {
        let position = record.position;
        if let (Some(key), Ok(page)) = (record.subject.strip_prefix("settled."), Page::read(&record)) {
            let about = |fact: &Fact| fact.position == logged.position && fact.log == logged.log;
            for fact in page.facts.into_iter().filter(about) {
                outcomes.entry(key.to_owned()).or_default().push(fact);
            }
        }
        let ended = |key: &String| {
            outcomes
                .get(key)
                .is_some_and(|facts| facts.iter().any(|fact| fact.outcome.is_end()))
        };
        if position >= last || (!matching.is_empty() && matching.iter().all(ended)) {
            break;
        }
    }
    Ok(outcomes)
}
