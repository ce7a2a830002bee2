//! The CloudEvents Subscriptions API: list, order, show, replace and cancel subscriptions.
//!
//! What a folder defines is shown and not changed here. What is ordered here is judged by the rules for files, belongs
//! to a partner, and stays through every later folder.

mod refused;
mod rules;
mod shown;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use stadtbus_contracts::order::{Draft, Fault, Given, ORDER_BYTES_MAX};
use stadtbus_event::PartnerId;
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
};
use utoipa::ToSchema;

pub(super) use refused::Refused;
pub(super) use rules::reachable;
use rules::{judged, kept, named, of_no_folder, ordered, put_credential, sealed, tag, too_many};
#[cfg(test)]
pub(crate) use shown::written;
pub(super) use shown::{LaneView, lane_view};
use shown::{Shown, shown};

use super::{
    Problem, Shared,
    extract::{Path, Payload},
    principal, subscriptions,
};
use crate::{
    Bus,
    describe::{
        params::{AnySubscription, Meant, SubscriptionPath},
        refusals::{ALWAYS, BROKER, CITY, DOCUMENTS, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
    },
};

/// How long an answer waits for the lanes to follow what was changed. What takes longer is in force all the same.
const FOLLOW_WITHIN: Duration = Duration::from_secs(2);

/// What became of a change inside the city: done, with what is worth a look, or refused for its faults.
type Judged = Result<Vec<Fault>, Vec<Fault>>;

/// What is ordered; its schema stands with those of other crates' types.
#[derive(ToSchema)]
pub(super) struct SubscriptionOrder;

refusals! {
    /// Of the list.
    ListRefused = ALWAYS, WHO, BROKER
}
refusals! {
    /// Of the methods of a path.
    MethodsRefused = ALWAYS, WHO
}
refusals! {
    /// Of one subscription.
    ShowRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, PARAMETER, &["SB-2001"]
}
refusals! {
    /// Of an order.
    CreateRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, DOCUMENTS, CITY, &[
        "SB-1102", "SB-1311", "SB-1401", "SB-1408", "SB-2001", "SB-2014",
    ]
}
refusals! {
    /// Of another order in the place of one.
    ReplaceRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, PARAMETER, DOCUMENTS, CITY, &[
        "SB-1102", "SB-1401", "SB-2001", "SB-2011", "SB-2012", "SB-2014",
    ]
}
refusals! {
    /// Of a cancellation.
    CancelRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, PARAMETER, DOCUMENTS, CITY, &["SB-2001", "SB-2011", "SB-2012"]
}

/// `OPTIONS /v1/subscriptions`
#[utoipa::path(
    options, path = "/v1/subscriptions", tag = "subscribers", operation_id = "methodsOfSubscriptions",
    summary = "Which methods are there?",
    description = "Of the collection, in `Allow`.",
    responses(
        (status = 200, description = "In `Allow`.", headers(("Allow" = String, description = "The methods."))),
        MethodsRefused,
    ),
    security(("bearer" = [])),
)]
pub(super) async fn collection_methods(State(bus): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    principal(&bus, &headers)?;
    Ok([(header::ALLOW, "GET, POST, OPTIONS")].into_response())
}

/// `OPTIONS /v1/subscriptions/{id}`
#[utoipa::path(
    options, path = "/v1/subscriptions/{id}", tag = "subscribers", operation_id = "methodsOfSubscription",
    summary = "Which methods does one subscription have?",
    description = "Of any subscription, in `Allow`; says nothing of whether there is one of this name.",
    params(AnySubscription),
    responses(
        (status = 200, description = "In `Allow`.", headers(("Allow" = String, description = "The methods."))),
        MethodsRefused,
    ),
    security(("bearer" = [])),
)]
pub(super) async fn methods(State(bus): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    principal(&bus, &headers)?;
    Ok([(header::ALLOW, "GET, PUT, DELETE, OPTIONS")].into_response())
}

/// `GET /v1/subscriptions`: one's own, an operator's all.
#[utoipa::path(
    get, path = "/v1/subscriptions", tag = "subscribers", operation_id = "listSubscriptions",
    summary = "List subscriptions",
    description = "One's own, those of the city's folder and those ordered here, each with how it stands; an operator's all.",
    responses((status = 200, description = "The subscriptions.", body = ref("#/components/schemas/ShownSubscriptions")), ListRefused),
    security(("bearer" = [])),
)]
pub(super) async fn list(State(bus): Shared, headers: HeaderMap) -> Result<Json<Vec<Shown>>, Problem> {
    let principal = principal(&bus, &headers)?;
    let all = principal.require(Scope::Operate).is_ok();
    let Ok(city) = bus.cities.current() else {
        return Ok(Json(Vec::new()));
    };
    let mut seen = Vec::new();
    for order in &city.orders {
        if all || *order.partner() == principal.partner {
            seen.push(shown(&bus, &city, order).await?);
        }
    }
    Ok(Json(seen))
}

/// `GET /v1/subscriptions/{id}`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}", tag = "subscribers", operation_id = "showSubscription",
    summary = "Show a subscription",
    description = "What was ordered, in the members of the CloudEvents Subscriptions API, and how it stands.",
    params(SubscriptionPath),
    responses(
        (status = 200, description = "The subscription.", body = ref("#/components/schemas/ShownSubscription"),
            headers(("ETag" = String, description = "Names this state of it; what `If-Match` takes."))),
        ShowRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn show(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    subscriptions::owned(&bus, &headers, &id)?;
    answer(&bus, StatusCode::OK, &id, &[]).await
}

/// `POST /v1/subscriptions`
#[utoipa::path(
    post, path = "/v1/subscriptions", tag = "subscribers", operation_id = "createSubscription",
    summary = "Order a subscription",
    description = "It is judged by the rules for files, needs a usage agreement in force for each of its types, and is in force when this is \
        answered: every event accepted from then on is delivered. It belongs to the partner and stays whatever folder is applied later. \
        Everything that is wrong with it is told at once, in `errors`.",
    request_body(content = SubscriptionOrder, content_type = "application/json"),
    responses(
        (status = 201, description = "It is in force.", body = ref("#/components/schemas/ShownSubscription"), headers(
            ("Location" = String, description = "Where it is shown from now on."),
            ("ETag" = String, description = "Names this state of it; what `If-Match` takes."),
        )),
        CreateRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn create(
    State(bus): Shared,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Refused> {
    let by = orderer(&bus, &headers)?;
    let draft = Draft::read(&bounded(body)?, &by.partner)?;
    may_order_for(&by, &draft.subscription.partner)?;
    let draft = named(draft)?;
    let id = draft.subscription.subscription.clone();
    let unknown = looked_at(&bus, &draft).await?;
    let sealed = sealed(&bus, &draft)?;
    let most = bus.limits.subscriptions_ordered_max;
    let changed = bus
        .cities
        .change_orders(&name(&by), |city| -> Result<Judged, Refusal> {
            let partner = &draft.subscription.partner;
            if city
                .ordered
                .values()
                .filter(|order| order.partner == *partner)
                .count()
                >= most
            {
                return Err(too_many(partner, most));
            }
            let judged = judged(&draft, city);
            if judged.is_ok() {
                let mut subscription = draft.subscription.clone();
                put_credential(&mut subscription, sealed.clone());
                city.ordered.insert(id.clone(), subscription);
            }
            Ok(judged)
        })
        .await?;
    let mut worth_a_look = changed.told?;
    worth_a_look.extend(unknown);
    follow(&bus, &changed.digest).await;
    let mut response = answer(&bus, StatusCode::CREATED, id.as_str(), &worth_a_look).await?;
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/subscriptions/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `PUT /v1/subscriptions/{id}`: the same subscription, ordered differently. Its cursor stays, so nothing is missed.
#[utoipa::path(
    put, path = "/v1/subscriptions/{id}", tag = "subscribers", operation_id = "replaceSubscription",
    summary = "Order it differently",
    description = "The whole order anew; `id` and `status` in the body are not looked at. Its place in the log stays, so that nothing is missed. \
        Without `sinkcredential` the credential stays as long as the sink does. What a folder defines is changed there.",
    params(SubscriptionPath, Meant),
    request_body(content = SubscriptionOrder, content_type = "application/json"),
    responses(
        (status = 200, description = "It is in force.", body = ref("#/components/schemas/ShownSubscription"),
            headers(("ETag" = String, description = "Names this state of it; what `If-Match` takes."))),
        ReplaceRefused,
    ),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn replace(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Refused> {
    let order = subscriptions::owned(&bus, &headers, &id)?;
    let by = principal(&bus, &headers)?;
    of_no_folder(bus.cities.current()?.registry.city(), &id)?;
    let draft = Draft::read(&bounded(body)?, order.partner())?.named(order.id().clone());
    if draft.subscription.partner != *order.partner() {
        let refusal = Refusal::new("SB-5005", "A subscription stays with its partner.").at("/config/partner");
        return Err(refusal.into());
    }
    let unknown = looked_at(&bus, &draft).await?;
    let sealed = sealed(&bus, &draft)?;
    let changed = bus
        .cities
        .change_orders(&name(&by), |city| -> Result<Judged, Refusal> {
            let before = ordered(city, &id, &headers)?;
            let credential = match (&draft.credential, &sealed) {
                (Given::Nothing, _) => kept(&before, &draft.subscription)?,
                (Given::Removed, _) => None,
                (Given::New(_), sealed) => sealed.clone(),
            };
            let judged = judged(&draft, city);
            if judged.is_ok() {
                let mut subscription = draft.subscription.clone();
                put_credential(&mut subscription, credential);
                city.ordered.insert(order.id().clone(), subscription);
            }
            Ok(judged)
        })
        .await?;
    let mut worth_a_look = changed.told?;
    worth_a_look.extend(unknown);
    follow(&bus, &changed.digest).await;
    Ok(answer(&bus, StatusCode::OK, &id, &worth_a_look).await?)
}

/// What is left of a subscription.
#[derive(Serialize, ToSchema)]
pub(super) struct Cancelled {
    /// Its name.
    deleted: String,
}

/// `DELETE /v1/subscriptions/{id}`: nothing more is delivered, and its cursor is forgotten.
#[utoipa::path(
    delete, path = "/v1/subscriptions/{id}", tag = "subscribers", operation_id = "cancelSubscription",
    summary = "Cancel a subscription",
    description = "Nothing more is delivered, and its place in the log is forgotten. What a folder defines is cancelled there.",
    params(SubscriptionPath, Meant),
    responses((status = 200, description = "It is no more.", body = Cancelled), CancelRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn cancel(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Cancelled>, Problem> {
    subscriptions::owned(&bus, &headers, &id)?;
    let by = principal(&bus, &headers)?;
    let changed = bus
        .cities
        .change_orders(&name(&by), |city| {
            ordered(city, &id, &headers)?;
            city.ordered.shift_remove(id.as_str());
            Ok(())
        })
        .await?;
    follow(&bus, &changed.digest).await;
    Ok(Json(Cancelled { deleted: id }))
}

/// The subscription as it is in force now, with its tag.
async fn answer(
    bus: &Bus,
    status: StatusCode,
    id: &str,
    worth_a_look: &[Fault],
) -> Result<Response, Problem> {
    let city = bus.cities.current()?;
    let order = city
        .order(id)
        .ok_or_else(|| Refusal::new("SB-2001", "The subscription was cancelled meanwhile."))?;
    let document = shown(bus, &city, order).await?.with(worth_a_look);
    let tag = city.registry.subscription(id).map(tag).unwrap_or_default();
    let mut response = (status, Json(document)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// [`reachable`], once everything is said that can be said without the network.
async fn looked_at(bus: &Bus, draft: &Draft) -> Result<Vec<Fault>, Refused> {
    let city = bus.cities.current()?;
    let faults = draft.judge(city.registry.city(), SystemTime::now());
    if faults.iter().any(Fault::refuses) {
        // It is judged once more under the guard of the change, and refused there.
        return Ok(Vec::new());
    }
    reachable(bus, draft).await
}

/// Who may order at all.
fn orderer(bus: &Bus, headers: &HeaderMap) -> Result<Arc<Principal>, Problem> {
    let by = principal(bus, headers)?;
    if by.require(Scope::Operate).is_err() {
        by.require_subscribe().map_err(Refusal::from)?;
    }
    Ok(by)
}

/// A partner orders for itself, an operator for anybody.
pub(super) fn may_order_for(by: &Principal, partner: &PartnerId) -> Result<(), Refusal> {
    if by.partner == *partner || by.require(Scope::Operate).is_ok() {
        return Ok(());
    }
    Err(Refusal::new("SB-1311", "A partner orders subscriptions for itself only.").at("/config/partner"))
}

fn name(by: &Principal) -> String {
    format!("{}/{}", by.partner, by.system)
}

/// An order is small, whatever else this bus takes.
fn bounded(body: Bytes) -> Result<Bytes, Refusal> {
    if body.len() > ORDER_BYTES_MAX {
        let detail = format!("A subscription has at most {ORDER_BYTES_MAX} bytes.");
        return Err(Refusal::new("SB-1401", detail));
    }
    Ok(body)
}

/// What was answered holds: lanes of this process have followed, so nothing is delivered by an order that is gone, nor by a
/// plugin or a table that was replaced.
pub(super) async fn follow(bus: &Bus, digest: &str) {
    if bus.config.dispatch && !bus.lanes.follow(digest, FOLLOW_WITHIN).await {
        tracing::debug!(
            digest,
            "The lanes had not followed a change when it was answered."
        );
    }
}
