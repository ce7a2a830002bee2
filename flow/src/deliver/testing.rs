//! Receivers on loopback that behave as told, and a door that leads to them.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use stadtbus_contracts::Zone;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::egress::{Egress, EgressConfig, Resolve};

/// What a receiver does with one request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Answers with these bytes and waits for the next request.
    Answer(Vec<u8>),
    /// Answers with these bytes and closes.
    AnswerAndClose(Vec<u8>),
    /// Says nothing more, and keeps the connection.
    Hang,
    /// Sends these bytes one by one, without end in sight.
    Drip(Vec<u8>),
    /// Sends the first bytes, then the second again and again for as long as they are taken.
    Endless(Vec<u8>, Vec<u8>),
}

impl Act {
    /// An answer with this status, these header lines and this body.
    pub(super) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        Self::Answer(text.into_bytes())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) connection: usize,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Seen {
    /// The one value of this header field.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .filter(|(n, _)| *n == name);
        let first = found.next().map(|(_, value)| value);
        assert!(found.next().is_none(), "{name} is there twice");
        first
    }
}

/// A receiver. Ends when dropped.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    sent_bytes: AtomicUsize,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Acts on the n-th request (from 0, over all connections) as the script says.
    pub(super) async fn start(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        Self::start_with(script, |stream| async move { Ok(stream) }).await
    }

    /// The same, behind whatever `wrap` puts on the connection.
    pub(super) async fn start_with<S, F>(
        script: impl Fn(usize) -> Act + Send + Sync + 'static,
        wrap: impl Fn(tokio::net::TcpStream) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = io::Result<S>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (script, ours) = (Arc::new(script), Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let connection = ours.connections.fetch_add(1, Ordering::SeqCst);
                let (script, shared, stream) = (Arc::clone(&script), Arc::clone(&ours), wrap(stream));
                connections.spawn(async move {
                    if let Ok(stream) = stream.await {
                        let _ = serve(stream, connection, &*script, &shared).await;
                    }
                });
            }
        });
        Self {
            address,
            shared,
            task,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/events", self.address)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Bytes that went out in endless answers.
    pub(super) fn sent_bytes(&self) -> usize {
        self.shared.sent_bytes.load(Ordering::SeqCst)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    connection: usize,
    script: &(dyn Fn(usize) -> Act + Send + Sync),
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut buffer).await? {
        let number = {
            let mut seen = shared.seen.lock().unwrap();
            seen.push(Seen {
                connection,
                head,
                body,
            });
            seen.len() - 1
        };
        match script(number) {
            Act::Answer(bytes) => stream.write_all(&bytes).await?,
            Act::AnswerAndClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Act::Hang => loop {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            },
            Act::Drip(bytes) => {
                for byte in bytes.iter().cycle() {
                    stream.write_all(&[*byte]).await?;
                    stream.flush().await?;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            Act::Endless(first, again) => {
                stream.write_all(&first).await?;
                loop {
                    stream.write_all(&again).await?;
                    shared.sent_bytes.fetch_add(again.len(), Ordering::SeqCst);
                }
            }
        }
        stream.flush().await?;
    }
    Ok(())
}

/// Reads one request with a content length; `None` when the sender has closed.
async fn request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<(String, Vec<u8>)>> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap_or("0");
    let total = end + length.parse::<usize>().unwrap();
    while buffer.len() < total {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let body = buffer[end..total].to_vec();
    buffer.drain(..total);
    Ok(Some((head, body)))
}

/// A zone as the city would have it.
pub(super) fn zone(cidr: &str, ports: &str, plaintext: bool) -> Zone {
    Zone {
        zone: "test".into(),
        cidr: cidr.parse().unwrap(),
        ports: vec![ports.parse().unwrap()],
        plaintext,
        ca: None,
        owner: "test".into(),
        reason: "test".into(),
    }
}

/// A configuration that leads to receivers on loopback.
pub(super) fn loopback() -> EgressConfig {
    EgressConfig {
        zones: vec![zone("127.0.0.1/32", "1024-65535", true)],
        ..EgressConfig::default()
    }
}

/// A door to receivers on loopback.
pub(super) fn door() -> Arc<Egress> {
    Arc::new(Egress::new(loopback()).unwrap())
}

/// A resolver that answers as told: each look-up takes the next answer, the last one stays.
pub(super) struct Names {
    answers: Vec<Vec<IpAddr>>,
    pub(super) asked: AtomicUsize,
}

impl Names {
    pub(super) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers: answers.iter().map(parse).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let n = self
            .asked
            .fetch_add(1, Ordering::SeqCst)
            .min(self.answers.len() - 1);
        if self.answers[n].is_empty() {
            Err(io::Error::from(io::ErrorKind::NotFound))
        } else {
            Ok(self.answers[n].clone())
        }
    }
}

/// Waits until it is so, at most ten seconds.
pub(super) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
