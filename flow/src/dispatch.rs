//! Half two: read → route → transform → deliver → settle.
//!
//! Reading and routing happen in [`crate::lanes::Feed`]: each log is read once, and each event is handed to the
//! lanes of the orders that match. From there a lane's runner gives its events to [`Dispatcher::carry`], which is
//! the rest of the way on one screen. Nothing here can lose an event: it is settled, or it waits for another
//! attempt, and a crash gives every unsettled event back.

use std::sync::Arc;

use stadtbus_broker::Broker;
use stadtbus_event::Event;

use crate::{
    Limits,
    city::LiveCity,
    deliver::{
        outcome::Outcome as Answer,
        webhook::{Attempt, Foreign, Turn, Webhook, WebhookTarget},
    },
    facts::{Facts, Span, SpanKind},
    lanes::{Item, Lane, Outcome},
    log::{LogWriter, Logged},
    rollout::Rollouts,
    transform::TransformError,
};

mod breaker;
mod dead_letters;
mod derive;
mod diff;
mod edit;
mod held;
mod notice;
mod park;
mod settle;
mod shadow;
mod versions;

pub use breaker::BREAKER_MOVED;
pub use dead_letters::{Buried, DeadLetters, Head, Reason, Redrive, Redriven, Wanted};
pub use diff::{Apart, Diff, Trial, diff};
pub use edit::Edit;
pub use park::Decided;

/// What is handed to a receiver.
enum Parcel {
    Event(Arc<Event>),
    Foreign(Foreign),
}

/// Half two of the flow: what every lane needs to carry its events.
pub struct Dispatcher {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) log: LogWriter,
    pub(crate) webhook: Webhook,
    pub(crate) facts: Arc<Facts>,
    pub(crate) limits: Limits,
    rollouts: Option<Arc<Rollouts>>,
    shadows: shadow::Shadows,
}

impl Dispatcher {
    /// Puts the half together.
    #[must_use]
    pub fn new(
        broker: Arc<dyn Broker>,
        log: LogWriter,
        webhook: Webhook,
        facts: Arc<Facts>,
        limits: Limits,
    ) -> Self {
        Self {
            broker,
            log,
            webhook,
            facts,
            limits,
            rollouts: None,
            shadows: shadow::Shadows::default(),
        }
    }

    /// The same, with new versions of plugins tried beside those in service.
    #[must_use]
    pub fn with_rollouts(mut self, rollouts: Arc<Rollouts>) -> Self {
        self.rollouts = Some(rollouts);
        self
    }

    /// Carries events of one lane to their end, or to their next attempt.
    pub async fn carry(&self, lane: &Lane, city: &LiveCity, items: Vec<Item>) {
        if lane.order.is_derivation() {
            return self.derive(lane, city, items).await;
        }
        let (items, expired) = items
            .into_iter()
            .partition::<Vec<_>, _>(|item| !item.has_expired());
        for item in expired {
            lane.untried();
            self.end(lane, item, Outcome::Expired, None, None);
        }
        if lane.order.is_taken_by_receiver() {
            for item in items {
                self.prepare(lane, city, item).await;
            }
        } else {
            for item in items {
                self.send(lane, city, item).await;
            }
        }
    }

    /// Transform → deliver → settle, for a webhook.
    async fn send(&self, lane: &Lane, city: &LiveCity, mut item: Item) {
        let Some(target) = &lane.order.webhook else {
            lane.untried();
            return lane.put_back(item);
        };
        match self.webhook.turn(target).await {
            Turn::Now => self.consent_moved(lane, city, lane.consented(true)).await,
            Turn::Withheld => return self.hold(lane, city, item).await,
            Turn::NotYet => {
                lane.untried();
                return lane.put_back(item);
            }
            Turn::No(outcome) => {
                item.attempts += 1;
                return self.conclude(lane, city, item, Attempt::unsaid(outcome)).await;
            }
        }
        // The turn may have been waited for.
        if item.has_expired() {
            lane.untried();
            return self.end(lane, item, Outcome::Expired, None, None);
        }
        let parcel = match self.transform(lane, city, &mut item).await {
            Ok(Made::Parcel(parcel)) => parcel,
            Ok(Made::Nothing { code, reason }) => {
                lane.untried();
                return self.end(lane, item, Outcome::Filtered, Some(&code), Some(reason));
            }
            Err(error) => {
                lane.untried();
                self.transform_failed(lane, item, error).await;
                return;
            }
        };
        item.attempts += 1;
        let parcel = marked(lane, parcel);
        let span = self.span("deliver", SpanKind::Client, lane, &item.logged);
        let attempt = self.post(lane, target, &item, &parcel, span.traceparent()).await;
        span.end(attempt.outcome.code());
        self.conclude(lane, city, item, attempt).await;
    }

    /// What an answer says of the receiver, and of the event.
    async fn conclude(&self, lane: &Lane, city: &LiveCity, item: Item, attempt: Attempt) {
        let moved = lane.answered(&attempt.outcome);
        if attempt.outcome == Answer::Gone {
            self.gone(lane, city).await;
        }
        self.settle(lane, item, attempt).await;
        if let Some(moved) = moved {
            self.breaker_moved(lane, city, &moved).await;
        }
    }

    async fn post(
        &self,
        lane: &Lane,
        target: &WebhookTarget,
        item: &Item,
        parcel: &Parcel,
        traceparent: Option<String>,
    ) -> Attempt {
        // No dot: in what is signed a dot divides the id from what follows it.
        let delivery = format!(
            "{}:{}:{}",
            lane.order.key().replace('.', ":"),
            item.logged.log,
            item.logged.position
        );
        match parcel {
            Parcel::Event(event) => {
                self.webhook
                    .attempt(target, event, &delivery, item.attempts, traceparent.as_deref())
                    .await
            }
            Parcel::Foreign(foreign) => {
                self.webhook
                    .attempt_raw(target, foreign, &delivery, item.attempts, traceparent.as_deref())
                    .await
            }
        }
    }

    /// Transform, then wait for the receiver to take it, for pull and live streams.
    async fn prepare(&self, lane: &Lane, city: &LiveCity, mut item: Item) {
        match self.transform(lane, city, &mut item).await {
            Ok(Made::Parcel(Parcel::Event(event))) => {
                let event = match &lane.order.replay {
                    Some(replay) => replay.mark(event),
                    None => event,
                };
                let logged = &item.logged;
                let made = Logged {
                    log: logged.log.clone(),
                    position: logged.position,
                    event,
                    provenance: logged.provenance.clone(),
                };
                item.logged = Arc::new(made);
                lane.ready(item);
            }
            Ok(Made::Parcel(Parcel::Foreign(_))) => {
                let error = TransformError::new("SB-4107", "Foreign bytes can be delivered by webhook only.");
                self.transform_failed(lane, item, error).await;
            }
            Ok(Made::Nothing { code, reason }) => {
                self.end(lane, item, Outcome::Filtered, Some(&code), Some(reason))
            }
            Err(error) => {
                self.transform_failed(lane, item, error).await;
            }
        }
    }

    /// The form in which this receiver may have the event.
    async fn transform(&self, lane: &Lane, city: &LiveCity, item: &mut Item) -> Result<Made, TransformError> {
        let Some(plugin) = &lane.order.transform else {
            return Ok(Made::Parcel(Parcel::Event(Arc::clone(&item.logged.event))));
        };
        let span = self.span("transform", SpanKind::Internal, lane, &item.logged);
        let result = self.run_versions(lane, city, plugin, item).await;
        span.end(result.as_ref().err().map(|error| error.code));
        self.judge_plugin(lane, city, result.as_ref().err()).await;
        result
    }

    fn span(&self, name: &str, kind: SpanKind, lane: &Lane, logged: &Logged) -> Span {
        let attributes = || {
            vec![
                opentelemetry::KeyValue::new("messaging.system", "stadtbus"),
                opentelemetry::KeyValue::new("messaging.destination.name", lane.order.key()),
                opentelemetry::KeyValue::new("cloudevents.event_id", logged.event.id().to_owned()),
                opentelemetry::KeyValue::new("cloudevents.event_source", logged.event.source().to_owned()),
                opentelemetry::KeyValue::new("cloudevents.event_type", logged.event.ty().to_owned()),
            ]
        };
        self.facts.traces.start(
            || format!("{name} {}", lane.order.id()),
            kind,
            logged.provenance.traceparent.as_deref(),
            attributes,
        )
    }
}

/// What is replayed says so.
fn marked(lane: &Lane, parcel: Parcel) -> Parcel {
    match (&lane.order.replay, parcel) {
        (Some(replay), Parcel::Event(event)) => Parcel::Event(replay.mark(event)),
        (_, parcel) => parcel,
    }
}

/// What came out of a transformation.
enum Made {
    Parcel(Parcel),
    Nothing { code: String, reason: String },
}
