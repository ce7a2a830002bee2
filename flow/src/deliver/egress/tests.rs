#![allow(
    clippy::disallowed_methods,
    reason = "a test writes down how many it starts at once"
)]
use http::header::CONTENT_TYPE;

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::*;
use crate::deliver::testing::{Act, Names, Receiver, door, loopback, zone};

mod agreement;
mod mutual;
mod trusted;

const SOON: Duration = Duration::from_secs(10);

fn message() -> (HeaderMap, Bytes) {
    (
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]),
        Bytes::from_static(b"x"),
    )
}

async fn post(egress: &Egress, url: &str) -> Result<u16, EgressError> {
    let endpoint = Endpoint::parse(url)?;
    egress
        .post(&endpoint, None, SOON, message)
        .await
        .map(|answer| answer.status.as_u16())
}

fn named(zones: Vec<Zone>, names: &Arc<Names>) -> Egress {
    let names: Arc<dyn Resolve> = Arc::clone(names) as _;
    Egress::with_resolver(
        EgressConfig {
            zones,
            ..EgressConfig::default()
        },
        names,
    )
    .unwrap()
}

#[tokio::test]
async fn without_a_zone_loopback_is_out_of_bounds_however_it_is_spelled() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let port = receiver.address.port();
    let egress = Egress::new(EgressConfig::default()).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "127.1.2.3",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[::127.0.0.1]",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let error = post(&egress, &url).await.unwrap_err();
            assert!(["SB-3006", "SB-5005"].contains(&error.code()), "{url}: {error:?}");
        }
    }
    assert_eq!(receiver.connections(), 0, "nobody was even knocked at");
}

#[tokio::test]
async fn a_name_is_judged_by_every_address_it_leads_to() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let port = receiver.address.port();
    let url = format!("http://receiver.example:{port}/");
    let open = || vec![zone("127.0.0.1/32", "1024-65535", true)];
    for (name, zones, addresses, expected) in [
        ("in the zone", open(), &["127.0.0.1"][..], Ok(200)),
        ("the same machine twice", open(), &["::1", "127.0.0.1"], Ok(200)),
        ("mapped", open(), &["::ffff:127.0.0.1"], Ok(200)),
        (
            "private beside it",
            open(),
            &["127.0.0.1", "10.0.0.1"],
            Err("SB-3006"),
        ),
        (
            "metadata beside it",
            open(),
            &["127.0.0.1", "169.254.169.254"],
            Err("SB-3006"),
        ),
        (
            "public beside it, in plain text",
            open(),
            &["127.0.0.1", "1.1.1.1"],
            Err("SB-3006"),
        ),
        ("only the other loopback", open(), &["::1"], Err("SB-3006")),
        ("no zone", Vec::new(), &["127.0.0.1"], Err("SB-3006")),
        ("no address", open(), &[], Err("SB-3003")),
        (
            "too many addresses",
            open(),
            &["127.0.0.1"; ADDRESSES_MAX + 1],
            Err("SB-3003"),
        ),
        ("many addresses", open(), &["127.0.0.1"; ADDRESSES_MAX], Ok(200)),
    ] {
        let egress = named(zones, &Names::new(&[addresses]));
        let found = post(&egress, &url).await.map_err(|error| error.code());
        assert_eq!(found, expected, "{name}");
        let checked = egress.check(&url, None).await.map_err(|error| error.code());
        assert_eq!(checked, expected.map(|_| ()), "{name}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_looked_at_again() {
    let receiver =
        Receiver::start(|_| Act::AnswerAndClose(b"HTTP/1.1 200 X\r\nconnection: close\r\n\r\n".to_vec()))
            .await;
    let url = format!("http://receiver.example:{}/", receiver.address.port());
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.1"], &["169.254.169.254"]]);
    let egress = named(vec![zone("127.0.0.1/32", "1024-65535", true)], &names);
    assert_eq!(egress.check(&url, None).await, Ok(()));
    assert_eq!(post(&egress, &url).await, Ok(200));
    assert_eq!(post(&egress, &url).await.unwrap_err().code(), "SB-3006");
    assert_eq!(names.asked.load(Ordering::SeqCst), 3, "each connection asks once");
}

#[tokio::test]
async fn the_second_address_is_tried_when_the_first_refuses() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let url = format!("http://receiver.example:{}/", receiver.address.port());
    let egress = named(
        ["127.0.0.9/32", "127.0.0.1/32"]
            .map(|cidr| zone(cidr, "1024-65535", true))
            .to_vec(),
        &Names::new(&[&["127.0.0.9", "127.0.0.1"]]),
    );
    assert_eq!(post(&egress, &url).await, Ok(200));
}

#[tokio::test]
async fn a_change_of_zones_holds_at_once() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let url = receiver.url();
    let egress = door();
    assert_eq!(post(&egress, &url).await, Ok(200));
    egress.set_zones(loopback().zones);
    assert_eq!(post(&egress, &url).await, Ok(200));
    assert_eq!(
        receiver.connections(),
        1,
        "what is no change breaks no connection"
    );
    egress.set_zones(vec![zone("127.0.0.1/32", "1-1023", true)]);
    assert_eq!(
        post(&egress, &url).await.unwrap_err().code(),
        "SB-3006",
        "the kept connection is not used"
    );
    egress.set_zones(vec![zone("127.0.0.1/32", "1024-65535", false)]);
    assert_eq!(
        post(&egress, &url).await.unwrap_err(),
        EgressError::Forbidden(Denied::Plaintext)
    );
    egress.set_zones(loopback().zones);
    assert_eq!(post(&egress, &url).await, Ok(200));
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn the_bus_itself_is_out_of_bounds_in_every_zone() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let egress = Egress::new(EgressConfig {
        own: vec![receiver.address],
        ..loopback()
    })
    .unwrap();
    for host in ["127.0.0.1", "127.0.0.2", "localhost"] {
        let error = post(&egress, &format!("http://{host}:{}/", receiver.address.port()))
            .await
            .unwrap_err();
        assert_eq!(error, EgressError::Forbidden(Denied::Own), "{host}");
    }
    assert_eq!(receiver.connections(), 0);
}

/// A certificate for `receiver.example` from an authority of its own; both keys were thrown away but the leaf's.
const AUTHORITY: &str = include_str!("tests/authority.pem");
const LEAF: &str = include_str!("tests/leaf.pem");
const LEAF_KEY: &str = include_str!("tests/leaf-key.pem");

async fn tls_receiver() -> Receiver {
    let chain = CertificateDer::pem_slice_iter(LEAF.as_bytes())
        .map(Result::unwrap)
        .collect();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(LEAF_KEY.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
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
async fn tls_is_for_the_name_and_from_someone_trusted() {
    let receiver = tls_receiver().await;
    let port = receiver.address.port();
    let zones = || vec![zone("127.0.0.1/32", "1024-65535", false)];
    let with = |roots: Option<&str>| {
        let names = Names::new(&[&["127.0.0.1"]]);
        let extra_roots_pem = roots.map(str::to_owned);
        let config = EgressConfig {
            zones: zones(),
            extra_roots_pem,
            ..EgressConfig::default()
        };
        Egress::with_resolver(config, names).unwrap()
    };
    let trusting = with(Some(AUTHORITY));
    let url = |host: &str| format!("https://{host}:{port}/");
    assert_eq!(post(&trusting, &url("receiver.example")).await, Ok(200));
    assert_eq!(post(&trusting, &url("receiver.example")).await, Ok(200));
    assert_eq!(
        receiver.seen().last().unwrap().header("host"),
        Some(format!("receiver.example:{port}").as_str())
    );
    assert_eq!(receiver.connections(), 1);
    let refused = EgressError::Unreachable("its certificate is not accepted");
    assert_eq!(
        post(&trusting, &url("other.example")).await,
        Err(refused.clone()),
        "another name"
    );
    assert_eq!(
        post(&trusting, &url("127.0.0.1")).await,
        Err(refused.clone()),
        "the address is no name"
    );
    assert_eq!(
        post(&with(None), &url("receiver.example")).await,
        Err(refused),
        "an authority nobody named"
    );
    assert_eq!(
        receiver.seen().len(),
        2,
        "no request went out where the name was not proven"
    );
    let plain = Receiver::start_with(
        |_| Act::Hang,
        |mut stream| async move {
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await?;
            Ok(stream)
        },
    )
    .await;
    let error = post(
        &trusting,
        &format!("https://receiver.example:{}/", plain.address.port()),
    )
    .await
    .unwrap_err();
    assert_eq!(error.code(), "SB-3003", "no TLS there: {error:?}");
    let bad = EgressConfig {
        extra_roots_pem: Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".into()),
        ..EgressConfig::default()
    };
    assert_eq!(Egress::new(bad).err(), Some(EgressError::Roots));
}

#[tokio::test]
async fn many_at_once_share_connections_within_the_bound() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let (egress, url) = (door(), receiver.url());
    for _ in 0..3 {
        let posts = (0..32).map(|_| post(&egress, &url));
        for result in futures_util::future::join_all(posts).await {
            assert_eq!(result, Ok(200));
        }
    }
    assert_eq!(receiver.seen().len(), 96);
    assert!(
        receiver.connections() <= 32,
        "{} connections",
        receiver.connections()
    );
}

/// `cargo test --release -p stadtbus-flow -- --ignored --nocapture posts_in_a_second`: sender and receiver share what
/// the machine has.
#[tokio::test]
#[ignore = "a measurement, not a check"]
async fn posts_in_a_second() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let (egress, endpoint) = (door(), Endpoint::parse(&receiver.url()).unwrap());
    let body = Bytes::from(vec![b'x'; 1024]);
    let start = Instant::now();
    let senders = (0..32).map(|_| async {
        for _ in 0..1000 {
            egress
                .post(&endpoint, None, SOON, || (message().0, body.clone()))
                .await
                .unwrap();
        }
    });
    futures_util::future::join_all(senders).await;
    println!(
        "{:.0} posts/s of 1 KiB, one thread for both sides",
        32_000.0 / start.elapsed().as_secs_f64()
    );
}
