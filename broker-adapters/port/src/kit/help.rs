//! What the cases share: making logs, waiting with a deadline, saying what is wrong.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt;

use super::Fixture;
use crate::{Appended, Broker, BrokerError, Entry, LogName, LogSpec, Record, RecordStream};

/// How long a case waits for something that must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// How long a case watches that something does not come.
pub(super) const SILENCE: Duration = Duration::from_millis(300);

/// What was not as promised.
#[derive(Debug, Clone)]
pub struct Failure(String);

impl Failure {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<BrokerError> for Failure {
    fn from(error: BrokerError) -> Self {
        Self(format!("unexpected refusal: {error:?}"))
    }
}

pub(super) type Outcome = Result<(), Failure>;

/// Fails with the sentence unless it holds.
pub(super) fn that(holds: bool, otherwise: impl fmt::Display) -> Outcome {
    if holds {
        Ok(())
    } else {
        Err(Failure(otherwise.to_string()))
    }
}

/// Fails unless both are equal.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, is: &T, should: &T) -> Outcome {
    that(
        is == should,
        format_args!("{what} is {is:?} and should be {should:?}"),
    )
}

/// A log of its own for a case: `KIT_<name>` with the subjects `kit.<name>.>`.
pub(super) async fn log(
    fixture: &Arc<dyn Fixture>,
    name: &str,
) -> Result<(Arc<dyn Broker>, LogName), Failure> {
    let spec = spec(name)?;
    let broker = fixture.broker();
    broker.ensure_log(&spec).await?;
    Ok((broker, spec.name))
}

pub(super) fn spec(name: &str) -> Result<LogSpec, Failure> {
    let log = LogName::new(&format!("KIT_{}", name.to_uppercase()))?;
    Ok(LogSpec::new(log, vec![format!("kit.{name}.>")]))
}

pub(super) fn entry(subject: &str, text: impl fmt::Display) -> Entry {
    Entry::new(subject, Bytes::from(text.to_string()))
}

pub(super) fn text(record: &Record) -> String {
    String::from_utf8_lossy(&record.payload).into_owned()
}

/// The next record, which must come.
pub(super) async fn next(reader: &mut RecordStream) -> Result<Record, Failure> {
    match tokio::time::timeout(PATIENCE, reader.next()).await {
        Ok(Some(record)) => Ok(record),
        Ok(None) => Err(Failure::new("the reader ended")),
        Err(_) => Err(Failure::new("no further record came")),
    }
}

/// The next `count` records, which must come.
pub(super) async fn take(reader: &mut RecordStream, count: usize) -> Result<Vec<Record>, Failure> {
    let mut records = Vec::with_capacity(count);
    while records.len() < count {
        let record = next(reader)
            .await
            .map_err(|f| Failure(format!("{f} after {} of {count}", records.len())))?;
        records.push(record);
    }
    Ok(records)
}

/// Nothing further may come for a while.
pub(super) async fn silent(reader: &mut RecordStream) -> Outcome {
    match tokio::time::timeout(SILENCE, reader.next()).await {
        Err(_) => Ok(()),
        Ok(None) => Err(Failure::new("the reader ended")),
        Ok(Some(record)) => Err(Failure(format!(
            "record {} came, and none should have",
            record.position
        ))),
    }
}

/// Repeats the append, as the flow does, until it is stored.
pub(super) async fn append_at_last(
    broker: &Arc<dyn Broker>,
    log: &LogName,
    entry: &Entry,
) -> Result<Appended, Failure> {
    eventually("an append succeeds", || async {
        broker.append(log, entry.clone()).await.ok()
    })
    .await
}

/// Asks again and again until there is an answer.
pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> Result<T, Failure> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if start.elapsed() > PATIENCE {
            return Err(Failure(format!("not within {PATIENCE:?}: {what}")));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The call must end within the deadline (and some grace for a busy machine).
pub(super) async fn within<T>(
    fixture: &Arc<dyn Fixture>,
    call: impl Future<Output = T>,
) -> Result<T, Failure> {
    let most = fixture.deadline() + Duration::from_secs(2);
    tokio::time::timeout(most, call)
        .await
        .map_err(|_| Failure(format!("no answer within {most:?}")))
}
