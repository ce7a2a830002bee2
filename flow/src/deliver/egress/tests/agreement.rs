//! What is said when a target is saved, and when it is tried, is what happens when it is delivered to.

use super::*;

/// What is saved, what is tried and what is delivered are judged alike, whatever the target looks like.
#[tokio::test]
async fn saving_trial_and_delivery_agree() {
    let receiver = Receiver::start(|_| Act::status(200, "", "")).await;
    let port = receiver.address.port();
    let zones = vec![
        zone("10.20.0.0/16", "8000", false),
        zone("10.30.0.0/16", "1024-65535", true),
        zone("127.0.0.1/32", &port.to_string(), true),
    ];
    let table = [
        (format!("http://127.0.0.1:{port}/x"), &[][..], Ok(())),
        (
            format!("http://name.example:{port}/x"),
            &["127.0.0.1"][..],
            Ok(()),
        ),
        (
            format!("http://name.example:{port}/x"),
            &["127.0.0.1", "10.20.0.1"],
            Err("SB-3006"),
        ),
        (
            format!("http://name.example:{port}/x"),
            &["10.20.0.1"],
            Err("SB-3006"),
        ),
        (
            format!("http://name.example:{port}/x"),
            &["169.254.169.254"],
            Err("SB-3006"),
        ),
        (format!("http://name.example:{port}/x"), &["::1"], Err("SB-3006")),
        (format!("http://127.0.0.2:{port}/x"), &[], Err("SB-3006")),
        (format!("https://[::1]:{port}/x"), &[], Err("SB-3006")),
        (
            "https://name.example:22/x".to_owned(),
            &["1.1.1.1"],
            Err("SB-3006"),
        ),
        (
            "https://name.example:8000/x".to_owned(),
            &["1.1.1.1"],
            Err("SB-3006"),
        ),
        ("http://name.example/x".to_owned(), &["1.1.1.1"], Err("SB-3006")),
        (
            "https://name.example/x".to_owned(),
            &["10.20.0.1"],
            Err("SB-3006"),
        ),
        (
            "https://name.example/x".to_owned(),
            &["127.0.0.1"],
            Err("SB-3006"),
        ),
        ("https://10.20.0.1/x".to_owned(), &[], Err("SB-3006")),
        ("http://10.20.0.1:8000/x".to_owned(), &[], Err("SB-3006")),
        ("https://169.254.169.254/".to_owned(), &[], Err("SB-3006")),
        ("https://name.example/x".to_owned(), &[], Err("SB-3003")),
        ("https://user@example.org/".to_owned(), &[], Err("SB-5005")),
        ("ftp://example.org/".to_owned(), &[], Err("SB-5005")),
    ];
    for (url, addresses, expected) in table {
        let egress = named(zones.clone(), &Names::new(&[addresses]));
        let delivered = post(&egress, &url).await.map(|_| ());
        let saved = egress.check(&url, None).await;
        assert_eq!(saved, delivered, "{url} {addresses:?}");
        assert_eq!(
            saved.map_err(|error| error.code()),
            expected,
            "{url} {addresses:?}"
        );
        // The same before the zones are in force, as when a city is applied.
        let closed = named(Vec::new(), &Names::new(&[addresses]));
        assert_eq!(
            closed.check(&url, Some(&zones)).await,
            delivered,
            "{url} {addresses:?}"
        );
    }
    assert_eq!(receiver.seen().len(), 2);
}
