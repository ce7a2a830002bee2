//! The receiving department, reduced to its socket: reads a request with a length, asks the handler, answers at once.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::client::{digits, head_end, header};

/// A complete answer, as bytes.
pub type Reply = &'static [u8];

/// Taken, nothing to say.
pub const NO_CONTENT: Reply = b"HTTP/1.1 204 No Content\r\n\r\n";
/// Taken.
pub const OK: Reply = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// Not like this.
pub const BAD_REQUEST: Reply = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
/// Not now.
pub const UNAVAILABLE: Reply = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
const LENGTH_REQUIRED: Reply =
    b"HTTP/1.1 411 Length Required\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Decides the answer to one request from its head and body. It runs inside the connection's task and must not wait.
pub type Handler = dyn Fn(&[u8], &[u8]) -> Reply + Send + Sync;

const REQUEST_BYTES_MAX: usize = 16 << 20;

/// A running receiver; dropped, it stops listening.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    listener: JoinHandle<()>,
}

impl Receiver {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// What the socket says.
    pub async fn start(handler: Arc<Handler>) -> std::io::Result<Self> {
        Self::start_at("127.0.0.1", handler).await
    }

    /// Listens on a free port of this address.
    ///
    /// # Errors
    /// What the socket says.
    pub async fn start_at(host: &str, handler: Arc<Handler>) -> std::io::Result<Self> {
        let socket = TcpListener::bind((host, 0)).await?;
        let address = socket.local_addr()?;
        let listener = tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler)));
            }
        });
        Ok(Self { address, listener })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn serve(mut stream: TcpStream, handler: Arc<Handler>) {
    let mut buffer = Vec::with_capacity(8 << 10);
    if stream.set_nodelay(true).is_err() {
        return;
    }
    loop {
        match next(&buffer) {
            Next::More if buffer.len() > REQUEST_BYTES_MAX => return,
            Next::More => match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            },
            Next::Request { body, end } => {
                let head = buffer.get(..body).unwrap_or_default();
                let reply = handler(head, buffer.get(body..end).unwrap_or_default());
                if stream.write_all(reply).await.is_err() {
                    return;
                }
                buffer.drain(..end);
            }
            Next::NoLength => {
                let _ = stream.write_all(LENGTH_REQUIRED).await;
                return;
            }
        }
    }
}

enum Next {
    More,
    Request { body: usize, end: usize },
    NoLength,
}

fn next(buffer: &[u8]) -> Next {
    let Some(body) = head_end(buffer) else {
        return Next::More;
    };
    let head = buffer.get(..body).unwrap_or_default();
    let Some(length) = header(head, b"content-length").and_then(digits) else {
        return Next::NoLength;
    };
    if buffer.len() < body + length {
        return Next::More;
    }
    Next::Request {
        body,
        end: body + length,
    }
}
