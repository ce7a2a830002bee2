//! The owner of a subscription hears when its receiver's breaker opens and closes: by an event of the bus itself.

use std::sync::Arc;

use serde_json::json;
use stadtbus_event::Event;

use super::Dispatcher;
use crate::{
    Refusal,
    city::LiveCity,
    clock,
    facts::BreakerMoved,
    lanes::{Lane, Moved},
    log::Provenance,
    validate,
    written::{from_millis, rfc3339},
};

/// The type of the notice. It is published where the city has a contract for it, by the partner whose contract that is.
pub const NOTICE_TYPE: &str = "de.stadtbus.subscription.breaker.v1";

impl Dispatcher {
    /// Tells that a breaker opened or closed. That the notice cannot be written holds up nothing: how the breaker stands
    /// is seen at the subscription, too.
    pub(super) async fn breaker_moved(&self, lane: &Lane, city: &LiveCity, moved: &Moved) {
        BreakerMoved {
            subscription: lane.order.id().as_str(),
            open: moved.open,
            failures: moved.failures,
        }
        .emit();
        if let Err(refusal) = self.notice(lane, city, moved).await {
            tracing::warn!(subscription = %lane.order.id(), %refusal, "The notice about a breaker could not be published.");
        }
    }

    async fn notice(&self, lane: &Lane, city: &LiveCity, moved: &Moved) -> Result<(), Refusal> {
        let Some(publisher) = city.publisher_of(NOTICE_TYPE) else {
            return Ok(());
        };
        // As sources of a city's partners are named.
        let source = format!("urn:{}:{publisher}:bus", city.registry.city().name);
        let event = Arc::new(event(lane, moved, &source)?);
        let now = clock::now();
        let contract = validate::promised(&city.registry, publisher, &event, now)?;
        let provenance = Provenance {
            partner: publisher.clone(),
            by: "bus".to_owned(),
            token_id: String::new(),
            accepted: now,
            contract,
            hops: 0,
            cause: None,
            traceparent: None,
        };
        self.log.append(publisher, &event, &provenance).await?;
        Ok(())
    }
}

fn event(lane: &Lane, moved: &Moved, source: &str) -> Result<Event, Refusal> {
    let (state, since) = (if moved.open { "open" } else { "closed" }, moved.since_ms);
    let data = json!({
        "subscription": lane.order.id(), "partner": lane.order.partner(), "state": state,
        "failures": moved.failures, "since": rfc3339(from_millis(since)),
    });
    let event = Event::builder(
        format!("{}.{since}.{state}", lane.order.key()),
        source,
        NOTICE_TYPE,
    )
    .subject(lane.order.id().as_str())
    .time(rfc3339(clock::now()))
    .datacontenttype("application/json")
    .data(data.to_string());
    Ok(event.build()?)
}
