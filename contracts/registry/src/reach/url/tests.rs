use super::*;

#[test]
fn reads_the_usual_spellings() {
    for (url, host, port, plaintext) in [
        ("https://example.org", "example.org", 443, false),
        ("https://example.org/", "example.org", 443, false),
        ("HTTPS://Example.ORG:8443/a?b=c", "example.org", 8443, false),
        ("http://127.0.0.1:9000/x", "127.0.0.1", 9000, true),
        ("http://[::1]:9000/x", "::1", 9000, true),
        ("https://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1", 443, false),
        ("http://localhost/x", "localhost", 80, true),
        (
            "https://xn--strung-4ya.krefeld.example/a",
            "xn--strung-4ya.krefeld.example",
            443,
            false,
        ),
        ("https://a_b-c.example/%C3%A4", "a_b-c.example", 443, false),
        ("https://1and1.example/", "1and1.example", 443, false),
    ] {
        let endpoint = Endpoint::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let found = match &endpoint.host {
            Host::Name(name) => name.to_string(),
            Host::Address(address) => address.to_string(),
        };
        assert_eq!(
            (found.as_str(), endpoint.port, endpoint.plaintext),
            (host, port, plaintext),
            "{url}"
        );
    }
}

#[test]
fn refuses_what_others_might_read_otherwise() {
    let long = format!("https://example.org/{}", "x".repeat(URL_BYTES_MAX));
    let label = format!("https://{}.example/", "x".repeat(64));
    for url in [
        "",
        "/x",
        "example.org/x",
        "//example.org/x",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://:443/",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://127.0.0.1@example.org/",
        "https://example.org#@127.0.0.1/",
        "https://example.org/#x",
        "https://example.org\\@127.0.0.1/",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:99999999999/",
        "https://example.org:/",
        "https://example.org:80:80/",
        "https://example.org:+443/",
        "https://example.org./",
        "https://127.0.0.1./",
        "https://.example.org/",
        "https://example..org/",
        "https://-example.org/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0/",
        "http://127.0.0.256/",
        "http://00000127.0.0.1/",
        "http://127.0.0.0x1/",
        "http://[::1%25lo]/",
        "http://[fe80::1%eth0]/",
        "http://[127.0.0.1]/",
        "http://[::1/",
        "http://::1/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "https://störung.example/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/a\r\nHost: x",
        "https://exam%70le.org/",
        "https://example.org,evil.example/",
        long.as_str(),
        label.as_str(),
    ] {
        let error = Endpoint::parse(url)
            .err()
            .unwrap_or_else(|| panic!("{url} was taken"));
        assert!(!error.de.is_empty());
        assert!(!error.to_string().contains("secret"));
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(text in ".*") {
        let _ = Endpoint::parse(&text);
        let _ = Endpoint::parse(&format!("https://{text}/"));
        let _ = Endpoint::parse(&format!("http://{text}"));
    }

    /// Whatever is taken for a name is none that a resolver reads as an address.
    #[test]
    fn a_name_is_no_address(text in "[0-9a-fx.]{1,20}") {
        if let Ok(Endpoint { host: Host::Name(name), .. }) = Endpoint::parse(&format!("http://{text}/")) {
            proptest::prop_assert!(name.rsplit('.').next().is_some_and(|last| last.parse::<u64>().is_err()));
        }
    }
}
