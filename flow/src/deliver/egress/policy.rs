//! What [`Reach`] has to know of this process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use stadtbus_contracts::{Zone, reach::Reach};

/// Where connections may go. Immutable; a change is a new one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Policy {
    pub(super) zones: Vec<Zone>,
    pub(super) own: Vec<SocketAddr>,
}

impl Policy {
    pub(super) fn reach(&self) -> Reach<'_> {
        self.reach_in(&self.zones)
    }

    /// Of the zones that an address is in.
    pub(super) fn authorities(&self, address: SocketAddr) -> impl Iterator<Item = &str> {
        let (ip, port) = (address.ip(), address.port());
        let zones = self.zones.iter().filter(move |zone| zone.contains(ip, port));
        zones.filter_map(|zone| zone.ca.as_deref())
    }

    /// As it would be with other zones.
    pub(super) fn reach_in<'a>(&'a self, zones: &'a [Zone]) -> Reach<'a> {
        Reach {
            zones,
            own: &self.own,
            machine: is_this_machine,
        }
    }
}

/// Whether the machine would talk to itself, on whichever of its interfaces: then the source address it chooses is the
/// target. Connecting a datagram socket only asks for the route; nothing is sent.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An address of this machine other than loopback, if it has a route to anywhere.
    fn address_of_this_machine() -> Option<IpAddr> {
        let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
        socket.connect("1.1.1.1:9").ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
    }

    #[test]
    fn the_machine_knows_its_own_addresses() {
        for text in ["127.0.0.1", "127.9.9.9", "::1"] {
            assert!(is_this_machine(text.parse().unwrap()), "{text}");
        }
        assert!(!is_this_machine("192.0.2.77".parse().unwrap()));
        if let Some(own) = address_of_this_machine() {
            assert!(is_this_machine(own), "{own}");
        }
    }
}
