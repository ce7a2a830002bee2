//! The bus describes itself: its calls to everybody, its events to those they concern.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::city::{CityFolder, TYPE, TYPE_CLOSED};
use crate::support::{recipient, sender, world};

#[tokio::test]
async fn the_calls_are_described_to_everybody_and_exactly_those_that_there_are() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let nobody = world.bus.client("");
    let answer = nobody.get("/openapi.json").await.unwrap().expect(200).unwrap();
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert_eq!(document["openapi"], json!("3.1.0"));
    let mut wrong = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let place = path
            .replace("{position}", "1")
            .replace("{log}", "LOG_WERK")
            .replace(['{', '}'], "");
        for (method, operation) in item.as_object().unwrap() {
            let secured = operation["security"][0]
                .as_object()
                .is_some_and(|one| !one.is_empty());
            let answer = nobody
                .send(&method.to_uppercase(), &place, &[], Bytes::new())
                .await
                .unwrap();
            if secured != (answer.status == 401) {
                wrong.push(format!("{method} {path} without a token: {}", answer.status));
            }
        }
        let answer = nobody.send("DELETE", &place, &[], Bytes::new()).await.unwrap();
        let deletes = item.get("delete").is_some();
        let mut allowed: Vec<String> = answer.header("allow").split(',').map(str::to_lowercase).collect();
        allowed.retain(|method| method != "head");
        allowed.sort();
        let mut described: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        described.sort();
        if !deletes && (answer.status != 405 || allowed != described) {
            wrong.push(format!(
                "{path} takes {allowed:?} and describes {described:?}: {}",
                answer.status
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn parameters_outside_their_form_are_refused_with_a_code() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let amt = recipient(&world).await;
    let receive = "/v1/subscriptions/amt-alles/receive";
    let mut wrong = Vec::new();
    for (method, path, body, pointer) in [
        ("GET", "/v1/dead-letters?limit=0", json!(null), json!(null)),
        ("GET", "/v1/dead-letters?limit=viele", json!(null), json!(null)),
        (
            "GET",
            "/v1/dead-letters?limit=1&limit=2",
            json!(null),
            json!(null),
        ),
        ("GET", "/v1/dead-letters/erster", json!(null), json!(null)),
        ("GET", "/v1/journey/LOG_WERK/-1", json!(null), json!(null)),
        ("GET", "/v1/tap?limit=100001", json!(null), json!(null)),
        ("GET", "/v1/events/werk/%FF/journey", json!(null), json!(null)),
        ("POST", receive, json!({"max": 0}), json!("/max")),
        ("POST", receive, json!({"max": 1001}), json!("/max")),
        ("POST", receive, json!({"wait_ms": 60_001}), json!("/wait_ms")),
        ("POST", receive, json!({"lease_ms": 0}), json!("/lease_ms")),
        (
            "POST",
            "/v1/subscriptions/amt-alles/extend",
            json!({"handles": [], "lease_ms": 3_600_001}),
            json!("/lease_ms"),
        ),
    ] {
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let answer = amt.send(method, path, &[], body).await.unwrap();
        let problem = answer.json();
        if (answer.status, problem["code"].as_str(), &problem["pointer"]) != (400, Some("SB-1119"), &pointer)
        {
            wrong.push(format!("{method} {path}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_events_are_described_to_those_they_concern() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let receives = |document: &Value| {
        let operations = document["operations"].as_object().unwrap().keys();
        operations
            .filter(|key| key.contains(".receive."))
            .cloned()
            .collect::<Vec<_>>()
    };
    let (werk, amt) = (sender(&world).await, recipient(&world).await);
    let fremd = world
        .client("fremd", "sender", "publish subscribe")
        .await
        .unwrap();
    let operator = world.operator().await.unwrap();
    let ours = vec![format!("amt.receive.{TYPE}")];
    for (client, schemas, shown) in [
        (&werk, 2, &ours),
        (&operator, 2, &ours),
        (&amt, 2, &ours),
        // Internal events are not for a third party without an agreement, nor who gets them.
        (&fremd, 0, &Vec::new()),
    ] {
        let document = client
            .get("/asyncapi.json")
            .await
            .unwrap()
            .expect(200)
            .unwrap()
            .json();
        assert_eq!(document["asyncapi"], json!("3.0.0"));
        let messages = document["components"]["messages"].as_object().unwrap();
        assert_eq!(messages.keys().collect::<Vec<_>>(), [TYPE_CLOSED, TYPE]);
        assert_eq!(
            messages
                .values()
                .filter(|message| !message["payload"].is_null())
                .count(),
            schemas
        );
        assert_eq!(&receives(&document), shown);
        let host = document["servers"]["bus"]["host"].as_str().unwrap();
        assert_eq!(format!("http://{host}"), world.bus.base());
    }
    let unknown = world.client("werk", "keins", "publish").await.unwrap();
    let answer = unknown.get("/asyncapi.json").await.unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "SB-1307"),
        "{}",
        answer.text()
    );
}
