//! Half one: ingest → authenticate → validate → log → receipt.
//!
//! This file is the whole way of an event into the log. Whatever is wrong with it is said here and now, with a
//! code; what comes out as a [`Receipt`] is durable. Nothing is acknowledged before the broker has.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use stadtbus_event::{Event, PartnerId};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use crate::{
    Limits, Refusal,
    authenticate::{Principal, Verifier},
    city::Cities,
    clock,
    facts::{EventAccepted, EventRefused, Facts, Span, SpanKind},
    ingest::{self, Arrival},
    log::{LogWriter, Provenance, Receipt},
    rollout::Rollouts,
    validate,
};

mod raw;
mod shares;

pub use raw::RawAnswer;
use shares::{Share, Shares};

/// A request as it came from the network, its body already bounded by the server.
#[derive(Debug)]
pub struct Request {
    /// All header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The answer to a publication.
#[derive(Debug)]
pub enum Answer {
    /// One event, accepted.
    One(Receipt),
    /// A batch, answered event by event, in order.
    Batch(Vec<Result<Receipt, Refusal>>),
}

/// Half one of the flow.
pub struct Acceptor {
    pub(crate) cities: Arc<Cities>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) log: LogWriter,
    pub(crate) facts: Arc<Facts>,
    pub(crate) limits: Limits,
    slots: Semaphore,
    shares: Shares,
    keys: raw::KeyLocks,
    rollouts: Option<Arc<Rollouts>>,
}

impl Acceptor {
    /// Puts the half together.
    #[must_use]
    pub fn new(
        cities: Arc<Cities>,
        verifier: Arc<Verifier>,
        log: LogWriter,
        facts: Arc<Facts>,
        limits: Limits,
    ) -> Self {
        let slots = Semaphore::new(limits.accept_inflight_max);
        Self {
            cities,
            verifier,
            log,
            facts,
            limits,
            slots,
            shares: Shares::default(),
            keys: raw::KeyLocks::default(),
            rollouts: None,
        }
    }

    /// The same, with new versions of plugins tried beside those in service.
    #[must_use]
    pub fn with_rollouts(mut self, rollouts: Arc<Rollouts>) -> Self {
        self.rollouts = Some(rollouts);
        self
    }

    /// Takes CloudEvents in any of the three HTTP modes.
    ///
    /// # Errors
    /// The first refusal of a single event, or of a batch as a whole; a bad event inside a batch refuses only
    /// itself.
    pub async fn events(&self, request: Request) -> Result<Answer, Refusal> {
        let started = Instant::now();
        let span = self.span("publish", &request.headers);
        let mut partner = None;
        let result = self.take(request, span.traceparent(), &mut partner).await;
        match &result {
            Ok(Answer::One(receipt)) => EventAccepted {
                receipt,
                seconds: started.elapsed().as_secs_f64(),
            }
            .emit(&self.facts),
            Ok(Answer::Batch(answers)) => self.tell_batch(answers, partner.as_deref(), started),
            Err(refusal) => EventRefused {
                refusal,
                partner: partner.as_deref(),
            }
            .emit(&self.facts),
        }
        span.end(result.as_ref().err().map(|refusal| refusal.code));
        result
    }

    async fn take(
        &self,
        request: Request,
        traceparent: Option<String>,
        partner: &mut Option<String>,
    ) -> Result<Answer, Refusal> {
        let _slot = self.slot()?;
        let principal = self.publisher(&request.headers)?;
        *partner = Some(principal.partner.to_string());
        let _share = self.share(&principal.partner)?;
        let arrival = ingest::read(&request.headers, request.body, &self.limits)?;
        match arrival {
            Arrival::One(event) => {
                let provenance = self.admit(&principal, &event, traceparent)?;
                Ok(Answer::One(
                    self.log.append(&principal.partner, &event, &provenance).await?,
                ))
            }
            Arrival::Batch(events) => Ok(Answer::Batch(
                self.take_batch(&principal, events, traceparent).await,
            )),
        }
    }

    async fn take_batch(
        &self,
        principal: &Principal,
        events: Vec<Result<Arc<Event>, Refusal>>,
        traceparent: Option<String>,
    ) -> Vec<Result<Receipt, Refusal>> {
        let mut admitted = Vec::with_capacity(events.len());
        let mut answers: Vec<Option<Refusal>> = Vec::with_capacity(events.len());
        for event in events {
            let outcome =
                event.and_then(|event| Ok((self.admit(principal, &event, traceparent.clone())?, event)));
            answers.push(match outcome {
                Ok((provenance, event)) => {
                    admitted.push((event, provenance));
                    None
                }
                Err(refusal) => Some(refusal),
            });
        }
        let mut receipts = self
            .log
            .append_all(&principal.partner, &admitted)
            .await
            .into_iter();
        let missing = || {
            Err(Refusal::new(
                "SB-1503",
                "The broker gave no answer for this event.",
            ))
        };
        answers
            .into_iter()
            .map(|refused| refused.map_or_else(|| receipts.next().unwrap_or_else(missing), Err))
            .collect()
    }

    /// Validation, and what the log shall know beside the event.
    fn admit(
        &self,
        principal: &Principal,
        event: &Event,
        traceparent: Option<String>,
    ) -> Result<Provenance, Refusal> {
        let now = clock::now();
        let city = self.cities.current()?;
        let contract = validate::admit(&city.registry, principal, event, now)?;
        Ok(self.provenance(principal, contract, now, traceparent))
    }

    fn provenance(
        &self,
        principal: &Principal,
        contract: String,
        accepted: SystemTime,
        traceparent: Option<String>,
    ) -> Provenance {
        Provenance {
            partner: principal.partner.clone(),
            by: format!("system:{}", principal.system),
            token_id: principal.token_id.clone(),
            accepted,
            contract,
            hops: 0,
            cause: None,
            traceparent,
        }
    }

    fn publisher(&self, headers: &HeaderMap) -> Result<Arc<Principal>, Refusal> {
        let header = headers
            .get(http::header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok());
        let principal = self.verifier.verify(header)?;
        principal.require_publish()?;
        // The token may be older than the city's opinion of the system.
        let city = self.cities.current()?;
        validate::registered(&city.registry, &principal)?;
        validate::narrowed(&city.registry, &principal).require_publish()?;
        Ok(principal)
    }

    /// Overload is answered, not queued (P7).
    fn slot(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.slots
            .try_acquire()
            .map_err(|_| Refusal::new("SB-1404", "Too many requests are being accepted at this moment."))
    }

    /// Nobody's flood is another's (P6).
    fn share(&self, partner: &PartnerId) -> Result<Share<'_>, Refusal> {
        self.shares.take(partner, self.limits.accept_inflight_partner_max)
    }

    fn span(&self, name: &str, headers: &HeaderMap) -> Span {
        let parent = headers.get("traceparent").and_then(|value| value.to_str().ok());
        self.facts
            .traces
            .start(|| format!("{name} stadtbus"), SpanKind::Server, parent, Vec::new)
    }

    fn tell_batch(&self, answers: &[Result<Receipt, Refusal>], partner: Option<&str>, started: Instant) {
        let seconds = started.elapsed().as_secs_f64();
        for answer in answers {
            match answer {
                Ok(receipt) => EventAccepted { receipt, seconds }.emit(&self.facts),
                Err(refusal) => EventRefused { refusal, partner }.emit(&self.facts),
            }
        }
    }
}
