//! Names and connections: receivers in this process, and places where nobody may ever knock.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use stadtbus_flow::deliver::egress::{Dial, Resolve, Wire};

use crate::{
    broker::Life,
    receiver::{self, Caller},
    world::{World, note},
};

/// The receivers of webhooks; each is named after its subscription, but for the one that takes replays only.
pub(crate) const RECEIVERS: [&str; 7] = [
    "stetig",
    "knapp",
    "abgeleitet",
    "nachbar",
    "geordnet",
    "gereiht",
    ARCHIVE,
];
/// Another sink for replays.
pub(crate) const ARCHIVE: &str = "archiv";

/// Bytes on their way in one direction of a connection.
const PIPE_BYTES_MAX: usize = 16 * 1024;
const PORT: u16 = 8080;
/// Where a cloud keeps its secrets; no receiver is there.
const DECOY: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The net as one process sees it.
pub(crate) struct Net {
    pub(crate) world: Arc<World>,
    pub(crate) life: Life,
    pub(crate) process: Arc<str>,
}

fn address(receiver: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 7, 0, u8::try_from(receiver).unwrap_or(0) + 1)
}

#[async_trait]
impl Resolve for Net {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.life.alone(async {}).await;
        let found = RECEIVERS
            .iter()
            .position(|name| host.strip_suffix(".sim") == Some(*name))
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let true_one = IpAddr::V4(address(found));
        if !self.world.hits(self.world.dice.names) {
            return Ok(vec![true_one]);
        }
        note!(self.world, "name {host} goes wrong");
        let kind = self.world.random().u8(0..3);
        match kind {
            0 => Err(io::Error::from(io::ErrorKind::NotFound)),
            1 => Ok(vec![IpAddr::V4(DECOY)]),
            _ => Ok(vec![true_one, IpAddr::V4(DECOY)]),
        }
    }
}

#[async_trait]
impl Dial for Net {
    async fn dial(&self, to: SocketAddr) -> io::Result<Box<dyn Wire>> {
        self.life.alone(async {}).await;
        let found = (0..RECEIVERS.len()).find(|n| to == SocketAddr::new(IpAddr::V4(address(*n)), PORT));
        let Some(found) = found else {
            self.world.ledger().foreign(format!("somebody knocked at {to}"));
            return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
        };
        if self.world.is_away(found) {
            return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
        }
        let (theirs, ours) = tokio::io::duplex(PIPE_BYTES_MAX);
        let caller = Caller {
            life: self.life.clone(),
            process: Arc::clone(&self.process),
        };
        tokio::spawn(receiver::serve(Arc::clone(&self.world), caller, found, ours));
        Ok(Box::new(theirs))
    }
}
