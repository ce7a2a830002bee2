//! Subscribers: take events by pull or as a live stream; pause and resume what is theirs.

mod events;
mod live;
mod parked;
mod pull;
mod stream;
mod websocket;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use stadtbus_contracts::Sink;
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    city::Order,
    lanes::{Ended, Lane, Pause, pauses, replay::store},
};
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{self, HeaderBuilder, ObjectBuilder, RefOr, ResponseBuilder, schema::Type},
};

use self::events::CURSOR;
pub(super) use self::{events::*, parked::*, pull::*, stream::*, websocket::*};
use super::{Problem, Shared, extract::Path, principal};
use crate::{
    Bus,
    describe::{
        params::SubscriptionPath,
        refusals::{ALWAYS, BROKER, NOT_YET, SCOPE, WHO, refusals},
    },
};

type Answer = Result<Response, Problem>;

/// Whether a subscription stands still now.
#[derive(Serialize, ToSchema)]
pub(super) struct Paused {
    /// The subscription.
    subscription: String,
    /// Whether it stands still.
    paused: bool,
}

refusals! {
    /// Of pause and resume.
    PauseRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, &["SB-1119", "SB-2001"]
}

/// `POST /v1/subscriptions/{id}/pause`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/pause", tag = "subscribers", operation_id = "pauseSubscription",
    summary = "Let a subscription stand still",
    description = "Nothing is delivered until it is resumed; nothing is lost.",
    params(SubscriptionPath),
    responses((status = 200, description = "It stands still.", body = Paused), PauseRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn pause(State(bus): Shared, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    let by = principal(&bus, &headers)?;
    let pause = Pause::by(&format!("{}/{}", by.partner, by.system));
    set_pause(&bus, &order, Some(pause)).await
}

/// `POST /v1/subscriptions/{id}/resume`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/resume", tag = "subscribers", operation_id = "resumeSubscription",
    summary = "Let a subscription go on",
    description = "It goes on where it stood.",
    params(SubscriptionPath),
    responses((status = 200, description = "It goes on.", body = Paused), PauseRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn resume(State(bus): Shared, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    set_pause(&bus, &order, None).await
}

async fn set_pause(bus: &Bus, order: &Order, pause: Option<Pause>) -> Answer {
    pauses::write(&*bus.broker, &order.key(), pause.as_ref())
        .await
        .map_err(Refusal::from)?;
    let paused = pause.is_some();
    if let Some(lane) = bus.lanes.lane(order.id().as_str()) {
        lane.set_paused(pause);
    }
    Ok(Json(Paused {
        subscription: order.id().as_str().to_owned(),
        paused,
    })
    .into_response())
}

/// The order, if the caller may act for it. Somebody else's answers like an unknown one.
pub(super) fn owned(bus: &Bus, headers: &HeaderMap, id: &str) -> Result<Arc<Order>, Problem> {
    let principal: Arc<Principal> = principal(bus, headers)?;
    let operator = principal.require(Scope::Operate).is_ok();
    if !operator {
        principal.require_subscribe().map_err(Refusal::from)?;
    }
    let city = bus.cities.current()?;
    let order = city
        .order(id)
        .filter(|order| operator || *order.partner() == principal.partner);
    Ok(Arc::clone(order.ok_or_else(|| {
        Refusal::new("SB-2001", "You have no such subscription.")
    })?))
}

/// The lane of a replay, if it works here; none if it may work elsewhere or begins a little later.
async fn replay_lane(bus: &Bus, order: &Order, replay: &str) -> Result<Option<Arc<Lane>>, Problem> {
    if let Some(lane) = bus.lanes.replay_lane(order, replay) {
        takes(&lane.order, &order.subscription().sink)?;
        return Ok(Some(lane));
    }
    let key = super::replays::key_of(order, replay)?;
    match store::get(&*bus.broker, &key).await?.stage {
        stage if stage.has_ended() => Err(Refusal::new("SB-2078", "This replay has ended.").into()),
        _ => Ok(None),
    }
}

fn takes(order: &Order, sink: &Sink) -> Result<(), Problem> {
    let (found, wanted) = (order.subscription().sink.kind(), sink.kind());
    if found == wanted {
        return Ok(());
    }
    Err(Problem(Refusal::new(
        "SB-2007",
        format!("This subscription is delivered by {found}, not by {wanted}."),
    )))
}

/// Whether its events can be read by cursor, at once or as a stream.
fn reads(order: &Order) -> Result<(), Problem> {
    if order.is_taken_by_receiver() {
        return Ok(());
    }
    let kind = order.subscription().sink.kind();
    let detail = format!("This subscription is delivered by {kind}; nobody reads it.");
    Err(Refusal::new("SB-2007", detail).into())
}

/// Why a reader gets nothing more.
fn ended(why: Ended) -> Problem {
    Problem(match why {
        Ended::Displaced => Refusal::new(
            "SB-2055",
            "Another reader began to read this subscription; it has one reader at a time.",
        ),
        Ended::Closed | Ended::Unconfirmed => Refusal::new(
            "SB-1405",
            "This subscription is being taken over, or changed; ask again.",
        ),
        Ended::Broker(error) => error.into(),
    })
}

/// A call as it was made, to be repeated elsewhere.
fn with_query(call: &str, uri: &Uri) -> String {
    uri.query()
        .map_or_else(|| call.to_owned(), |query| format!("{call}?{query}"))
}

/// What answers [`Place::There`].
struct Elsewhere;

impl IntoResponses for Elsewhere {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let place = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .description(Some("Where."))
            .build();
        let response = ResponseBuilder::new()
            .description("Another process serves this subscription; repeat the call there.")
            .header("Location", place)
            .build();
        BTreeMap::from([("307".to_owned(), RefOr::T(response))])
    }
}

enum Place {
    Here(Arc<Lane>),
    There(Response),
}

/// The lane of the subscription or of its replay, or the way to the process that has it, where the same `call` is to be
/// repeated.
async fn here(bus: &Bus, order: &Order, call: &str, replay: Option<&str>) -> Result<Place, Problem> {
    let lane = match replay {
        None => bus.lanes.lane(order.id().as_str()),
        Some(replay) => replay_lane(bus, order, replay).await?,
    };
    if let Some(lane) = lane {
        return Ok(Place::Here(lane));
    }
    let holder = bus.lanes.holder_of(&order.key()).await.map_err(Refusal::from)?;
    if let Some(url) = holder.and_then(|holder| holder.url)
        && let Ok(location) = HeaderValue::from_str(&format!("{url}/v1/subscriptions/{}/{call}", order.id()))
    {
        return Ok(Place::There(
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response(),
        ));
    }
    Err(Problem(Refusal::new(
        "SB-1405",
        "No process serves this subscription at this moment; it is being taken over.",
    )))
}

pub(super) fn parsed<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem(Refusal::new(
            "SB-1102",
            format!(
                "The body is not what this call takes (line {}, column {}).",
                error.line(),
                error.column()
            ),
        ))
    })
}
