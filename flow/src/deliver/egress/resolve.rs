//! From a name to addresses. The bus asks itself, so that what is checked is what is connected to.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::Arc,
};

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// The most addresses of one name; more is no honest answer.
pub const ADDRESSES_MAX: usize = 64;

/// Lookups under way at once. The system's resolver blocks a thread for each, and goes on when nobody waits any more.
const LOOKUPS_MAX: usize = 64;

/// Asks for the addresses of names.
#[async_trait]
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of this host, in the order they should be tried; at most [`ADDRESSES_MAX`] and one more.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug)]
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)),
        }
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let permit = Arc::clone(&self.lookups)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let host = host.to_owned();
        let lookup = tokio::task::spawn_blocking(move || {
            let found = (host.as_str(), 0).to_socket_addrs();
            // Held until the thread is free, not until the caller has lost patience.
            drop(permit);
            found.map(|found| {
                found
                    .map(|address| address.ip())
                    .take(ADDRESSES_MAX + 1)
                    .collect()
            })
        });
        lookup.await.map_err(io::Error::other)?
    }
}

/// All addresses of a service that the bus itself uses, `host:port`: looked up in order to be refused to receivers.
///
/// # Errors
/// When the name is not known.
pub async fn addresses_of(authority: &str) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host(authority).await?.collect())
}
