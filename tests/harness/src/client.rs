//! A partner's client: the public HTTP API, call by call.

use std::future::Future;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{Answer, Failure, HttpClient, Outcome, SseStream};

/// The content mode of CloudEvents over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Attributes as `ce-` header fields, data as the body.
    Binary,
    /// The whole event as one JSON document.
    Structured,
}

/// One system of one partner, at one bus.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    token: String,
    http: HttpClient,
}

/// A subscription changes hands within a lease of the bus.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(20);
const ASK_AGAIN: Duration = Duration::from_millis(50);

impl Client {
    /// A client for the bus at `base` with this bearer token (empty: none is sent).
    #[must_use]
    pub fn new(base: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            token: token.into(),
            http: HttpClient::new(),
        }
    }

    /// The same client with another deadline per request.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.http = self.http.with_deadline(deadline);
        self
    }

    /// The bearer token it sends.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Any request below the base, with the bearer token.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Outcome<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let mut all = Vec::with_capacity(headers.len() + 1);
        if !self.token.is_empty() {
            all.push(("authorization", bearer.as_str()));
        }
        all.extend_from_slice(headers);
        self.http
            .send(method, &format!("{}{path}", self.base), &all, body)
            .await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Outcome<Answer> {
        self.send("GET", path, &[], Bytes::new()).await
    }

    /// POST of a JSON document.
    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Answer> {
        self.send(
            "POST",
            path,
            &[("content-type", "application/json")],
            Bytes::from(body.to_string()),
        )
        .await
    }

    /// PUT of a JSON document.
    pub async fn put(&self, path: &str, body: &Value) -> Outcome<Answer> {
        self.send(
            "PUT",
            path,
            &[("content-type", "application/json")],
            Bytes::from(body.to_string()),
        )
        .await
    }

    /// Publishes one event, given in its JSON form.
    pub async fn publish(&self, event: &Value, mode: Mode) -> Outcome<Answer> {
        match mode {
            Mode::Structured => {
                let kind = [("content-type", "application/cloudevents+json; charset=utf-8")];
                self.send("POST", "/v1/events", &kind, Bytes::from(event.to_string()))
                    .await
            }
            Mode::Binary => {
                let (headers, body) = binary(event)?;
                let headers: Vec<_> = headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                self.send("POST", "/v1/events", &headers, body).await
            }
        }
    }

    /// Publishes a batch.
    pub async fn publish_batch(&self, events: &[Value]) -> Outcome<Answer> {
        let kind = [("content-type", "application/cloudevents-batch+json")];
        let body = serde_json::to_vec(events)?;
        self.send("POST", "/v1/events", &kind, Bytes::from(body)).await
    }

    /// Posts raw bytes to an ingest route.
    pub async fn ingest(&self, route: &str, content_type: &str, body: impl Into<Bytes>) -> Outcome<Answer> {
        self.send(
            "POST",
            &format!("/v1/ingest/{route}"),
            &[("content-type", content_type)],
            body.into(),
        )
        .await
    }

    /// Takes up to `max` events of a pull subscription, waiting up to `wait` for the first.
    pub async fn receive(
        &self,
        subscription: &str,
        max: u32,
        wait: Duration,
        lease: Duration,
    ) -> Outcome<Vec<Value>> {
        let answer = self.receive_raw(subscription, max, wait, lease).await?;
        let events = answer.json().get("events").and_then(Value::as_array).cloned();
        events.ok_or_else(|| Failure::new(format!("no `events` in {}", answer.text())))
    }

    /// The same as the answer came, for who needs the bytes of the events.
    pub async fn receive_raw(
        &self,
        subscription: &str,
        max: u32,
        wait: Duration,
        lease: Duration,
    ) -> Outcome<Answer> {
        let body = json!({"max": max, "wait_ms": millis(wait), "lease_ms": millis(lease)});
        let path = format!("/v1/subscriptions/{subscription}/receive");
        self.served(|| self.post(&path, &body)).await?.expect(200)
    }

    /// Settles received events by their handles: `acknowledge`, `release`, `reject` or `extend`, with further fields.
    pub async fn settle(
        &self,
        subscription: &str,
        how: &str,
        events: &[Value],
        more: Value,
    ) -> Outcome<Answer> {
        let handles: Vec<_> = events.iter().filter_map(|event| event.get("handle")).collect();
        let mut body = json!({"handles": handles});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        let path = format!("/v1/subscriptions/{subscription}/{how}");
        self.served(|| self.post(&path, &body)).await
    }

    /// Asks again while the bus answers that it is just taking the subscription over, as its `Retry-After` bids.
    async fn served<F, Fut>(&self, call: F) -> Outcome<Answer>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Outcome<Answer>>,
    {
        let until = Instant::now() + TAKEN_OVER_WITHIN;
        loop {
            let answer = call().await?;
            if answer.status != 503 || answer.code() != "SB-1405" || Instant::now() >= until {
                return Ok(answer);
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// What the bus did with one event.
    pub async fn journey(&self, partner: &str, id: &str) -> Outcome<Answer> {
        self.get(&format!("/v1/events/{partner}/{id}/journey")).await
    }

    /// Opens a stream of Server-Sent Events.
    pub async fn stream(&self, path: &str, last_event_id: Option<&str>) -> Outcome<SseStream> {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("accept", "text/event-stream"),
        ];
        headers.extend(last_event_id.map(|id| ("last-event-id", id)));
        let url = format!("{}{path}", self.base);
        let until = Instant::now() + TAKEN_OVER_WITHIN;
        let response = loop {
            let response = self.http.open(&url, &headers).await?;
            if response.status() != 503 || Instant::now() >= until {
                break response;
            }
            tokio::time::sleep(ASK_AGAIN).await;
        };
        if response.status() != 200 {
            return Err(Failure::new(format!(
                "HTTP {} for the stream {path}",
                response.status()
            )));
        }
        Ok(SseStream::new(response.into_body()))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The binary mode of an event in JSON form. Attribute values of the tests are plain ASCII or are percent-coded here.
fn binary(event: &Value) -> Outcome<(Vec<(String, String)>, Bytes)> {
    let attributes = event
        .as_object()
        .ok_or_else(|| Failure::new("an event is a JSON object"))?;
    let mut headers = Vec::new();
    let mut body = Bytes::new();
    for (name, value) in attributes {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match name.as_str() {
            "data" => body = Bytes::from(value.to_string()),
            "data_base64" => body = Bytes::from(STANDARD.decode(text)?),
            "datacontenttype" => headers.push(("content-type".to_owned(), text)),
            _ => headers.push((format!("ce-{name}"), percent_coded(&text))),
        }
    }
    Ok((headers, body))
}

fn percent_coded(text: &str) -> String {
    let mut coded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' | 0..=0x20 | 0x7f.. => coded.push_str(&format!("%{byte:02X}")),
            _ => coded.push(char::from(byte)),
        }
    }
    coded
}
