//! A TCP connection that can be told to write something else than HTTP: hyper would never let a server answer garbage.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The order to break one connection's next write.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sabotage(Arc<Mutex<Option<Bytes>>>);

impl Sabotage {
    pub(crate) fn replace_next_write(&self, bytes: Bytes) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    }

    fn take(&self) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(crate) struct Wire {
    stream: TcpStream,
    sabotage: Sabotage,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, sabotage: Sabotage) -> Self {
        Self { stream, sabotage }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let Some(garbage) = self.sabotage.take() else {
            return Pin::new(&mut self.stream).poll_write(cx, buf);
        };
        // Small enough for the socket's buffer; what does not fit is lost, and garbage it is anyway.
        let _ = self.stream.try_write(&garbage);
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
