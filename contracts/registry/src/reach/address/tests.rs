use super::{AddressClass as C, *};

/// First and last of each range, and their neighbours.
const TABLE: &[(&str, C)] = &[
    ("0.0.0.0", C::Unspecified),
    ("0.1.2.3", C::Unspecified),
    ("0.255.255.255", C::Unspecified),
    ("1.0.0.0", C::Public),
    ("1.1.1.1", C::Public),
    ("9.255.255.255", C::Public),
    ("10.0.0.0", C::Private),
    ("10.255.255.255", C::Private),
    ("11.0.0.0", C::Public),
    ("100.63.255.255", C::Public),
    ("100.64.0.0", C::Shared),
    ("100.100.100.200", C::Metadata),
    ("100.127.255.255", C::Shared),
    ("100.128.0.0", C::Public),
    ("126.255.255.255", C::Public),
    ("127.0.0.1", C::Loopback),
    ("127.255.255.254", C::Loopback),
    ("128.0.0.0", C::Public),
    ("168.63.129.15", C::Public),
    ("168.63.129.16", C::Metadata),
    ("169.253.255.255", C::Public),
    ("169.254.0.1", C::LinkLocal),
    ("169.254.169.254", C::Metadata),
    ("169.254.170.2", C::Metadata),
    ("169.255.0.0", C::Public),
    ("172.15.255.255", C::Public),
    ("172.16.0.0", C::Private),
    ("172.31.255.255", C::Private),
    ("172.32.0.0", C::Public),
    ("191.255.255.255", C::Public),
    ("192.0.0.1", C::Reserved),
    ("192.0.0.192", C::Metadata),
    ("192.0.1.0", C::Public),
    ("192.0.2.1", C::Documentation),
    ("192.0.3.0", C::Public),
    ("192.31.196.1", C::Reserved),
    ("192.52.193.1", C::Reserved),
    ("192.88.99.1", C::Reserved),
    ("192.167.255.255", C::Public),
    ("192.168.0.0", C::Private),
    ("192.168.255.255", C::Private),
    ("192.169.0.0", C::Public),
    ("192.175.48.1", C::Reserved),
    ("198.17.255.255", C::Public),
    ("198.18.0.0", C::Benchmarking),
    ("198.19.255.255", C::Benchmarking),
    ("198.20.0.0", C::Public),
    ("198.51.100.1", C::Documentation),
    ("203.0.113.1", C::Documentation),
    ("223.255.255.255", C::Public),
    ("224.0.0.1", C::Multicast),
    ("239.255.255.255", C::Multicast),
    ("240.0.0.1", C::Reserved),
    ("255.255.255.254", C::Reserved),
    ("255.255.255.255", C::Multicast),
    ("::", C::Unspecified),
    ("::1", C::Loopback),
    ("::2", C::Embedding),
    ("::127.0.0.1", C::Embedding),
    ("::ffff:127.0.0.1", C::Loopback),
    ("::ffff:7f00:1", C::Loopback),
    ("::ffff:10.0.0.1", C::Private),
    ("::ffff:169.254.169.254", C::Metadata),
    ("::ffff:0.0.0.0", C::Unspecified),
    ("::ffff:8.8.8.8", C::Public),
    ("::ffff:0:127.0.0.1", C::Embedding),
    ("64:ff9b::127.0.0.1", C::Embedding),
    ("64:ff9b::8.8.8.8", C::Embedding),
    ("64:ff9b:1::a00:1", C::Embedding),
    ("64:ff9b:2::1", C::Reserved),
    ("100::1", C::Reserved),
    ("2001::1", C::Embedding),
    ("2001:0:53aa:64c:0:0:80ff:fffe", C::Embedding),
    ("2001:1::1", C::Reserved),
    ("2001:2::1", C::Benchmarking),
    ("2001:10::1", C::Reserved),
    ("2001:20::1", C::Reserved),
    ("2001:1ff:ffff::", C::Reserved),
    ("2001:200::1", C::Public),
    ("2001:4860:4860::8888", C::Public),
    ("2001:db8::1", C::Documentation),
    ("2002:7f00:1::1", C::Embedding),
    ("2003::1", C::Public),
    ("2620:4f:8000::1", C::Reserved),
    ("2a00:1450:4001::1", C::Public),
    ("2a00::5efe:a00:1", C::Embedding),
    ("2a00::200:5efe:a00:1", C::Embedding),
    ("fe80::5efe:a00:1", C::LinkLocal),
    ("3fff::1", C::Documentation),
    ("3fff:1000::1", C::Public),
    ("4000::1", C::Reserved),
    ("5f00::1", C::Reserved),
    ("1fff::1", C::Reserved),
    ("fbff::1", C::Reserved),
    ("fc00::1", C::Private),
    ("fd00:ec2::254", C::Metadata),
    ("fd20:ce::254", C::Metadata),
    ("fdff::1", C::Private),
    ("fe00::1", C::Reserved),
    ("fe80::1", C::LinkLocal),
    ("febf::1", C::LinkLocal),
    ("fec0::1", C::Reserved),
    ("ff02::1", C::Multicast),
];

#[test]
fn every_address_is_of_its_kind() {
    let wrong: Vec<_> = TABLE
        .iter()
        .map(|(text, expected)| (text, *expected, classify(text.parse().unwrap())))
        .filter(|(_, expected, found)| expected != found)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_inside_is_found() {
    for (outer, inner) in [
        ("::10.0.0.1", &["10.0.0.1"][..]),
        ("::ffff:0:10.0.0.1", &["10.0.0.1"]),
        ("64:ff9b::169.254.169.254", &["169.254.169.254"]),
        // RFC 6052 §2.2: /48 holds the address in bits 48 to 63 and 72 to 87; an operator may use /96 inside instead.
        ("64:ff9b:1:a00:0:100::", &["10.0.0.1", "0.0.0.0"]),
        ("64:ff9b:1::a00:1", &["0.0.0.0", "10.0.0.1"]),
        ("2002:a00:1::1", &["10.0.0.1"]),
        // RFC 4380 §4: server 10.0.0.9, client 192.0.2.45 with its bits turned.
        ("2001:0:a00:9:0:0:3fff:fdd2", &["10.0.0.9", "192.0.2.45"]),
        ("2a00::5efe:10.0.0.1", &["10.0.0.1"]),
    ] {
        let found = embedded(outer.parse().unwrap());
        let expected: Vec<Ipv4Addr> = inner.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(found, expected, "{outer}");
    }
}

proptest::proptest! {
    /// The standard library's own opinion, where it has a stable one, is never laxer than ours.
    #[test]
    fn nothing_special_passes_for_public(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        let special = address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
            || address.is_broadcast() || address.is_documentation() || address.is_unspecified();
        proptest::prop_assert!(!special || classify(address.into()) != C::Public);
        let mapped = IpAddr::V6(address.to_ipv6_mapped());
        proptest::prop_assert_eq!(classify(mapped), classify(address.into()));
        proptest::prop_assert_eq!(classify(address.to_ipv6_compatible().into()) == C::Public, false);
    }
}
