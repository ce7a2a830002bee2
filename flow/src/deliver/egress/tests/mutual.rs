//! Receivers that ask for a certificate.

use rustls::{RootCertStore, server::WebPkiClientVerifier};

use super::*;

const CLIENT_AUTHORITY: &str = include_str!("client-authority.pem");
const CLIENT: &str = include_str!("client.pem");
const CLIENT_KEY: &str = include_str!("client-key.pem");

/// Serves whoever shows a certificate of the test's authority, and nobody else.
async fn strict_receiver() -> Receiver {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(CLIENT_AUTHORITY.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .unwrap();
    let chain = CertificateDer::pem_slice_iter(LEAF.as_bytes())
        .map(Result::unwrap)
        .collect();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(LEAF_KEY.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    Receiver::start_with(
        |_| Act::status(200, "", ""),
        move |stream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await }
        },
    )
    .await
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_certificate_is_shown_it() {
    let receiver = strict_receiver().await;
    let zones = |ports: &str| vec![zone("127.0.0.1/32", ports, false)];
    let egress = named(zones("1024-65535"), &Names::new(&[&["127.0.0.1"]]));
    let url = format!("https://receiver.example:{}/", receiver.address.port());
    let endpoint = Endpoint::parse(&url).unwrap();
    let post = async |identity: Option<&Identity>| {
        let answer = egress.post(&endpoint, identity, SOON, message).await;
        answer
            .map(|answer| answer.status.as_u16())
            .map_err(|error| error.code())
    };
    let known = Identity::from_pem(CLIENT, CLIENT_KEY, Some(AUTHORITY)).unwrap();
    assert_eq!(post(Some(&known)).await, Ok(200));
    assert_eq!(post(Some(&known)).await, Ok(200));
    assert_eq!(receiver.connections(), 1, "one connection for both");
    assert_eq!(post(None).await, Err("SB-3003"), "nobody in particular");
    let astray = Identity::from_pem(CLIENT, CLIENT_KEY, None).unwrap();
    assert_eq!(
        post(Some(&astray)).await,
        Err("SB-3003"),
        "an authority nobody named"
    );
    assert_eq!(receiver.seen().len(), 2);
    egress.set_zones(zones("1-1023"));
    assert_eq!(
        post(Some(&known)).await,
        Err("SB-3006"),
        "a change of zones holds at once"
    );
    assert!(!format!("{known:?}").contains("KEY"));
}

#[test]
fn what_is_no_identity_is_told_at_once() {
    for (chain, key) in [
        ("", CLIENT_KEY),
        (CLIENT, ""),
        (CLIENT, CLIENT),
        (CLIENT_KEY, CLIENT_KEY),
        (CLIENT, LEAF_KEY),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            CLIENT_KEY,
        ),
    ] {
        let error = Identity::from_pem(chain, key, None).unwrap_err();
        assert_eq!(error.code(), "SB-2014", "{chain} {key}");
    }
    let error = Identity::from_pem(
        CLIENT,
        CLIENT_KEY,
        Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
    );
    assert_eq!(error.unwrap_err(), EgressError::Roots);
}
