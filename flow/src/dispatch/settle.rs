//! The end of one delivery, and the way to its next attempt.
//!
//! Whatever an outcome needs is durable before the event counts as settled: a dead letter is in the log of dead
//! letters, a long retry is a scheduled message that owns the event from then on. If the broker cannot take
//! that, the event stays in the lane.

use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use stadtbus_broker::{BrokerError, Entry, LogName};
use stadtbus_contracts::{InOrder, OnFailure};

use super::Dispatcher;
use crate::{
    clock,
    deliver::{
        dead_letter::{Attempt, DeadLetter},
        outcome::Outcome as Answer,
        retry::Decision,
        webhook::Attempt as Tried,
    },
    facts::{AttemptFailed, Settled},
    lanes::{
        AttemptNote, DueRetry, Item, Lane, Outcome, Pause, TOO_OLD,
        replay::{Stage, Why, store},
    },
    log::{DEAD_LOG, RETRY_LOG},
    transform::TransformError,
    written::{from_millis, hex, millis, rfc3339},
};

impl Dispatcher {
    /// Settles a webhook's answer.
    pub(super) async fn settle(&self, lane: &Lane, mut item: Item, tried: Tried) {
        if let Some(code) = tried.outcome.code() {
            item.note(AttemptNote {
                status: tried.status,
                answer: tried.excerpt,
                ..AttemptNote::now(code, tried.outcome.detail())
            });
        }
        match tried.outcome {
            Answer::Delivered { .. } => {
                let edited = item.edited_note();
                self.end(lane, item, Outcome::Delivered, None, edited);
            }
            Answer::Retry { code, detail, after } => self.again(lane, item, code, detail, after).await,
            Answer::Refused { code, detail } => {
                self.give_up(lane, item, code, detail).await;
            }
            // Nobody is there to take it: the lane stands still, and the event with it.
            Answer::Gone => self.wait_or_hold(lane, item, Duration::ZERO),
        }
    }

    /// A plugin failed. Only trouble with the broker can pass; a pure function gives the same answer again.
    /// Says whether that was the end of this event.
    pub(super) async fn transform_failed(&self, lane: &Lane, mut item: Item, error: TransformError) -> bool {
        if error.transient {
            lane.put_back(item);
            return false;
        }
        item.attempts += 1;
        item.note(AttemptNote {
            backtrace: error.backtrace,
            ..AttemptNote::now(error.code, error.detail.clone())
        });
        self.give_up(lane, item, error.code, error.detail).await
    }

    /// Another attempt later: inside the lane if that is soon, else as a scheduled message.
    async fn again(
        &self,
        lane: &Lane,
        mut item: Item,
        code: &'static str,
        detail: String,
        after: Option<Duration>,
    ) {
        AttemptFailed {
            subscription: lane.order.id().as_str(),
            code,
            attempts: item.attempts,
        }
        .emit(&self.facts);
        let delay = match lane.order.retry.next(item.attempts, after, &mut clock::chance()) {
            Decision::RetryIn(delay) => delay,
            Decision::Exhausted => {
                let why = format!("{} attempts failed; the last one: {code} {detail}", item.attempts);
                self.give_up(lane, item, "SB-3008", why).await;
                return;
            }
        };
        if lane.is_too_old(&item, delay) {
            let why = format!("{TOO_OLD} The last attempt: {code} {detail}");
            self.give_up(lane, item, "SB-3024", why).await;
            return;
        }
        #[cfg(feature = "planted-bugs")]
        if crate::planted::is("drop-on-retry") {
            return self.end(lane, item, Outcome::Delivered, None, None);
        }
        let keeps_all = lane.order.replay.is_some();
        if keeps_all || delay <= Duration::from_millis(self.limits.lane_retry_delay_ms_max) {
            match lane.wait(item, delay) {
                Ok(()) => return,
                Err(back) if keeps_all => return lane.put_back(back),
                Err(back) => item = back,
            }
        }
        // A scheduled message would lose its place before the others of its key.
        let at = clock::now() + delay;
        if item.key.is_some() {
            self.set_aside(lane, item, code, &detail, Some(millis(at))).await;
            return;
        }
        item.next_ms = Some(millis(at));
        match self.schedule(lane, &item, at).await {
            Ok(()) => self.end(lane, item, Outcome::Retry, Some(code), Some(detail)),
            Err(error) => {
                tracing::warn!(subscription = %lane.order.id(), %error, "A retry could not be scheduled; the event stays in its lane.");
                lane.put_back(item);
            }
        }
    }

    async fn schedule(&self, lane: &Lane, item: &Item, at: SystemTime) -> Result<(), BrokerError> {
        let (log, position) = (&item.logged.log, item.logged.position);
        let key = format!("wait.{}.{log}.{position}", lane.order.key());
        let retry = DueRetry {
            log: log.as_str().to_owned(),
            position,
            attempts: item.attempts,
            notes: item.notes.clone(),
            event: item
                .edited
                .as_ref()
                .map(|_| raw(&item.logged.event))
                .transpose()?,
            edited: item.edited.as_deref().cloned(),
            life: lane.life_for(item),
            dead: false,
        };
        let entry = Entry {
            subject: String::new(),
            headers: Vec::new(),
            payload: serde_json::to_vec(&retry)
                .map_err(|error| BrokerError::Refused(error.to_string()))?
                .into(),
            // Never that of an earlier schedule: an event that is read again after a crash counts its attempts anew, and
            // what it leaves behind must not be taken for a repeat of what was over long ago.
            message_id: Some(format!("{key}.{}.{}", item.attempts, millis(at))),
        };
        self.broker
            .schedule(
                &LogName::new(RETRY_LOG)?,
                at,
                &key,
                &lane.order.due_subject(),
                entry,
            )
            .await?;
        Ok(())
    }

    /// The end of trying: the key of the event is parked, where its subscription asks for order and does not say
    /// otherwise; else it goes to the dead letters, as does what its receiver rejected. Says whether it is in one of these
    /// places; else the event stays in its lane.
    pub async fn give_up(&self, lane: &Lane, item: Item, code: &'static str, detail: String) -> bool {
        let parks = |order: &InOrder| order.on_failure == OnFailure::Park;
        let parked = code != "SB-3009"
            && item.key.is_some()
            && lane.order.subscription().order.as_ref().is_some_and(parks);
        if !parked {
            return self.bury(lane, item, code, detail).await;
        }
        self.set_aside(lane, item, code, &detail, None).await
    }

    /// Into the dead letters, with payload, reason and attempts. Says whether it is there; else the event stays in
    /// its lane.
    pub async fn bury(&self, lane: &Lane, item: Item, code: &'static str, detail: String) -> bool {
        if lane.order.replay.is_some() {
            // The event is in the log, and what became of it before stays as it was.
            self.end(
                lane,
                item.told_by(code),
                Outcome::Failed,
                Some(code),
                Some(detail),
            );
            return true;
        }
        match self.write_dead_letter(lane, &item, code, &detail).await {
            Ok(()) => {
                self.end(
                    lane,
                    item.told_by(code),
                    Outcome::DeadLettered,
                    Some(code),
                    Some(detail),
                );
                true
            }
            Err(error) => {
                tracing::warn!(subscription = %lane.order.id(), %error, "A dead letter could not be written; the event stays in its lane.");
                lane.put_back(item);
                false
            }
        }
    }

    pub(super) async fn write_dead_letter(
        &self,
        lane: &Lane,
        item: &Item,
        code: &str,
        detail: &str,
    ) -> Result<(), BrokerError> {
        let logged = &item.logged;
        let attempts = item
            .notes
            .iter()
            .map(|note| Attempt {
                time: rfc3339(from_millis(note.at_ms)),
                status: note.status,
                code: note.code.clone(),
                detail: note.detail.clone(),
                answer: note.answer.clone(),
                backtrace: note.backtrace.clone(),
            })
            .collect();
        let letter = DeadLetter {
            subscription: lane.order.id().clone(),
            partner: lane.order.partner().clone(),
            log: logged.log.as_str().to_owned(),
            position: logged.position,
            publisher: logged.provenance.partner.clone(),
            code: code.to_owned(),
            detail: detail.to_owned(),
            attempts_count: item.attempts,
            attempts,
            plugin: lane.order.plugin_name(),
            input_sha256: code
                .starts_with("SB-41")
                .then(|| hex(&Sha256::digest(stadtbus_event::json::to_bytes(&logged.event)))),
            buried: rfc3339(from_millis(clock::millis_now())),
            event: (*logged.event).clone(),
            edited: item.edited.as_deref().cloned(),
            life: lane.life_for(item),
        };
        self.broker
            .append(
                &LogName::new(DEAD_LOG)?,
                letter.encode(&lane.order.dead_subject())?,
            )
            .await?;
        Ok(())
    }

    /// The last word on one delivery.
    pub(crate) fn end(
        &self,
        lane: &Lane,
        item: Item,
        outcome: Outcome,
        code: Option<&str>,
        detail: Option<String>,
    ) {
        self.tell(lane, &item, outcome, code);
        lane.settle(item, outcome, code, detail);
    }

    /// Tells how one delivery ended, or who owns it from now on.
    pub(super) fn tell(&self, lane: &Lane, item: &Item, outcome: Outcome, code: Option<&str>) {
        let seconds = clock::now()
            .duration_since(item.logged.provenance.accepted)
            .unwrap_or_default()
            .as_secs_f64();
        // A replay's deliveries are not the subscription's; its own figures stand with its cursor.
        if lane.order.replay.is_none() {
            Settled {
                subscription: lane.order.id().as_str(),
                outcome,
                code,
                seconds,
            }
            .emit(&self.facts);
        }
    }

    fn wait_or_hold(&self, lane: &Lane, item: Item, delay: Duration) {
        if let Err(item) = lane.wait(item, delay) {
            lane.put_back(item);
        }
    }

    /// The receiver is gone: the replay stands still until somebody resumes it.
    pub(super) async fn hold_replay(&self, lane: &Lane, pause: &Pause) {
        let why = Why {
            code: pause.code.clone(),
            detail: pause.reason.clone(),
        };
        let paused = store::change(&*self.broker, &lane.order.key(), |replay| {
            replay.stage = Stage::Paused;
            replay.why = Some(why.clone());
        })
        .await;
        if let Err(refusal) = paused {
            tracing::warn!(subscription = %lane.order.id(), %refusal, "The pause of a replay could not be written down yet.");
        }
    }

    /// A pause outlives this process.
    pub(super) async fn remember_pause(&self, lane: &Lane, pause: &Pause) {
        if let Err(error) = crate::lanes::pauses::write(&*self.broker, &lane.order.key(), Some(pause)).await {
            tracing::warn!(%error, "The pause could not be written down; it holds until this process ends.");
        }
    }
}

/// The event itself, for a retry of what stands in no log as it is delivered.
fn raw(event: &stadtbus_event::Event) -> Result<Box<serde_json::value::RawValue>, BrokerError> {
    serde_json::from_slice(&stadtbus_event::json::to_bytes(event))
        .map_err(|error| BrokerError::Refused(error.to_string()))
}
