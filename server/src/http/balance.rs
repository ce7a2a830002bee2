//! "Geht es auf?": what was accepted for a subscription, and what became of it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State, http::HeaderMap};
use serde::Serialize;
use stadtbus_flow::{Refusal, authenticate::Scope, city::Order, lanes::Balance};
use utoipa::ToSchema;

use super::{Problem, Shared, extract::Path, moment::rfc3339, principal, subscriptions::owned};
use crate::describe::{
    params::SubscriptionPath,
    refusals::{ALWAYS, BROKER, NOT_YET, SCOPE, WHO, refusals},
};

refusals! {
    /// Of the balance of one subscription.
    BalanceRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, &["SB-1119", "SB-1513", "SB-2001"]
}

refusals! {
    /// Of all balances.
    BalancesRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER
}

/// Both sides of a subscription's account. Accepted is the sum of all the others and the difference.
#[derive(Serialize, ToSchema)]
pub(super) struct BalanceView {
    /// The subscription.
    subscription: String,
    /// Whose it is.
    partner: String,
    /// Since when its events are counted.
    #[schema(format = "date-time")]
    since: String,
    /// When the sides were compared.
    #[schema(format = "date-time")]
    at: String,
    /// By log, the last position that is in it.
    logs: BTreeMap<String, u64>,
    /// Events of the types that the subscription asks for, in its logs, since it began.
    accepted: i64,
    /// The receiver has them.
    delivered: i64,
    /// A filter did not let them through, or the plugin dropped them.
    filtered: i64,
    /// The subscription's partner may not have them.
    refused: i64,
    /// Their time passed before they could be delivered, or they are in no log any more.
    expired: i64,
    /// Given up, and not sent again since.
    dead_lettered: i64,
    /// In the log of parked events.
    parked: i64,
    /// On their way: not read yet, in the lane, or waiting for a scheduled retry.
    pending: i64,
    /// What is accepted and under none of these; anything but 0 is a fault (`SB-1512`).
    difference: i64,
    /// Whether it adds up.
    even: bool,
}

/// The balances that the caller may see.
#[derive(Serialize, ToSchema)]
pub(super) struct Balances {
    /// Whether all of them add up.
    even: bool,
    /// By subscription. One that has not been compared yet is not in it.
    balances: Vec<BalanceView>,
}

/// `GET /v1/subscriptions/{id}/balance`
#[utoipa::path(
    get, path = "/v1/subscriptions/{id}/balance", tag = "subscribers", operation_id = "balance",
    summary = "Does it add up?",
    description = "What was accepted for the subscription and what became of it, compared at this moment. The owner may ask, and operators.",
    params(SubscriptionPath),
    responses((status = 200, description = "Both sides.", body = BalanceView), BalanceRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn show(
    State(bus): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<BalanceView>, Problem> {
    let order = owned(&bus, &headers, &id)?;
    let balance = bus.lanes.balance(&order).await.map_err(Refusal::from)?;
    let balance = balance.ok_or_else(|| {
        let detail = "The events of this subscription have not been counted as far as it has come.";
        Refusal::new("SB-1513", detail)
    })?;
    Ok(Json(view(&order, balance)))
}

/// `GET /v1/balances`
#[utoipa::path(
    get, path = "/v1/balances", tag = "subscribers", operation_id = "balances",
    summary = "Do all subscriptions add up?",
    description = "The balances of the caller's subscriptions, of all for an operator, as they were when each was last compared.",
    responses((status = 200, description = "The balances.", body = Balances), BalancesRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn list(State(bus): Shared, headers: HeaderMap) -> Result<Json<Balances>, Problem> {
    let principal = principal(&bus, &headers)?;
    let operator = principal.require(Scope::Operate).is_ok();
    if !operator {
        principal.require_subscribe().map_err(Refusal::from)?;
    }
    let city = bus.cities.current()?;
    let may_see = |order: &&Arc<Order>| operator || *order.partner() == principal.partner;
    let orders: Vec<Arc<Order>> = city.orders.iter().filter(may_see).cloned().collect();
    let found = bus.lanes.last_balances(&orders).await.map_err(Refusal::from)?;
    let balances: Vec<BalanceView> = orders
        .iter()
        .zip(found)
        .filter_map(|(order, balance)| Some(view(order, balance?)))
        .collect();
    Ok(Json(Balances {
        even: balances.iter().all(|balance| balance.even),
        balances,
    }))
}

fn view(order: &Order, balance: Balance) -> BalanceView {
    BalanceView {
        subscription: order.id().to_string(),
        partner: order.partner().to_string(),
        since: rfc3339(balance.since_ms),
        at: rfc3339(balance.at_ms),
        logs: balance.logs,
        accepted: balance.accepted,
        delivered: balance.delivered,
        filtered: balance.filtered,
        refused: balance.refused,
        expired: balance.expired,
        dead_lettered: balance.dead_lettered,
        parked: balance.parked,
        pending: balance.pending,
        difference: balance.difference,
        even: balance.difference == 0,
    }
}
