//! One connection: resolve, look at every address, connect to exactly one that was looked at.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tower::Service;

use stadtbus_contracts::reach::{Denied, Endpoint, Host, Reach};

use super::{
    dial::{Dial, Wire},
    policy::Policy,
    resolve::{ADDRESSES_MAX, Resolve},
    tls::Trust,
};

/// How long one address may take to accept. Shorter than most timeouts, so that the next address gets its chance.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The most addresses tried for one connection.
const ADDRESSES_TRIED_MAX: usize = 4;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("its name does not resolve")]
    Unresolved,
    #[error("its name resolves to more addresses than is honest")]
    TooManyAddresses,
    #[error("it refuses the connection")]
    Refused,
    #[error("it does not accept the connection in time")]
    TimedOut,
    #[error("there is no way to it")]
    Unreachable,
    /// The TLS under the connection.
    #[error("there is no TLS with it")]
    Tls(#[source] io::Error),
    /// The certificates of its zone cannot be used.
    #[error("the certificates of its zone cannot be used")]
    Trust,
}

/// Makes connections under the policy of the moment.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) policy: Arc<ArcSwap<Policy>>,
    pub(super) resolver: Arc<dyn Resolve>,
    pub(super) dialer: Arc<dyn Dial>,
    pub(super) trust: Trust,
}

impl Connector {
    /// The addresses to try, as the bounds allow.
    pub(super) async fn addresses(
        &self,
        endpoint: &Endpoint,
        reach: Reach<'_>,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let found = match endpoint.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self
                .resolver
                .resolve(name)
                .await
                .map_err(|_| ConnectError::Unresolved)?,
        };
        if found.is_empty() {
            return Err(ConnectError::Unresolved);
        }
        if found.len() > ADDRESSES_MAX {
            return Err(ConnectError::TooManyAddresses);
        }
        let open = reach.judge(endpoint, Some(&found))?;
        Ok(open
            .into_iter()
            .map(|address| SocketAddr::new(address, endpoint.port()))
            .collect())
    }

    async fn connect(self, uri: Uri) -> Result<Stream, ConnectError> {
        let endpoint = Endpoint::from_uri(uri).map_err(|_| ConnectError::Unreachable)?;
        let mut last = ConnectError::Unreachable;
        let policy = self.policy.load_full();
        for address in self
            .addresses(&endpoint, policy.reach())
            .await?
            .into_iter()
            .take(ADDRESSES_TRIED_MAX)
        {
            match timeout(CONNECT_TIMEOUT, self.dialer.dial(address)).await {
                Ok(Ok(wire)) => return self.secured(&endpoint, &policy, address, wire).await,
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    last = ConnectError::Refused
                }
                Ok(Err(_)) => last = ConnectError::Unreachable,
                Err(_) => last = ConnectError::TimedOut,
            }
        }
        Err(last)
    }

    /// The connection as the endpoint wants it. Whom to trust is a matter of the address it goes to.
    async fn secured(
        &self,
        endpoint: &Endpoint,
        policy: &Policy,
        address: SocketAddr,
        wire: Box<dyn Wire>,
    ) -> Result<Stream, ConnectError> {
        if endpoint.is_plaintext() {
            return Ok(Stream::new(wire));
        }
        let config = self
            .trust
            .towards(policy.authorities(address))
            .map_err(|_| ConnectError::Trust)?;
        let name = match endpoint.host() {
            Host::Address(address) => ServerName::from(*address),
            Host::Name(name) => {
                ServerName::try_from(name.to_string()).map_err(|_| ConnectError::Unreachable)?
            }
        };
        let secured = TlsConnector::from(config).connect(name, wire).await;
        secured
            .map(|wire| Stream::new(Box::new(wire)))
            .map_err(ConnectError::Tls)
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// When a connection was made; tells a request that failed on an old connection from one that failed on its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectedAt(pub(super) Instant);

/// A connection that knows its age.
pub(super) struct Stream {
    io: TokioIo<Box<dyn Wire>>,
    since: Instant,
}

impl Stream {
    fn new(wire: Box<dyn Wire>) -> Self {
        Self {
            io: TokioIo::new(wire),
            since: Instant::now(),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new().extra(ConnectedAt(self.since))
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
