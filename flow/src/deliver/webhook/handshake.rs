//! The receiver's consent (CloudEvents HTTP 1.1 web hooks §4, `http-webhook.md`; HOOK-8, HOOK-9, HOOK-11).
//!
//! *Promise*: a target that is to be asked is asked by `OPTIONS` before its first delivery, once for all its deliveries;
//! only `WebHook-Allowed-Origin` is consent, whatever the status; the rate it allows is kept. *What it refuses*: to take a
//! bare 200 for consent, to pester a target that does not consent. Where the bus has a public address it also names one at
//! which the receiver may consent later (HOOK-10).

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, header::USER_AGENT};
use stadtbus_contracts::Handshake;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, sleep_until},
};

use super::{AGENT, Webhook, WebhookTarget};
use crate::deliver::{egress::Answer, outcome::Outcome};

/// Who delivers: in the question and, after consent, in every delivery.
pub(super) const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const REQUEST_CALLBACK: HeaderName = HeaderName::from_static("webhook-request-callback");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// The rate the bus asks for, in deliveries per minute. A receiver may allow less, or any (`*`).
pub const REQUEST_RATE_PER_MINUTE: u32 = 6_000;

/// How long a target that did not consent is left alone before it is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(30);

/// Whether a target may be delivered to at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Yes.
    Now,
    /// The wait for the receiver's rate was given up ([`WebhookTarget::let_go`]); nothing was tried.
    NotYet,
    /// It does not consent (`SB-3010`). That is no attempt: its receiver was offered nothing.
    Withheld,
    /// It could not be asked: as if an attempt had failed so.
    No(Outcome),
}

/// What a target has answered so far.
#[derive(Debug, Default)]
pub(super) struct Consent {
    state: Mutex<State>,
    letting_go: Notify,
    /// Somebody says that it is worth asking now.
    anew: AtomicBool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Unknown,
    Given {
        /// Between two deliveries; none where any rate is allowed.
        pause: Option<Duration>,
        /// When the next delivery may begin.
        next: Instant,
    },
    Withheld {
        until: Instant,
    },
}

impl Consent {
    pub(super) async fn is_given(&self) -> bool {
        matches!(*self.state.lock().await, State::Given { .. })
    }

    /// The receiver refused a delivery: it may have changed its mind, so it is asked before the next one.
    pub(super) async fn forget(&self) {
        let mut state = self.state.lock().await;
        if matches!(*state, State::Given { .. }) {
            *state = State::Unknown;
        }
    }

    pub(super) fn ask_anew(&self) {
        self.anew.store(true, Ordering::Relaxed);
    }

    pub(super) fn let_go(&self) {
        self.letting_go.notify_waiters();
    }
}

impl Webhook {
    /// Waits until the target may be delivered to: asks for its consent if it is to be asked, and keeps the rate it allows.
    /// Deliveries get their turns in the order in which they ask. To be called before each attempt.
    pub async fn turn(&self, target: &WebhookTarget) -> Turn {
        if target.handshake == Handshake::Off {
            return Turn::Now;
        }
        let slot = {
            // Held while the target is asked, so that it is asked once, however many wait.
            let mut state = target.consent.state.lock().await;
            if let Err(turn) = self.ask(target, &mut state).await {
                return turn;
            }
            match &mut *state {
                State::Given {
                    pause: Some(pause),
                    next,
                } => {
                    let slot = (*next).max(Instant::now());
                    *next = slot + *pause;
                    Some(slot)
                }
                _ => None,
            }
        };
        let Some(slot) = slot else { return Turn::Now };
        tokio::select! {
            biased;
            () = sleep_until(slot) => Turn::Now,
            () = target.consent.letting_go.notified() => Turn::NotYet,
        }
    }

    /// Brings the state up to date; an error where nothing may be delivered.
    async fn ask(&self, target: &WebhookTarget, state: &mut State) -> Result<(), Turn> {
        let required = target.handshake == Handshake::Required;
        if target.consent.anew.swap(false, Ordering::Relaxed) && matches!(state, State::Withheld { .. }) {
            *state = State::Unknown;
        }
        match state {
            State::Given { .. } => return Ok(()),
            State::Withheld { until } if Instant::now() < *until => {
                return match self.consented_later(target) {
                    Some(pause) => {
                        *state = given(pause);
                        Ok(())
                    }
                    None if required => Err(Turn::Withheld),
                    None => Ok(()),
                };
            }
            State::Unknown | State::Withheld { .. } => {}
        }
        let headers = || self.question(target);
        let answer = self
            .egress
            .options(&target.endpoint, target.identity(), target.timeout, headers)
            .await;
        let consent = |answer: &Answer| {
            self.consent(&answer.headers)
                .or_else(|| self.consented_later(target))
        };
        *state = match answer.as_ref().map(consent) {
            Ok(Some(pause)) => given(pause),
            Ok(None) | Err(_) => State::Withheld {
                until: Instant::now() + self.ask_again,
            },
        };
        match (state, answer) {
            (State::Given { .. }, _) => Ok(()),
            // Whoever is not there now may be there at the next attempt, and is asked then.
            (state, Err(error)) if required => {
                *state = State::Unknown;
                Err(Turn::No(error.into()))
            }
            _ if required => Err(Turn::Withheld),
            _ => Ok(()),
        }
    }

    /// HOOK-10: what was consented to by callback, as the pause that its rate means.
    fn consented_later(&self, target: &WebhookTarget) -> Option<Option<Duration>> {
        let url = target.endpoint.uri().to_string();
        let allowed = self.consents.as_ref()?.of(&target.subscription, &url)?;
        Some(allowed.rate.map(pause_of))
    }

    fn question(&self, target: &WebhookTarget) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        let url = target.endpoint.uri().to_string();
        let callback = self
            .consents
            .as_ref()
            .and_then(|consents| consents.callback(&target.subscription, &url));
        if let Some(callback) = callback {
            headers.insert(REQUEST_CALLBACK, callback);
        }
        headers.insert(USER_AGENT, AGENT);
        headers.insert(REQUEST_ORIGIN, self.origin.clone());
        headers.insert(REQUEST_RATE, HeaderValue::from(REQUEST_RATE_PER_MINUTE));
        headers
    }

    /// HOOK-9: consent is the origin's name or `*`, nothing else; then the pause its rate means.
    fn consent(&self, headers: &HeaderMap) -> Option<Option<Duration>> {
        let origin = headers.get(ALLOWED_ORIGIN)?;
        let named = origin.as_bytes().trim_ascii();
        if named != b"*" && !named.eq_ignore_ascii_case(self.origin.as_bytes()) {
            return None;
        }
        let rate = headers.get(ALLOWED_RATE).and_then(|rate| rate.to_str().ok());
        let per_minute = match rate.map(str::trim) {
            Some("*") => return Some(None),
            // A rate that cannot be read is none of ours to raise: the one that was asked for.
            rate => rate
                .and_then(|rate| rate.parse::<u32>().ok())
                .filter(|rate| *rate > 0)
                .unwrap_or(REQUEST_RATE_PER_MINUTE),
        };
        Some(Some(pause_of(per_minute)))
    }
}

fn pause_of(per_minute: u32) -> Duration {
    Duration::from_secs(60) / per_minute.max(1)
}

fn given(pause: Option<Duration>) -> State {
    State::Given {
        pause,
        next: Instant::now(),
    }
}
