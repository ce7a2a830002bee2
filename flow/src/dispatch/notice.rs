//! What the bus itself has to tell the owner of a subscription: an event like any other, in the log.

use std::sync::Arc;

use serde_json::Value;
use stadtbus_event::Event;

use super::Dispatcher;
use crate::{
    Refusal,
    city::LiveCity,
    clock,
    lanes::Lane,
    log::Provenance,
    validate,
    written::{from_millis, rfc3339},
};

/// How something stands with a subscription, and since when.
pub(super) struct Notice {
    /// The type. It is published where the city has a contract for it, by the partner whose contract that is.
    pub(super) ty: &'static str,
    pub(super) state: &'static str,
    pub(super) since_ms: u64,
    /// What else its data says.
    pub(super) more: Vec<(&'static str, Value)>,
}

impl Dispatcher {
    /// Tells. That it cannot be written holds up nothing: how a subscription stands is seen there, too.
    pub(super) async fn tell_owner(&self, lane: &Lane, city: &LiveCity, notice: Notice) {
        let ty = notice.ty;
        if let Err(refusal) = self.publish(lane, city, notice).await {
            tracing::warn!(subscription = %lane.order.id(), ty, %refusal, "A notice to the owner could not be published.");
        }
    }

    async fn publish(&self, lane: &Lane, city: &LiveCity, notice: Notice) -> Result<(), Refusal> {
        let Some(publisher) = city.publisher_of(notice.ty) else {
            return Ok(());
        };
        // As sources of a city's partners are named.
        let source = format!("urn:{}:{publisher}:bus", city.registry.city().name);
        let event = Arc::new(event(lane, notice, &source)?);
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

fn event(lane: &Lane, notice: Notice, source: &str) -> Result<Event, Refusal> {
    let Notice {
        ty,
        state,
        since_ms,
        more,
    } = notice;
    let mut data = serde_json::json!({
        "subscription": lane.order.id(), "partner": lane.order.partner(), "state": state,
        "since": rfc3339(from_millis(since_ms)),
    });
    if let Some(data) = data.as_object_mut() {
        data.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    let event = Event::builder(format!("{}.{since_ms}.{state}", lane.order.key()), source, ty)
        .subject(lane.order.id().as_str())
        .time(rfc3339(clock::now()))
        .datacontenttype("application/json")
        .data(data.to_string());
    Ok(event.build()?)
}
