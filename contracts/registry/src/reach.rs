//! Where the bus may connect to: one answer for whoever writes a subscription, tries it, or delivers.
//!
//! *Promise*: a file, an order over the network, a dry run and every single connection are judged by
//! [`Reach::judge`] and by nothing else, so that none allows what another refuses. Public addresses over TLS on the
//! ports for it, and what the zones of the city open. *What it refuses*: addresses nobody receives at, whatever a zone
//! says; the bus's own listener, broker and monitor; the machine itself, unless a zone names exactly that address.
//! *Why here*: the linter knows no network, and the flow knows no files.

mod address;
mod url;

use std::net::{IpAddr, SocketAddr};

pub use address::{AddressClass, classify};
pub use url::{Endpoint, Host, Malformed, URL_BYTES_MAX};

use crate::finding::Text;
use crate::zone::Zone;
use address::embedded;

#[cfg(test)]
mod tests;

/// Ports on which public addresses are reached without a zone.
pub const PUBLIC_PORTS: &[u16] = &[443, 8443];

/// The bounds of the moment.
#[derive(Clone, Copy)]
pub struct Reach<'a> {
    /// What the city opens.
    pub zones: &'a [Zone],
    /// Where the bus itself listens, and its broker: never, whatever a zone says.
    pub own: &'a [SocketAddr],
    /// Whether an address is one of this machine. Who does not know the machine knows loopback at least.
    pub machine: fn(IpAddr) -> bool,
}

/// Why an address is out of bounds. It names no address: whoever reads the reason may not know the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The bus itself.
    #[error("it leads to the bus itself")]
    Own,
    /// Another program on the bus's machine.
    #[error("it leads to the machine of the bus, which only a zone for exactly this address opens")]
    Machine,
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

impl Denied {
    /// The stable code, the same wherever it is said.
    pub const CODE: &'static str = "SB-3006";

    /// The refusal in both languages, the same wherever it is said.
    #[must_use]
    pub fn text(self) -> Text {
        let german = match self {
            Self::Own => "das Ziel ist der Bus selbst".to_owned(),
            Self::Machine => {
                "das Ziel liegt auf dem Rechner des Busses, den nur eine Zone für genau diese Adresse öffnet"
                    .to_owned()
            }
            Self::Class(class) => format!(
                "das Ziel ist eine {}, die keine Zone der Stadt für diesen Port öffnet",
                class.german()
            ),
            Self::Never(class) => format!("das Ziel ist eine {}, an die nie zugestellt wird", class.german()),
            Self::Plaintext => {
                "das Ziel ist http, und keine Zone der Stadt erlaubt dort Zustellung ohne Verschlüsselung"
                    .to_owned()
            }
            Self::Port => "das Ziel ist ein Port, zu dem keine Zone der Stadt den Weg öffnet".to_owned(),
        };
        Text::new(
            format!("Der Empfänger darf nicht angesprochen werden: {german}."),
            format!("The receiver may not be connected to: {self}."),
        )
    }

    /// What to do about it, in both languages.
    #[must_use]
    pub fn hint(self) -> Text {
        match self {
            Self::Own | Self::Never(_) => Text::new(
                "Eine Adresse des Empfängers selbst angeben.",
                "Give an address of the receiver itself.",
            ),
            _ => Text::new(
                "https benutzen oder in city.yaml unter „zones“ Netz und Port eintragen.",
                "Use https, or add network and port to `zones` in city.yaml.",
            ),
        }
    }
}

impl Reach<'_> {
    /// The addresses that may be connected to, out of those that a target has; every one must be allowed, or none is.
    /// `resolved` are the addresses of its name, or none as long as nobody has asked for them: then only what holds for
    /// all addresses is said.
    ///
    /// # Errors
    /// The first reason against it.
    pub fn judge(&self, endpoint: &Endpoint, resolved: Option<&[IpAddr]>) -> Result<Vec<IpAddr>, Denied> {
        let (port, plaintext) = (endpoint.port(), endpoint.is_plaintext());
        let found = match (endpoint.host(), resolved) {
            (Host::Address(address), _) => std::slice::from_ref(address),
            (Host::Name(_), Some(found)) => found,
            (Host::Name(_), None) => return self.decide_name(port, plaintext).map(|()| Vec::new()),
        };
        let decide = |address: &IpAddr| self.decide(*address, port, plaintext);
        let open: Vec<IpAddr> = found
            .iter()
            .copied()
            .filter(|address| decide(address).is_ok())
            .collect();
        for address in found {
            match decide(address) {
                // `::1` beside `127.0.0.1` is one machine spelled twice; a zone needs to open only one of them.
                Err(Denied::Machine) if address.is_loopback() && open.iter().any(IpAddr::is_loopback) => {}
                verdict => verdict?,
            }
        }
        Ok(open)
    }

    /// Whether this very address may be connected to.
    fn decide(&self, address: IpAddr, port: u16, plaintext: bool) -> Result<(), Denied> {
        let address = address.to_canonical();
        let class = classify(address);
        if !class.may_be_opened() {
            return Err(Denied::Never(class));
        }
        if self.is_own(address, port) {
            return Err(Denied::Own);
        }
        let machine = (self.machine)(address);
        let mut zones = self
            .zones
            .iter()
            .filter(|zone| zone.contains(address, port) && (!machine || zone.cidr.is_one_address()))
            .peekable();
        let in_zone = zones.peek().is_some();
        if !zones.any(|zone| zone.plaintext || !plaintext) {
            return match class {
                _ if in_zone => Err(Denied::Plaintext),
                _ if machine => Err(Denied::Machine),
                AddressClass::Public if plaintext => Err(Denied::Plaintext),
                AddressClass::Public if PUBLIC_PORTS.contains(&port) => Ok(()),
                AddressClass::Public => Err(Denied::Port),
                _ => Err(Denied::Class(class)),
            };
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
    fn decide_name(&self, port: u16, plaintext: bool) -> Result<(), Denied> {
        let zone = |zone: &Zone| {
            zone.ports.iter().any(|range| range.contains(port)) && (zone.plaintext || !plaintext)
        };
        if self.zones.iter().any(zone) || !plaintext && PUBLIC_PORTS.contains(&port) {
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
                || own.is_unspecified() && (self.machine)(address)
        })
    }
}
