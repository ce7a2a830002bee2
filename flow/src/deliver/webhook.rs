//! An event posted to a receiver (CloudEvents HTTP 1.1 web hooks, `http-webhook.md`).
//!
//! *Promise*: one call is one attempt and has one [`Outcome`]. Every attempt at the same event carries the same
//! `webhook-id`, by which a receiver knows a repeat. *What it refuses*: header fields of a subscription that would
//! speak for the bus, for the event or for the connection.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, USER_AGENT},
};
use stadtbus_contracts::{Delivery, Handshake, Mode};
use stadtbus_event::{Event, http_binding};
use tokio::time::Instant;

use super::{
    conceal::conceal,
    consents::Consents,
    egress::{Egress, EgressError, Endpoint, Identity},
    grant::Grant,
    outcome::{Outcome, clean},
    secrets::Secrets,
    signature::WEBHOOK_ID,
};

use crate::clock;

mod attempt;
mod handshake;
mod headers;
mod signed;
#[cfg(test)]
mod tests;

pub use attempt::{Attempt, Foreign};
pub use handshake::{REQUEST_RATE_PER_MINUTE, Turn};
pub use headers::{CUSTOM_HEADER_BYTES_MAX, CUSTOM_HEADERS_MAX};

const ATTEMPT: HeaderName = HeaderName::from_static("stadtbus-attempt");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What a receiver asks for in its answer (as Svix has it).
const WEBHOOK_DELIVERY: HeaderName = HeaderName::from_static("webhook-delivery");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("stadtbus/", env!("CARGO_PKG_VERSION")));

/// Where a subscription's events go, checked for form.
#[derive(Debug, Clone)]
pub struct WebhookTarget {
    endpoint: Endpoint,
    mode: Mode,
    timeout: Duration,
    headers: HeaderMap,
    handshake: Handshake,
    consent: Arc<handshake::Consent>,
    /// Whose target it is: `<partner>.<subscription>`.
    subscription: Box<str>,
    /// Where the token comes from that its receiver wants to be shown.
    grant: Option<Arc<Grant>>,
    /// The certificate that its receiver wants to be shown.
    identity: Option<Arc<Identity>>,
}

impl WebhookTarget {
    /// The target of a subscription; `authorization` is what its receiver wants to be shown.
    ///
    /// # Errors
    /// [`EgressError::Target`] when the URL is malformed.
    pub fn new(
        sink: &stadtbus_contracts::Webhook,
        delivery: &Delivery,
        authorization: Option<&str>,
    ) -> Result<Self, EgressError> {
        let shown: Vec<_> = authorization
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        let timeout = Duration::from_millis(delivery.timeout_ms);
        let target = Self::build(&sink.url, sink.mode, timeout, &shown)?;
        Ok(target.asking(sink.handshake))
    }

    /// The same target, asked for its consent as said. What it answers is remembered with the target: another target, or
    /// another start of the bus, asks anew.
    #[must_use]
    pub fn asking(self, handshake: Handshake) -> Self {
        Self { handshake, ..self }
    }

    /// The same target as this subscription's (`<partner>.<subscription>`): deliveries are signed by its secret, if it has
    /// one, and it may be consented to by callback.
    #[must_use]
    pub fn of_subscription(self, key: &str) -> Self {
        let subscription = key.into();
        Self { subscription, ..self }
    }

    /// The same target, whose receiver is shown a token that is fetched for it.
    #[must_use]
    pub fn granted(self, grant: Arc<Grant>) -> Self {
        let grant = Some(grant);
        Self { grant, ..self }
    }

    /// The same target, whose receiver is shown a certificate.
    #[must_use]
    pub fn shown(self, identity: Arc<Identity>) -> Self {
        let identity = Some(identity);
        Self { identity, ..self }
    }

    fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// A target from its parts. Values of `headers` are never shown: they may be the receiver's credentials.
    ///
    /// # Errors
    /// [`EgressError::Target`] when the URL is malformed or a header field may not be set.
    pub fn build(
        url: &str,
        mode: Mode,
        timeout: Duration,
        headers: &[(&str, &str)],
    ) -> Result<Self, EgressError> {
        if headers.len() > CUSTOM_HEADERS_MAX {
            return Err(EgressError::Target("it has more than 16 header fields"));
        }
        let mut checked = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let (name, value) = headers::custom(name, value)?;
            if checked.insert(name, value).is_some() {
                return Err(EgressError::Target("a header field is given twice"));
            }
        }
        Ok(Self {
            endpoint: Endpoint::parse(url)?,
            mode,
            timeout,
            headers: checked,
            handshake: Handshake::Off,
            consent: Arc::default(),
            subscription: Box::default(),
            grant: None,
            identity: None,
        })
    }

    /// The receiver's URL.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// In which content mode it gets events.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Lets go of deliveries that only wait for the receiver's rate: they come back as [`Turn::NotYet`]. For a lane that
    /// stops or is paused.
    pub fn let_go(&self) {
        self.consent.let_go();
    }

    /// Asks a receiver that did not consent without waiting for the next time.
    pub fn ask_anew(&self) {
        self.consent.ask_anew();
    }

    /// What it answered, without the credentials it was shown and without what looks like one.
    fn conceal(&self, text: &str, token: Option<&HeaderValue>) -> String {
        let shown = self.headers.values().chain(token);
        let known: Vec<_> = shown.filter_map(|value| value.to_str().ok()).collect();
        conceal(text, &known)
    }

    /// How long one attempt may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

/// Posts events.
#[derive(Clone)]
pub struct Webhook {
    egress: Arc<Egress>,
    origin: HeaderValue,
    ask_again: Duration,
    secrets: Option<Arc<Secrets>>,
    consents: Option<Arc<Consents>>,
}

impl Webhook {
    /// Posts through this door.
    #[must_use]
    pub fn new(egress: Arc<Egress>) -> Self {
        Self {
            egress,
            origin: HeaderValue::from_static("stadtbus"),
            ask_again: handshake::ASK_AGAIN,
            secrets: None,
            consents: None,
        }
    }

    /// With the consents that come by callback, where the bus has a public address for them.
    #[must_use]
    pub fn with_consents(self, consents: Option<Arc<Consents>>) -> Self {
        Self { consents, ..self }
    }

    /// With the secrets and keys that sign.
    #[must_use]
    pub fn with_secrets(self, secrets: Arc<Secrets>) -> Self {
        let secrets = Some(secrets);
        Self { secrets, ..self }
    }

    /// With this name of the bus (`WebHook-Request-Origin`), a DNS name that receivers know it by.
    #[must_use]
    pub fn with_origin(self, origin: HeaderValue) -> Self {
        Self { origin, ..self }
    }

    /// With another pause before a receiver that did not consent is asked again.
    #[cfg(test)]
    fn asking_again_after(self, ask_again: Duration) -> Self {
        Self { ask_again, ..self }
    }

    /// The outcome of one attempt at one event.
    #[cfg(test)]
    pub(crate) async fn deliver(
        &self,
        target: &WebhookTarget,
        event: &Event,
        delivery_id: &str,
        attempt: u32,
        traceparent: Option<&str>,
    ) -> Outcome {
        self.attempt(target, event, delivery_id, attempt, traceparent)
            .await
            .outcome
    }

    /// One attempt at one event. `delivery_id` is the same for all attempts at it; `attempt` counts them from 1.
    pub async fn attempt(
        &self,
        target: &WebhookTarget,
        event: &Event,
        delivery_id: &str,
        attempt: u32,
        traceparent: Option<&str>,
    ) -> Attempt {
        let message = || {
            let (mut headers, body) = match target.mode {
                Mode::Binary => http_binding::encode_binary(event),
                Mode::Structured => http_binding::encode_structured(event),
            };
            add_own(&mut headers, target, delivery_id, attempt, traceparent);
            (headers, body)
        };
        self.post(target, message).await
    }

    /// [`Webhook::attempt`] at foreign bytes, as an encoding plugin made them.
    pub async fn attempt_raw(
        &self,
        target: &WebhookTarget,
        foreign: &Foreign,
        delivery_id: &str,
        attempt: u32,
        traceparent: Option<&str>,
    ) -> Attempt {
        let made = match headers::of_plugin(foreign) {
            Ok(made) => made,
            Err(detail) => {
                let code = "SB-4107";
                return Attempt::unsaid(Outcome::Refused { code, detail });
            }
        };
        let message = || {
            let mut headers = made.clone();
            // Whoever ordered the subscription has the last word.
            add_own(&mut headers, target, delivery_id, attempt, traceparent);
            (headers, foreign.body.clone())
        };
        self.post(target, message).await
    }

    /// All of one attempt ends within the target's time, the token for it included.
    async fn post(&self, target: &WebhookTarget, message: impl Fn() -> (HeaderMap, Bytes)) -> Attempt {
        let deadline = Instant::now() + target.timeout;
        let Some(grant) = &target.grant else {
            return self.post_once(target, deadline, &message, None).await;
        };
        let left = || deadline.saturating_duration_since(Instant::now());
        let shown = match grant.authorization(&self.egress, left()).await {
            Ok(shown) => shown,
            Err(outcome) => return Attempt::unsaid(outcome),
        };
        let attempt = self.post_once(target, deadline, &message, Some(&shown)).await;
        if attempt.status != Some(401) {
            return attempt;
        }
        // It may have been withdrawn: another one, once.
        grant.spoiled(&shown).await;
        match grant.authorization(&self.egress, left()).await {
            Ok(shown) => self.post_once(target, deadline, &message, Some(&shown)).await,
            Err(outcome) => Attempt::unsaid(outcome),
        }
    }

    async fn post_once(
        &self,
        target: &WebhookTarget,
        deadline: Instant,
        message: &impl Fn() -> (HeaderMap, Bytes),
        shown: Option<&HeaderValue>,
    ) -> Attempt {
        let signer = match self.signer(target) {
            Ok(signer) => signer,
            Err(outcome) => return Attempt::unsaid(outcome),
        };
        // HOOK-11: after consent every delivery says who it is from.
        let consented = target.consent.is_given().await;
        let message = || {
            let (mut headers, body) = message();
            signer.sign(&mut headers, &body);
            if consented {
                headers.insert(handshake::REQUEST_ORIGIN, self.origin.clone());
            }
            if let Some(shown) = shown {
                headers.insert(AUTHORIZATION, shown.clone());
            }
            (headers, body)
        };
        let within = deadline.saturating_duration_since(Instant::now());
        match self
            .egress
            .post(&target.endpoint, target.identity(), within, message)
            .await
        {
            Ok(answer) => {
                let outcome = Outcome::from_answer(answer.status, answer.retry_after.as_ref(), clock::now())
                    .heeding(answer.headers.get(WEBHOOK_DELIVERY));
                if matches!(outcome, Outcome::Refused { .. } | Outcome::Gone) {
                    target.consent.forget().await;
                }
                Attempt {
                    outcome,
                    status: Some(answer.status.as_u16()),
                    excerpt: clean(&answer.excerpt).map(|text| target.conceal(&text, shown)),
                }
            }
            Err(EgressError::TimedOut(_)) => {
                Attempt::unsaid(EgressError::TimedOut(target.timeout.as_millis()).into())
            }
            Err(error) => Attempt::unsaid(error.into()),
        }
    }
}

/// The fields of the bus, and those of the subscription. Ids are the bus's own and always visible ASCII; a trace
/// context that is not is left out.
fn add_own(
    headers: &mut HeaderMap,
    target: &WebhookTarget,
    delivery_id: &str,
    attempt: u32,
    traceparent: Option<&str>,
) {
    headers.insert(USER_AGENT, AGENT);
    if let Ok(id) = HeaderValue::from_str(delivery_id) {
        headers.insert(WEBHOOK_ID, id);
    }
    headers.insert(ATTEMPT, HeaderValue::from(attempt));
    if let Some(context) = traceparent.and_then(|context| HeaderValue::from_str(context).ok()) {
        headers.insert(TRACEPARENT, context);
    }
    for (name, value) in &target.headers {
        headers.insert(name, value.clone());
    }
}
