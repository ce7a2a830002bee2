//! Dead letters: listed, shown, and sent on their way again.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use stadtbus_broker::{Broker, Entry, LogName, Position, ReadFrom, ReadOptions};

use crate::{
    Refusal,
    deliver::dead_letter::DeadLetter,
    lanes::DueRetry,
    log::{DEAD_LOG, RETRY_LOG},
};

/// Most dead letters looked at in one call.
const SCAN_MAX: u64 = 100_000;

/// The dead letters of the bus.
#[derive(Clone)]
pub struct DeadLetters {
    broker: Arc<dyn Broker>,
}

/// One dead letter with its place in the log of dead letters.
#[derive(Debug)]
pub struct Buried {
    /// Its position there; what an operator names it by.
    pub position: Position,
    /// The letter.
    pub letter: DeadLetter,
}

impl DeadLetters {
    /// Dead letters in `broker`.
    #[must_use]
    pub fn new(broker: Arc<dyn Broker>) -> Self {
        Self { broker }
    }

    /// Up to `limit` dead letters, oldest first, that `wanted` wants.
    ///
    /// # Errors
    /// `SB-15xx`.
    pub async fn list(
        &self,
        wanted: impl Fn(&DeadLetter) -> bool,
        limit: usize,
    ) -> Result<Vec<Buried>, Refusal> {
        let log = LogName::new(DEAD_LOG)?;
        let state = self.broker.state(&log).await?;
        let mut letters = Vec::new();
        if state.count == 0 {
            return Ok(letters);
        }
        let mut stream = self
            .broker
            .read(
                &log,
                ReadOptions {
                    from: ReadFrom::Position(state.first),
                    subject: None,
                    headers_only: false,
                },
            )
            .await?;
        let mut seen = 0;
        while letters.len() < limit && seen < SCAN_MAX {
            // The last one may be removed while we read.
            let Ok(Some(record)) = tokio::time::timeout(Duration::from_secs(2), stream.next()).await else {
                break;
            };
            let position = record.position;
            seen += 1;
            if let Ok(letter) = DeadLetter::decode(&record)
                && wanted(&letter)
            {
                letters.push(Buried { position, letter });
            }
            if position >= state.last {
                break;
            }
        }
        Ok(letters)
    }

    /// One dead letter.
    ///
    /// # Errors
    /// `SB-1505` when there is none at this position.
    pub async fn get(&self, position: Position) -> Result<Buried, Refusal> {
        let record = self.broker.get(&LogName::new(DEAD_LOG)?, position).await?;
        let record =
            record.ok_or_else(|| Refusal::new("SB-1505", "There is no dead letter at this position."))?;
        let letter =
            DeadLetter::decode(&record).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        Ok(Buried { position, letter })
    }

    /// Sends one on its way again: it becomes a due retry of its subscription, and then leaves the dead letters.
    ///
    /// # Errors
    /// `SB-15xx`. The letter stays then.
    pub async fn retry(&self, buried: &Buried) -> Result<(), Refusal> {
        let letter = &buried.letter;
        let json = stadtbus_event::json::to_bytes(&letter.event);
        let raw =
            serde_json::from_slice(&json).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        let retry = DueRetry {
            log: letter.log.clone(),
            position: letter.position,
            attempts: 0,
            notes: Vec::new(),
            event: Some(raw),
        };
        let payload =
            serde_json::to_vec(&retry).map_err(|error| Refusal::new("SB-1507", error.to_string()))?;
        let entry = Entry {
            subject: format!("due.{}.{}", letter.partner, letter.subscription),
            headers: Vec::new(),
            payload: payload.into(),
            message_id: Some(format!("dead.{}", buried.position)),
        };
        self.broker.append(&LogName::new(RETRY_LOG)?, entry).await?;
        self.broker
            .remove(&LogName::new(DEAD_LOG)?, buried.position)
            .await?;
        Ok(())
    }
}
