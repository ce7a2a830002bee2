//! Receivers whose certificates are from an authority of their own network.

use super::*;

fn with_ca(receiver: &Receiver, ca: Option<&str>) -> Zone {
    Zone {
        ca: ca.map(str::to_owned),
        ..zone("127.0.0.1/32", &receiver.address.port().to_string(), false)
    }
}

#[tokio::test]
async fn the_authority_of_a_zone_counts_there_and_nowhere_else() {
    let (inside, outside) = (tls_receiver().await, tls_receiver().await);
    let zones = |ca| vec![with_ca(&inside, ca), with_ca(&outside, None)];
    let egress = named(zones(Some(AUTHORITY)), &Names::new(&[&["127.0.0.1"]]));
    let url = |receiver: &Receiver| format!("https://receiver.example:{}/", receiver.address.port());
    let refused = Err(EgressError::Unreachable("its certificate is not accepted"));
    assert_eq!(post(&egress, &url(&inside)).await, Ok(200));
    assert_eq!(post(&egress, &url(&outside)).await, refused, "another zone");
    let endpoint = Endpoint::parse(&url(&inside)).unwrap();
    let shown = Identity::from_pem(include_str!("client.pem"), include_str!("client-key.pem"), None).unwrap();
    let answer = egress.post(&endpoint, Some(&shown), SOON, message).await;
    assert_eq!(
        answer.map(|answer| answer.status.as_u16()),
        Ok(200),
        "who is shown something"
    );
    egress.set_zones(zones(None));
    assert_eq!(
        post(&egress, &url(&inside)).await,
        refused,
        "a change holds at once"
    );
    assert_eq!((inside.seen().len(), outside.seen().len()), (2, 0));
}

#[tokio::test]
async fn certificates_that_are_none_are_told_when_the_zones_change_and_trust_nobody() {
    let receiver = tls_receiver().await;
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    for (ca, good) in [
        (None, true),
        (Some(AUTHORITY), true),
        (Some(broken), false),
        (Some(""), false),
    ] {
        let zones = [with_ca(&receiver, ca)];
        assert_eq!(Egress::check_zones(&zones).is_ok(), good, "{ca:?}");
    }
    let egress = named(
        vec![with_ca(&receiver, Some(broken))],
        &Names::new(&[&["127.0.0.1"]]),
    );
    let url = format!("https://receiver.example:{}/", receiver.address.port());
    let error = post(&egress, &url).await.unwrap_err();
    assert_eq!(error.code(), "SB-3003", "{error}");
    assert_eq!(receiver.seen().len(), 0);
}
