//! The receiver's consent (CloudEvents HTTP 1.1 web hooks §4, `http-webhook.md`; HOOK-8, HOOK-9, HOOK-11).
//!
//! *Promise*: a target that is to be asked is asked by `OPTIONS` before its first delivery, once for all its deliveries;
//! only `WebHook-Allowed-Origin` is consent, whatever the status; the rate it allows is kept. *What it refuses*: to take a
//! bare 200 for consent, to pester a target that does not consent. *What it leaves out*: consent by callback (HOOK-10),
//! which is optional, and for which a receiver would have to reach the bus from outside.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header::USER_AGENT};
use stadtbus_contracts::Handshake;
use tokio::{
    sync::{Mutex, Notify},
    time::{Instant, sleep_until},
};

use super::{AGENT, Webhook, WebhookTarget};
use crate::deliver::outcome::Outcome;

/// Who delivers: in the question and, after consent, in every delivery.
pub(super) const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
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
    /// It does not consent, or could not be asked: as if an attempt had failed so.
    No(Outcome),
}

/// What a target has answered so far.
#[derive(Debug, Default)]
pub(super) struct Consent {
    state: Mutex<State>,
    letting_go: Notify,
}

/// What is remembered is no part of what a target is.
impl PartialEq for Consent {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Consent {}

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
            if let Err(outcome) = self.ask(target, &mut state).await {
                return Turn::No(outcome);
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
    async fn ask(&self, target: &WebhookTarget, state: &mut State) -> Result<(), Outcome> {
        let required = target.handshake == Handshake::Required;
        match state {
            State::Given { .. } => return Ok(()),
            State::Withheld { until } if Instant::now() < *until => {
                return if required { Err(withheld()) } else { Ok(()) };
            }
            State::Unknown | State::Withheld { .. } => {}
        }
        let headers = || self.question();
        let answer = self
            .egress
            .options(&target.endpoint, target.timeout, headers)
            .await;
        *state = match answer.as_ref().map(|answer| self.consent(&answer.headers)) {
            Ok(Some(pause)) => State::Given {
                pause,
                next: Instant::now(),
            },
            Ok(None) | Err(_) => State::Withheld {
                until: Instant::now() + self.ask_again,
            },
        };
        match (state, answer) {
            (State::Given { .. }, _) => Ok(()),
            // Whoever is not there now may be there at the next attempt, and is asked then.
            (state, Err(error)) if required => {
                *state = State::Unknown;
                Err(error.into())
            }
            _ if required => Err(withheld()),
            _ => Ok(()),
        }
    }

    fn question(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
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
        Some(Some(Duration::from_secs(60) / per_minute))
    }
}

fn withheld() -> Outcome {
    Outcome::Retry {
        code: "SB-3010",
        detail: "The receiver has not consented to deliveries (WebHook-Allowed-Origin).".to_owned(),
        after: None,
    }
}
