//! The webhook specification at both ends: who asks before it delivers, and what the bus says when it is asked.

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Receiver, Reply, Request};

use crate::city::{CityFolder, PURPOSE, QUICK};
use crate::support::{
    HELD, HELD_SCHEMA, SOON, dead_letters, event, notices, publish, recipient, sender, step, take, world,
    world_with,
};

/// HOOK-7: without the operator's word a token in the URL is none, and a header field always is the one that counts.
#[tokio::test]
async fn hook_7_tokens_in_the_url_need_the_operators_word() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let sender = world.client("werk", "sender", "publish").await.unwrap();
    let path = format!("/v1/events?access_token={}", sender.token());
    let kind = [("content-type", "application/cloudevents+json")];
    let body = || Bytes::from(event("u-1", 1).to_string());
    let nobody = world.bus.client("");
    let answer = nobody.send("POST", &path, &kind, body()).await.unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert!(!answer.text().contains(sender.token()));
    let answer = sender
        .send("POST", "/v1/events?access_token=x", &kind, body())
        .await
        .unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    let log = world.bus.log_text();
    assert!(!log.contains(sender.token()), "a token stands in the log");
}

/// HOOK-8, HOOK-9: as a target the bus consents to whoever asks by name, and sends back nothing but that name.
#[tokio::test]
async fn hook_9_the_bus_consents_to_a_name_only() {
    let world = world(&CityFolder::new()).await;
    let nobody = world.bus.client("");
    for path in ["/v1/events", "/v1/ingest/irgendeine"] {
        let asked = [("webhook-request-origin", "eventemitter.example.com")];
        let answer = nobody.send("OPTIONS", path, &asked, Bytes::new()).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("webhook-allowed-origin"),
            "eventemitter.example.com"
        );
        assert_eq!(answer.header("webhook-allowed-rate"), "*");
        assert_eq!(answer.header("allow"), "OPTIONS, POST");
        for origin in ["<script>", "a b", ""] {
            let asked = [("webhook-request-origin", origin)];
            let answer = nobody.send("OPTIONS", path, &asked, Bytes::new()).await.unwrap();
            assert_eq!(answer.header("webhook-allowed-origin"), "", "{origin:?}");
        }
    }
}

/// HOOK-8, HOOK-9, HOOK-11: asked once, then each delivery says who it is from; without consent nothing is posted.
#[tokio::test]
async fn hook_8_a_webhook_that_asks_first() {
    let willing = Receiver::start_with(|request| match request.method.as_str() {
        "OPTIONS" => Reply::with_header(
            200,
            "webhook-allowed-origin",
            request.header("webhook-request-origin"),
        ),
        _ => Reply::Status(204),
    })
    .await
    .unwrap();
    let city = CityFolder::new();
    asking(&city, "amt-ja", &willing, QUICK);
    let bus = BusOptions {
        env: vec![(
            "STADTBUS_WEBHOOK_ORIGIN".to_owned(),
            "bus.probe.example".to_owned(),
        )],
        ..BusOptions::default()
    };
    let world = world_with(&city, bus).await;
    let sender = sender(&world).await;
    for n in 0..3 {
        publish(&sender, &event(&format!("h-{n}"), n)).await;
    }
    let requests = willing.wait_for("/h", 4, SOON).await.unwrap();
    let methods: Vec<&str> = requests.iter().map(|request| request.method.as_str()).collect();
    assert_eq!(methods, ["OPTIONS", "POST", "POST", "POST"]);
    assert!(
        requests
            .iter()
            .all(|request| request.header("webhook-request-origin") == "bus.probe.example")
    );
}

/// A subscription whose receiver must consent.
fn asking(city: &CityFolder, id: &str, receiver: &Receiver, delivery: &str) {
    let url = receiver.url("/h");
    city.subscribe(
        id,
        &format!("sink: {{webhook: {{url: \"{url}\", handshake: required}}}}\ndelivery: {{{delivery}}}"),
    );
}

/// HOOK-9: without consent nothing is posted and nothing is lost: the subscription stands still, seen by whoever asks and told
/// to its owner, and goes on with everything as soon as its receiver consents. Only what is too old by then is given up.
#[tokio::test]
async fn hook_9_without_consent_a_subscription_waits() {
    let deaf = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    notices(&city, HELD, HELD_SCHEMA);
    city.subscribe_as("amt", "amt-hinweise", HELD, PURPOSE, "sink: {pull: {}}");
    asking(&city, "amt-nein", &deaf, QUICK);
    asking(&city, "amt-alt", &deaf, &format!("{QUICK}, age_ms_max: 1000"));
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for n in 0..3 {
        publish(&sender, &event(&format!("h-{n}"), n)).await;
    }
    let letters = dead_letters(&amt, "amt-alt", 3).await;
    assert!(
        letters.iter().all(|letter| letter["code"] == json!("SB-3024")),
        "{letters:?}"
    );
    let path = "/v1/subscriptions/amt-nein";
    let status = amt.get(path).await.unwrap().expect(200).unwrap().json()["status"].clone();
    assert_eq!(status["paused"]["code"], json!("SB-3010"), "{status}");
    let of = |step: &Value, id: &str| step["subscription"] == json!(id) && step["step"] == json!("deliver");
    let waits = step(&amt, "werk", "h-0", |step| of(step, "amt-nein")).await;
    assert_eq!(
        (&waits["outcome"], &waits["code"]),
        (&json!("pending"), &json!("SB-3010"))
    );
    let told = take(&amt, "amt-hinweise", 2, SOON).await;
    let mut held: Vec<_> = told.iter().map(|notice| notice["data"].clone()).collect();
    held.sort_by_key(|data| data["subscription"].to_string());
    for (data, id) in held.iter().zip(["amt-alt", "amt-nein"]) {
        assert_eq!(
            (&data["subscription"], &data["state"], &data["code"]),
            (&json!(id), &json!("held"), &json!("SB-3010"))
        );
    }
    let asked = deaf.requests();
    assert_eq!(asked.len(), 2, "each is asked once in the time of a pause");
    assert!(asked.iter().all(|request| request.method == "OPTIONS"));

    deaf.set_steady(Reply::with_header(200, "webhook-allowed-origin", "*"));
    let resumed = amt.post(&format!("{path}/resume"), &json!({})).await.unwrap();
    resumed.expect(200).unwrap();
    let released = take(&amt, "amt-hinweise", 1, SOON).await;
    assert_eq!(released[0]["data"]["state"], json!("released"));
    let came = deaf.wait_for("/h", 6, SOON).await.unwrap().split_off(3);
    let mut ids: Vec<_> = came.iter().map(Request::event_id).collect();
    ids.sort();
    assert_eq!(ids, ["h-0", "h-1", "h-2"]);
    assert!(
        came.iter()
            .all(|request| request.header("stadtbus-attempt") == "1"),
        "no attempt was used up"
    );
    let status = amt.get(path).await.unwrap().expect(200).unwrap().json()["status"].clone();
    assert_eq!(status["paused"], Value::Null);
}

/// HOOK-10: what was not consented to when the bus asked is consented to at the address it gave, over a restart.
#[tokio::test]
async fn hook_10_a_receiver_consents_later() {
    let receiver = Receiver::start().await.unwrap();
    let keys = tempfile::tempdir().unwrap();
    let seal = keys.path().join("credentials.key");
    std::fs::write(&seal, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    let city = CityFolder::new();
    city.subscribe(
        "amt-spaeter",
        &format!(
            "sink: {{webhook: {{url: \"{}\", handshake: required}}}}\ndelivery: {{attempts_max: 100, first_delay_ms: 20, delay_ms_max: 200, timeout_ms: 1000}}",
            receiver.url("/h")
        ),
    );
    let bus = BusOptions {
        env: vec![
            (
                "STADTBUS_CREDENTIALS_KEY_FILE".to_owned(),
                seal.display().to_string(),
            ),
            (
                "STADTBUS_WEBHOOK_CALLBACK".to_owned(),
                "https://bus.probe.example".to_owned(),
            ),
        ],
        ..BusOptions::default()
    };
    let mut world = world_with(&city, bus).await;
    publish(&sender(&world).await, &event("c-1", 1)).await;
    let asked = receiver.wait_for("/h", 1, SOON).await.unwrap().remove(0);
    assert_eq!(asked.method, "OPTIONS");
    let address = asked.header("webhook-request-callback").to_owned();
    let path = address
        .strip_prefix("https://bus.probe.example")
        .unwrap()
        .to_owned();
    let nobody = world.bus.client("");
    for wrong in [
        path.replace("?key=", "?key=A"),
        path.replace("amt-spaeter", "amt-frueher"),
        path.replace("amt.", "werk."),
    ] {
        let answer = nobody.send("POST", &wrong, &[], Bytes::new()).await.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (404, "SB-2033"),
            "{wrong}"
        );
    }
    let slow = [("webhook-allowed-rate", "bald")];
    let answer = nobody.send("POST", &path, &slow, Bytes::new()).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, "SB-1119"));
    let rate = [("webhook-allowed-rate", "6000")];
    let answer = nobody.send("POST", &path, &rate, Bytes::new()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.json(),
        json!({"subscription": "amt.amt-spaeter", "rate_per_minute": 6000})
    );
    let delivered = receiver.wait_for("/h", 2, SOON).await.unwrap().remove(1);
    assert_eq!(
        (delivered.method.as_str(), delivered.event_id().as_str()),
        ("POST", "c-1")
    );
    world.bus.stop().await.unwrap();
    world.bus.start_again().await.unwrap();
    publish(&sender(&world).await, &event("c-2", 2)).await;
    let posts = stadtbus_harness::eventually(SOON, "the second event", || async {
        let posts = receiver
            .requests_to("/h")
            .into_iter()
            .filter(|one| one.method == "POST")
            .count();
        if posts == 2 {
            Ok(posts)
        } else {
            Err(stadtbus_harness::Failure::new(posts.to_string()))
        }
    });
    posts.await.unwrap();
    let browser = world.bus.client("").get(&path).await.unwrap();
    assert_eq!(browser.status, 200, "by a browser as well: {}", browser.text());

    // It ends with its subscription: a later one of the same name and target has none.
    let file = "city/subscriptions/amt/amt-spaeter.yaml";
    let text = std::fs::read_to_string(city.root().join(file)).unwrap();
    city.remove(file);
    world.apply(&city.path(), &[]).await.unwrap();
    city.write(file, &text);
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender(&world).await, &event("c-3", 3)).await;
    let held = |step: &Value| step["code"] == json!("SB-3010");
    step(&recipient(&world).await, "werk", "c-3", held).await;
}
