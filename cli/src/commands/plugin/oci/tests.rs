#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
use super::registry::parameter;
use super::*;

#[test]
fn an_address_names_host_repository_and_tag_or_digest() {
    let hex = "a".repeat(64);
    let cases = [
        (
            "oci://registry.example/ngn/outage-redact:1.0.0".to_owned(),
            Some("1.0.0"),
            None,
        ),
        (
            format!("oci://localhost:5000/a@sha256:{hex}"),
            None,
            Some(format!("sha256:{hex}")),
        ),
        (
            format!("oci://h/a/b:x@sha256:{hex}"),
            Some("x"),
            Some(format!("sha256:{hex}")),
        ),
        ("oci://h/a".to_owned(), None, None),
    ];
    for (text, tag, digest) in cases {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(
            (reference.tag(), reference.digest()),
            (tag, digest.as_deref()),
            "{text}"
        );
        assert_eq!(reference.to_string(), text);
    }
    let wrong = [
        "registry.example/a:1",
        "oci://registry.example",
        "oci:///a",
        "oci://h/A:1",
        "oci://h/a//b",
        "oci://h/../a",
        "oci://h/a:",
        "oci://h/a:.x",
        "oci://h/a@sha256:aa",
        "oci://h/a@md5:aa",
        "oci://u@h/a",
        "oci://h/a?b",
    ];
    for text in wrong {
        assert!(text.parse::<Reference>().is_err(), "{text}");
    }
}

#[test]
fn a_challenge_is_read() {
    let text =
        r#"realm="https://auth.example/token",service="registry.example",scope="repository:a:pull,push""#;
    assert_eq!(parameter(text, "realm").unwrap(), "https://auth.example/token");
    assert_eq!(parameter(text, "service").unwrap(), "registry.example");
    assert_eq!(parameter(text, "scope").unwrap(), "repository:a:pull,push");
    assert_eq!(parameter(text, "cope"), None);
}

#[test]
fn a_version_becomes_a_tag() {
    assert_eq!(tag_of("1.0.0+b7"), "1.0.0_b7");
    assert_eq!(tag_of("1.0.0-rc.1"), "1.0.0-rc.1");
}
