use stadtbus_contracts::Zone;

use super::*;

pub(in super::super) fn zone(cidr: &str, ports: &str, plaintext: bool) -> Zone {
    Zone {
        zone: "test".into(),
        cidr: cidr.parse().unwrap(),
        ports: vec![ports.parse().unwrap()],
        plaintext,
        owner: "test".into(),
        reason: "test".into(),
    }
}

fn policy(zones: Vec<Zone>, own: &[&str]) -> Policy {
    let own = own.iter().map(|text| text.parse().unwrap()).collect();
    Policy {
        zones,
        own,
        public_ports: vec![443, 8443],
    }
}

const TLS: bool = false;
const PLAIN: bool = true;

#[test]
fn without_zones_only_public_addresses_over_tls() {
    let policy = policy(Vec::new(), &[]);
    let decide = |text: &str, port, plaintext| policy.decide(text.parse().unwrap(), port, plaintext);
    assert_eq!(decide("1.1.1.1", 443, TLS), Ok(()));
    assert_eq!(decide("2a00::1", 8443, TLS), Ok(()));
    assert_eq!(decide("1.1.1.1", 22, TLS), Err(Denied::Port));
    assert_eq!(decide("1.1.1.1", 443, PLAIN), Err(Denied::Plaintext));
    assert_eq!(decide("1.1.1.1", 80, PLAIN), Err(Denied::Plaintext));
    for text in [
        "127.0.0.1",
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
    let policy = policy(
        vec![
            zone("10.20.0.0/16", "8000-8099", false),
            zone("10.20.1.0/24", "9000", true),
        ],
        &[],
    );
    let decide = |text: &str, port, plaintext| policy.decide(text.parse().unwrap(), port, plaintext);
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
    let policy = policy(
        vec![zone("0.0.0.0/0", "1-65535", true), zone("::/0", "1-65535", true)],
        &[],
    );
    let decide = |text: &str| policy.decide(text.parse().unwrap(), 80, PLAIN);
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

#[test]
fn the_bus_never_talks_to_itself() {
    let open = || vec![zone("0.0.0.0/0", "1-65535", true), zone("::/0", "1-65535", true)];
    let exact = policy(open(), &["127.0.0.1:4222", "10.1.1.1:8222"]);
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
        let all = policy(open(), &[any]);
        let decide = |text: &str, port| all.decide(text.parse().unwrap(), port, PLAIN);
        assert_eq!(decide("127.0.0.1", 7700), Err(Denied::Own));
        assert_eq!(decide("127.8.8.8", 7700), Err(Denied::Own));
        assert_eq!(decide("::1", 7700), Err(Denied::Own));
        assert_eq!(decide("127.0.0.1", 7701), Ok(()));
        assert_eq!(decide("1.1.1.1", 7700), Ok(()));
        if let Some(own) = address_of_this_machine() {
            assert_eq!(decide(&own.to_string(), 7700), Err(Denied::Own), "{own}");
            assert_eq!(decide(&own.to_string(), 7701), Ok(()), "{own}");
        }
    }
}

/// An address of this machine other than loopback, if it has a route to anywhere.
fn address_of_this_machine() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("1.1.1.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn a_name_is_refused_early_only_when_no_address_could_do() {
    let none = policy(Vec::new(), &[]);
    assert_eq!(none.decide_name(443, TLS), Ok(()));
    assert_eq!(none.decide_name(444, TLS), Err(Denied::Port));
    assert_eq!(none.decide_name(80, PLAIN), Err(Denied::Plaintext));
    let some = policy(
        vec![
            zone("10.0.0.0/8", "9000", true),
            zone("10.0.0.0/8", "9100", false),
        ],
        &[],
    );
    assert_eq!(some.decide_name(9000, PLAIN), Ok(()));
    assert_eq!(some.decide_name(9100, TLS), Ok(()));
    assert_eq!(some.decide_name(9100, PLAIN), Err(Denied::Plaintext));
}
