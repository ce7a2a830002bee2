//! A real HTTP receiver, as a department would run one, whose answers a test chooses: in order, late, never, or broken.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::wire::{Sabotage, Wire};
use crate::{Failure, Outcome, eventually};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// When its last byte was read.
    pub at: SystemTime,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Request {
    /// The body as JSON, or `null`.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// One header field, or the empty string.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The id of the CloudEvent it carries, in either mode.
    #[must_use]
    pub fn event_id(&self) -> String {
        let structured = self.json();
        let id = structured.get("id").and_then(Value::as_str);
        id.unwrap_or_else(|| self.header("ce-id")).to_owned()
    }
}

/// What the receiver does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// This status, no body.
    Status(u16),
    /// This status with header fields and a body.
    Full {
        /// The status.
        status: u16,
        /// The header fields.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// The reply, this much later.
    After(Duration, Box<Reply>),
    /// Takes the request and never answers.
    Hang,
    /// Writes these bytes in place of an HTTP answer and closes.
    Garbage(Bytes),
    /// Closes without a byte.
    Close,
    /// 200 and a body that does not end.
    Endless,
}

impl Reply {
    /// A status with one header field.
    #[must_use]
    pub fn with_header(status: u16, name: &str, value: &str) -> Self {
        Self::Full {
            status,
            headers: vec![(name.to_owned(), value.to_owned())],
            body: Bytes::new(),
        }
    }
}

type Decide = dyn Fn(&Request) -> Reply + Send + Sync;

struct Shared {
    requests: Mutex<Vec<Request>>,
    seen: AtomicUsize,
    open: AtomicUsize,
    script: Mutex<VecDeque<Reply>>,
    steady: Mutex<Reply>,
    decide: Option<Box<Decide>>,
}

/// A running receiver. Dropped, it stops listening.
pub struct Receiver {
    port: u16,
    shared: Arc<Shared>,
    listener: JoinHandle<()>,
}

/// More requests than this are answered and counted but not kept.
const REQUESTS_KEPT_MAX: usize = 200_000;
const BODY_BYTES_MAX: usize = 64 << 20;

impl Receiver {
    /// A receiver that answers 204 until told otherwise.
    pub async fn start() -> Outcome<Self> {
        Self::listen(None).await
    }

    /// A receiver whose answer is decided per request.
    pub async fn start_with(decide: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Outcome<Self> {
        Self::listen(Some(Box::new(decide))).await
    }

    async fn listen(decide: Option<Box<Decide>>) -> Outcome<Self> {
        let socket = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = socket.local_addr()?.port();
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            seen: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            script: Mutex::default(),
            steady: Mutex::new(Reply::Status(204)),
            decide,
        });
        let listener = tokio::spawn(accept(socket, Arc::clone(&shared)));
        Ok(Self {
            port,
            shared,
            listener,
        })
    }

    /// The address of a path at this receiver.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The next requests get these replies, one each; then the steady one again.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        lock(&self.shared.script).extend(replies);
    }

    /// The reply to every request without a scripted one.
    pub fn set_steady(&self, reply: Reply) {
        *lock(&self.shared.steady) = reply;
    }

    /// All requests kept so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.requests).clone()
    }

    /// The requests to one path.
    #[must_use]
    pub fn requests_to(&self, path: &str) -> Vec<Request> {
        lock(&self.shared.requests)
            .iter()
            .filter(|request| request.path == path)
            .cloned()
            .collect()
    }

    /// How many requests arrived, kept or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.seen.load(Ordering::Acquire)
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::Acquire)
    }

    /// Forgets what has arrived.
    pub fn clear(&self) {
        lock(&self.shared.requests).clear();
    }

    /// Waits until at least `count` requests have arrived at `path`, and returns them all.
    pub async fn wait_for(&self, path: &str, count: usize, deadline: Duration) -> Outcome<Vec<Request>> {
        eventually(deadline, &format!("{count} requests at {path}"), || async {
            let requests = self.requests_to(path);
            if requests.len() >= count {
                Ok(requests)
            } else {
                Err(Failure::new(format!("{}", requests.len())))
            }
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver")
            .field("port", &self.port)
            .field("count", &self.count())
            .finish()
    }
}

async fn accept(socket: TcpListener, shared: Arc<Shared>) {
    // The connections live in this task's set, so that they end with the receiver.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            shared.open.fetch_add(1, Ordering::AcqRel);
            let sabotage = Sabotage::default();
            let wire = TokioIo::new(Wire::new(stream, sabotage.clone()));
            let service = service_fn(|request| answer(request, &shared, &sabotage));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(wire, service)
                .await;
            shared.open.fetch_sub(1, Ordering::AcqRel);
        });
        while connections.try_join_next().is_some() {}
    }
}

type Answered = Result<Response<BoxBody<Bytes, Infallible>>, Failure>;

async fn answer(request: http::Request<Incoming>, shared: &Shared, sabotage: &Sabotage) -> Answered {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let request = Request {
        at: SystemTime::now(),
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts.headers,
        body: body.map_err(|error| Failure::new(error.to_string()))?.to_bytes(),
    };
    let mut reply = match &shared.decide {
        Some(decide) => decide(&request),
        None => lock(&shared.script)
            .pop_front()
            .unwrap_or_else(|| lock(&shared.steady).clone()),
    };
    keep(shared, request);
    while let Reply::After(delay, then) = reply {
        tokio::time::sleep(delay).await;
        reply = *then;
    }
    perform(reply, sabotage).await
}

fn keep(shared: &Shared, request: Request) {
    let mut requests = lock(&shared.requests);
    if requests.len() < REQUESTS_KEPT_MAX {
        requests.push(request);
    }
    shared.seen.fetch_add(1, Ordering::AcqRel);
}

async fn perform(reply: Reply, sabotage: &Sabotage) -> Answered {
    let (status, headers, body) = match reply {
        Reply::Status(status) => (status, Vec::new(), full(Bytes::new())),
        Reply::Full {
            status,
            headers,
            body,
        } => (status, headers, full(body)),
        Reply::Hang | Reply::After(..) => std::future::pending().await,
        Reply::Close => return Err(Failure::new("closed on purpose")),
        Reply::Garbage(bytes) => {
            sabotage.replace_next_write(bytes);
            (200, Vec::new(), full(Bytes::new()))
        }
        Reply::Endless => (200, Vec::new(), endless()),
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    Ok(response.body(body)?)
}

fn full(bytes: Bytes) -> BoxBody<Bytes, Infallible> {
    Full::new(bytes).boxed()
}

fn endless() -> BoxBody<Bytes, Infallible> {
    let chunk = Bytes::from_static(&[b'.'; 16 * 1024]);
    let frames = stream::repeat_with(move || Ok(Frame::data(chunk.clone())));
    BodyExt::boxed(StreamBody::new(frames))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
