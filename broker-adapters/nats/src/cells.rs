//! Cells in a key-value bucket: stream `KV_<bucket>`, one message per subject `$KV.<bucket>.<key>`, readable with the
//! usual tools. Conditions are JetStream's expected last sequence of a subject; a deletion is a marker message.

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_nats::{
    HeaderMap,
    header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_TTL},
    jetstream::stream::{Config, DiscardPolicy, StorageType},
};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use stadtbus_broker::{
    BrokerError, Cell, CellStream, CellWrite, Cells, Expect, WRITE_ALL_MAX, check_bucket, check_cell_key,
};

use crate::{
    api::{self, NoResult},
    batch::{Ack, Part},
    errors,
    link::Link,
    watch,
    wire::{MARKER_REASON, Stored, Which},
};

/// What marks a message as a deletion.
pub(crate) const OPERATION: &str = "KV-Operation";
const DELETED: &str = "DEL";
/// How long deletions are kept, for tools and for watchers of other programs; ours do not depend on them.
const MARKER_TTL: Duration = Duration::from_secs(60 * 60);
/// How often a write is tried again because the deletion it is to follow was replaced meanwhile.
const TRIES_MAX: usize = 4;
/// Cells read at the same time to find out which condition failed.
const READS_MAX: usize = 32;

pub(crate) struct NatsCells {
    link: Arc<Link>,
    bucket: String,
    what: String,
}

/// What is stored under a key.
struct Current {
    /// The sequence of the last message, a deletion included; 0 when there is none.
    sequence: u64,
    present: bool,
}

impl NatsCells {
    pub(crate) async fn open(link: Arc<Link>, bucket: &str) -> Result<Self, BrokerError> {
        check_bucket(bucket)?;
        let what = format!("cells {bucket}");
        let config = Config {
            name: format!("KV_{bucket}"),
            subjects: vec![format!("$KV.{bucket}.>")],
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            max_messages_per_subject: 1,
            max_bytes: -1,
            max_messages: -1,
            max_consumers: -1,
            max_message_size: -1,
            num_replicas: link.options.replicas,
            duplicate_window: Duration::from_secs(120),
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            allow_message_ttl: true,
            subject_delete_marker_ttl: Some(MARKER_TTL),
            allow_atomic_publish: true,
            ..Config::default()
        };
        link.ensure_stream(&config, &what).await?;
        Ok(Self {
            link,
            bucket: bucket.to_owned(),
            what,
        })
    }

    fn stream(&self) -> String {
        format!("KV_{}", self.bucket)
    }

    fn subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.bucket)
    }

    async fn last(&self, key: &str) -> Result<Option<Stored>, BrokerError> {
        let subject = self.subject(key);
        let stored = self.link.fetch(&self.stream(), &Which::LastOf(&subject)).await;
        stored.map_err(|error| error.of_question(&self.what))
    }

    async fn current(&self, key: &str) -> Result<Current, BrokerError> {
        Ok(self.last(key).await?.map_or(
            Current {
                sequence: 0,
                present: false,
            },
            |stored| Current {
                sequence: stored.position,
                present: !is_deletion(&stored),
            },
        ))
    }

    /// After a refusal: the sequences to expect of those that want their cell absent, which a deletion may precede.
    async fn refreshed(&self, writes: &[CellWrite]) -> Result<Vec<u64>, BrokerError> {
        let conditions: Vec<(String, Expect)> = writes.iter().map(|w| (w.key.clone(), w.expect)).collect();
        let reads = conditions.into_iter().map(|(key, expect)| async move {
            if expect == Expect::Any {
                return Ok(0);
            }
            let current = self.current(&key).await?;
            let holds = match expect {
                Expect::Revision(revision) => current.present && current.sequence == revision,
                Expect::Any | Expect::Absent => !current.present,
            };
            if holds {
                Ok(current.sequence)
            } else {
                Err(conflict(&key))
            }
        });
        stream::iter(reads).buffered(READS_MAX).try_collect().await
    }

    /// Writes a portion that fits into one batch.
    async fn portion(&self, writes: &[CellWrite]) -> Result<Vec<u64>, BrokerError> {
        let mut expected: Vec<u64> = writes.iter().map(initially).collect();
        for _ in 0..TRIES_MAX {
            match self.attempt(writes, &expected).await {
                Err(NoResult::Refused(refusal)) if refusal.err_code == errors::WRONG_LAST_SEQUENCE => {
                    expected = self.refreshed(writes).await?;
                }
                Err(error) => return Err(error.of_change(&self.what)),
                Ok(first) => return Ok((first..).take(writes.len()).collect()),
            }
        }
        let contested = writes.iter().find(|write| write.expect != Expect::Any);
        Err(conflict(contested.map_or("?", |write| &write.key)))
    }

    async fn attempt(&self, writes: &[CellWrite], expected: &[u64]) -> Result<u64, NoResult> {
        let subjects: Vec<String> = writes.iter().map(|write| self.subject(&write.key)).collect();
        let mut parts: Vec<Part<'_>> = subjects
            .iter()
            .zip(writes.iter().zip(expected))
            .map(|(subject, (write, expected))| Part {
                subject,
                headers: headers(write, *expected),
                payload: write.value.clone().unwrap_or_default(),
            })
            .collect();
        let until = self.link.deadline();
        if writes.len() > 1 {
            let ack = self.link.commit(parts, std::future::ready(()), until).await?;
            return ack.first_of(writes.len()).ok_or(NoResult::Unreadable);
        }
        let Some(part) = parts.pop() else {
            return Err(NoResult::Unreadable);
        };
        let answer = self
            .link
            .request(part.subject.into(), Some(part.headers), part.payload, until)
            .await;
        let ack: Ack = api::parse(&answer.map_err(NoResult::Trouble)?.payload)?;
        Ok(ack.seq)
    }
}

fn conflict(key: &str) -> BrokerError {
    BrokerError::Conflict(format!("cell {key}"))
}

fn is_deletion(stored: &Stored) -> bool {
    stored
        .headers
        .iter()
        .any(|(name, _)| name == OPERATION || name == MARKER_REASON)
}

/// What to expect without having looked: most cells that should be absent were never written.
fn initially(write: &CellWrite) -> u64 {
    match write.expect {
        Expect::Revision(revision) => revision,
        Expect::Any | Expect::Absent => 0,
    }
}

fn headers(write: &CellWrite, expected: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if write.expect != Expect::Any {
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
    }
    if write.value.is_none() {
        headers.insert(OPERATION, DELETED);
    }
    let ttl = if write.value.is_none() {
        Some(MARKER_TTL)
    } else {
        write.ttl
    };
    if let Some(ttl) = ttl {
        // Whole seconds, rounded up: JetStream takes no less.
        headers.insert(NATS_MESSAGE_TTL, format!("{}s", ttl.as_millis().div_ceil(1000)));
    }
    headers
}

fn check_all(writes: &[CellWrite], value_bytes_max: usize) -> Result<(), BrokerError> {
    let mut keys = HashSet::with_capacity(writes.len());
    for write in writes {
        write.check()?;
        if !keys.insert(&write.key) {
            return Err(BrokerError::Refused(format!(
                "cell {} is written twice in one go",
                write.key
            )));
        }
        if write
            .value
            .as_ref()
            .is_some_and(|value| value.len() > value_bytes_max)
        {
            return Err(BrokerError::TooLarge(format!("cell {}", write.key)));
        }
    }
    if writes.len() > WRITE_ALL_MAX && writes.iter().any(|write| write.expect != Expect::Any) {
        return Err(BrokerError::Refused(format!(
            "at most {WRITE_ALL_MAX} conditional writes in one go"
        )));
    }
    Ok(())
}

/// Headers of a cell's message take at most this much of what a message may have.
const HEADER_ROOM_BYTES: usize = 512;

#[async_trait]
impl Cells for NatsCells {
    async fn get(&self, key: &str) -> Result<Option<Cell>, BrokerError> {
        check_cell_key(key)?;
        let stored = self.last(key).await?.filter(|stored| !is_deletion(stored));
        Ok(stored.map(|stored| Cell {
            key: key.to_owned(),
            value: stored.payload,
            revision: stored.position,
        }))
    }

    async fn write(&self, write: CellWrite) -> Result<u64, BrokerError> {
        let revisions = self.write_all(vec![write]).await?;
        revisions
            .first()
            .copied()
            .ok_or_else(|| BrokerError::Unknown(self.what.clone()))
    }

    async fn write_all(&self, writes: Vec<CellWrite>) -> Result<Vec<u64>, BrokerError> {
        check_all(
            &writes,
            self.link.client.max_payload().saturating_sub(HEADER_ROOM_BYTES),
        )?;
        let mut revisions = Vec::with_capacity(writes.len());
        for portion in writes.chunks(WRITE_ALL_MAX) {
            revisions.extend(self.portion(portion).await?);
        }
        Ok(revisions)
    }

    async fn last_revision(&self) -> Result<u64, BrokerError> {
        let info = self.link.info(&self.stream(), &self.what).await?;
        Ok(info.state.last_seq)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Cell>, BrokerError> {
        let listed = tokio::time::timeout_at(self.link.deadline(), async {
            let changes = watch::watch(Arc::clone(&self.link), &self.bucket, prefix).await?;
            Ok(watch::until_level(changes).await)
        });
        let late = || BrokerError::Unavailable(format!("{}: no answer in time", self.what));
        listed
            .await
            .map_err(|_| late())?
            .and_then(|cells| cells.ok_or_else(late))
    }

    async fn watch(&self, prefix: &str) -> Result<CellStream, BrokerError> {
        watch::watch(Arc::clone(&self.link), &self.bucket, prefix).await
    }
}
