//! Who would get an event, and why the others would not: the answer is what delivery then does.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{Answer, Client};

use crate::city::{CityFolder, PURPOSE, TYPE, TYPE_CLOSED};
use crate::subscriptions::{id, order, ordered, with};
use crate::support::{SOON, changed, event, nothing_more, publish, recipient, sender, take, world};

const PATH: &str = "/v1/subscriptions:test";

async fn tried(client: &Client, event: &Value) -> Value {
    let body = Bytes::from(event.to_string());
    let kind = [("content-type", "application/cloudevents+json")];
    client
        .send("POST", PATH, &kind, body)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json()
}

fn verdict<'a>(run: &'a Value, subscription: &str) -> &'a Value {
    let all = run["subscriptions"].as_array().unwrap();
    all.iter()
        .find(|one| one["subscription"] == json!(subscription))
        .unwrap_or_else(|| panic!("{subscription} in {run}"))
}

#[tokio::test]
async fn the_answer_is_what_delivery_then_does() {
    let city = CityFolder::new();
    let filters = [
        ("amt-alles", "[]"),
        ("amt-exact", "[{exact: {subject: zaehler-8}}]"),
        ("amt-not", "[{not: {prefix: {subject: zaehler-}}}]"),
        (
            "amt-any",
            "[{any: [{exact: {id: t-1}}, {suffix: {subject: '-9'}}]}]",
        ),
        (
            "amt-sql",
            "[{sql: \"subject LIKE 'z%' AND NOT EXISTS correlationid\"}]",
        ),
    ];
    for (id, filters) in filters {
        city.subscribe(id, &format!("sink: {{pull: {{}}}}\nfilters: {filters}"));
    }
    city.subscribe_as("fremd", "fremd-alles", TYPE, PURPOSE, "sink: {pull: {}}");
    city.subscribe_as("amt", "amt-intern", TYPE_CLOSED, PURPOSE, "sink: {pull: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let mine = ordered(&amt, &with(order(), "/source", json!("urn:probe:werk:sender"))).await;
    let mine = id(&mine).to_owned();
    let events = [
        event("t-1", 1),
        changed(event("t-2", 2), "subject", json!("zaehler-8")),
        changed(event("t-3", 3), "subject", json!("pumpe-9")),
        changed(event("t-4", 4), "correlationid", json!("c-1")),
        changed(event("t-5", 5), "type", json!(TYPE_CLOSED)),
        changed(event("t-6", 6), "subject", Value::Null),
    ];
    let mut expected: Vec<(String, BTreeSet<String>)> = Vec::new();
    let names: Vec<String> = filters
        .iter()
        .map(|(id, _)| (*id).to_owned())
        .chain(["amt-intern".to_owned(), mine])
        .collect();
    for name in names {
        let mut wanted = BTreeSet::new();
        for event in &events {
            let run = tried(&sender, event).await;
            assert_eq!(run["acceptable"]["accepted"], json!(true), "{run}");
            if verdict(&run, &name)["outcome"] == json!("matched") {
                wanted.insert(event["id"].as_str().unwrap().to_owned());
            }
        }
        expected.push((name, wanted));
    }
    assert!(
        expected.iter().any(|(_, wanted)| wanted.len() > 1)
            && expected.iter().any(|(_, wanted)| wanted.is_empty())
    );
    nothing_more(&amt, "amt-alles").await;
    for event in &events {
        publish(&sender, event).await;
    }
    for (name, wanted) in &expected {
        let got: BTreeSet<_> = take(&amt, name, wanted.len(), SOON)
            .await
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(got, *wanted, "{name}");
        nothing_more(&amt, name).await;
    }
    // The journey tells the same story afterwards, line by line.
    for event in &events {
        let run = tried(&sender, event).await;
        let journey = sender
            .journey("werk", event["id"].as_str().unwrap())
            .await
            .unwrap()
            .json();
        for line in journey["steps"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line["step"] == json!("route"))
        {
            let told = verdict(&run, line["subscription"].as_str().unwrap());
            for member in ["outcome", "detail", "rule", "code"] {
                assert_eq!(told[member], line[member], "{member} of {line}");
            }
        }
    }
}

#[tokio::test]
async fn each_verdict_names_what_decided() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    city.subscribe(
        "amt-exact",
        "sink: {pull: {}}\nfilters: [{exact: {subject: zaehler-8}}]",
    );
    city.subscribe_as("fremd", "fremd-alles", TYPE, PURPOSE, "sink: {pull: {}}");
    city.subscribe_as("amt", "amt-intern", TYPE_CLOSED, PURPOSE, "sink: {pull: {}}");
    let world = world(&city).await;
    let sender = sender(&world).await;
    let run = tried(&sender, &event("v-1", 1)).await;
    assert_eq!(
        run["acceptable"]["contract"],
        json!("urn:probe:datacontract:werk.meldung.v1@1.0.0")
    );
    for (subscription, outcome, rule, code, agreement) in [
        (
            "amt-alles",
            "matched",
            PURPOSE,
            Value::Null,
            json!("urn:probe:usage:meldung:amt"),
        ),
        (
            "amt-exact",
            "not-matched",
            r#"{"exact":{"subject":"zaehler-8"}}"#,
            Value::Null,
            json!("urn:probe:usage:meldung:amt"),
        ),
        ("fremd-alles", "refused", PURPOSE, json!("SB-1308"), Value::Null),
        (
            "amt-intern",
            "not-matched",
            "types: de.probe.werk.intern.v1",
            Value::Null,
            json!("urn:probe:usage:meldung:amt"),
        ),
    ] {
        let told = verdict(&run, subscription);
        assert_eq!(
            (&told["outcome"], &told["rule"]),
            (&json!(outcome), &json!(rule)),
            "{told}"
        );
        assert_eq!(
            (&told["code"], &told["agreement"], &told["purpose"]),
            (&code, &agreement, &json!(PURPOSE)),
            "{told}"
        );
    }
    // Nobody but the publisher and the operators sees what others ordered.
    let seen = |run: &Value| run["subscriptions"].as_array().unwrap().len();
    let amt = recipient(&world).await;
    assert_eq!(seen(&tried(&amt, &event("v-1", 1)).await), 3);
    assert_eq!(
        seen(&tried(&world.operator().await.unwrap(), &event("v-1", 1)).await),
        4
    );
    let fremd = world
        .client("fremd", "sender", "publish subscribe")
        .await
        .unwrap();
    assert_eq!(seen(&tried(&fremd, &event("v-1", 1)).await), 1);

    for (name, event, code, pointer) in [
        (
            "no contract",
            changed(event("v-2", 1), "type", json!("de.probe.werk.meldnug.v1")),
            "SB-1201",
            "/type",
        ),
        (
            "source",
            changed(event("v-2", 1), "source", json!("urn:probe:amt:x")),
            "SB-1306",
            "/source",
        ),
        (
            "data",
            changed(event("v-2", 1), "data", json!({"nr": "x"})),
            "SB-1203",
            "/data/wert",
        ),
    ] {
        let run = tried(&sender, &event).await;
        let told = &run["acceptable"];
        assert_eq!(
            (&told["accepted"], &told["code"], &told["pointer"]),
            (&json!(false), &json!(code), &json!(pointer)),
            "{name}: {told}"
        );
    }
    let unknown = tried(
        &amt,
        &changed(event("v-2", 1), "type", json!("de.probe.werk.meldnug.v1")),
    )
    .await;
    assert!(
        unknown["acceptable"]["hint"]
            .as_str()
            .unwrap()
            .contains("de.probe.werk.meldung.v1"),
        "{unknown}"
    );
    assert_eq!(verdict(&unknown, "amt-alles")["outcome"], json!("not-matched"));
    nothing_more(&amt, "amt-alles").await;
}

fn refused(answer: &Answer, status: u16, code: &str, pointer: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        answer.text()
    );
    assert_eq!(
        answer.json()["pointer"].as_str().unwrap_or_default(),
        pointer,
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn an_order_is_tried_without_being_placed_and_an_event_in_any_mode() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let amt = recipient(&world).await;
    for (filters, outcome) in [
        (json!([]), "matched"),
        (json!([{"exact": {"subject": "x"}}]), "not-matched"),
    ] {
        let trial = json!({"event": event("p-1", 1), "subscription": with(order(), "/filters", filters)});
        let run = amt.post(PATH, &trial).await.unwrap().expect(200).unwrap().json();
        assert_eq!(run["proposed"]["outcome"], json!(outcome), "{run}");
    }
    // An order nobody agreed to may be tried; it says what it would be refused for.
    let closed = json!({"event": changed(event("p-1", 1), "type", json!(TYPE_CLOSED)), "subscription": with(order(), "/types", json!([TYPE_CLOSED]))});
    let run = amt.post(PATH, &closed).await.unwrap().expect(200).unwrap().json();
    assert_eq!(
        (&run["proposed"]["outcome"], &run["proposed"]["code"]),
        (&json!("refused"), &json!("SB-1308")),
        "{run}"
    );
    let bad = |pointer: &str, value: Value| json!({"event": event("p-1", 1), "subscription": with(order(), pointer, value)});
    refused(
        &amt.post(PATH, &bad("/filters", json!([{"exakt": {}}])))
            .await
            .unwrap(),
        422,
        "SB-5003",
        "/subscription/filters/0/exakt",
    );
    refused(
        &amt.post(PATH, &bad("/config/partner", json!("werk")))
            .await
            .unwrap(),
        403,
        "SB-1311",
        "/subscription/config/partner",
    );
    let null = json!({"event": event("p-1", 1), "subscription": null});
    let answer = amt.post(PATH, &null).await.unwrap();
    assert!(
        (400..500).contains(&answer.status) && answer.text().contains("/subscription"),
        "{}",
        answer.text()
    );
    let without = json!({"event": changed(event("p-1", 1), "id", Value::Null)});
    let answer = amt.post(PATH, &without).await.unwrap();
    assert!(
        answer.status == 400 && answer.text().contains("/event"),
        "{}",
        answer.text()
    );
    refused(
        &amt.post(PATH, &json!({"evnt": 1})).await.unwrap(),
        400,
        "SB-1102",
        "",
    );
    let listed = amt.get("/v1/subscriptions").await.unwrap().json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "nothing was placed");

    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "p-2"),
        ("ce-source", "urn:probe:werk:sender"),
        ("ce-type", TYPE),
        ("ce-subject", "zaehler-7"),
    ];
    let body = Bytes::from_static(b"{\"nr\":\"a\",\"wert\":1}");
    let run = amt
        .send("POST", PATH, &binary, body)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json();
    assert_eq!(
        (&run["event"]["id"], &verdict(&run, "amt-alles")["outcome"]),
        (&json!("p-2"), &json!("matched"))
    );
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let answer = amt
        .send(
            "POST",
            PATH,
            &batch,
            Bytes::from(json!([event("p-3", 1)]).to_string()),
        )
        .await
        .unwrap();
    refused(&answer, 400, "SB-1102", "");
    let nobody = world
        .bus
        .client("")
        .post(PATH, &json!({"event": event("p-1", 1)}))
        .await
        .unwrap();
    assert_eq!((nobody.status, nobody.code().as_str()), (401, "SB-1301"));
    nothing_more(&amt, "amt-alles").await;
}
