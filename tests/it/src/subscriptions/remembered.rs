//! What the bus keeps beside an order: its receiver's credential, and when it last matched.

use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Client, Receiver};

use super::{PATH, hook, id, id_of, order, ordered, put, refused, with};
use crate::city::CityFolder;
use crate::support::{SOON, event, publish, recipient, sender, take, world, world_with};

#[tokio::test]
async fn a_credential_reaches_its_receiver_and_nobody_else() {
    let (receiver, keys) = (Receiver::start().await.unwrap(), tempfile::tempdir().unwrap());
    let file = keys.path().join("credentials.key");
    std::fs::write(&file, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    let options = BusOptions {
        env: vec![(
            "STADTBUS_CREDENTIALS_KEY_FILE".to_owned(),
            file.display().to_string(),
        )],
        ..BusOptions::default()
    };
    let city = CityFolder::new();
    let mut world = world_with(&city, options).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let token = json!({"credentialtype": "ACCESSTOKEN", "accesstoken": "sehr-geheim", "accesstokenexpiresutc": "2099-01-01T00:00:00Z"});
    let secret = with(hook(&receiver.url("/h")), "/sinkcredential", token.clone());
    let answer = amt.post(PATH, &secret).await.unwrap().expect(201).unwrap();
    let mine = id_of(&answer);
    let operator = world.operator().await.unwrap();
    for text in [
        answer.text(),
        amt.get(PATH).await.unwrap().text(),
        operator.get("/v1/city").await.unwrap().text(),
    ] {
        assert!(
            !text.contains("geheim") && !text.contains("sinkcredential"),
            "SUB-8: {text}"
        );
    }
    assert_eq!(answer.json()["status"]["credential"], json!(true));
    let heard = async |n: usize| {
        publish(&sender, &event(&format!("s-{n}"), 1)).await;
        receiver.wait_for("/h", n, SOON).await.unwrap()[n - 1]
            .header("authorization")
            .to_owned()
    };
    assert_eq!(heard(1).await, "Bearer sehr-geheim");
    // Not given again, it stays, also over a restart; for another sink it must be given again.
    let plain = hook(&receiver.url("/h"));
    assert_eq!(
        put(
            &amt,
            &mine,
            &with(plain.clone(), "/config/title", json!("Neu")),
            None
        )
        .await
        .status,
        200
    );
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    assert_eq!(heard(2).await, "Bearer sehr-geheim");
    refused(
        &put(&amt, &mine, &hook(&receiver.url("/anders")), None).await,
        422,
        "SB-2014",
    );
    let basic = json!({"credentialtype": "PLAIN", "identifier": "amt", "secret": "pw"});
    assert_eq!(
        put(&amt, &mine, &with(plain.clone(), "/sinkcredential", basic), None)
            .await
            .status,
        200
    );
    assert_eq!(heard(3).await, "Basic YW10OnB3");
    // A token that the bus fetches itself, from where it may go.
    let giver = Receiver::start().await.unwrap();
    giver.set_steady(stadtbus_harness::Reply::Full {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: bytes::Bytes::from_static(
            br#"{"access_token": "geholt", "token_type": "Bearer", "expires_in": 3600}"#,
        ),
    });
    let client = |endpoint: &str| json!({"credentialtype": "CLIENTCREDENTIALS", "tokenendpoint": endpoint, "clientid": "bus", "clientsecret": "sehr-geheim"});
    let fetched = with(plain.clone(), "/sinkcredential", client(&giver.url("/token")));
    assert_eq!(put(&amt, &mine, &fetched, None).await.status, 200);
    assert_eq!(heard(4).await, "Bearer geholt");
    assert_eq!(heard(5).await, "Bearer geholt");
    assert_eq!(giver.count(), 1, "fetched once");
    let inside = with(
        plain.clone(),
        "/sinkcredential",
        client("https://169.254.169.254/token"),
    );
    let answer = put(&amt, &mine, &inside, None).await;
    assert_eq!(
        answer.json()["pointer"],
        json!("/sinkcredential/tokenendpoint"),
        "{}",
        answer.text()
    );
    refused(&answer, 422, "SB-3006");
    let certificate =
        json!({"credentialtype": "CLIENTCERTIFICATE", "certificate": "geheim", "privatekey": "geheim"});
    let certificate = with(plain.clone(), "/sinkcredential", certificate);
    refused(&put(&amt, &mine, &certificate, None).await, 422, "SB-2014");
    assert_eq!(
        put(
            &amt,
            &mine,
            &with(plain.clone(), "/sinkcredential", Value::Null),
            None
        )
        .await
        .status,
        200
    );
    assert_eq!(heard(6).await, "");
    assert!(!world.bus.log_text().contains("geheim"));

    // A bus that has lost its key sends nothing without the credential, and keeps none.
    assert_eq!(put(&amt, &mine, &secret, None).await.status, 200);
    world.bus.stop().await.unwrap();
    world.bus.options_mut().env.clear();
    world.bus.start_again().await.unwrap();
    refused(&amt.post(PATH, &secret).await.unwrap(), 422, "SB-2014");
    publish(&sender, &event("s-7", 1)).await;
    let paused = stadtbus_harness::eventually(SOON, "the subscription stands still", || async {
        let shown = amt.get(&format!("{PATH}/{mine}")).await?.expect(200)?.json();
        let still =
            shown["status"]["paused"]["code"] == json!("SB-3012") && shown["status"]["lag"] == json!(1);
        still
            .then_some(())
            .ok_or_else(|| stadtbus_harness::Failure::new(shown.to_string()))
    });
    paused.await.unwrap();
    assert_eq!(receiver.count(), 6);
}

#[tokio::test]
async fn the_last_match_survives_a_crash_and_another_filter_is_watched_anew() {
    let city = CityFolder::new();
    city.subscribe("amt-datei", "sink: {pull: {}}");
    let mut world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let mine = ordered(&amt, &order()).await;
    let mine = id(&mine).to_owned();
    assert_eq!(mine_status(&amt, &mine).await["last_match"], Value::Null);
    publish(&sender, &event("w-1", 1)).await;
    take(&amt, &mine, 1, SOON).await;
    take(&amt, "amt-datei", 1, SOON).await;
    let before = mine_status(&amt, &mine).await;
    assert!(
        before["last_match"].is_string() && before["watched_since"].is_string(),
        "{before}"
    );
    assert_eq!(before["quiet"], Value::Null, "{before}");
    let file = mine_status(&amt, "amt-datei").await;
    // Written with the cursor, at the next flush: what the metrics count as level and settled is.
    let written = stadtbus_harness::eventually(SOON, "the cursor is written", || async {
        let metrics = world.bus.client("").get("/metrics").await?.expect(200)?.text();
        let level = metrics.contains(&format!(
            "stadtbus_subscription_lag_events{{subscription=\"{mine}\"}} 0"
        ));
        level
            .then_some(metrics)
            .ok_or_else(|| stadtbus_harness::Failure::new("not level"))
    });
    let metrics = written.await.unwrap();
    for name in [
        "stadtbus_subscription_unmatched_seconds",
        "stadtbus_subscription_quiet",
    ] {
        assert!(
            metrics.contains(&format!("{name}{{subscription=\"{mine}\"}}")),
            "{name}"
        );
    }
    world.bus.stop().await.unwrap();
    world.bus.start_again().await.unwrap();
    for (id, before) in [(mine.as_str(), &before), ("amt-datei", &file)] {
        let after = mine_status(&amt, id).await;
        for name in ["watched_since", "last_match"] {
            assert_eq!(after[name], before[name], "{id} {name}");
        }
    }
    let filtered = with(order(), "/filters", json!([{"exact": {"subject": "nie"}}]));
    assert_eq!(put(&amt, &mine, &filtered, None).await.status, 200);
    let anew = mine_status(&amt, &mine).await;
    assert_eq!(anew["last_match"], Value::Null, "{anew}");
    assert_ne!(anew["watched_since"], before["watched_since"]);
}

async fn mine_status(client: &Client, id: &str) -> Value {
    client
        .get(&format!("{PATH}/{id}"))
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json()["status"]
        .clone()
}
