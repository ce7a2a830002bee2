//! "Wer bekäme das?": an event is tried on the subscriptions and not sent.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
};
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use stadtbus_contracts::{Severity, order::Draft};
use stadtbus_event::Event;
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    city::LiveCity,
    ingest::{self, Arrival},
    journey::{self, DryRun},
    route::Rule,
};
use utoipa::{ToSchema, openapi::Ref};

use super::{Shared, extract::Payload, orders, orders::Refused, principal};
use crate::{
    Bus,
    describe::{
        openapi::schema,
        refusals::{ALWAYS, DOCUMENTS, NOT_YET, WHO, refusals},
    },
};

refusals! {
    /// Of a dry run: what is wrong with the event as such, or with the order that comes along.
    TestRefused = ALWAYS, WHO, NOT_YET, DOCUMENTS, &[
        "SB-1101", "SB-1102", "SB-1103", "SB-1104", "SB-1105", "SB-1106", "SB-1107", "SB-1108", "SB-1109", "SB-1110",
        "SB-1111", "SB-1113", "SB-1311", "SB-1401", "SB-1403", "SB-1406", "SB-2014",
    ]
}

/// An event together with a subscription that is tried and not created.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    /// The event in its JSON form.
    #[schema(schema_with = cloud_event)]
    event: Box<RawValue>,
    /// A subscription as `POST /v1/subscriptions` takes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = order)]
    subscription: Option<Box<RawValue>>,
}

/// What is given is an order: `null` is none, and to be refused as such, not a member left out.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

fn cloud_event() -> Ref {
    schema("CloudEvent")
}

fn order() -> Ref {
    schema("SubscriptionOrder")
}

/// `POST /v1/subscriptions:test`: one event in any mode of the HTTP binding, or as plain JSON an event with a
/// subscription.
#[utoipa::path(
    post, path = "/v1/subscriptions:test", tag = "subscribers", operation_id = "testSubscriptions",
    summary = "Who would get this event?",
    description = "The evaluator that delivers says for each of one's own subscriptions what would become of the event, and which clause decides; \
        the holder of the contract and operators see all of them. Nothing is sent and nothing stored. As plain JSON a subscription may come along \
        that is tried and not created. Binary mode is understood as in `publishEvents`, too.",
    request_body(description = "An event, alone or with a subscription.", content(
        (Trial = "application/json"),
        (ref("#/components/schemas/CloudEvent") = "application/cloudevents+json"),
        ("application/cloudevents+protobuf"),
        ("application/cloudevents+avro"),
    )),
    responses((status = 200, description = "What would become of it.", content((ref("#/components/schemas/DryRun") = "application/json"))), TestRefused),
    security(("bearer" = [])),
)]
pub(super) async fn test(
    State(bus): Shared,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<DryRun>, Refused> {
    let by = principal(&bus, &headers)?;
    let city = bus.cities.current()?;
    let (event, proposed) = if is_trial(&headers) {
        trial(&bus, &by, &city, &body).await?
    } else {
        (event(&bus, &headers, body)?, None)
    };
    // Who publishes the type sees every line of the event's journey, and so here.
    let all = by.require(Scope::Operate).is_ok()
        || city.publisher_of(event.ty()) == Some(&by.partner) && by.require_publish().is_ok();
    let rules = city
        .orders
        .iter()
        .filter(|order| all || *order.partner() == by.partner)
        .map(|order| &*order.rule);
    let now = SystemTime::now();
    Ok(Json(journey::dry_run(
        &city.registry,
        rules,
        proposed.as_ref(),
        &event,
        now,
    )))
}

/// Plain JSON without an event's attributes in the head.
fn is_trial(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json") && !headers.contains_key("ce-specversion")
}

fn event(bus: &Bus, headers: &HeaderMap, body: Bytes) -> Result<Arc<Event>, Refusal> {
    match ingest::read(headers, body, &bus.limits)? {
        Arrival::One(event) => Ok(event),
        Arrival::Batch(_) => Err(Refusal::new("SB-1102", "One event is tried at a time.")),
    }
}

async fn trial(
    bus: &Bus,
    by: &Principal,
    city: &LiveCity,
    body: &[u8],
) -> Result<(Arc<Event>, Option<Rule>), Refused> {
    let trial: Trial = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Refusal::new(
            "SB-1102",
            format!("The body is not what this call takes (line {line}, column {column})."),
        )
        .hint("{\"event\": {…}, \"subscription\": {…}}, or an event as application/cloudevents+json")
    })?;
    let event = stadtbus_event::json::parse(&Bytes::copy_from_slice(trial.event.get().as_bytes()))
        .map_err(|error| Refused::from(Refusal::from(error)).below("/event"))?;
    let proposed = match trial.subscription {
        Some(order) => {
            let rule = proposed(bus, by, city, order.get()).await;
            Some(rule.map_err(|refused| refused.below("/subscription"))?)
        }
        None => None,
    };
    Ok((Arc::new(event), proposed))
}

/// A subscription that nobody agreed to may be tried: the answer says so.
async fn proposed(bus: &Bus, by: &Principal, city: &LiveCity, order: &str) -> Result<Rule, Refused> {
    let draft = Draft::read(order.as_bytes(), &by.partner)?;
    orders::may_order_for(by, &draft.subscription.partner)?;
    let mut faults = draft.judge(city.registry.city(), SystemTime::now());
    faults.retain(|fault| fault.severity == Severity::Error);
    if !faults.is_empty() {
        return Err(faults.into());
    }
    orders::reachable(bus, &draft).await?;
    Ok(Rule::new(
        draft.subscription.as_routed(),
        Arc::clone(&city.registry),
    ))
}
