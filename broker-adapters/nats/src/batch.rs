//! Atomic batches on the wire (ADR-50): all messages carry the batch's id and their number, only the last asks for an
//! answer, and that commits them all or none.

use async_nats::{
    HeaderMap,
    header::{NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE},
};
use bytes::Bytes;
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    api::{self, NoResult},
    link::{Link, Trouble},
};

/// One message of a batch.
pub(crate) struct Part<'a> {
    pub(crate) subject: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Bytes,
}

/// What the server answers to a message or a batch.
#[derive(Debug, Deserialize)]
pub(crate) struct Ack {
    #[serde(default)]
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) duplicate: bool,
    #[serde(default)]
    count: u64,
}

impl Ack {
    /// The position of the first of so many messages, which a batch stores one after the other.
    pub(crate) fn first_of(&self, messages: usize) -> Option<u64> {
        let messages = messages as u64;
        (self.count == messages && self.seq >= messages).then(|| self.seq - messages + 1)
    }
}

impl Link {
    /// Sends a batch and waits for the answer to its last message, which is only sent when its turn has come: until
    /// then the server keeps the batch aside.
    pub(crate) async fn commit(
        &self,
        parts: Vec<Part<'_>>,
        turn: impl Future<Output = ()>,
        until: Instant,
    ) -> Result<Ack, NoResult> {
        let standing = self
            .up()
            .map_err(|why| NoResult::Trouble(Trouble::NotSent(why)))?;
        let count = parts.len();
        let inbox = self.client.new_inbox();
        let id = inbox.rsplit('.').next().unwrap_or(&inbox);
        let mut last = None;
        let send = async {
            for (number, mut part) in (1..).zip(parts) {
                part.headers.insert(NATS_BATCH_ID, id);
                part.headers.insert(NATS_BATCH_SEQUENCE, number.to_string());
                if number == count {
                    part.headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
                    last = Some(part);
                    break;
                }
                let sent = self
                    .client
                    .publish_with_headers(part.subject.to_owned(), part.headers, part.payload)
                    .await;
                sent.map_err(|_| NoResult::Trouble(Trouble::TooLarge))?;
            }
            Ok::<_, NoResult>(())
        };
        tokio::select! {
            biased;
            sent = send => sent?,
            () = self.fallen(standing) => return Err(NoResult::Trouble(Trouble::Lost("the connection broke"))),
            () = tokio::time::sleep_until(until) => return Err(NoResult::Trouble(Trouble::Lost("no answer in time"))),
        }
        let Some(last) = last else {
            return Err(NoResult::Unreadable);
        };
        if tokio::time::timeout_at(until, turn).await.is_err() {
            let why = "what was sent before has no answer yet".to_owned();
            return Err(NoResult::Trouble(Trouble::NotSent(why)));
        }
        match self
            .request(last.subject.into(), Some(last.headers), last.payload, until)
            .await
        {
            Ok(answer) => api::parse(&answer.payload),
            // The commit was not sent, but some of the batch was; the server drops that after a while.
            Err(Trouble::NotSent(_)) => Err(NoResult::Trouble(Trouble::Lost("the connection broke"))),
            Err(trouble) => Err(NoResult::Trouble(trouble)),
        }
    }
}
