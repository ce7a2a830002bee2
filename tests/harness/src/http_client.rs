//! A small HTTP client for loopback: whole bodies in, whole bodies out, every request with a deadline and a bound.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::{Failure, Outcome};

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, as received.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON, or `null` where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// One header field, or the empty string.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The stable error code of a problem document, or the empty string.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()
            .get("code")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// The answer, if it has this status; else a failure that shows it.
    pub fn expect(self, status: u16) -> Outcome<Self> {
        if self.status == status {
            return Ok(self);
        }
        Err(Failure::new(format!(
            "HTTP {} where {status} was expected: {}",
            self.status,
            self.text()
        )))
    }
}

/// A pooled client.
#[derive(Debug, Clone)]
pub struct HttpClient {
    inner: Client<HttpConnector, Full<Bytes>>,
    deadline: Duration,
}

const BODY_BYTES_MAX: usize = 64 << 20;

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient {
    /// A client with a deadline of 30 s per request.
    #[must_use]
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            inner: Client::builder(TokioExecutor::new()).build(connector),
            deadline: Duration::from_secs(30),
        }
    }

    /// The same client with another deadline per request.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// One request, its whole answer.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Outcome<Answer> {
        let request = build(method, url, headers, body)?;
        let exchange = async {
            let response = self
                .inner
                .request(request)
                .await
                .map_err(|error| describe(&error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
            let body = body.map_err(|error| Failure::new(error.to_string()))?.to_bytes();
            Ok(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        };
        match tokio::time::timeout(self.deadline, exchange).await {
            Ok(answer) => answer.map_err(|failure: Failure| failure.while_(format!("{method} {url}"))),
            Err(_) => Err(Failure::new(format!(
                "{method} {url}: no answer within {} s",
                self.deadline.as_secs()
            ))),
        }
    }

    /// One GET.
    pub async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Outcome<Answer> {
        self.send("GET", url, headers, Bytes::new()).await
    }

    /// One GET whose body is read as it comes.
    pub async fn open(
        &self,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Outcome<http::Response<hyper::body::Incoming>> {
        let request = build("GET", url, headers, Bytes::new())?;
        match tokio::time::timeout(self.deadline, self.inner.request(request)).await {
            Ok(response) => response.map_err(|error| describe(&error)),
            Err(_) => Err(Failure::new(format!("GET {url}: no answer"))),
        }
    }
}

fn build(method: &str, url: &str, headers: &[(&str, &str)], body: Bytes) -> Outcome<Request<Full<Bytes>>> {
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| Failure::new(error.to_string()))?;
    let mut request = Request::builder().method(method).uri(url).body(Full::new(body))?;
    for (name, value) in headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|error| Failure::new(error.to_string()))?;
        let value =
            HeaderValue::from_bytes(value.as_bytes()).map_err(|error| Failure::new(error.to_string()))?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

/// hyper's own text is "client error (Connect)"; the cause below it is what a reader needs.
fn describe(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    Failure::new(text)
}
