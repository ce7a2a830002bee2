//! What came out at the other end: from the answer itself, from a pull subscription of a Stadtbus, or from any address
//! that gives events as JSON.

use super::message::{self, Meaning};
use crate::client::wire::{Outgoing, Received, Wire};
use crate::say;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Uri};
use serde::Deserialize;
use serde_json::value::RawValue;
use stadtbus_event::{http_binding, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Events fetched in one call.
const CALL_EVENTS: usize = 100;
/// How long one call of a pull subscription waits for the first event.
const CALL_WAIT: Duration = Duration::from_millis(500);
/// Pause between two looks at an address that does not wait by itself.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Most calls of a run, whatever comes back.
const CALLS_MAX: usize = 2000;

/// Where received events can be seen.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// The address; one that ends in `/receive` is a pull subscription, anything else is asked with GET.
    pub(crate) uri: Uri,
    /// Header fields, such as the token.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// How long to go on without anything new.
    pub(crate) patience: Duration,
}

/// Events by id, as they came back first.
pub(crate) type Came = BTreeMap<String, Meaning>;

#[derive(Deserialize)]
struct Pulled {
    events: Vec<PulledEvent>,
}

#[derive(Deserialize)]
struct PulledEvent {
    handle: String,
    event: Box<RawValue>,
}

/// The events in an answer of an endpoint that echoes.
pub(crate) fn echoed(received: &Received) -> Came {
    let structured = received
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/cloudevents"));
    if structured {
        return listed(&received.body);
    }
    match http_binding::decode(&received.headers, received.body.clone(), CALL_EVENTS) {
        Ok(http_binding::Incoming::Single(event)) => listed(&json::to_bytes(&event)),
        _ => Came::new(),
    }
}

/// Events in JSON: one, a list, `{"events": […]}` with each bare or as `{"event": …}`, or one on each line.
fn listed(body: &[u8]) -> Came {
    #[derive(Deserialize)]
    struct Wrapped {
        events: Vec<Box<RawValue>>,
    }
    #[derive(Deserialize)]
    struct Inside {
        event: Box<RawValue>,
    }
    let members: Vec<Box<RawValue>> = serde_json::from_slice(body)
        .or_else(|_| serde_json::from_slice::<Wrapped>(body).map(|wrapped| wrapped.events))
        .unwrap_or_default();
    let mut texts: Vec<Vec<u8>> = members
        .into_iter()
        .map(|member| match serde_json::from_str::<Inside>(member.get()) {
            Ok(inside) => inside.event.get().as_bytes().to_vec(),
            Err(_) => member.get().as_bytes().to_vec(),
        })
        .collect();
    if texts.is_empty() {
        texts.push(body.to_vec());
        texts.extend(body.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    let mut came = Came::new();
    for meaning in texts.iter().filter_map(|text| message::read(text)) {
        came.entry(meaning.id.clone()).or_insert(meaning);
    }
    came
}

/// Fetches until all `wanted` are there, or nothing new has come for the time of patience. Asks once more behind the
/// last, so that what should not come has had its time to come.
///
/// # Errors
/// One sentence, where the address gives nothing usable.
pub(crate) async fn fetch(wire: &Wire, source: &Source, wanted: &[String]) -> Result<Came, String> {
    let mut came = Came::new();
    let mut news = Instant::now();
    let mut complete = 0;
    for _ in 0..CALLS_MAX {
        let before = came.len();
        let more = if source.uri.path().ends_with("/receive") {
            pull(wire, source).await?
        } else {
            look(wire, source).await?
        };
        for (id, meaning) in more {
            came.entry(id).or_insert(meaning);
        }
        if came.len() > before {
            news = Instant::now();
        } else {
            complete += usize::from(wanted.iter().all(|id| came.contains_key(id)));
            if complete > 0 || news.elapsed() > source.patience {
                break;
            }
        }
    }
    Ok(came)
}

async fn look(wire: &Wire, source: &Source) -> Result<Came, String> {
    let received = call(wire, source, Method::GET, source.uri.clone(), None).await?;
    tokio::time::sleep(LOOK_AGAIN).await;
    Ok(listed(&received.body))
}

async fn pull(wire: &Wire, source: &Source) -> Result<Came, String> {
    let wait = CALL_WAIT.as_millis();
    let ask = format!(r#"{{"max":{CALL_EVENTS},"wait_ms":{wait},"lease_ms":60000}}"#);
    let received = call(wire, source, Method::POST, source.uri.clone(), Some(ask)).await?;
    let pulled: Pulled = serde_json::from_slice(&received.body).map_err(|_| {
        say!(
            "das Abonnement antwortet unverständlich",
            "the subscription's answer is not understood"
        )
    })?;
    let mut came = Came::new();
    let mut handles = Vec::new();
    for one in pulled.events {
        handles.push(one.handle);
        if let Some(meaning) = message::read(one.event.get().as_bytes()) {
            came.entry(meaning.id.clone()).or_insert(meaning);
        }
    }
    if !handles.is_empty() {
        let path = source.uri.to_string();
        let path = path.strip_suffix("receive").unwrap_or(&path);
        let uri = format!("{path}acknowledge")
            .parse()
            .map_err(|_| path.to_owned())?;
        let done = serde_json::json!({ "handles": handles }).to_string();
        call(wire, source, Method::POST, uri, Some(done)).await?;
    }
    Ok(came)
}

async fn call(
    wire: &Wire,
    source: &Source,
    method: Method,
    uri: Uri,
    body: Option<String>,
) -> Result<Received, String> {
    let mut headers = source.headers.clone();
    if body.is_some() {
        headers.push(("content-type".to_owned(), b"application/json".to_vec()));
    }
    let outgoing = Outgoing {
        method,
        uri,
        headers,
        body: Bytes::from(body.unwrap_or_default()),
        title_case: false,
    };
    let mut received = wire.send(outgoing.clone()).await?;
    // A subscription that is being taken over by another process says so, for a moment.
    for _ in 0..10 {
        if received.status.as_u16() != 503 {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        received = wire.send(outgoing.clone()).await?;
    }
    if received.status.is_success() {
        return Ok(received);
    }
    let number = received.status.as_u16();
    Err(say!(
        "die Adresse zum Zurücklesen antwortet {number}",
        "the address for reading back answers {number}"
    ))
}
