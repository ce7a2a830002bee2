//! "Wo ist mein Ereignis?"

use axum::{Json, extract::State, http::HeaderMap};
use serde::Deserialize;
use stadtbus_broker::LogName;
use stadtbus_event::PartnerId;
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    journey::{self, Journey},
};

use super::{
    Problem, Shared,
    extract::{Path, Query},
    principal,
};
use crate::{
    Bus,
    describe::{
        params::{EventPath, PlacePath},
        refusals::{ALWAYS, BROKER, NOT_YET, PARAMETER, WHO, refusals},
    },
};

refusals! {
    /// Of a journey.
    JourneyRefused = ALWAYS, WHO, NOT_YET, BROKER, PARAMETER, &["SB-1411", "SB-1412", "SB-1511", "SB-2005"]
}

/// `?source=`
#[derive(Deserialize)]
pub(super) struct Asked {
    source: Option<String>,
}

/// `GET /v1/events/{partner}/{id}/journey`
#[utoipa::path(
    get, path = "/v1/events/{partner}/{id}/journey", tag = "publishers", operation_id = "journeyOfEvent",
    summary = "Where is my event?",
    description = "What the bus did with an event, and why somebody did not get it. Publisher and operators see every line, a recipient its own; \
        to everybody else there is no such event.",
    params(
        EventPath,
        ("source" = Option<String>, Query, description = "The event's `source`, where the partner uses one `id` with several."),
    ),
    responses((status = 200, description = "The journey.", content((ref("#/components/schemas/Journey") = "application/json"))), JourneyRefused),
    security(("bearer" = [])),
)]
pub(super) async fn by_id(
    State(bus): Shared,
    Path((partner, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Json<Journey>, Problem> {
    let principal = principal(&bus, &headers)?;
    let partner = PartnerId::parse(&partner).map_err(|_| unknown())?;
    let (log, position) = {
        let (places, source) = (bus.places.as_deref(), asked.source.as_deref());
        journey::find(&bus.broker, places, &partner, &id, source).await?
    };
    tell(&bus, &principal, &log, position).await
}

/// `GET /v1/journey/{log}/{position}`
#[utoipa::path(
    get, path = "/v1/journey/{log}/{position}", tag = "publishers", operation_id = "journeyAtPosition",
    summary = "Where is the event at this place?",
    description = "As `journeyOfEvent`, by the place that the receipt names.",
    params(PlacePath),
    responses((status = 200, description = "The journey.", content((ref("#/components/schemas/Journey") = "application/json"))), JourneyRefused),
    security(("bearer" = [])),
)]
pub(super) async fn by_position(
    State(bus): Shared,
    Path((log, position)): Path<(String, u64)>,
    headers: HeaderMap,
) -> Result<Json<Journey>, Problem> {
    let principal = principal(&bus, &headers)?;
    let log = LogName::new(&log)
        .ok()
        .filter(|log| log.as_str().starts_with("LOG_"))
        .ok_or_else(unknown)?;
    tell(&bus, &principal, &log, position).await
}

/// The publisher and operators see every line, a recipient its own; to everybody else there is no such event.
async fn tell(
    bus: &Bus,
    principal: &Principal,
    log: &LogName,
    position: u64,
) -> Result<Json<Journey>, Problem> {
    let city = bus.cities.current()?;
    let lanes = bus.config.dispatch.then_some(&*bus.lanes);
    let journey = journey::tell(&bus.broker, bus.places.as_deref(), &city, lanes, log, position)
        .await
        .map_err(|refusal| {
            if refusal.code == "SB-1505" {
                unknown()
            } else {
                refusal
            }
        })?;
    let partner = &principal.partner;
    if principal.require(Scope::Operate).is_ok() || journey.event.partner == partner.as_str() {
        return Ok(Json(journey));
    }
    journey
        .for_recipient(partner)
        .map(Json)
        .ok_or_else(|| Problem(unknown()))
}

fn unknown() -> Refusal {
    Refusal::new("SB-2005", "There is no such event, or it is not for you.")
}
