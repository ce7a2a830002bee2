//! How receivers take events themselves: lease, acknowledge, release, reject, extend; and the live stream.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    item::{AttemptNote, Item, Outcome, Waiting},
    lane::Lane,
};
use crate::{clock, deliver::pull::Handle, log::Logged, written::millis};

/// An event handed to a receiver.
#[derive(Debug, Clone)]
pub struct Handed {
    /// What the receiver acknowledges with. Unguessable.
    pub handle: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The event.
    pub logged: Arc<Logged>,
}

#[cfg(test)]
mod tests;

/// Why an event gets no further attempt although it has attempts left.
pub(crate) const TOO_OLD: &str = "It is too old for a further attempt (age_ms_max).";

/// An event to bury, with the code and the reason.
pub type Burial = (Item, &'static str, String);

/// What a receiver does with the events it holds.
#[derive(Debug, Clone)]
pub enum Settlement {
    /// It has them; they are delivered.
    Acknowledge,
    /// It gives them back, to be handed out again after the delay.
    Release(Duration),
    /// It will never take them: dead letters, with its reason.
    Reject(String),
    /// It needs more time.
    Extend(Duration),
}

impl Lane {
    /// Leases up to `max` events for `ttl`, waiting up to `wait` for the first.
    pub async fn receive(&self, max: usize, wait: Duration, ttl: Duration) -> Vec<Handed> {
        let until = Instant::now() + wait;
        loop {
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            let handed = self.lease(max, ttl);
            if !handed.is_empty() {
                return handed;
            }
            // Where only the pace holds events up, nobody calls.
            let now = Instant::now();
            let pace = self.state().next_pace().filter(|at| *at > now);
            let pace = pace.unwrap_or(until);
            let called = tokio::time::timeout_at(until.min(pace), work).await;
            if called.is_err() && Instant::now() >= until {
                return self.lease(max, ttl);
            }
        }
    }

    /// Hands out nothing more, for it works elsewhere or in another form: what a receiver took now would be handed out again
    /// by the next.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.work.notify_waiters();
    }

    fn lease(&self, max: usize, ttl: Duration) -> Vec<Handed> {
        let now = Instant::now();
        let mut state = self.state();
        if state.paused.is_some() || state.closed {
            return Vec::new();
        }
        state.let_reader_go(now);
        let max = state.paced(max, now);
        let (mut handed, mut ended) = (Vec::new(), false);
        while handed.len() < max && state.leases.room() > 0 {
            let Some(mut item) = state.next_ready(now, &mut ended) else {
                break;
            };
            item.attempts += 1;
            let (attempt, logged) = (item.attempts, Arc::clone(&item.logged));
            match state.leases.lease(item, now, ttl) {
                Ok(handle) => handed.push(Handed {
                    handle: handle.to_string(),
                    attempt,
                    logged,
                }),
                Err(item) => {
                    state.ready.push_front(item);
                    break;
                }
            }
        }
        state.begun(handed.len(), now);
        drop(state);
        if ended {
            self.room.notify_waiters();
        }
        if ended || !handed.is_empty() {
            // The runner watches over leases, and this may be the first; and what waited behind an event that has ended may go.
            self.work.notify_waiters();
        }
        handed
    }

    /// Settles what `handles` stand for. Returns how many were known, those that were not (their lease ran out,
    /// or they were settled before), and the events to bury with the reason: rejected ones, and those released too often.
    pub fn settle_handles(
        &self,
        handles: &[String],
        settlement: &Settlement,
    ) -> (usize, Vec<String>, Vec<Burial>) {
        let now = Instant::now();
        let mut state = self.state();
        let mut unknown = Vec::new();
        let mut buried = Vec::new();
        let most = self.order.subscription().delivery.attempts_max;
        let mut known = 0;
        for handle in handles {
            let named = Handle::parse(handle);
            if let Settlement::Extend(ttl) = settlement {
                let extended = named.is_some_and(|named| state.leases.extend(named, now, *ttl));
                if extended {
                    known += 1
                } else {
                    unknown.push(handle.clone())
                }
                continue;
            }
            let Some(item) = named.and_then(|named| state.leases.settle(named)) else {
                unknown.push(handle.clone());
                continue;
            };
            known += 1;
            match settlement {
                Settlement::Acknowledge => {
                    let edited = item.edited_note();
                    state.settle(item, Outcome::Delivered, None, edited);
                }
                Settlement::Release(delay) if item.attempts < most && !self.is_too_old(&item, *delay) => {
                    state.waiting.push(Waiting {
                        at: now + *delay,
                        item,
                    })
                }
                // Carried by the caller until the dead letter is written.
                Settlement::Release(_) => {
                    state.carried += 1;
                    let (code, detail) = if item.attempts < most {
                        ("SB-3024", TOO_OLD.to_owned())
                    } else {
                        ("SB-3008", format!("It was released {} times.", item.attempts))
                    };
                    buried.push((item, code, detail));
                }
                Settlement::Reject(reason) => {
                    state.carried += 1;
                    buried.push((item, "SB-3009", reason.clone()));
                }
                Settlement::Extend(_) => {}
            }
        }
        drop(state);
        self.room.notify_waiters();
        self.work.notify_waiters();
        (known, unknown, buried)
    }

    /// Whether it will be older than its subscription allows when it is tried again after `delay`.
    pub(crate) fn is_too_old(&self, item: &Item, delay: Duration) -> bool {
        let most = self.order.subscription().delivery.age_ms_max;
        most.is_some_and(|most| {
            let accepted = millis(item.logged.provenance.accepted);
            let then =
                clock::millis_now().saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
            then.saturating_sub(accepted) > most
        })
    }

    /// Whether a receiver holds events.
    pub(super) fn has_leases(&self) -> bool {
        !self.state().leases.is_empty()
    }

    /// Takes back what was leased too long. Events that used up their attempts are returned with the reason, to
    /// be buried.
    pub(super) fn end_leases(&self, now: Instant) -> Vec<Burial> {
        let mut state = self.state();
        let expired = state.leases.expire(now);
        if expired.is_empty() {
            return Vec::new();
        }
        let most = self.order.subscription().delivery.attempts_max;
        let mut exhausted = Vec::new();
        for mut item in expired {
            item.note(AttemptNote::now("SB-2008", "The lease ran out."));
            if item.attempts < most && self.is_too_old(&item, Duration::ZERO) {
                state.carried += 1;
                exhausted.push((item, "SB-3024", TOO_OLD.to_owned()));
            } else if item.attempts >= most {
                state.carried += 1;
                let detail = format!("The lease ran out {} times.", item.attempts);
                exhausted.push((item, "SB-3008", detail));
            } else {
                state.waiting.push(Waiting { at: now, item });
            }
        }
        drop(state);
        self.work.notify_waiters();
        exhausted
    }
}
