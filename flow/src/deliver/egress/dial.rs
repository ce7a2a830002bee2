//! The last step through the door: a connection to one address. What may be dialled was decided before.

use std::{io, net::SocketAddr};

use async_trait::async_trait;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A connection, whatever it is made of.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Wire for T {}

/// Connects to addresses.
#[async_trait]
pub trait Dial: Send + Sync + 'static {
    /// A connection to this very address. The caller sets the time limit.
    async fn dial(&self, address: SocketAddr) -> io::Result<Box<dyn Wire>>;
}

/// TCP of the operating system.
#[derive(Debug, Default)]
pub struct Tcp;

#[async_trait]
impl Dial for Tcp {
    async fn dial(&self, address: SocketAddr) -> io::Result<Box<dyn Wire>> {
        let stream = TcpStream::connect(address).await?;
        // An event is written in one go and waited for; holding it back for more would only add to its latency.
        // Failing to say so costs time, not correctness.
        let _ = stream.set_nodelay(true);
        Ok(Box::new(stream))
    }
}
