//! Dead letters on their way again: each becomes a due retry of its subscription, and then leaves the dead letters.

use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use stadtbus_broker::{Entry, LogName, Position};

use super::{Buried, DeadLetters, SIDE_BY_SIDE};
use crate::{
    Refusal,
    city::LiveCity,
    clock,
    lanes::DueRetry,
    log::{DEAD_LOG, RETRY_LOG},
};

/// How letters are sent again.
#[derive(Debug, Clone, Default)]
pub struct Redrive {
    /// So many in a second at most; all at once if not said.
    pub rate_per_s: Option<u32>,
    /// Only count them.
    pub dry_run: bool,
}

/// What became of the letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Sent on their way, or would be.
    pub redriven: u64,
    /// Left where they are: their subscription is gone, or its owner may not have the event any more.
    pub refused: u64,
}

impl DeadLetters {
    /// Sends the letters at these positions again, in this order. What is not there any more is passed over.
    ///
    /// # Errors
    /// `SB-15xx`. The letters that could not be sent are still there.
    pub async fn redrive(
        &self,
        city: &LiveCity,
        positions: &[Position],
        how: &Redrive,
    ) -> Result<Redriven, Refusal> {
        let now = clock::now();
        let mut done = Redriven::default();
        let found = stream::iter(positions.iter().copied()).map(|position| self.find(position));
        let mut found = std::pin::pin!(found.buffered(SIDE_BY_SIDE));
        let mut allowed: u64 = 0;
        loop {
            // A part at a time, so that the letters in memory are few.
            let mut part = Vec::new();
            while part.len() < SIDE_BY_SIDE
                && let Some(next) = found.next().await
            {
                let Some(buried) = next? else { continue };
                if may_have(city, &buried, now) {
                    part.push((buried, allowed));
                    allowed += 1;
                } else {
                    done.refused += 1;
                }
            }
            if part.is_empty() {
                return Ok(done);
            }
            done.redriven += part.len() as u64;
            if !how.dry_run {
                self.send(part, now, how.rate_per_s).await?;
            }
        }
    }

    async fn send(
        &self,
        part: Vec<(Buried, u64)>,
        now: SystemTime,
        rate_per_s: Option<u32>,
    ) -> Result<(), Refusal> {
        let mut sent = stream::iter(part)
            .map(|(buried, n)| async move {
                let at =
                    rate_per_s.map(|rate| now + Duration::from_secs_f64(n as f64 / f64::from(rate.max(1))));
                self.send_one(&buried, at).await
            })
            .buffered(SIDE_BY_SIDE);
        while let Some(one) = sent.next().await {
            one?;
        }
        Ok(())
    }

    /// Written as a retry first, so that the event is nowhere lost; `at` says when, if not at once.
    async fn send_one(&self, buried: &Buried, at: Option<SystemTime>) -> Result<(), Refusal> {
        let letter = &buried.letter;
        let unwritable = |error: serde_json::Error| Refusal::new("SB-1507", error.to_string());
        let json = stadtbus_event::json::to_bytes(&letter.event);
        let retry = DueRetry {
            log: letter.log.clone(),
            position: letter.position,
            attempts: 0,
            notes: Vec::new(),
            event: Some(serde_json::from_slice(&json).map_err(unwritable)?),
            edited: letter.edited.clone(),
            life: letter.life,
            dead: true,
        };
        let retries = LogName::new(RETRY_LOG)?;
        let key = format!("{}.{}", letter.partner, letter.subscription);
        let subject = format!("due.{key}");
        let entry = Entry::new(subject.clone(), serde_json::to_vec(&retry).map_err(unwritable)?)
            .with_id(format!("dead.{}", buried.position));
        match at.filter(|at| *at > clock::now()) {
            None => self.broker.append(&retries, entry).await?,
            Some(at) => {
                let waits = format!("wait.{key}.dead.{}", buried.position);
                self.broker
                    .schedule(&retries, at, &waits, &subject, entry)
                    .await?
            }
        };
        self.broker
            .remove(&LogName::new(DEAD_LOG)?, buried.position)
            .await?;
        Ok(())
    }
}

/// Whether its subscription is still there, and its owner may have the event now.
fn may_have(city: &LiveCity, buried: &Buried, now: SystemTime) -> bool {
    let letter = &buried.letter;
    let ty = letter.event.ty();
    city.order(letter.subscription.as_str()).is_some_and(|order| {
        *order.partner() == letter.partner
            && order.types().any(|asked| asked == ty)
            && order.permit(ty).is_valid_at(now)
    })
}
