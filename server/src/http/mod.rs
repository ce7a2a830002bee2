//! The HTTP interface: routes, and the limits that hold before a handler runs.
//!
//! Handlers turn a request into one call of the flow and its answer into JSON. Every refusal leaves as a problem
//! document (RFC 9457) made in one place, [`problem`].

mod api;
mod balance;
mod bodies;
mod city;
mod completeness;
mod consent;
mod dead_letters;
mod descriptions;
mod dry_run;
mod extract;
mod grants;
mod health;
mod journey;
mod logs;
mod moment;
mod orders;
mod problem;
mod publish;
mod publish_socket;
mod replays;
mod rollouts;
mod secret;
mod statements;
mod subscriptions;
mod tap;
mod websocket;

use std::{sync::Arc, time::Duration};

use api::Api;
use axum::{
    Extension, Router,
    extract::{Request, State},
    http::HeaderMap,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
pub(crate) use bodies::Bodies;
use descriptions::OpenApiText;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use problem::Problem;
use stadtbus_flow::{Limits, Refusal, authenticate::Principal, validate};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use utoipa_axum::routes;

use crate::Bus;

/// Largest body of an administrative call: a city with its components.
const ADMIN_BODY_BYTES_MAX: usize = 64 << 20;
/// Largest header block, in bytes; more is answered 431 by the HTTP library.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Largest header block that is answered with a code, in bytes; well above what 64 KiB events in binary mode need
/// besides their data.
const HEADERS_ANSWERED_MAX: usize = 32 << 10;
/// How long a client may take for its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// How long open requests may take at shutdown.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// Pause after the operating system refused a connection (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

type Shared = State<Arc<Bus>>;

/// All routes with their descriptions, as far as this process serves them.
fn api(limits: &Limits, accept: bool) -> Api {
    let mut api = Api::new()
        .with(routes!(health::alive))
        .with(routes!(health::ready))
        .with(routes!(health::metrics))
        .with(routes!(health::status))
        .with(routes!(descriptions::openapi))
        .with(routes!(descriptions::asyncapi))
        .with(routes!(secret::keys));
    if accept {
        api = api
            .with(routes!(publish::events, publish::consent))
            .with(routes!(publish_socket::publish))
            .with(routes!(publish::raw, publish::raw_consent));
    }
    let everyday = feeds(api)
        .with(routes!(orders::list, orders::create, orders::collection_methods))
        .with(routes!(dry_run::test))
        .with(routes!(
            orders::show,
            orders::replace,
            orders::cancel,
            orders::methods
        ))
        .with(routes!(subscriptions::list_parked))
        .with(routes!(subscriptions::show_parked))
        .with(routes!(subscriptions::resume_parked))
        .with(routes!(subscriptions::skip_parked))
        .with(routes!(subscriptions::bury_parked))
        .with(routes!(subscriptions::edit_parked))
        .with(routes!(subscriptions::pause))
        .with(routes!(subscriptions::resume))
        .with(routes!(secret::rotate, secret::show, secret::remove))
        .with(routes!(consent::by_browser, consent::by_callback))
        .with(routes!(replays::list, replays::start))
        .with(routes!(replays::would))
        .with(routes!(replays::show))
        .with(routes!(replays::pause))
        .with(routes!(replays::resume))
        .with(routes!(replays::cancel))
        .with(routes!(journey::by_id))
        .with(routes!(journey::by_position))
        .with(routes!(dead_letters::list))
        .with(routes!(dead_letters::reasons))
        .with(routes!(dead_letters::show))
        .with(routes!(dead_letters::edit))
        .with(routes!(dead_letters::retry))
        .with(routes!(dead_letters::delete))
        .with(routes!(tap::stream))
        .with(routes!(completeness::check))
        .with(routes!(balance::show))
        .with(routes!(balance::list))
        .with(routes!(statements::list))
        .with(routes!(statements::show))
        .with(routes!(logs::list))
        .with(routes!(logs::show))
        .with(routes!(logs::accept_truth))
        .bodies_of(limits.body_bytes_max);
    everyday.merge(changes())
}

/// What brings components along, and what is said to them.
fn changes() -> Api {
    Api::new()
        .with(routes!(city::current, city::apply))
        .with(routes!(city::plan))
        .with(routes!(city::deploy))
        .with(routes!(grants::list))
        .with(routes!(grants::approve))
        .with(routes!(rollouts::show))
        .with(routes!(rollouts::shadow))
        .with(routes!(rollouts::canary))
        .with(routes!(rollouts::promote))
        .with(routes!(rollouts::rollback))
        .with(routes!(rollouts::diff))
        .bodies_of(ADMIN_BODY_BYTES_MAX)
}

/// How subscribers take their events themselves: leased, by bookmark, as a stream.
fn feeds(api: Api) -> Api {
    api.with(routes!(subscriptions::receive))
        .with(routes!(subscriptions::acknowledge))
        .with(routes!(subscriptions::release))
        .with(routes!(subscriptions::reject))
        .with(routes!(subscriptions::extend))
        .with(routes!(subscriptions::stream))
        .with(routes!(subscriptions::events))
        .with(routes!(subscriptions::confirm))
        .with(routes!(subscriptions::websocket))
}

/// The OpenAPI document of these routes.
pub(crate) fn described(operations: &utoipa::openapi::OpenApi, limits: &Limits) -> serde_json::Value {
    let fixed = [
        ("admin_body_bytes_max", ADMIN_BODY_BYTES_MAX as u64),
        ("header_bytes_max", HEADERS_ANSWERED_MAX as u64),
        ("receive_max", subscriptions::RECEIVE_MAX),
        ("receive_wait_ms_max", subscriptions::WAIT_MS_MAX),
        ("lease_ms_max", subscriptions::LEASE_MS_MAX),
        ("handles_max", subscriptions::HANDLES_MAX),
        (
            "order_bytes_max",
            stadtbus_contracts::order::ORDER_BYTES_MAX as u64,
        ),
    ];
    crate::describe::openapi::finish(operations, limits, &fixed)
}

fn routes(bus: Arc<Bus>) -> Router {
    let (router, operations) = api(&bus.limits, bus.config.accept).split();
    let text = OpenApiText(described(&operations, &bus.limits).to_string().into());
    router
        .fallback(|| async { Problem(Refusal::new("SB-2009", "There is no such path.")) })
        .method_not_allowed_fallback(|| async {
            Problem(Refusal::new("SB-2010", "This path does not take this method."))
        })
        .layer(Extension(text))
        .layer(middleware::from_fn_with_state(Arc::clone(&bus), bodies::bounded))
        .layer(middleware::from_fn_with_state(Arc::clone(&bus), in_time))
        .with_state(bus)
}

/// No header block is endless, and no request hangs: what is not answered in time is answered 503. Live streams and long polls end by their own
/// rules.
async fn in_time(State(bus): Shared, request: Request, next: Next) -> Response {
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers > HEADERS_ANSWERED_MAX {
        let detail = format!("The headers are larger than {HEADERS_ANSWERED_MAX} bytes.");
        return Problem(Refusal::new("SB-1402", detail)).into_response();
    }
    let path = request.uri().path();
    let own_time = path.ends_with("/stream")
        || (path.starts_with("/v1/subscriptions/") && path.ends_with("/events"))
        || path.ends_with("/receive")
        || path.ends_with("/accept-truth")
        || path == "/v1/tap"
        || path.starts_with("/v1/city")
        || path.starts_with("/v1/plugins");
    if own_time {
        return next.run(request).await;
    }
    match tokio::time::timeout(bus.limits.accept_timeout(), next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem(Refusal::new(
            "SB-1407",
            "The request was not answered in time; it may have taken effect.",
        ))
        .into_response(),
    }
}

/// Serves until `stop`, then lets open requests end.
pub(crate) async fn serve(listener: TcpListener, bus: Arc<Bus>, stop: CancellationToken) {
    let app = routes(bus);
    let open = TaskTracker::new();
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADER_BYTES_MAX);
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "A connection could not be accepted.");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set.");
        }
        let service = TowerToHyperService::new(app.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        open.spawn(to_the_end(connection.with_upgrades(), stop.clone()));
    }
    drop(listener);
    open.close();
    if tokio::time::timeout(DRAIN_WITHIN, open.wait()).await.is_err() {
        tracing::warn!("Requests were still open when the drain time was over.");
    }
}

type Connection = http1::UpgradeableConnection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

/// Serves one connection; after `stop` it ends with the request that is open.
async fn to_the_end(connection: Connection, stop: CancellationToken) {
    tokio::pin!(connection);
    let served = tokio::select! {
        biased;
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "A connection ended badly.");
    }
}

/// Who asks, with what both the token and the city allow.
fn principal(bus: &Bus, headers: &HeaderMap) -> Result<Arc<Principal>, Problem> {
    let header = headers
        .get(axum::http::header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let principal = bus.verifier.verify(header).map_err(Refusal::from)?;
    // Before the first city there is nobody but the issuer to say who may do what.
    match bus.cities.current() {
        Ok(city) => Ok(Arc::new(validate::narrowed(&city.registry, &principal))),
        Err(_) => Ok(principal),
    }
}

/// Who asks, if it is an operator.
fn operator(bus: &Bus, headers: &HeaderMap) -> Result<Arc<Principal>, Problem> {
    let principal = principal(bus, headers)?;
    principal.require_operate().map_err(Refusal::from)?;
    Ok(principal)
}

#[cfg(test)]
pub(crate) use orders::written;

/// The OpenAPI document as a process with these limits serves it.
#[cfg(test)]
pub(crate) fn document(limits: &Limits, accept: bool) -> serde_json::Value {
    described(&api(limits, accept).split().1, limits)
}
