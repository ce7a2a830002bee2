//! Where webhooks may go besides public https.
//!
//! Deny by default: an address inside the city's networks, or one without TLS, is reachable only
//! through a zone that names the network, the ports, an owner and a reason. Otherwise a
//! subscription would be a tool for reaching whatever the bus can reach.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::finding::Text;
use crate::reader::Reader;
use crate::rules;
use crate::yaml::{Kind, Node};

/// How long the certificates of a zone may be, in bytes.
const CA_BYTES_MAX: usize = 64 << 10;
const FIELDS: &[&str] = &["zone", "cidr", "ports", "plaintext", "ca", "owner", "reason"];
const CERTIFICATE_BEGINS: &str = "-----BEGIN CERTIFICATE-----";
const CERTIFICATE_ENDS: &str = "-----END CERTIFICATE-----";

/// A network that webhooks may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Short name.
    pub zone: String,
    /// The network.
    pub cidr: Cidr,
    /// The ports in it.
    pub ports: Vec<PortRange>,
    /// Whether `http://` is allowed there.
    #[serde(default)]
    pub plaintext: bool,
    /// Certificates in PEM of the authorities that receivers in it have theirs from, trusted there beside the public ones and
    /// nowhere else. In a folder: the file they are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why it exists.
    pub reason: String,
}

impl Zone {
    /// Whether the zone covers the address and port.
    pub fn contains(&self, address: IpAddr, port: u16) -> bool {
        self.cidr.contains(address) && self.ports.iter().any(|range| range.contains(port))
    }
}

/// A network: address and length of the prefix in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix_bits: u8,
}

impl Cidr {
    /// Whether the network is a single address.
    pub fn is_one_address(&self) -> bool {
        self.prefix_bits == if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether the address lies in the network. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => same_prefix(
                network.to_bits().into(),
                address.to_bits().into(),
                32,
                self.prefix_bits,
            ),
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                same_prefix(network.to_bits(), address.to_bits(), 128, self.prefix_bits)
            }
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, bits: u32, prefix: u8) -> bool {
    let rest = bits.saturating_sub(u32::from(prefix));
    a.checked_shr(rest).unwrap_or(0) == b.checked_shr(rest).unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a network such as 10.1.0.0/16 or fd00::/8";
        let (address, prefix) = text.split_once('/').ok_or(rule)?;
        let address: IpAddr = address.parse().map_err(|_| rule)?;
        let prefix_bits: u8 = prefix.parse().map_err(|_| rule)?;
        if prefix_bits > if address.is_ipv4() { 32 } else { 128 } {
            return Err(rule);
        }
        Ok(Self { address, prefix_bits })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

/// Ports from–to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    from: u16,
    to: u16,
}

impl PortRange {
    /// Whether the port lies in the range.
    pub fn contains(&self, port: u16) -> bool {
        (self.from..=self.to).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a port such as 8443 or a range such as 1024-65535";
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let from: u16 = from.trim().parse().map_err(|_| rule)?;
        let to: u16 = to.trim().parse().map_err(|_| rule)?;
        if from == 0 || from > to {
            Err(rule)
        } else {
            Ok(Self { from, to })
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            write!(f, "{}", self.from)
        } else {
            write!(f, "{}-{}", self.from, self.to)
        }
    }
}

macro_rules! as_text {
    ($name:ty) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
as_text!(Cidr);
as_text!(PortRange);

pub(crate) fn read(reader: &Reader, node: &Node) -> Option<Zone> {
    let fields = reader.fields(node, FIELDS)?;
    let zone = fields.required("zone", Reader::text);
    let cidr = fields.required("cidr", |r, n| r.parsed(n, rules::NETWORK, str::parse::<Cidr>));
    let ports = fields.required("ports", |r, n| {
        let ports = r.list(n, read_ports)?;
        if ports.is_empty() {
            r.bad(
                n,
                Text::new(
                    "Eine Zone ohne Ports erlaubt nichts.",
                    "a zone without ports allows nothing",
                ),
            );
        }
        Some(ports)
    });
    let plaintext = fields.or("plaintext", false, Reader::boolean);
    let ca = fields.optional("ca", Reader::text);
    let owner = fields.required("owner", Reader::text);
    let reason = fields.required("reason", Reader::text);
    Some(Zone {
        zone: zone?,
        cidr: cidr?,
        ports: ports?,
        plaintext: plaintext?,
        ca: ca?,
        owner: owner?,
        reason: reason?,
    })
}

/// Whether this can be the certificates of a zone. It is part of the city document, which everybody who operates the bus
/// reads: a private key that was put beside them by mistake must not get there.
pub(crate) fn check_ca(pem: &str) -> Result<(), Text> {
    let rule = |de: &'static str, en: &'static str| Err(Text::new(de, en));
    if pem.len() > CA_BYTES_MAX {
        return rule(
            "Die Datei ist größer als 64 KiB.",
            "the file is larger than 64 KiB",
        );
    }
    if pem.contains("PRIVATE KEY") {
        return rule(
            "Hier steht ein privater Schlüssel; er gehört nicht in den Ordner der Stadt.",
            "this holds a private key, which does not belong into the city's folder",
        );
    }
    let mut blocks = pem.split(CERTIFICATE_BEGINS).skip(1).peekable();
    let is_whole = |block: &str| {
        let base64 = block.split_once(CERTIFICATE_ENDS).map(|(inner, _)| inner);
        let joined = base64.map(|inner| inner.split_whitespace().collect::<String>());
        joined.is_some_and(|inner| !inner.is_empty() && STANDARD.decode(inner).is_ok())
    };
    if blocks.peek().is_none() || !blocks.all(is_whole) {
        return rule(
            "Erwartet werden Zertifikate in PEM.",
            "certificates in PEM are expected",
        );
    }
    Ok(())
}

fn read_ports(reader: &Reader, node: &Node) -> Option<PortRange> {
    match &node.kind {
        Kind::Number(_) => {
            let port = u16::try_from(reader.number(node, 1..=65535)?).ok()?;
            Some(PortRange { from: port, to: port })
        }
        _ => reader.parsed(node, rules::PORTS, str::parse::<PortRange>),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn networks_contain_their_addresses_only() {
        for (cidr, address, inside) in [
            ("127.0.0.0/8", "127.9.9.9", true),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("10.1.2.3/32", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.4", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "2001:db8::1", true),
            ("fd00::/8", "fe80::1", false),
        ] {
            let cidr: Cidr = cidr.parse().unwrap();
            assert_eq!(
                cidr.contains(address.parse().unwrap()),
                inside,
                "{cidr} {address}"
            );
        }
    }

    #[test]
    fn certificates_of_a_zone_are_whole_and_nothing_else() {
        let certificate = format!("{CERTIFICATE_BEGINS}\nMIIB\nAQID\n{CERTIFICATE_ENDS}\n");
        for (pem, good) in [
            (certificate.clone(), true),
            (format!("# SWK\n{certificate}{certificate}"), true),
            (String::new(), false),
            ("SWK".to_owned(), false),
            (certificate.replace("AQID", "A?ID"), false),
            (certificate.replace(CERTIFICATE_ENDS, ""), false),
            (format!("{CERTIFICATE_BEGINS}\n{CERTIFICATE_ENDS}\n"), false),
            (
                format!("{certificate}-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----"),
                false,
            ),
            (certificate.repeat(2_000), false),
        ] {
            assert_eq!(check_ca(&pem).is_ok(), good, "{pem:.60}");
        }
    }

    #[test]
    fn refuses_what_is_no_network_and_no_range() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "fd00::/129", "a/8", "10.0.0.0/-1"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
        for text in ["", "0", "70000", "2-1", "a-b", "1-"] {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
    }
}
