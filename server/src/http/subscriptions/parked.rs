//! Keys that do not move on: shown, and what somebody decides about them.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::value::RawValue;
use stadtbus_flow::{
    Refusal,
    dispatch::Decided,
    lanes::{Lane, ParkedKey},
};
use utoipa::{ToSchema, openapi::Ref};

use super::{Answer, Elsewhere, Place, here, owned, parsed};
use crate::{
    Bus,
    describe::{
        openapi::schema,
        params::{ParkedPath, SubscriptionPath},
        refusals::{ALWAYS, BODY, BROKER, CONTRACT, NOT_YET, SCOPE, WHO, refusals},
    },
    http::{
        Problem, Shared,
        dead_letters::EditOrder,
        extract::{Path, Payload},
        principal,
    },
};

/// Most keys in one answer.
const KEYS_MAX: usize = 1_000;

/// Keys that do not move on.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ParkedKeys {
    /// At most 1000, by log, source and key.
    parked: Vec<KeyView>,
    /// How many there are.
    count: usize,
}

/// A key that does not move on, or has more events than a lane keeps in memory.
#[derive(Serialize, ToSchema)]
struct KeyView {
    /// Names the key in addresses.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    id: String,
    /// What its events share. A value of the data that is no text is written with `#`.
    key: String,
    /// Their source.
    source: String,
    /// The log they stand in.
    log: String,
    /// `parked`: until somebody decides; `waiting`: for the next attempt; `draining`: it goes on; `burying`: to the dead letters.
    state: &'static str,
    /// How many wait.
    events: usize,
    /// Position of the first of them.
    first: Option<u64>,
    /// Since when it does not move on.
    since: Option<String>,
    /// When it goes on by itself.
    until: Option<String>,
    /// Attempts made at its first event.
    attempts: u32,
    /// Code of the reason.
    code: Option<String>,
    /// The reason.
    detail: Option<String>,
}

/// A parked key with the first of its events.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ParkedShown {
    #[serde(flatten)]
    key: KeyView,
    /// At most 100, in their order.
    backlog: Vec<ParkedEvent>,
}

/// One parked event.
#[derive(Serialize, ToSchema)]
struct ParkedEvent {
    /// Its position in the log.
    position: u64,
    /// The event.
    #[schema(schema_with = cloud_event)]
    event: Box<RawValue>,
}

/// What was decided.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Decision {
    /// The subscription.
    subscription: String,
    /// The key.
    id: String,
    /// `resumed`, `skipped`, `burying` or `edited`.
    change: &'static str,
    /// How many events it concerns.
    events: usize,
}

fn cloud_event() -> Ref {
    schema("CloudEvent")
}

refusals! {
    /// Of the list.
    ListParkedRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, &["SB-1119", "SB-2001"]
}
refusals! {
    /// Of one key, and of a decision about it.
    ParkedRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, &["SB-1119", "SB-2001", "SB-2021", "SB-2022"]
}
refusals! {
    /// Of an edit.
    EditRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, BODY, CONTRACT, &["SB-1119", "SB-2001", "SB-2021", "SB-2022", "SB-2071"]
}

fn view(key: ParkedKey) -> KeyView {
    KeyView {
        id: key.id,
        key: key.value,
        source: key.source,
        log: key.log.to_string(),
        state: key.state.word(),
        events: key.events,
        first: key.first,
        since: key.since,
        until: key.until,
        attempts: key.attempts,
        code: key.code,
        detail: key.detail,
    }
}

fn decided(lane: &Lane, change: &'static str, decided: Decided) -> Response {
    Json(Decision {
        subscription: lane.order.id().to_string(),
        id: decided.key,
        change,
        events: decided.events,
    })
    .into_response()
}

/// Who decides, as the dead letters name it.
fn by(bus: &Bus, headers: &HeaderMap) -> Result<String, Problem> {
    let by = principal(bus, headers)?;
    Ok(format!("{}/{}", by.partner, by.system))
}

/// `GET /v1/subscriptions/{id}/parked`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/parked", tag = "subscribers", operation_id = "listParked",
    summary = "Which keys do not move on?",
    description = "Of a subscription that asks for order: keys of which an event failed for good and that wait until somebody decides, \
        keys that wait for the next attempt, and backlogs that are being delivered.",
    params(SubscriptionPath),
    responses((status = 200, description = "The keys.", body = ParkedKeys), Elsewhere, ListParkedRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn list_parked(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let order = owned(&bus, &headers, &id)?;
    let lane = match here(&bus, &order, "parked", None).await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let keys = lane.parked_keys();
    Ok(Json(ParkedKeys {
        count: keys.len(),
        parked: keys.into_iter().take(KEYS_MAX).map(view).collect(),
    })
    .into_response())
}

/// `GET /v1/subscriptions/{id}/parked/{key}`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/parked/{key}", tag = "subscribers", operation_id = "showParked",
    summary = "Show a parked key",
    description = "Why it does not move on, and the first of its events.",
    params(ParkedPath),
    responses((status = 200, description = "The key.", body = ParkedShown), Elsewhere, ParkedRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn show_parked(
    State(bus): Shared,
    Path((id, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let lane = match place(&bus, &headers, (&id, &key), "").await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let (shown, events) = bus.dispatcher.parked_key(&lane, &key).await?;
    let backlog = events.into_iter().map(|logged| ParkedEvent {
        position: logged.position,
        event: serde_json::from_slice(&stadtbus_event::json::to_bytes(&logged.event)).unwrap_or_default(),
    });
    Ok(Json(ParkedShown {
        key: view(shown),
        backlog: backlog.collect(),
    })
    .into_response())
}

/// `POST /v1/subscriptions/{id}/parked/{key}/resume`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/parked/{key}/resume", tag = "subscribers", operation_id = "resumeParked",
    summary = "Let a parked key go on",
    description = "From its first event, which has all its attempts again; the others follow in order.",
    params(ParkedPath),
    responses((status = 200, description = "It goes on.", body = Decision), Elsewhere, ParkedRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn resume_parked(
    State(bus): Shared,
    Path((id, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let lane = match place(&bus, &headers, (&id, &key), "/resume").await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let done = bus.dispatcher.resume_key(&lane, &key).await?;
    Ok(decided(&lane, "resumed", done))
}

/// `POST /v1/subscriptions/{id}/parked/{key}/skip`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/parked/{key}/skip", tag = "subscribers", operation_id = "skipParked",
    summary = "Skip the first event of a parked key",
    description = "It goes to the dead letters, and the key goes on with the next one.",
    params(ParkedPath),
    responses((status = 200, description = "It was skipped.", body = Decision), Elsewhere, ParkedRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn skip_parked(
    State(bus): Shared,
    Path((id, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let lane = match place(&bus, &headers, (&id, &key), "/skip").await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let done = bus.dispatcher.skip(&lane, &key, &by(&bus, &headers)?).await?;
    Ok(decided(&lane, "skipped", done))
}

/// `POST /v1/subscriptions/{id}/parked/{key}/bury`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/parked/{key}/bury", tag = "subscribers", operation_id = "buryParked",
    summary = "Bury the backlog of a parked key",
    description = "All its events of this moment go to the dead letters; later ones are delivered.",
    params(ParkedPath),
    responses((status = 200, description = "They are on their way.", body = Decision), Elsewhere, ParkedRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn bury_parked(
    State(bus): Shared,
    Path((id, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let lane = match place(&bus, &headers, (&id, &key), "/bury").await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let done = bus.dispatcher.bury_key(&lane, &key, &by(&bus, &headers)?).await?;
    Ok(decided(&lane, "burying", done))
}

/// `POST /v1/subscriptions/{id}/parked/{key}/edit`
#[utoipa::path(
    post, path = "/v1/subscriptions/{id}/parked/{key}/edit", tag = "subscribers", operation_id = "editParked",
    summary = "Put other data into the first event of a parked key",
    description = "For this subscription only; the log keeps what was published. Identity and attributes of the event stay, the data must satisfy \
        the contract, and the event carries the extension `stadtbusedited`. The key goes on with it.",
    params(ParkedPath),
    request_body(content = EditOrder, content_type = "application/json"),
    responses((status = 200, description = "The key goes on with it.", body = Decision), Elsewhere, EditRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn edit_parked(
    State(bus): Shared,
    Path((id, key)): Path<(String, String)>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Answer {
    let lane = match place(&bus, &headers, (&id, &key), "/edit").await? {
        Place::Here(lane) => lane,
        Place::There(response) => return Ok(response),
    };
    let order: EditOrder = parsed(&body)?;
    let city = bus.cities.current()?;
    let edit = order.by(&*principal(&bus, &headers)?);
    let done = bus.dispatcher.edit(&lane, &city, &key, edit).await?;
    Ok(decided(&lane, "edited", done))
}

/// The lane, or the way to the process that has it.
async fn place(
    bus: &Arc<Bus>,
    headers: &HeaderMap,
    (id, key): (&str, &str),
    call: &str,
) -> Result<Place, Problem> {
    let order = owned(bus, headers, id)?;
    let known = key.len() == 24 && key.bytes().all(|b| b.is_ascii_hexdigit());
    if !known {
        return Err(Refusal::new("SB-2021", "The subscription has no such parked key.").into());
    }
    here(bus, &order, &format!("parked/{key}{call}"), None).await
}
