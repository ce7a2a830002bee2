//! Deliveries that a receiver can prove are the bus's (Standard Webhooks).

use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Receiver};

use crate::city::{CityFolder, QUICK};
use crate::subscriptions::{hook, id, ordered};
use crate::support::{SOON, event, publish, recipient, sender, world_with};

/// Over the API and the command line, over a restart, and for nobody else.
#[tokio::test]
async fn a_secret_is_told_once_and_signs_from_then_on() {
    let (receiver, keys) = (Receiver::start().await.unwrap(), tempfile::tempdir().unwrap());
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    city.subscribe("amt-pull", "sink: {pull: {}}");
    let mut world = world_with(&city, keeping(keys.path())).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let path = "/v1/subscriptions/amt-hook/secret";
    assert_eq!(amt.get(path).await.unwrap().json()["signed"], json!(false));
    let made = amt
        .post(path, &json!({}))
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json();
    let first = made["secret"].as_str().unwrap().to_owned();
    assert!(
        first.starts_with("whsec_") && made["previous_until"].is_null(),
        "{made}"
    );
    let shown = amt.get(path).await.unwrap().text();
    assert!(
        shown.contains("\"signed\":true") && !shown.contains("whsec_"),
        "{shown}"
    );
    for (subscription, body, status, code) in [
        ("amt-hook", json!({"secret": "whsec_AAAA"}), 422, "SB-2031"),
        ("amt-hook", json!({"overlap_s": 2_592_001}), 400, "SB-1119"),
        ("amt-hook", json!({"geheim": 1}), 400, "SB-1102"),
        ("amt-pull", json!({}), 409, "SB-2007"),
        ("amt-gibtsnicht", json!({}), 404, "SB-2001"),
    ] {
        let answer = amt
            .post(&format!("/v1/subscriptions/{subscription}/secret"), &body)
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{}",
            answer.text()
        );
    }
    let fremd = world.client("fremd", "sender", "subscribe").await.unwrap();
    assert_eq!(fremd.post(path, &json!({})).await.unwrap().status, 404);
    let run = ["--lang", "en", "subscription", "secret", "rotate", "amt-hook"];
    let rotated = world.bus.command(amt.token(), &run, &[]).await.unwrap();
    let rotated = rotated.success("rotate").unwrap();
    let second = rotated
        .stdout
        .lines()
        .find(|line| line.contains("whsec_"))
        .unwrap_or_else(|| panic!("no secret: {rotated:?}"))
        .trim()
        .to_owned();
    assert_ne!(first, second);

    // It outlives the process; nothing tells it.
    world.bus.stop().await.unwrap();
    world.bus.start_again().await.unwrap();
    publish(&sender, &event("u-1", 1)).await;
    let seen = receiver.wait_for("/h", 1, SOON).await.unwrap().remove(0);
    let signatures: Vec<&str> = seen.header("webhook-signature").split(' ').collect();
    assert_eq!(signatures.len(), 2, "the old one and the new one: {signatures:?}");
    assert!(signatures.iter().all(|one| one.starts_with("v1,")));
    assert!(
        !seen.header("webhook-id").contains('.'),
        "{}",
        seen.header("webhook-id")
    );
    let operator = world.operator().await.unwrap();
    let texts = [
        world.bus.log_text(),
        operator.get("/v1/city").await.unwrap().text(),
        amt.get("/v1/subscriptions").await.unwrap().text(),
    ];
    for text in texts {
        assert!(!text.contains("whsec_"));
    }
    let nobody = world.bus.client("");
    let keys = nobody
        .get("/.well-known/webhook-keys")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(
        keys.json(),
        json!({"keys": []}),
        "this bus has no keys of its own"
    );
    let removed = amt.send("DELETE", path, &[], Bytes::new()).await.unwrap();
    assert_eq!(removed.json()["signed"], json!(false));
    publish(&sender, &event("u-2", 2)).await;
    let seen = receiver.wait_for("/h", 2, SOON).await.unwrap().remove(1);
    assert_eq!(seen.header("webhook-signature"), "");
    assert_ne!(seen.json(), Value::Null);
}

/// A bus that can keep secrets.
fn keeping(dir: &Path) -> BusOptions {
    let seal = dir.join("credentials.key");
    std::fs::write(&seal, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    BusOptions {
        env: vec![(
            "STADTBUS_CREDENTIALS_KEY_FILE".to_owned(),
            seal.display().to_string(),
        )],
        ..BusOptions::default()
    }
}

/// Whether its file or its order is taken away: a later subscription of the same name is another one.
#[tokio::test]
async fn a_secret_goes_with_its_subscription() {
    let (receiver, keys) = (Receiver::start().await.unwrap(), tempfile::tempdir().unwrap());
    let city = CityFolder::new();
    let write = || city.webhook("amt-datei", &receiver.url("/h"), QUICK);
    write();
    let world = world_with(&city, keeping(keys.path())).await;
    let amt = recipient(&world).await;
    let id = id(&ordered(&amt, &hook(&receiver.url("/h"))).await).to_owned();
    let path = |id: &str| format!("/v1/subscriptions/{id}/secret");
    for id in ["amt-datei", id.as_str()] {
        amt.post(&path(id), &json!({}))
            .await
            .unwrap()
            .expect(200)
            .unwrap();
    }
    city.remove("city/subscriptions/amt/amt-datei.yaml");
    world.apply(&city.path(), &[]).await.unwrap();
    let kept = amt.get(&path(&id)).await.unwrap().expect(200).unwrap().json();
    assert_eq!(kept["signed"], json!(true), "the other one stays");
    write();
    world.apply(&city.path(), &[]).await.unwrap();
    let standing = amt
        .get(&path("amt-datei"))
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json();
    assert_eq!(standing["signed"], json!(false), "{standing}");
}
