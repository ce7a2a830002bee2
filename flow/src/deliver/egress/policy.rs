//! Where the bus may connect to.
//!
//! Public addresses over TLS on the ports for it, and what the zones of the city open. Never the bus's own
//! listener, broker and monitor, whatever a zone says: an event must not become an order to the bus.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use stadtbus_contracts::Zone;

use super::address::{AddressClass, classify, embedded};

#[cfg(test)]
pub(super) mod tests;

/// Where connections may go. Immutable; a change is a new one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policy {
    pub(super) zones: Vec<Zone>,
    pub(super) own: Vec<SocketAddr>,
    pub(super) public_ports: Vec<u16>,
}

/// Why an address is out of bounds. It names no address: whoever reads the reason may not know the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The bus itself.
    #[error("it leads to the bus itself")]
    Own,
    /// Not public, and no zone opens it.
    #[error("it leads to a {}, which no zone of the city opens for this port", .0.words())]
    Class(AddressClass),
    /// Nobody may open this.
    #[error("it leads to a {}, which is never delivered to", .0.words())]
    Never(AddressClass),
    /// Not encrypted, and no zone allows that there.
    #[error("it is http, and no zone of the city allows delivery without encryption there")]
    Plaintext,
    /// A public address, but another port.
    #[error("it is a port to which no zone of the city opens the way")]
    Port,
}

impl Policy {
    /// Whether this very address may be connected to.
    pub(super) fn decide(&self, address: IpAddr, port: u16, plaintext: bool) -> Result<(), Denied> {
        let address = address.to_canonical();
        let class = classify(address);
        if !class.may_be_opened() {
            return Err(Denied::Never(class));
        }
        if self.is_own(address, port) {
            return Err(Denied::Own);
        }
        let mut zones = self
            .zones
            .iter()
            .filter(|zone| zone.contains(address, port))
            .peekable();
        let in_zone = zones.peek().is_some();
        if !zones.any(|zone| zone.plaintext || !plaintext) {
            match class {
                AddressClass::Public if plaintext => return Err(Denied::Plaintext),
                AddressClass::Public if self.public_ports.contains(&port) => return Ok(()),
                AddressClass::Public => return Err(Denied::Port),
                _ if in_zone => return Err(Denied::Plaintext),
                _ => return Err(Denied::Class(class)),
            }
        }
        match (class, address) {
            // A gateway may unpack it, so what is inside must be open as well.
            (AddressClass::Embedding, IpAddr::V6(outer)) => embedded(outer)
                .into_iter()
                .try_for_each(|inner| self.decide(inner.into(), port, plaintext)),
            _ => Ok(()),
        }
    }

    /// What can be said before a name is resolved: an `http` address needs a zone that allows it on this port.
    pub(super) fn decide_name(&self, port: u16, plaintext: bool) -> Result<(), Denied> {
        let zone = |zone: &Zone| {
            zone.ports.iter().any(|range| range.contains(port)) && (zone.plaintext || !plaintext)
        };
        if self.zones.iter().any(zone) || !plaintext && self.public_ports.contains(&port) {
            return Ok(());
        }
        Err(if plaintext {
            Denied::Plaintext
        } else {
            Denied::Port
        })
    }

    fn is_own(&self, address: IpAddr, port: u16) -> bool {
        self.own.iter().filter(|own| own.port() == port).any(|own| {
            let own = own.ip().to_canonical();
            own == address
                || own.is_loopback() && address.is_loopback()
                || own.is_unspecified() && is_this_machine(address)
        })
    }
}

/// Whether the machine would talk to itself: then the source address it chooses is the target. Connecting a
/// datagram socket only asks for the route; nothing is sent. In doubt it is.
fn is_this_machine(address: IpAddr) -> bool {
    if address.is_loopback() {
        return true;
    }
    let any: IpAddr = if address.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let chosen = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    match chosen {
        Ok(chosen) => chosen.ip() == address,
        // No route to it at all: not this machine, and the connection will fail for the same reason.
        Err(_) => false,
    }
}
