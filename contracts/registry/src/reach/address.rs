//! What kind of address this is.
//!
//! The tables are those of RFC 6890 with the IANA registries it founded, and the addresses at which clouds hand
//! out credentials. Whatever is not plainly public is not public: IPv6 outside 2000::/3 is reserved, and an address
//! that carries another one inside is never public itself, because a gateway may unpack it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(test)]
mod tests;

/// The kind of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// Routed on the internet.
    Public,
    /// This machine (127/8, `::1`).
    Loopback,
    /// Private networks (RFC 1918, RFC 4193).
    Private,
    /// Carrier-grade NAT (RFC 6598).
    Shared,
    /// This link (RFC 3927, RFC 4291).
    LinkLocal,
    /// Where a cloud hands out credentials and configuration.
    Metadata,
    /// Many receivers, or all.
    Multicast,
    /// "This network", no address at all.
    Unspecified,
    /// Examples in documents.
    Documentation,
    /// Network benchmarks (RFC 2544, RFC 5180).
    Benchmarking,
    /// Carries an IPv4 address inside (NAT64, 6to4, Teredo, ISATAP, IPv4-compatible).
    Embedding,
    /// Everything else with a special or no purpose.
    Reserved,
}

impl AddressClass {
    /// Whether a zone of the city may open it. Nobody receives events at the others.
    #[must_use]
    pub const fn may_be_opened(self) -> bool {
        match self {
            Self::Public
            | Self::Loopback
            | Self::Private
            | Self::Shared
            | Self::Documentation
            | Self::Benchmarking
            | Self::Embedding => true,
            Self::LinkLocal | Self::Metadata | Self::Multicast | Self::Unspecified | Self::Reserved => false,
        }
    }

    /// In words, to follow "a ".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Public => "public address",
            Self::Loopback => "loopback address (this machine)",
            Self::Private => "private address",
            Self::Shared => "carrier-grade NAT address",
            Self::LinkLocal => "link-local address",
            Self::Metadata => "metadata address of a cloud",
            Self::Multicast => "multicast or broadcast address",
            Self::Unspecified => "unspecified address",
            Self::Documentation => "documentation address",
            Self::Benchmarking => "benchmarking address",
            Self::Embedding => "address that carries another inside",
            Self::Reserved => "reserved address",
        }
    }

    /// The same in German, to follow "eine ".
    #[must_use]
    pub const fn german(self) -> &'static str {
        match self {
            Self::Public => "öffentliche Adresse",
            Self::Loopback => "Loopback-Adresse (dieser Rechner)",
            Self::Private => "private Adresse",
            Self::Shared => "Adresse eines Netzes mit Carrier-NAT",
            Self::LinkLocal => "Adresse nur dieses Netzsegments",
            Self::Metadata => "Metadaten-Adresse einer Cloud",
            Self::Multicast => "Gruppen- oder Rundsendeadresse",
            Self::Unspecified => "unbestimmte Adresse",
            Self::Documentation => "Beispieladresse",
            Self::Benchmarking => "Adresse für Messungen",
            Self::Embedding => "Adresse, in der eine andere steckt",
            Self::Reserved => "reservierte Adresse",
        }
    }
}

/// The kind of this address. IPv4 mapped into IPv6 (`::ffff:a.b.c.d`) is the IPv4 address it means.
#[must_use]
pub fn classify(address: IpAddr) -> AddressClass {
    match address.to_canonical() {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

/// Networks in order; the first that contains the address says what it is.
const V4: &[(Ipv4Addr, u32, AddressClass)] = {
    use AddressClass as C;
    const fn a(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
        Ipv4Addr::new(a, b, c, d)
    }
    &[
        (a(169, 254, 169, 254), 32, C::Metadata), // AWS, Azure, GCP, OpenStack and most others
        (a(169, 254, 170, 2), 32, C::Metadata),   // AWS ECS
        (a(169, 254, 170, 23), 32, C::Metadata),  // AWS EKS
        (a(100, 100, 100, 200), 32, C::Metadata), // Alibaba
        (a(192, 0, 0, 192), 32, C::Metadata),     // Oracle
        (a(168, 63, 129, 16), 32, C::Metadata),   // Azure, although the range is public
        (a(0, 0, 0, 0), 8, C::Unspecified),
        (a(10, 0, 0, 0), 8, C::Private),
        (a(100, 64, 0, 0), 10, C::Shared),
        (a(127, 0, 0, 0), 8, C::Loopback),
        (a(169, 254, 0, 0), 16, C::LinkLocal),
        (a(172, 16, 0, 0), 12, C::Private),
        (a(192, 0, 0, 0), 24, C::Reserved),
        (a(192, 0, 2, 0), 24, C::Documentation),
        (a(192, 31, 196, 0), 24, C::Reserved), // AS112
        (a(192, 52, 193, 0), 24, C::Reserved), // AMT
        (a(192, 88, 99, 0), 24, C::Reserved),  // 6to4 relays, abandoned
        (a(192, 168, 0, 0), 16, C::Private),
        (a(192, 175, 48, 0), 24, C::Reserved), // AS112
        (a(198, 18, 0, 0), 15, C::Benchmarking),
        (a(198, 51, 100, 0), 24, C::Documentation),
        (a(203, 0, 113, 0), 24, C::Documentation),
        (a(224, 0, 0, 0), 4, C::Multicast),
        (a(255, 255, 255, 255), 32, C::Multicast),
        (a(240, 0, 0, 0), 4, C::Reserved),
    ]
};

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    let found = V4.iter().find(|(network, bits, _)| {
        let rest = 32 - bits;
        network.to_bits() >> rest == address.to_bits() >> rest
    });
    found.map_or(AddressClass::Public, |(_, _, class)| *class)
}

/// As [`V4`]; what none contains is public within 2000::/3 and reserved outside.
const V6: &[(Ipv6Addr, u32, AddressClass)] = {
    use AddressClass as C;
    const fn a(text: [u16; 8]) -> Ipv6Addr {
        let [a, b, c, d, e, f, g, h] = text;
        Ipv6Addr::new(a, b, c, d, e, f, g, h)
    }
    &[
        (a([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]), 128, C::Metadata), // AWS
        (a([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]), 128, C::Metadata),  // AWS EKS
        (a([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]), 128, C::Metadata),  // GCP
        (a([0, 0, 0, 0, 0, 0, 0, 0]), 128, C::Unspecified),
        (a([0, 0, 0, 0, 0, 0, 0, 1]), 128, C::Loopback),
        (a([0, 0, 0, 0, 0, 0, 0, 0]), 96, C::Embedding), // IPv4-compatible
        (a([0, 0, 0, 0, 0xffff, 0, 0, 0]), 96, C::Embedding), // IPv4-translated (SIIT)
        (a([0x64, 0xff9b, 0, 0, 0, 0, 0, 0]), 96, C::Embedding), // NAT64
        (a([0x64, 0xff9b, 1, 0, 0, 0, 0, 0]), 48, C::Embedding), // NAT64 of a site
        (a([0x2001, 0, 0, 0, 0, 0, 0, 0]), 32, C::Embedding), // Teredo
        (a([0x2001, 2, 0, 0, 0, 0, 0, 0]), 48, C::Benchmarking),
        (a([0x2001, 0, 0, 0, 0, 0, 0, 0]), 23, C::Reserved), // IETF protocols, ORCHID
        (a([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0]), 32, C::Documentation),
        (a([0x3fff, 0, 0, 0, 0, 0, 0, 0]), 20, C::Documentation),
        (a([0x2002, 0, 0, 0, 0, 0, 0, 0]), 16, C::Embedding), // 6to4
        (a([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0]), 48, C::Reserved), // AS112
        (a([0xfc00, 0, 0, 0, 0, 0, 0, 0]), 7, C::Private),
        (a([0xfe80, 0, 0, 0, 0, 0, 0, 0]), 10, C::LinkLocal),
        (a([0xff00, 0, 0, 0, 0, 0, 0, 0]), 8, C::Multicast),
    ]
};

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    let found = V6.iter().find(|(network, bits, _)| {
        let rest = 128 - bits;
        network.to_bits() >> rest == address.to_bits() >> rest
    });
    match found.map(|(_, _, class)| *class) {
        Some(class @ (AddressClass::Metadata | AddressClass::LinkLocal | AddressClass::Multicast)) => class,
        _ if is_isatap(address) => AddressClass::Embedding,
        Some(class) => class,
        None if address.to_bits() >> 125 == 1 => AddressClass::Public,
        None => AddressClass::Reserved,
    }
}

/// RFC 5214: an interface identifier of `[02]00:5efe` and an IPv4 address, under any prefix.
fn is_isatap(address: Ipv6Addr) -> bool {
    let [_, _, _, _, e, f, _, _] = address.segments();
    f == 0x5efe && e & !0x0200 == 0
}

/// The IPv4 addresses inside an [`AddressClass::Embedding`] address: each that a gateway might send to.
pub(super) fn embedded(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let [a, b, c, d, e, _, g, h] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (a, b) {
        // Teredo: the server, and the client with every bit turned (RFC 4380 §4).
        (0x2001, 0) => vec![join(c, d), join(!g, !h)],
        (0x2002, _) => vec![join(b, c)],
        // RFC 6052 §2.2 puts the address elsewhere for each length of a site's prefix; /48 skips the bits 64 to 71.
        (0x64, 0xff9b) if c == 1 => {
            vec![join(d, (e & 0xff) << 8 | address.segments()[5] >> 8), join(g, h)]
        }
        _ => vec![join(g, h)],
    }
}
