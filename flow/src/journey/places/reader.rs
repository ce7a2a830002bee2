//! Builds the index of one log: once from the beginning, then as the log grows.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, BrokerError, LogState, ReadFrom, ReadOptions, Record};

use super::{
    keys,
    run::Run,
    series::{Seen, Series, witness},
};
use crate::written::millis;

/// Records handled before other tasks get a turn.
const CHUNK_MAX: usize = 128;
/// Between two attempts at what did not work.
const PAUSE: Duration = Duration::from_secs(2);
/// How often it is looked what the log's retention has removed.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);

/// What stands in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matter {
    /// Accepted events.
    Events,
    /// Pages of settle facts.
    Pages,
}

impl Matter {
    fn keys(self, record: Record) -> Vec<keys::Key> {
        match self {
            Self::Events => keys::of_event_record(record),
            Self::Pages => keys::of_page_record(&record),
        }
    }
}

/// Reads for ever.
pub(super) async fn run(broker: Arc<dyn Broker>, series: Arc<Series>, matter: Matter) {
    loop {
        match take_up(&*broker, &series).await {
            Ok(()) => break,
            // A log that is made with its first event is not there yet.
            Err(BrokerError::NotFound(_)) => {}
            Err(error) => {
                tracing::debug!(log = %series.log, %error, "The index of a log cannot be taken up yet.");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    loop {
        if let Err(error) = follow(&*broker, &series, matter).await {
            tracing::warn!(log = %series.log, %error, "The index of a log cannot be built; it is tried again.");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Keeps of an earlier life what lies without gap behind the log's first event and is about this very log.
async fn take_up(broker: &dyn Broker, series: &Arc<Series>) -> Result<(), BrokerError> {
    let state = broker.state(&series.log).await?;
    let left = Arc::clone(series);
    let left = tokio::task::spawn_blocking(move || left.left_behind())
        .await
        .map_err(|error| BrokerError::Refused(error.to_string()))?;
    let (mut kept, mut whole): (Vec<Run>, bool) = (Vec::new(), true);
    for run in left {
        let next = kept.last().map_or(state.first.max(1), |run| run.span.to + 1);
        let (old, joins) = (
            run.span.to < state.first,
            run.span.from <= next && run.span.to >= next,
        );
        // What overlaps was left by a life that could not finish; the files before it say the same.
        let joins = joins && (kept.is_empty() || run.span.from == next);
        if whole && !old && joins && is_of_this_log(broker, series, &run, &state).await? {
            kept.push(run);
        } else {
            whole = whole && (old || run.span.to < next);
            run.delete();
        }
    }
    series.resume(kept);
    Ok(())
}

async fn is_of_this_log(
    broker: &dyn Broker,
    series: &Series,
    run: &Run,
    state: &LogState,
) -> Result<bool, BrokerError> {
    if run.span.to > state.last {
        return Ok(false);
    }
    let record = broker.get(&series.log, run.span.last).await?;
    Ok(record.is_some_and(|record| witness(&record) == run.span.witness))
}

/// Forgets what the log does not hold any more.
async fn tidy(broker: &dyn Broker, series: &Series) -> Result<(), BrokerError> {
    let state = broker.state(&series.log).await?;
    if state.last < series.covered() {
        series.forget();
        let shorter = "the log is shorter than its index, which is built anew";
        return Err(BrokerError::Refused(shorter.to_owned()));
    }
    series.forget_before(state.first);
    Ok(())
}

/// Reads behind what is known, until something goes wrong.
async fn follow(broker: &dyn Broker, series: &Arc<Series>, matter: Matter) -> Result<(), BrokerError> {
    tidy(broker, series).await?;
    let options = ReadOptions {
        from: ReadFrom::Position(series.covered() + 1),
        subject: None,
        headers_only: matter == Matter::Events,
    };
    let mut chunks = broker.read(&series.log, options).await?.ready_chunks(CHUNK_MAX);
    let mut retention = tokio::time::interval(RETENTION_INTERVAL);
    retention.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = series.damaged.notified() => {
                series.forget();
                return Err(BrokerError::Refused("a file of the index cannot be read".to_owned()));
            }
            _ = retention.tick() => tidy(broker, series).await?,
            chunk = chunks.next() => match chunk {
                Some(chunk) => take_in(series, matter, chunk).await?,
                None => return Ok(()),
            },
        }
        tokio::task::yield_now().await;
    }
}

async fn take_in(series: &Arc<Series>, matter: Matter, chunk: Vec<Record>) -> Result<(), BrokerError> {
    for record in chunk {
        if !series.takes(record.position) {
            let written = series.write(record.position).await;
            written.map_err(|error| BrokerError::Refused(format!("a file of the index: {error}")))?;
        }
        let seen = Seen {
            position: record.position,
            witness: witness(&record),
            stored_ms: millis(record.stored_at),
        };
        series.add(seen, matter.keys(record));
    }
    Ok(())
}
