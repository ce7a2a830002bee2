//! Logs as streams.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use serde::Serialize;
use stadtbus_broker::{BrokerError, LogName, LogSpec, LogState, Position, Record, subject};

use crate::{
    api::{Done, NoResult, Nothing, StreamInfo},
    errors::{self, Refusal},
    link::Link,
    soft_limit,
    wire::Which,
};

/// JetStream's bounds for the duplicate window.
const WINDOW_MIN: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Delete {
    seq: u64,
}

impl Link {
    /// Creates a stream, or gives it this configuration.
    pub(crate) async fn ensure_stream(&self, config: &Config, what: &str) -> Result<(), BrokerError> {
        let name = &config.name;
        let created: Result<Done, _> = self.ask(&format!("STREAM.CREATE.{name}"), config).await;
        match created {
            Ok(_) => Ok(()),
            Err(NoResult::Refused(refusal)) if refusal.err_code == errors::STREAM_NAME_IN_USE => {
                let updated: Result<Done, _> = self.ask(&format!("STREAM.UPDATE.{name}"), config).await;
                updated.map(|_| ()).map_err(|error| error.of_change(what))
            }
            Err(error) => Err(error.of_change(what)),
        }
    }

    pub(crate) async fn info(&self, stream: &str, what: &str) -> Result<StreamInfo, BrokerError> {
        let info: Result<StreamInfo, _> = self.ask(&format!("STREAM.INFO.{stream}"), &Nothing {}).await;
        info.map_err(|error| error.of_question(what))
    }

    pub(crate) async fn state(&self, log: &LogName) -> Result<LogState, BrokerError> {
        let state = self.info(log.as_str(), &format!("log {log}")).await?.state;
        let first = if state.messages == 0 {
            state.last_seq + 1
        } else {
            state.first_seq
        };
        Ok(LogState {
            first,
            last: state.last_seq,
            count: state.messages,
            bytes: state.bytes,
        })
    }

    pub(crate) async fn get(&self, log: &LogName, position: Position) -> Result<Option<Record>, BrokerError> {
        // JetStream reads sequence 0 as "none given".
        if position == 0 {
            return Ok(None);
        }
        let stored = self.fetch(log.as_str(), &Which::Position(position)).await;
        let stored = stored.map_err(|error| error.of_question(&format!("log {log}")))?;
        Ok(stored.map(|stored| Record {
            log: log.clone(),
            position: stored.position,
            subject: stored.subject,
            headers: stored.headers,
            payload: stored.payload,
            stored_at: stored.stored_at,
        }))
    }

    /// Removes a record; its bytes on disk are overwritten.
    pub(crate) async fn remove(&self, log: &LogName, position: Position) -> Result<(), BrokerError> {
        if position == 0 {
            return Ok(());
        }
        let removed: Result<Done, _> = self
            .ask(&format!("STREAM.MSG.DELETE.{log}"), &Delete { seq: position })
            .await;
        let absent = |refusal: &Refusal| {
            matches!(
                refusal.err_code,
                errors::NO_MESSAGE_FOUND | errors::SEQUENCE_NOT_FOUND
            ) || refusal.err_code == errors::DELETE_FAILED
                && ["no message found", "stream store EOF"]
                    .iter()
                    .any(|text| refusal.description.contains(text))
        };
        match removed {
            Ok(_) => Ok(()),
            Err(NoResult::Refused(refusal)) if absent(&refusal) => Ok(()),
            Err(error) => Err(error.of_change(&format!("log {log}"))),
        }
    }
}

pub(crate) async fn ensure_log_spec(link: &Link, spec: &LogSpec) -> Result<(), BrokerError> {
    if spec.subjects.is_empty() {
        return Err(BrokerError::Refused(format!("log {} has no subjects", spec.name)));
    }
    for filter in &spec.subjects {
        subject::check_filter(filter)?;
    }
    let config = config(spec, link.options.replicas);
    link.ensure_stream(&config, &format!("log {}", spec.name)).await
}

fn config(spec: &LogSpec, replicas: usize) -> Config {
    let age_max = spec.age_max.unwrap_or_default();
    let window = spec.duplicate_window.max(WINDOW_MIN);
    Config {
        name: spec.name.to_string(),
        subjects: spec.subjects.clone(),
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        // Full is an answer; dropping what was acknowledged is not. With schedules JetStream allows only the latter, so
        // that a limit of its own is out of the question: see `soft_limit`.
        discard: if spec.schedules {
            DiscardPolicy::Old
        } else {
            DiscardPolicy::New
        },
        max_bytes: spec
            .bytes_max
            .filter(|_| !spec.schedules)
            .map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        metadata: spec
            .bytes_max
            .filter(|_| spec.schedules)
            .map(|bytes| (soft_limit::METADATA.to_owned(), bytes.to_string()))
            .into_iter()
            .collect(),
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        max_message_size: -1,
        max_age: age_max,
        duplicate_window: if age_max.is_zero() {
            window
        } else {
            window.min(age_max)
        },
        num_replicas: replicas,
        allow_direct: true,
        allow_message_ttl: true,
        allow_atomic_publish: true,
        allow_message_schedules: spec.schedules,
        // A later schedule under the same subject takes the place of the earlier.
        allow_rollup: spec.schedules,
        ..Config::default()
    }
}
