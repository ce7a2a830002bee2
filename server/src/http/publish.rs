//! Publishers: CloudEvents in three modes, foreign bytes through a route.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use stadtbus_flow::{
    Refusal,
    accept::{Answer, RawAnswer, Request},
    log::Receipt,
};
use utoipa::{
    IntoResponses,
    openapi::{self, RefOr},
};

use super::{Shared, extract::Path, problem};
use crate::{
    Bus,
    describe::{
        openapi::schema,
        params::{AnyRoute, EventHeaders, QueryToken, RequestOrigin, RoutePath},
        refusals::{ALWAYS, BROKER, CONTRACT, NOT_YET, SCOPE, WHO, refusals},
    },
    http::Problem,
};

refusals! {
    /// Of a single event, or of a batch as a whole.
    OneRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, CONTRACT, &[
        "SB-1101", "SB-1102", "SB-1103", "SB-1104", "SB-1105", "SB-1106", "SB-1107", "SB-1108", "SB-1109", "SB-1110",
        "SB-1111", "SB-1113", "SB-1306", "SB-1401", "SB-1403", "SB-1404", "SB-1406",
    ]
}

/// As [`OneRefused`]; a batch of which no event was accepted is answered event by event under these statuses, too.
pub(super) struct EventsRefused;

impl IntoResponses for EventsRefused {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let mut responses = OneRefused::responses();
        for status in ["400", "422", "503"] {
            if let Some(RefOr::T(response)) = responses.get_mut(status) {
                let answers = openapi::ContentBuilder::new().schema(Some(schema("BatchAnswer")));
                response
                    .content
                    .insert("application/json".to_owned(), RefOr::T(answers.build()));
            }
        }
        responses
    }
}

refusals! {
    /// Of a request for consent.
    ConsentRefused = ALWAYS
}

refusals! {
    /// Of foreign bytes.
    RawRefused = ALWAYS, WHO, SCOPE, NOT_YET, BROKER, CONTRACT, &[
        "SB-1101", "SB-1103", "SB-1104", "SB-1105", "SB-1109", "SB-1119", "SB-1311", "SB-1401", "SB-1404", "SB-1406", "SB-2002",
        "SB-4007", "SB-4101", "SB-4102", "SB-4103", "SB-4104", "SB-4105", "SB-4106", "SB-4107", "SB-4108", "SB-4109",
        "SB-4110", "SB-4111", "SB-4112",
    ]
}

#[derive(Serialize)]
struct One<'a> {
    receipt: &'a Receipt,
}

const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// `OPTIONS` of the paths that take events: whoever asks may deliver here (HOOK-8, HOOK-9). That is no authorization;
/// each delivery still needs its token. The rate is not limited by number: too much is answered 429 with `Retry-After`.
#[utoipa::path(
    options, path = "/v1/events", tag = "publishers", operation_id = "consentToEvents",
    summary = "May I deliver here?",
    description = "The handshake of the webhook specification: whoever asks may. That is no authorization, each delivery needs its token. Needs no token itself.",
    params(RequestOrigin),
    responses(
        (status = 200, description = "Yes.", headers(
            ("Allow" = String, description = "The methods."),
            ("WebHook-Allowed-Origin" = String, description = "Who asked, if that is a DNS name."),
            ("WebHook-Allowed-Rate" = String, description = "`*`: not limited by number; too much is answered 429 with `Retry-After`."),
        )),
        ConsentRefused,
    ),
    security(()),
)]
pub(super) async fn consent(headers: HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ALLOW, HeaderValue::from_static("OPTIONS, POST"));
    if let Some(origin) = headers.get(REQUEST_ORIGIN).filter(|origin| is_dns_name(origin)) {
        answer.insert(ALLOWED_ORIGIN, origin.clone());
        answer.insert(ALLOWED_RATE, HeaderValue::from_static("*"));
    }
    response
}

/// The same for a route, whatever it is called.
#[utoipa::path(
    options, path = "/v1/ingest/{route}", tag = "publishers", operation_id = "consentToIngest",
    summary = "May I deliver to this route?",
    description = "The handshake of the webhook specification: whoever asks may. That is no authorization, each delivery needs its token. Needs no token itself.",
    params(AnyRoute, RequestOrigin),
    responses(
        (status = 200, description = "Yes.", headers(
            ("Allow" = String, description = "The methods."),
            ("WebHook-Allowed-Origin" = String, description = "Who asked, if that is a DNS name."),
            ("WebHook-Allowed-Rate" = String, description = "`*`: not limited by number; too much is answered 429 with `Retry-After`."),
        )),
        ConsentRefused,
    ),
    security(()),
)]
pub(super) async fn raw_consent(headers: HeaderMap) -> Response {
    consent(headers).await
}

/// What is sent back is no more than a name.
fn is_dns_name(origin: &HeaderValue) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    (1..=253).contains(&origin.len()) && origin.as_bytes().iter().all(letter)
}

/// The token of the URL (HOOK-7), for senders that have no header field to put it in, where the operator allows it.
/// A header field that is there is the one that counts.
fn with_token(bus: &Bus, mut headers: HeaderMap, query: Option<&str>) -> HeaderMap {
    if !bus.config.query_tokens || headers.contains_key(header::AUTHORIZATION) {
        return headers;
    }
    let pairs = query.unwrap_or_default().split('&');
    let mut tokens = pairs.filter_map(|pair| pair.strip_prefix("access_token="));
    // Tokens are base64url with dots and need no percent-coding; two of them are none.
    if let (Some(token), None) = (tokens.next(), tokens.next())
        && let Ok(mut bearer) = HeaderValue::from_str(&format!("Bearer {token}"))
    {
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
    }
    headers
}

/// `POST /v1/events`
#[utoipa::path(
    post, path = "/v1/events", tag = "publishers", operation_id = "publishEvents",
    summary = "Publish one event or a batch",
    description = "A CloudEvent 1.0 in any mode of the HTTP binding. *Structured*: the media type of an event format, the body is the event. \
        *Batch*: the media type of a batch; each event is answered by itself. *Binary*: any other media type; the body is the \
        data, the attributes are header fields `ce-…`, percent-coded. 202 means: on the disk. A repeat with the same `source` and `id` \
        gets the receipt of the first time with `duplicate: true`. If no answer came, repeat.",
    params(EventHeaders, QueryToken),
    request_body(description = "The event, the batch or the data.", content(
        (ref("#/components/schemas/CloudEvent") = "application/cloudevents+json"),
        (ref("#/components/schemas/CloudEventBatch") = "application/cloudevents-batch+json"),
        ("application/cloudevents+protobuf"),
        ("application/cloudevents-batch+protobuf"),
        ("application/cloudevents+avro"),
        (ref("#/components/schemas/Data") = "application/json"),
        ("*/*"),
    )),
    responses(
        (status = 202, description = "Durable in the log. For a batch: at least one event is.",
            content((ref("#/components/schemas/Published") = "application/json"))),
        EventsRefused,
    ),
    security(("bearer" = ["publish"])),
)]
pub(super) async fn events(
    State(bus): Shared,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = bounded(body)?;
    let headers = with_token(&bus, headers, query.as_deref());
    let mut response = answered(&bus, headers, body).await?;
    if query.is_some_and(|query| query.contains("access_token=")) {
        // An answer to a URL with a token in it is nobody else's.
        let private = HeaderValue::from_static("private, no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, private);
    }
    Ok(response)
}

async fn answered(bus: &Bus, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    Ok(match bus.acceptor.events(Request { headers, body }).await? {
        Answer::One(receipt) => (StatusCode::ACCEPTED, Json(One { receipt: &receipt })).into_response(),
        Answer::Batch(answers) => batch(&answers),
    })
}

/// Accepted if any event of the batch was, or if there was none; else the worst that can be said of all.
fn batch(answers: &[Result<Receipt, Refusal>]) -> Response {
    let refused = || answers.iter().filter_map(|answer| answer.as_ref().err());
    let status = if answers.is_empty() || answers.iter().any(Result::is_ok) {
        StatusCode::ACCEPTED
    } else if refused().any(|refusal| refusal.status() == 503) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if refused().all(|refusal| refusal.status() == 400) {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let receipts: Vec<Value> = answers
        .iter()
        .map(|answer| match answer {
            Ok(receipt) => json!({ "receipt": receipt }),
            Err(refusal) => json!({ "error": problem::document(refusal) }),
        })
        .collect();
    let mut response = (status, Json(json!({ "receipts": receipts }))).into_response();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        let after = refused().filter_map(|refusal| refusal.retry_after).max();
        let seconds = after.map_or(1, |after| after.as_secs().max(1));
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// `POST /v1/ingest/{route}`
#[utoipa::path(
    post, path = "/v1/ingest/{route}", tag = "publishers", operation_id = "ingest",
    summary = "Send a message in a format of one's own",
    description = "The route's plugin makes events of it. All of them are accepted, or none.",
    params(RoutePath, QueryToken),
    request_body(description = "The message, in a media type that the route takes; at most `event_bytes_max`.", content((ref("#/components/schemas/Message") = "application/json"), ("*/*"))),
    responses(
        (status = 202, description = "Durable in the log; or understood, with nothing to report.",
            content((ref("#/components/schemas/RawAnswer") = "application/json"))),
        RawRefused,
    ),
    security(("bearer" = ["publish"])),
)]
pub(super) async fn raw(
    State(bus): Shared,
    Path(route): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RawAnswer>), Problem> {
    let body = bounded(body)?;
    let headers = with_token(&bus, headers, query.as_deref());
    let answer = bus.acceptor.raw(&route, Request { headers, body }).await?;
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

fn bounded(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    body.map_err(|rejection| {
        Problem(if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Refusal::new("SB-1401", "The body is larger than this bus takes.")
        } else {
            Refusal::new("SB-1101", "The body could not be read to its end.")
        })
    })
}
