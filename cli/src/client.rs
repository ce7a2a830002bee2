//! The client of the bus's HTTP interface.
//!
//! Promise: every call ends within its deadline, reads a bounded answer, and turns every way it can go wrong
//! into one [`Failure`] with a code: not reachable (SB-6001), refused (the bus's own code), not understood
//! (SB-6005). It never prints and never repeats a call by itself: a repeat is the caller's decision, safe
//! because the bus accepts each event id once.

use crate::say;
use crate::ui::text::{Lang, lang};
use crate::ui::{Exit, Failure, t};
use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use std::time::Duration;

pub(crate) mod problem;
pub(crate) mod sse;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one ordinary call may take, from connecting to the last byte of its answer.
const CALL: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// One bus, one identity.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    server: String,
    authorization: Option<HeaderValue>,
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// One call.
pub(crate) struct Call<'a> {
    /// The method.
    pub(crate) method: Method,
    /// Path and query, beginning with `/`.
    pub(crate) path: &'a str,
    /// Media type of the body, if there is one.
    pub(crate) content_type: &'a str,
    /// The body.
    pub(crate) body: Bytes,
    /// Time allowed beyond the ordinary deadline, for calls that wait on purpose.
    pub(crate) extra: Duration,
}

/// An answer looked at without judging it.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The status.
    pub(crate) status: StatusCode,
    /// The `Date` header: what time it is over there.
    pub(crate) date: Option<String>,
    /// The body as text.
    pub(crate) body: String,
}

impl Client {
    /// A client for `server` (`http://host:port` or `https://…`).
    pub(crate) fn new(server: &str, token: Option<&str>) -> Result<Self, Failure> {
        let server = server.trim_end_matches('/').to_owned();
        let scheme = server
            .parse::<http::Uri>()
            .ok()
            .filter(|uri| uri.host().is_some());
        if !matches!(
            scheme.as_ref().and_then(http::Uri::scheme_str),
            Some("http" | "https")
        ) {
            let message = say!(
                "`{}` ist keine Adresse eines Busses.",
                "`{}` is not the address of a bus.",
                server.escape_debug()
            );
            return Err(Failure::usage(message).hint("stadtbus status --server http://127.0.0.1:7700"));
        }
        let authorization = token.map(|token| bearer(token.trim())).transpose()?;
        let pool = Pool::builder(TokioExecutor::new()).build(connector());
        Ok(Self {
            server,
            authorization,
            pool,
        })
    }

    /// The address, without a slash at the end.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// `GET`, JSON back.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.get_waiting(path, Duration::ZERO).await
    }

    /// `GET` that the server may answer later than usual.
    pub(crate) async fn get_waiting(&self, path: &str, extra: Duration) -> Result<Value, Failure> {
        let call = Call {
            method: Method::GET,
            path,
            content_type: "",
            body: Bytes::new(),
            extra,
        };
        self.json(call).await
    }

    /// `POST` of JSON, JSON back.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.post_waiting(path, body, Duration::ZERO).await
    }

    /// `POST` of JSON that is passed on as it is written.
    pub(crate) async fn post_raw(&self, path: &str, body: String) -> Result<Value, Failure> {
        self.json(Call {
            method: Method::POST,
            path,
            content_type: "application/json",
            body: Bytes::from(body),
            extra: Duration::ZERO,
        })
        .await
    }

    /// `POST` that the server may answer later than usual.
    pub(crate) async fn post_waiting(
        &self,
        path: &str,
        body: &Value,
        extra: Duration,
    ) -> Result<Value, Failure> {
        let body = Bytes::from(body.to_string());
        self.json(Call {
            method: Method::POST,
            path,
            content_type: "application/json",
            body,
            extra,
        })
        .await
    }

    /// `PUT` of JSON, JSON back. Deploying compiles plugins, so it may take longer.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let (body, extra) = (Bytes::from(body.to_string()), Duration::from_secs(270));
        self.json(Call {
            method: Method::PUT,
            path,
            content_type: "application/json",
            body,
            extra,
        })
        .await
    }

    /// Any call with JSON back; an empty answer is `null`.
    pub(crate) async fn json(&self, call: Call<'_>) -> Result<Value, Failure> {
        let deadline = CALL.saturating_add(call.extra);
        let work = async {
            let answer = self.open(&call, "application/json").await?;
            let body = self.body(answer).await?;
            if body.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(&body).map_err(|_| self.not_understood(t("kein JSON", "not JSON")))
        };
        tokio::time::timeout(deadline, work)
            .await
            .unwrap_or_else(|_| Err(self.unreachable(&late(deadline))))
    }

    /// What stands at `path`, refusals included: for `/healthz` and `/readyz`, whose refusals are answers.
    pub(crate) async fn probe(&self, path: &str) -> Result<Probe, Failure> {
        let call = Call {
            method: Method::GET,
            path,
            content_type: "",
            body: Bytes::new(),
            extra: Duration::ZERO,
        };
        let work = async {
            let answer = self.exchange(&call, "*/*").await?;
            let status = answer.status();
            let date = answer
                .headers()
                .get(DATE)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned);
            let body = self.body(answer).await?;
            Ok(Probe {
                status,
                date,
                body: String::from_utf8_lossy(&body).into_owned(),
            })
        };
        tokio::time::timeout(CALL, work)
            .await
            .unwrap_or_else(|_| Err(self.unreachable(&late(CALL))))
    }

    /// Opens a stream of server-sent events. Only the opening has a deadline.
    pub(crate) async fn events(&self, path: &str) -> Result<sse::Events, Failure> {
        let call = Call {
            method: Method::GET,
            path,
            content_type: "",
            body: Bytes::new(),
            extra: Duration::ZERO,
        };
        let open = tokio::time::timeout(CALL, self.open(&call, "text/event-stream")).await;
        let answer = open.unwrap_or_else(|_| Err(self.unreachable(&late(CALL))))?;
        let kind = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if !kind.starts_with("text/event-stream") {
            return Err(self.not_understood(t("kein Ereignisstrom", "not an event stream")));
        }
        Ok(sse::Events::new(answer.into_body()))
    }

    /// Sends and turns any refusal into a failure.
    async fn open(&self, call: &Call<'_>, accept: &'static str) -> Result<Response<Incoming>, Failure> {
        let answer = self.exchange(call, accept).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let retry_after = answer.headers().get(http::header::RETRY_AFTER).cloned();
        let body = self.body(answer).await?;
        Err(problem::failure(status, retry_after.as_ref(), &body)
            .unwrap_or_else(|| self.not_understood(&format!("HTTP {}", status.as_u16()))))
    }

    async fn exchange(&self, call: &Call<'_>, accept: &'static str) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(format!("{}{}", self.server, call.path))
            .header(ACCEPT, accept)
            .header(
                ACCEPT_LANGUAGE,
                match lang() {
                    Lang::De => "de, en;q=0.5",
                    Lang::En => "en",
                },
            );
        if !call.content_type.is_empty() {
            request = request.header(CONTENT_TYPE, call.content_type);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request
            .body(Full::new(call.body.clone()))
            .map_err(|error| Failure::usage(error.to_string()))?;
        self.pool
            .request(request)
            .await
            .map_err(|error| self.unreachable(&cause(&error)))
    }

    async fn body(&self, answer: Response<Incoming>) -> Result<Bytes, Failure> {
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                self.not_understood(t("die Antwort ist zu groß", "the answer is too large"))
            } else {
                self.unreachable(&error.to_string())
            }
        })
    }

    fn unreachable(&self, detail: &str) -> Failure {
        let message = say!(
            "Der Bus unter {} antwortet nicht.",
            "The bus at {} does not answer.",
            self.server
        );
        Failure::new("SB-6001", Exit::Unreachable, message)
            .detail(detail)
            .hint(format!("stadtbus doctor --server {}", self.server))
    }

    /// An answer of another kind than this program expects.
    pub(crate) fn not_understood(&self, detail: &str) -> Failure {
        let message = say!(
            "Die Antwort von {} ist unverständlich.",
            "The answer of {} is not understood.",
            self.server
        );
        Failure::new("SB-6005", Exit::Unreachable, message).detail(detail)
    }
}

/// Opens connections, with TLS where the address says so.
fn connector() -> HttpsConnector<HttpConnector> {
    let mut http = HttpConnector::new();
    http.set_connect_timeout(Some(CONNECT));
    http.set_nodelay(true);
    http.enforce_http(false);
    hyper_rustls::HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .wrap_connector(http)
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
        Failure::usage(t(
            "Das Token enthält unerlaubte Zeichen.",
            "The token contains characters that are not allowed.",
        ))
        .hint("stadtbus token issue --help")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn late(deadline: Duration) -> String {
    say!(
        "keine Antwort innerhalb von {} s",
        "no answer within {} s",
        deadline.as_secs()
    )
}

/// The innermost reason: "connection refused" says more than "error sending request".
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// One segment of a path, percent-coded.
pub(crate) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, SEGMENT).to_string()
}

/// A query string of the given pairs that have a value, with `?`; empty if none has.
pub(crate) fn query(pairs: &[(&str, Option<String>)]) -> String {
    let set: Vec<String> = pairs
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", segment(value))))
        .collect();
    if set.is_empty() {
        String::new()
    } else {
        format!("?{}", set.join("&"))
    }
}

const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
