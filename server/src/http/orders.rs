//! The CloudEvents Subscriptions API: list, order, show, replace and cancel subscriptions.
//!
//! What a folder defines is shown and not changed here. What is ordered here is judged by the rules for files, belongs
//! to a partner, and stays through every later folder.

mod refused;
mod shown;

use std::{sync::Arc, time::Duration, time::SystemTime};

use axum::{
    Json,
    extract::{Path, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use stadtbus_contracts::{
    City, SealedCredential, Sink, Subscription,
    order::{Draft, Fault, Given, ORDER_BYTES_MAX},
};
use stadtbus_event::{PartnerId, SubscriptionId};
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
};

pub(super) use refused::Refused;
pub(super) use shown::{LaneView, lane_view};
use shown::{Shown, shown};

use super::{Problem, Shared, principal, subscriptions};
use crate::Bus;

/// How long an answer waits for the lanes to follow what was ordered. What takes longer is in force all the same.
const FOLLOW_WITHIN: Duration = Duration::from_secs(2);

type Body = Result<Bytes, BytesRejection>;

/// What became of a change inside the city: done, with what is worth a look, or refused for its faults.
type Judged = Result<Vec<Fault>, Vec<Fault>>;

/// `OPTIONS /v1/subscriptions`
pub(super) async fn collection_methods(State(bus): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    principal(&bus, &headers)?;
    Ok([(header::ALLOW, "GET, POST, OPTIONS")].into_response())
}

/// `OPTIONS /v1/subscriptions/{id}`
pub(super) async fn methods(State(bus): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    principal(&bus, &headers)?;
    Ok([(header::ALLOW, "GET, PUT, DELETE, OPTIONS")].into_response())
}

/// `GET /v1/subscriptions`: one's own, an operator's all.
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
pub(super) async fn show(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    subscriptions::owned(&bus, &headers, &id)?;
    answer(&bus, StatusCode::OK, &id, &[]).await
}

/// `POST /v1/subscriptions`
pub(super) async fn create(State(bus): Shared, headers: HeaderMap, body: Body) -> Result<Response, Refused> {
    let by = orderer(&bus, &headers)?;
    let draft = Draft::read(&bounded(body)?, &by.partner)?;
    may_order_for(&by, &draft.subscription.partner)?;
    let draft = named(draft)?;
    let id = draft.subscription.subscription.clone();
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
    let worth_a_look = changed.told?;
    follow(&bus, &changed.digest).await;
    let mut response = answer(&bus, StatusCode::CREATED, id.as_str(), &worth_a_look).await?;
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/subscriptions/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `PUT /v1/subscriptions/{id}`: the same subscription, ordered differently. Its cursor stays, so nothing is missed.
pub(super) async fn replace(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let order = subscriptions::owned(&bus, &headers, &id)?;
    let by = principal(&bus, &headers)?;
    of_no_folder(bus.cities.current()?.registry.city(), &id)?;
    let draft = Draft::read(&bounded(body)?, order.partner())?.named(order.id().clone());
    if draft.subscription.partner != *order.partner() {
        let refusal = Refusal::new("SB-5005", "A subscription stays with its partner.").at("/config/partner");
        return Err(refusal.into());
    }
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
    let worth_a_look = changed.told?;
    follow(&bus, &changed.digest).await;
    Ok(answer(&bus, StatusCode::OK, &id, &worth_a_look).await?)
}

/// What is left of a subscription.
#[derive(Serialize)]
pub(super) struct Cancelled {
    deleted: String,
}

/// `DELETE /v1/subscriptions/{id}`: nothing more is delivered, and its cursor is forgotten.
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

/// Gives an order its id: the partner's name, and what nobody can have chosen before.
fn named(draft: Draft) -> Result<Draft, Refusal> {
    let random: String = uuid::Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .take(12)
        .collect();
    let id = SubscriptionId::parse(&format!("{}-{random}", draft.subscription.partner))
        .map_err(|error| Refusal::new("SB-5005", error.to_string()))?;
    Ok(draft.named(id))
}

fn judged(draft: &Draft, city: &City) -> Judged {
    let faults = draft.judge(city, SystemTime::now());
    if faults.iter().any(Fault::refuses) {
        Err(faults)
    } else {
        Ok(faults)
    }
}

/// The order as it is stored, if there is one and the caller means this state of it.
fn ordered(city: &City, id: &str, headers: &HeaderMap) -> Result<Subscription, Refusal> {
    of_no_folder(city, id)?;
    let order = city
        .ordered
        .get(id)
        .ok_or_else(|| Refusal::new("SB-2001", "You have no such subscription."))?;
    if is_meant(headers, &tag(order)) {
        return Ok(order.clone());
    }
    let refusal = Refusal::new("SB-2012", "The subscription was changed since you read it.");
    Err(refusal.hint(format!("stadtbus subscription show {id}")))
}

/// `If-Match` (RFC 9110 § 13.1.1); without it any state is meant.
fn is_meant(headers: &HeaderMap, tag: &str) -> bool {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    let names = |text: &str| text.split(',').map(str::trim).any(|one| one == "*" || one == tag);
    values.peek().is_none() || values.any(|value| value.to_str().is_ok_and(names))
}

fn of_no_folder(city: &City, id: &str) -> Result<(), Refusal> {
    let Some(own) = city.subscriptions.get(id) else {
        return Ok(());
    };
    let file = shown::file(own);
    Err(Refusal::new(
        "SB-2011",
        format!("This subscription is defined in the city's folder, in {file}; it is changed there."),
    )
    .hint("stadtbus apply FOLDER"))
}

/// Names one state of a subscription, its sealed credential included.
fn tag(subscription: &Subscription) -> String {
    let bytes = serde_json::to_vec(subscription).unwrap_or_default();
    let digest: String = stadtbus_contracts::component_digest(&bytes)
        .chars()
        .take(32)
        .collect();
    format!("\"{digest}\"")
}

fn bounded(body: Body) -> Result<Bytes, Refusal> {
    let body = body.map_err(|_| Refusal::new("SB-1401", "The body is larger than this bus takes."))?;
    if body.len() > ORDER_BYTES_MAX {
        let detail = format!("A subscription has at most {ORDER_BYTES_MAX} bytes.");
        return Err(Refusal::new("SB-1401", detail));
    }
    Ok(body)
}

fn too_many(partner: &PartnerId, most: usize) -> Refusal {
    Refusal::new(
        "SB-1408",
        format!("{partner} has ordered {most} subscriptions already; more are not taken."),
    )
    .hint("Cancel one, or ask the operators to raise limits.subscriptions_ordered_max.")
}

/// The credential of an order, sealed. Without a key nothing is kept.
fn sealed(bus: &Bus, draft: &Draft) -> Result<Option<SealedCredential>, Refusal> {
    let (Given::New(credential), Sink::Webhook(webhook)) = (&draft.credential, &draft.subscription.sink)
    else {
        return Ok(None);
    };
    let unsafe_here = |why: &str| {
        let detail = format!("This bus cannot keep a credential safely: {why}.");
        Refusal::new("SB-2014", detail)
            .at("/sinkcredential")
            .hint("Operators: set credentials.key_file; subscribers: order without a credential, or pull.")
    };
    let keeper = bus.cities.keeper().ok_or_else(|| unsafe_here("it has no key"))?;
    keeper
        .seal(credential, &draft.subscription.subscription, &webhook.url)
        .map(Some)
        .map_err(unsafe_here)
}

/// The credential that stays where none is given. It was given for one address and goes to no other.
fn kept(before: &Subscription, after: &Subscription) -> Result<Option<SealedCredential>, Refusal> {
    let (Sink::Webhook(before), Sink::Webhook(after)) = (&before.sink, &after.sink) else {
        return Ok(None);
    };
    if before.credential.is_some() && before.url != after.url {
        return Err(Refusal::new(
            "SB-2014",
            "The credential was given for another sink; give it again, or null for none.",
        )
        .at("/sinkcredential"));
    }
    Ok(before.credential.clone())
}

fn put_credential(subscription: &mut Subscription, credential: Option<SealedCredential>) {
    if let Sink::Webhook(webhook) = &mut subscription.sink {
        webhook.credential = credential;
    }
}

/// What was answered holds: lanes of this process have followed, so nothing is delivered by an order that is gone.
async fn follow(bus: &Bus, digest: &str) {
    if bus.config.dispatch && !bus.lanes.follow(digest, FOLLOW_WITHIN).await {
        tracing::debug!(
            digest,
            "The lanes had not followed a change when it was answered."
        );
    }
}
