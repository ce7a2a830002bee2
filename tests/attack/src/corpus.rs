//! The targets: every spelling known to lead somewhere else than it looks.

/// Hosts, tried with `https` and with `http`.
const HOSTS: &[&str] = &[
    // This machine.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.1.2.3",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "00000127.0.0.1",
    "127.0.0.1.",
    "127.0.0.0x1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "11.0.0.1",
    "[2a0a::1]",
    // Addresses that carry another.
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::10.1.2.3]",
    "[64:ff9b:1::10.1.2.3]",
    "[2002:7f00:1::]",
    "[2002:a01:203::]",
    "[2001:0:a01:203::f5fe:fdfc]",
    "[::ffff:0:10.1.2.3]",
    "[::ffff:10.1.2.3]",
    "[::10.1.2.3]",
    "[fe80::5efe:10.1.2.3]",
    "[2001:db8::5efe:a01:203]",
    // Private networks.
    "10.1.2.3",
    "10.0.0.1",
    "10.257",
    "167838211",
    "0xa.1.2.3",
    "012.1.2.3",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "192.168.257",
    "3232235777",
    "100.64.1.1",
    "[fd00::5]",
    "[fc00::1]",
    // Where clouds hand out credentials.
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::169.254.169.254]",
    "169.254.170.2",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "[fd00:ec2::254]",
    // This link, documents, measurements, groups.
    "169.254.1.1",
    "[fe80::1]",
    "[fe80::1%25near]",
    "[fe80::1%near]",
    "192.0.2.1",
    "198.51.100.7",
    "203.0.113.7",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "240.0.0.1",
    "[ff02::1]",
    "[3fff::1]",
    "[2001:db8::1]",
    // Digits of other scripts.
    "①②⑦.0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "１０.1.2.3",
];

/// Names of the test's own server whose answer is out of bounds whenever they are asked.
const NAMES: &[&str] = &[
    "private",
    "private172",
    "private192",
    "shared",
    "loop",
    "loop6",
    "meta",
    "metasix",
    "azure",
    "six",
    "mapped",
    "nat64",
    "sixtofour",
    "zero",
    "unspecified",
    "own",
    "mixed",
    "mixedsix",
    "mixedmeta",
    "alias",
    "aliasmeta",
    "slow",
];

/// Names that look harmless when the order is placed.
pub(crate) const LATER: &[(&str, &str)] = &[
    ("rebind", "SB-3006"),
    ("rebindmeta", "SB-3006"),
    ("rebindloop", "SB-3006"),
    ("many", "SB-3003"),
    ("silent", "SB-3003"),
    ("gibtsnicht", "SB-3003"),
];

/// Other tricks, as they are.
const OTHERS: &[&str] = &[
    "https://user@10.1.2.3/",
    "https://8.8.8.8@10.1.2.3/",
    "https://8.8.8.8:443@10.1.2.3/",
    "https://10.1.2.3#@8.8.8.8/",
    "https://8.8.8.8#@10.1.2.3/",
    "https://8.8.8.8\\@10.1.2.3/",
    "https://10.1.2.3\\@8.8.8.8/",
    "https:10.1.2.3/",
    "https:///10.1.2.3/",
    "//10.1.2.3/",
    "/\\10.1.2.3/",
    "https://8.8.8.8/\r\nHost: 10.1.2.3",
    "https://8.8.8.8/ HTTP/1.1\r\nHost: 10.1.2.3\r\n\r\n",
    "https://8.8.8.8 .10.1.2.3/",
    "https://8.8.8.8\t10.1.2.3/",
    "https://8.8.8.8:0/",
    "https://8.8.8.8:65536/",
    "https://8.8.8.8:22/",
    "https://8.8.8.8:25/",
    "https://8.8.8.8:6379/",
    "https://8.8.8.8:10250/",
    "http://8.8.8.8/",
    "http://8.8.8.8:8080/",
    "https://[8.8.8.8]/",
    "https://8.8.8.8:+443/",
    "https://8.8.8.8:80:80/",
    "https://%31%30.1.2.3/",
    "https://10%2e1%2e2%2e3/",
    "https://10.1.2.3%00.example/",
    "ftp://10.1.2.3/",
    "file:///etc/passwd",
    "gopher://10.1.2.3:6379/_x",
    "dict://10.1.2.3:6379/x",
    "ldap://10.1.2.3/",
    "unix:///run/docker.sock",
    "jar:https://10.1.2.3!/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "ws://10.1.2.3/",
    "h2c://10.1.2.3/",
    "nats://127.0.0.1:4222",
    "",
    " ",
];

/// All targets that must be refused when they are ordered, and when they are tried.
pub(crate) fn refused(own_ports: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for host in HOSTS {
        all.extend([format!("https://{host}/x"), format!("http://{host}/x")]);
    }
    for host in ["10.1.2.3", "169.254.169.254", "[fd00:ec2::254]", "127.0.0.1"] {
        all.extend([2375, 6379, 8080, 8443, 9200].map(|port| format!("https://{host}:{port}/x")));
    }
    all.extend(NAMES.iter().map(|name| format!("https://{name}.attack.test/x")));
    all.extend(OTHERS.iter().map(|url| (*url).to_owned()));
    for port in own_ports {
        for host in [
            "127.0.0.1",
            "127.0.0.2",
            "localhost",
            "[::1]",
            "0.0.0.0",
            "11.0.0.1",
        ] {
            all.push(format!("http://{host}:{port}/x"));
        }
    }
    all
}
