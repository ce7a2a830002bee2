//! Step four of half one: the event becomes durable, and the promise changes hands.
//!
//! *Promise*: a [`Receipt`] exists only for an event that the broker has acknowledged. *Refuses*: what the
//! broker cannot take (full, down, unknown outcome), each with its code, so that the publisher repeats with
//! the same id and the repeat is recognised. *Why here*: everything before the log may still say no;
//! everything after it may only settle.
//!
//! The log keeps an event in the binary mode of the CloudEvents NATS binding, data bytes untouched, with what
//! the bus knows beside it in a header of its own ([`Provenance`]).

mod entry;
mod receipt;

use std::{sync::Arc, time::Duration};

pub(crate) use entry::placeholder;
pub use entry::{LOST_CODE, Logged, Provenance, decode, encode, message_id};
pub use receipt::Receipt;
use stadtbus_broker::{Broker, BrokerError, Entry, LogName, LogSpec};
use stadtbus_event::{Event, PartnerId};

use crate::{Limits, Refusal};

/// The log of retries that wait for their time (`wait.>`) and that are due (`due.>`).
pub const RETRY_LOG: &str = "RETRY";
/// The log of dead letters, `dead.<partner>.<subscription>`.
pub const DEAD_LOG: &str = "DEAD";
/// The log of parked events, `parked.<partner>.<subscription>.<key>`.
pub const PARKED_LOG: &str = "PARKED";
/// The log of settle facts, `settled.<partner>.<subscription>`, in pages.
pub const SETTLED_LOG: &str = "SETTLED";

/// The name of the log of one publishing partner.
///
/// # Errors
/// Never for a valid partner id; the type asks for it.
pub fn log_of(partner: &PartnerId) -> Result<LogName, BrokerError> {
    LogName::new(&format!("LOG_{}", partner.as_str().to_ascii_uppercase()))
}

/// What the log of `partner` must be like.
///
/// # Errors
/// As [`log_of`].
pub fn partner_log_spec(partner: &PartnerId, limits: &Limits) -> Result<LogSpec, BrokerError> {
    Ok(LogSpec {
        name: log_of(partner)?,
        subjects: vec![format!("log.{partner}.>")],
        bytes_max: Some(limits.log_bytes_max),
        age_max: Some(days(limits.log_age_days_max)),
        duplicate_window: Duration::from_secs(limits.duplicate_window_s),
        schedules: false,
    })
}

/// The logs that the bus keeps for itself.
///
/// # Errors
/// Never; the names are constants.
pub fn own_log_specs(limits: &Limits) -> Result<Vec<LogSpec>, BrokerError> {
    let own = |name: &str, subjects: &[&str], schedules: bool| {
        Ok(LogSpec {
            name: LogName::new(name)?,
            subjects: subjects.iter().map(ToString::to_string).collect(),
            bytes_max: Some(limits.log_bytes_max),
            age_max: Some(days(limits.ledger_age_days_max)),
            duplicate_window: Duration::from_secs(limits.duplicate_window_s),
            schedules,
        })
    };
    let dead = LogSpec {
        bytes_max: Some(limits.dead_letters_bytes_max),
        age_max: Some(days(limits.dead_letters_age_days_max)),
        ..own(DEAD_LOG, &["dead.>"], false)?
    };
    Ok(vec![
        own(RETRY_LOG, &["wait.>", "due.>"], true)?,
        dead,
        own(SETTLED_LOG, &["settled.>"], false)?,
        // Without an age: what is parked waits until somebody decides.
        LogSpec {
            bytes_max: Some(limits.parked_bytes_max),
            age_max: None,
            ..own(PARKED_LOG, &["parked.>"], false)?
        },
    ])
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days.saturating_mul(86_400))
}

/// Writes accepted events. Cheap to clone.
#[derive(Clone)]
pub struct LogWriter {
    broker: Arc<dyn Broker>,
}

impl LogWriter {
    /// A writer on `broker`.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>) -> Self {
        Self { broker }
    }

    /// Makes one event durable.
    ///
    /// # Errors
    /// `SB-1501` to `SB-1503`.
    pub async fn append(
        &self,
        partner: &PartnerId,
        event: &Event,
        provenance: &Provenance,
    ) -> Result<Receipt, Refusal> {
        let log = log_of(partner)?;
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is("ack-before-append") {
            let (broker, entry, to) = (
                Arc::clone(&self.broker),
                encode(partner, event, provenance),
                log.clone(),
            );
            tokio::spawn(async move { broker.append(&to, entry).await });
            return Ok(Receipt::of(log, partner, event, provenance.accepted, 1, false));
        }
        let appended = self
            .broker
            .append(&log, encode(partner, event, provenance))
            .await?;
        self.receipt(log, partner, event, provenance, appended).await
    }

    /// Makes several events durable, each by itself; the answers are in the order of the events.
    pub async fn append_all(
        &self,
        partner: &PartnerId,
        events: &[(Arc<Event>, Provenance)],
    ) -> Vec<Result<Receipt, Refusal>> {
        let log = match log_of(partner) {
            Ok(log) => log,
            Err(error) => return events.iter().map(|_| Err(Refusal::from(error.clone()))).collect(),
        };
        let entries: Vec<Entry> = events
            .iter()
            .map(|(event, provenance)| encode(partner, event, provenance))
            .collect();
        let outcomes = self.broker.append_all(&log, entries).await;
        let mut receipts = Vec::with_capacity(outcomes.len());
        for ((event, provenance), outcome) in events.iter().zip(outcomes) {
            receipts.push(match outcome {
                Ok(appended) => {
                    self.receipt(log.clone(), partner, event, provenance, appended)
                        .await
                }
                Err(error) => Err(error.into()),
            });
        }
        receipts
    }

    /// A repeat gets the receipt of the first time (P3), so the first record is read back for it.
    async fn receipt(
        &self,
        log: LogName,
        partner: &PartnerId,
        event: &Event,
        provenance: &Provenance,
        appended: stadtbus_broker::Appended,
    ) -> Result<Receipt, Refusal> {
        if appended.duplicate
            && let Some(record) = self.broker.get(&log, appended.position).await?
            && let Ok(first) = decode(record)
        {
            return Ok(Receipt::of(
                log,
                partner,
                &first.event,
                first.provenance.accepted,
                appended.position,
                true,
            ));
        }
        Ok(Receipt::of(
            log,
            partner,
            event,
            provenance.accepted,
            appended.position,
            appended.duplicate,
        ))
    }
}
