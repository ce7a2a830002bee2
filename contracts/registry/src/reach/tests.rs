use super::*;

fn zone(cidr: &str, ports: &str, plaintext: bool) -> Zone {
    Zone {
        zone: "test".into(),
        cidr: cidr.parse().unwrap(),
        ports: vec![ports.parse().unwrap()],
        plaintext,
        ca: None,
        owner: "test".into(),
        reason: "test".into(),
    }
}

fn loopback(address: IpAddr) -> bool {
    address.is_loopback()
}

/// This machine is 127/8, `::1` and 10.7.7.7.
fn machine(address: IpAddr) -> bool {
    address.is_loopback() || address == IpAddr::from([10, 7, 7, 7])
}

fn own(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|text| text.parse().unwrap()).collect()
}

fn reach<'a>(zones: &'a [Zone], own: &'a [SocketAddr]) -> Reach<'a> {
    Reach {
        zones,
        own,
        machine: loopback,
    }
}

const TLS: bool = false;
const PLAIN: bool = true;

#[test]
fn without_zones_only_public_addresses_over_tls() {
    let reach = reach(&[], &[]);
    let decide = |text: &str, port, plaintext| reach.decide(text.parse().unwrap(), port, plaintext);
    assert_eq!(decide("1.1.1.1", 443, TLS), Ok(()));
    assert_eq!(decide("2a00::1", 8443, TLS), Ok(()));
    assert_eq!(decide("1.1.1.1", 22, TLS), Err(Denied::Port));
    assert_eq!(decide("1.1.1.1", 443, PLAIN), Err(Denied::Plaintext));
    assert_eq!(decide("1.1.1.1", 80, PLAIN), Err(Denied::Plaintext));
    assert_eq!(decide("127.0.0.1", 443, TLS), Err(Denied::Machine));
    for text in [
        "10.1.2.3",
        "100.64.0.1",
        "fd00::1",
        "64:ff9b::1.1.1.1",
        "::ffff:10.0.0.1",
        "192.0.2.1",
    ] {
        assert!(matches!(decide(text, 443, TLS), Err(Denied::Class(_))), "{text}");
    }
    for text in [
        "169.254.169.254",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "fe80::1",
        "ff02::1",
        "240.0.0.1",
    ] {
        assert!(matches!(decide(text, 443, TLS), Err(Denied::Never(_))), "{text}");
    }
}

#[test]
fn a_zone_opens_its_network_on_its_ports_and_no_more() {
    let zones = [
        zone("10.20.0.0/16", "8000-8099", false),
        zone("10.20.1.0/24", "9000", true),
    ];
    let reach = reach(&zones, &[]);
    let decide = |text: &str, port, plaintext| reach.decide(text.parse().unwrap(), port, plaintext);
    assert_eq!(decide("10.20.5.5", 8000, TLS), Ok(()));
    assert_eq!(decide("::ffff:10.20.5.5", 8099, TLS), Ok(()));
    assert_eq!(decide("10.20.5.5", 8000, PLAIN), Err(Denied::Plaintext));
    assert_eq!(
        decide("10.20.5.5", 8100, TLS),
        Err(Denied::Class(AddressClass::Private))
    );
    assert_eq!(
        decide("10.21.5.5", 8000, TLS),
        Err(Denied::Class(AddressClass::Private))
    );
    assert_eq!(
        decide("10.20.1.5", 9000, PLAIN),
        Ok(()),
        "the second zone allows what the first does not"
    );
    assert_eq!(decide("10.20.1.5", 9000, TLS), Ok(()));
    assert_eq!(
        decide("10.20.2.5", 9000, PLAIN),
        Err(Denied::Class(AddressClass::Private))
    );
}

#[test]
fn no_zone_opens_what_nobody_receives_at() {
    let zones = everywhere();
    let reach = reach(&zones, &[]);
    let decide = |text: &str| reach.decide(text.parse().unwrap(), 80, PLAIN);
    for text in [
        "169.254.169.254",
        "169.254.1.1",
        "100.100.100.200",
        "fd00:ec2::254",
        "0.0.0.0",
        "::",
        "224.0.0.1",
    ] {
        assert!(matches!(decide(text), Err(Denied::Never(_))), "{text}");
    }
    // What is inside counts as well.
    for text in [
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "::0.0.0.0",
        "::ffff:0:169.254.169.254",
    ] {
        assert!(decide(text).is_err(), "{text}");
    }
    assert_eq!(decide("64:ff9b::10.0.0.1"), Ok(()));
}

fn everywhere() -> Vec<Zone> {
    vec![zone("0.0.0.0/0", "1-65535", true), zone("::/0", "1-65535", true)]
}

#[test]
fn the_bus_never_talks_to_itself() {
    let mut zones = everywhere();
    zones.extend(["127.0.0.1/32", "::1/128", "10.7.7.7/32"].map(|cidr| zone(cidr, "1-65535", true)));
    let bus = own(&["127.0.0.1:4222", "10.1.1.1:8222"]);
    let exact = reach(&zones, &bus);
    for (text, port, own) in [
        ("127.0.0.1", 4222, true),
        ("127.0.0.2", 4222, true),
        ("::1", 4222, true),
        ("::ffff:127.0.0.1", 4222, true),
        ("127.0.0.1", 4223, false),
        ("10.1.1.1", 8222, true),
        ("::ffff:10.1.1.1", 8222, true),
        ("64:ff9b::10.1.1.1", 8222, true),
        ("10.1.1.2", 8222, false),
    ] {
        let verdict = exact.decide(text.parse().unwrap(), port, PLAIN);
        assert_eq!(verdict == Err(Denied::Own), own, "{text} {port} {verdict:?}");
    }
    for any in ["0.0.0.0:7700", "[::]:7700"] {
        let bus = own(&[any]);
        let all = Reach {
            machine,
            ..reach(&zones, &bus)
        };
        let decide = |text: &str, port| all.decide(text.parse().unwrap(), port, PLAIN);
        for text in ["127.0.0.1", "127.8.8.8", "::1", "10.7.7.7", "64:ff9b::10.7.7.7"] {
            assert_eq!(decide(text, 7700), Err(Denied::Own), "{text}");
        }
        assert_eq!(decide("127.0.0.1", 7701), Ok(()));
        assert_eq!(decide("10.7.7.7", 7701), Ok(()));
        assert_eq!(decide("1.1.1.1", 7700), Ok(()));
    }
}

/// A zone for a network that the machine happens to be in does not open the machine; one that means it does.
#[test]
fn the_machine_is_opened_by_its_exact_address_only() {
    let wide = everywhere();
    let reach = Reach {
        machine,
        ..reach(&wide, &[])
    };
    for text in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "10.7.7.7",
        "64:ff9b::10.7.7.7",
    ] {
        let verdict = reach.decide(text.parse().unwrap(), 9000, PLAIN);
        assert_eq!(verdict, Err(Denied::Machine), "{text}");
    }
    assert_eq!(reach.decide("10.7.7.8".parse().unwrap(), 9000, PLAIN), Ok(()));
    let exact = [zone("127.0.0.1/32", "9000", true)];
    let reach = Reach {
        zones: &exact,
        ..reach
    };
    let decide = |text: &str, port| reach.decide(text.parse().unwrap(), port, PLAIN);
    assert_eq!(decide("127.0.0.1", 9000), Ok(()));
    assert_eq!(decide("127.0.0.1", 9001), Err(Denied::Machine));
    assert_eq!(decide("127.0.0.2", 9000), Err(Denied::Machine));
}

#[test]
fn a_name_is_refused_early_only_when_no_address_could_do() {
    let none = reach(&[], &[]);
    assert_eq!(none.decide_name(443, TLS), Ok(()));
    assert_eq!(none.decide_name(444, TLS), Err(Denied::Port));
    assert_eq!(none.decide_name(80, PLAIN), Err(Denied::Plaintext));
    let zones = [
        zone("10.0.0.0/8", "9000", true),
        zone("10.0.0.0/8", "9100", false),
    ];
    let some = reach(&zones, &[]);
    assert_eq!(some.decide_name(9000, PLAIN), Ok(()));
    assert_eq!(some.decide_name(9100, TLS), Ok(()));
    assert_eq!(some.decide_name(9100, PLAIN), Err(Denied::Plaintext));
}

#[test]
fn every_reason_is_said_in_both_languages() {
    for denied in [
        Denied::Own,
        Denied::Machine,
        Denied::Class(AddressClass::Private),
        Denied::Never(AddressClass::Metadata),
        Denied::Plaintext,
        Denied::Port,
    ] {
        let text = denied.text();
        assert!(
            text.de.contains("das Ziel ist") || text.de.contains("das Ziel liegt"),
            "{}",
            text.de
        );
        assert!(text.en.contains(&denied.to_string()), "{}", text.en);
    }
}
