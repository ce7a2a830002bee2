//! The Rust SDK as a witness: its reqwest binding to publish, its axum binding to receive.

mod event;

use std::error::Error;
use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use cloudevents::Event;
use cloudevents::binding::reqwest::{RequestBuilderExt, RequestSerializer};
use cloudevents::message::StructuredDeserializer;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::event::{build, key_of, tell};

type Done<T = Value> = Result<T, Box<dyn Error + Send + Sync>>;
type Received = Arc<Mutex<Vec<Value>>>;

const BODY_BYTES_MAX: usize = 1 << 20;

#[tokio::main]
async fn main() -> Done<()> {
    let received = Received::default();
    for line in std::io::stdin().lock().lines() {
        let ask: Value = serde_json::from_str(&line?)?;
        let answer = match text(&ask, "op") {
            "listen" => listen(Arc::clone(&received)).await?,
            "received" => {
                let seen = std::mem::take(&mut *received.lock().unwrap_or_else(PoisonError::into_inner));
                json!({ "seen": seen })
            }
            "publish" => publish(&ask).await?,
            "pull" => pull(&ask).await?,
            "stream" => stream(&ask).await?,
            other => return Err(format!("there is no operation {other}").into()),
        };
        println!("{answer}");
    }
    Ok(())
}

fn text<'a>(ask: &'a Value, name: &str) -> &'a str {
    ask.get(name).and_then(Value::as_str).unwrap_or_default()
}

async fn listen(received: Received) -> Done {
    let app = axum::Router::new()
        .route("/{way}", post(hook))
        .with_state(received);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(json!({ "port": port }))
}

/// The request is looked at for its key first, and then given to the SDK's extractor as it came.
async fn hook(State(received): State<Received>, Path(way): Path<String>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::BAD_REQUEST;
    };
    let header = parts
        .headers
        .get("ce-zeugennr")
        .and_then(|value| value.to_str().ok());
    let key = header.map_or_else(|| key_of(&String::from_utf8_lossy(&body)), str::to_owned);
    let read = match Event::from_request(Request::from_parts(parts, Body::from(body)), &()).await {
        Ok(event) => Ok(event),
        Err(refused) => Err(sentence(refused.into_body()).await),
    };
    let mut told = told(&key, read);
    told["way"] = way.into();
    received.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    StatusCode::NO_CONTENT
}

async fn sentence(body: Body) -> String {
    let bytes: Bytes = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn told(key: &str, read: Result<Event, String>) -> Value {
    match read {
        Ok(event) => json!({ "key": key, "event": tell(&event) }),
        Err(error) => json!({ "key": key, "error": error }),
    }
}

async fn publish(ask: &Value) -> Done {
    let client = reqwest::Client::new();
    let none = Vec::new();
    let events = ask.get("events").and_then(Value::as_array).unwrap_or(&none);
    let results = match text(ask, "mode") {
        "batch" => batch(&client, ask, events).await?,
        mode => {
            let mut results = Vec::with_capacity(events.len());
            for event in events {
                results.push(match one(&client, ask, event, mode).await {
                    Ok(result) => result,
                    Err(error) => json!({ "error": full(&*error) }),
                });
            }
            results
        }
    };
    Ok(json!({ "results": results }))
}

async fn one(client: &reqwest::Client, ask: &Value, event: &Value, mode: &str) -> Done {
    let event = build(event)?;
    let request = client.post(text(ask, "url")).bearer_auth(text(ask, "token"));
    let request = if mode == "binary" {
        request.event(event)?
    } else {
        StructuredDeserializer::deserialize_structured(event, RequestSerializer::new(request))?
    };
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    Ok(json!({ "status": status, "body": answer.text().await? }))
}

/// Those the SDK builds go as one batch; each is answered by the bus for itself.
async fn batch(client: &reqwest::Client, ask: &Value, events: &[Value]) -> Done<Vec<Value>> {
    let built: Vec<Done<Event>> = events.iter().map(build).collect();
    let sound: Vec<Event> = built
        .iter()
        .filter_map(|event| event.as_ref().ok().cloned())
        .collect();
    let request = client.post(text(ask, "url")).bearer_auth(text(ask, "token"));
    let answer = request.events(sound)?.send().await?.text().await?;
    let answer: Value = serde_json::from_str(&answer)?;
    let mut receipts = answer
        .get("receipts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut results = Vec::with_capacity(built.len());
    for event in built {
        results.push(match event {
            Err(error) => json!({ "error": full(&*error) }),
            Ok(_) => {
                let receipt = receipts
                    .next()
                    .ok_or("the batch was not answered event by event")?;
                let status = receipt
                    .pointer("/error/status")
                    .and_then(Value::as_u64)
                    .unwrap_or(202);
                json!({ "status": status, "body": receipt.to_string() })
            }
        });
    }
    Ok(results)
}

fn full(error: &(dyn Error + Send + Sync)) -> String {
    let mut sentence = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        sentence = format!("{sentence}: {inner}");
        source = inner.source();
    }
    sentence
}

async fn pull(ask: &Value) -> Done {
    let client = reqwest::Client::new();
    let count = ask.get("count").and_then(Value::as_u64).unwrap_or_default();
    let mut seen = Vec::new();
    while (seen.len() as u64) < count {
        let body = call(&client, ask, "receive", &json!({ "max": 100, "wait_ms": 5000 })).await?;
        let Envelope { handles, events } = envelope(&body)?;
        if handles.is_empty() {
            break;
        }
        seen.extend(events.iter().map(|event| from_json(event.get())));
        call(&client, ask, "acknowledge", &json!({ "handles": handles })).await?;
    }
    Ok(json!({ "seen": seen }))
}

async fn call(client: &reqwest::Client, ask: &Value, verb: &str, body: &Value) -> Done<String> {
    let url = format!("{}/{verb}", text(ask, "url"));
    let request = client
        .post(url)
        .bearer_auth(text(ask, "token"))
        .body(body.to_string());
    Ok(request.send().await?.error_for_status()?.text().await?)
}

/// The envelope is the bus's own; the events in it go to the SDK as they stand.
struct Envelope {
    handles: Vec<String>,
    events: Vec<Box<RawValue>>,
}

fn envelope(body: &str) -> Done<Envelope> {
    type Members = std::collections::HashMap<String, Box<RawValue>>;
    let mut outer: std::collections::HashMap<String, Vec<Members>> = serde_json::from_str(body)?;
    let (mut handles, mut events) = (Vec::new(), Vec::new());
    for mut one in outer.remove("events").unwrap_or_default() {
        let handle = one.remove("handle").ok_or("an event has no handle")?;
        handles.push(serde_json::from_str(handle.get())?);
        events.push(one.remove("event").ok_or("an event is missing")?);
    }
    Ok(Envelope { handles, events })
}

fn from_json(body: &str) -> Value {
    told(
        &key_of(body),
        serde_json::from_str(body).map_err(|error| error.to_string()),
    )
}

async fn stream(ask: &Value) -> Done {
    let client = reqwest::Client::new();
    let mut answer = client
        .get(text(ask, "url"))
        .bearer_auth(text(ask, "token"))
        .send()
        .await?;
    let count = ask.get("count").and_then(Value::as_u64).unwrap_or_default();
    let (mut seen, mut buffer) = (Vec::new(), Vec::new());
    while (seen.len() as u64) < count {
        let chunk = answer.chunk().await?.ok_or("the stream ended")?;
        buffer.extend_from_slice(&chunk);
        while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
            let frame: Vec<u8> = buffer.drain(..end + 2).collect();
            let frame = String::from_utf8(frame)?;
            let data: Vec<&str> = frame
                .lines()
                .filter_map(|line| line.strip_prefix("data: "))
                .collect();
            if !data.is_empty() {
                seen.push(from_json(&data.join("\n")));
            }
        }
    }
    Ok(json!({ "seen": seen }))
}
