//! `GET /v1/tap`: what is being accepted, live, without data unless the viewer may have it.

use std::{convert::Infallible, time::SystemTime};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::json;
use stadtbus_broker::{LogName, ReadFrom, ReadOptions, Record};
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    city::LiveCity,
    log,
};

use super::{
    Problem, Shared,
    extract::{Query, within},
    principal,
};
use crate::describe::refusals::{BROKER, NOT_YET, PARAMETER, WHO, refusals};

/// Most events one tap shows before it ends.
const TAP_MAX: u64 = 100_000;

refusals! {
    /// Of the tap.
    TapRefused = &["SB-1402"], WHO, NOT_YET, BROKER, PARAMETER
}

/// `?type=&partner=&limit=`
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "type")]
    ty: Option<String>,
    partner: Option<String>,
    limit: Option<u64>,
}

/// Streams metadata of accepted events. A partner sees its own logs and the types it has agreements for; an
/// operator sees everything, but no data.
#[utoipa::path(
    get, path = "/v1/tap", tag = "operators", operation_id = "tapEvents",
    summary = "Watch events go by",
    description = "Server-Sent Events without names: `data` is a JSON object with `log`, `position`, `partner`, `by`, `id`, `source`, `type`, `time`, `bytes`, of what is being accepted from now on. A partner sees its own events and those it has agreements \
        for, with the event; an operator sees everything, without data. Ends after `limit` events.",
    params(
        ("type" = Option<String>, Query, description = "Only events of this type."),
        ("partner" = Option<String>, Query, description = "Only events of this publisher."),
        ("limit" = Option<u64>, Query, description = "How many to show; 100000 if absent.", minimum = 1, maximum = 100000),
    ),
    responses(
        (status = 200, description = "The stream.", content(("text/event-stream")),
            headers(("Cache-Control" = String, description = "`no-store`."))),
        TapRefused,
    ),
    security(("bearer" = [])),
)]
pub(super) async fn stream(
    State(bus): Shared,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let principal = principal(&bus, &headers)?;
    let limit = within("limit", asked.limit.unwrap_or(TAP_MAX), 1, TAP_MAX)?;
    let city = bus.cities.current()?;
    let mut streams = Vec::new();
    for partner in city.publishers() {
        if asked
            .partner
            .as_deref()
            .is_some_and(|wanted| wanted != partner.as_str())
        {
            continue;
        }
        let name: LogName = log::log_of(&partner).map_err(Refusal::from)?;
        let options = ReadOptions {
            from: ReadFrom::New,
            subject: None,
            headers_only: false,
        };
        streams.push(bus.broker.read(&name, options).await.map_err(Refusal::from)?);
    }
    let frames = stream::select_all(streams)
        .filter_map(move |record| {
            let line = show(&city, &principal, asked.ty.as_deref(), record);
            async move { line }
        })
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .map(|line| Ok::<_, Infallible>(Bytes::from(line)));
    // A comment at once, so that the client knows that it sees everything from here on.
    let opened = stream::once(async { Ok(Bytes::from_static(b": open\n\n")) });
    let mut response = Body::from_stream(opened.chain(frames)).into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn show(city: &LiveCity, principal: &Principal, ty: Option<&str>, record: Record) -> Option<String> {
    let logged = log::decode(record).ok()?;
    if ty.is_some_and(|wanted| wanted != logged.event.ty()) {
        return None;
    }
    let own = logged.provenance.partner == principal.partner;
    let entitled = own || has_agreement(city, principal, logged.event.ty(), SystemTime::now());
    if !entitled && principal.require(Scope::Operate).is_err() {
        return None;
    }
    let mut shown = json!({
        "log": logged.log.as_str(), "position": logged.position, "partner": logged.provenance.partner, "by": logged.provenance.by,
        "id": logged.event.id(), "source": logged.event.source(), "type": logged.event.ty(), "time": logged.event.time(),
        "bytes": logged.event.data().map_or(0, Bytes::len),
    });
    if entitled && let Some(members) = shown.as_object_mut() {
        let event: Option<serde_json::Value> =
            serde_json::from_slice(&stadtbus_event::json::to_bytes(&logged.event)).ok();
        members.insert("event".to_owned(), json!(event));
    }
    Some(format!("data: {shown}\n\n"))
}

/// Whether some agreement lets this partner have events of this type now, for whatever purpose.
fn has_agreement(city: &LiveCity, principal: &Principal, ty: &str, now: SystemTime) -> bool {
    city.registry.contract(ty).is_some_and(|compiled| {
        let usage = &compiled.contract().usage;
        usage.iter().any(|agreement| {
            agreement.recipient == principal.partner
                && agreement.from.begins() <= now
                && now < agreement.to.ends()
        })
    })
}
