//! Subscriptions ordered over the API: the CloudEvents Subscriptions API, rights, and what stays through changes.

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{Answer, Client};

use crate::city::{CityFolder, PURPOSE, TYPE, TYPE_CLOSED};
use crate::support::{SOON, event, publish, recipient, sender, take, world};

mod command_line;
mod lasting;
mod remembered;

const PATH: &str = "/v1/subscriptions";

/// An order of `amt` for all events of the open type, to be pulled.
pub(crate) fn order() -> Value {
    json!({"types": [TYPE], "protocol": "STADTBUS-PULL", "config": {"purpose": PURPOSE, "title": "Bestellt"}})
}

/// The order with the member at the pointer put there, or taken away by `null`.
pub(crate) fn with(mut order: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let members = order.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() && pointer != "/sinkcredential" {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    order
}

pub(crate) fn hook(url: &str) -> Value {
    with(with(order(), "/protocol", json!("HTTP")), "/sink", json!(url))
}

pub(crate) async fn ordered(client: &Client, order: &Value) -> Value {
    client
        .post(PATH, order)
        .await
        .unwrap()
        .expect(201)
        .unwrap()
        .json()
}

async fn put(client: &Client, id: &str, order: &Value, tag: Option<&str>) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(tag.map(|tag| ("if-match", tag)));
    let body = Bytes::from(order.to_string());
    client
        .send("PUT", &format!("{PATH}/{id}"), &headers, body)
        .await
        .unwrap()
}

async fn delete(client: &Client, id: &str, tag: Option<&str>) -> Answer {
    let headers: Vec<_> = tag.map(|tag| ("if-match", tag)).into_iter().collect();
    client
        .send("DELETE", &format!("{PATH}/{id}"), &headers, Bytes::new())
        .await
        .unwrap()
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        answer.text()
    );
}

pub(crate) fn id(shown: &Value) -> &str {
    shown["id"].as_str().unwrap_or_else(|| panic!("no id: {shown}"))
}

#[tokio::test]
async fn an_order_lives_from_created_to_deleted() {
    let world = world(&CityFolder::new()).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    // SUB-6: the id is the manager's, whatever the client writes.
    let answer = amt
        .post(PATH, &with(order(), "/id", json!("meins")))
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let (shown, tag) = (answer.json(), answer.header("etag").to_owned());
    let id = id(&shown).to_owned();
    assert!(id.starts_with("amt-"), "{shown}");
    assert_eq!(answer.header("location"), format!("{PATH}/{id}"));
    assert_eq!(
        (&shown["protocol"], &shown["sink"]),
        (&json!("STADTBUS-PULL"), &json!(format!("{PATH}/{id}/receive")))
    );
    assert_eq!(
        (&shown["config"]["partner"], &shown["status"]["origin"]),
        (&json!("amt"), &json!("ordered"))
    );
    publish(&sender, &event("l-1", 1)).await;
    assert_eq!(take(&amt, &id, 1, SOON).await[0]["id"], json!("l-1"));

    // SUB-7: retrieve and list show it, in the API's shape.
    let read = amt
        .get(&format!("{PATH}/{id}"))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!((read.header("etag"), id_of(&read)), (tag.as_str(), id.clone()));
    let list = amt.get(PATH).await.unwrap().expect(200).unwrap().json();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");

    // What was read can be sent back changed; the id stays.
    let narrow = with(
        read.json(),
        "/filters",
        json!([{"exact": {"subject": "zaehler-8"}}]),
    );
    let replaced = put(
        &amt,
        &id,
        &with(narrow.clone(), "/id", json!("anders")),
        Some(&tag),
    )
    .await;
    assert_eq!(
        (replaced.status, id_of(&replaced)),
        (200, id.clone()),
        "{}",
        replaced.text()
    );
    let newer = replaced.header("etag").to_owned();
    assert_ne!(newer, tag);
    refused(&put(&amt, &id, &narrow, Some(&tag)).await, 412, "SB-2012");
    refused(&delete(&amt, &id, Some(&tag)).await, 412, "SB-2012");
    let other = format!("\"x\", {newer}");
    assert_eq!(put(&amt, &id, &narrow, Some(&other)).await.status, 200);
    publish(&sender, &event("l-2", 2)).await;
    publish(
        &sender,
        &crate::support::changed(event("l-3", 3), "subject", json!("zaehler-8")),
    )
    .await;
    assert_eq!(take(&amt, &id, 1, SOON).await[0]["id"], json!("l-3"));

    assert_eq!(delete(&amt, &id, Some(&newer)).await.status, 200);
    refused(&amt.get(&format!("{PATH}/{id}")).await.unwrap(), 404, "SB-2001");
    refused(&put(&amt, &id, &order(), None).await, 404, "SB-2001");
    refused(&delete(&amt, &id, None).await, 404, "SB-2001");
    for (path, allow) in [
        (PATH.to_owned(), "GET, POST, OPTIONS"),
        (format!("{PATH}/x"), "GET, PUT, DELETE, OPTIONS"),
    ] {
        let answer = amt.send("OPTIONS", &path, &[], Bytes::new()).await.unwrap();
        assert_eq!(answer.header("allow"), allow);
    }
}

fn id_of(answer: &Answer) -> String {
    id(&answer.json()).to_owned()
}

#[tokio::test]
async fn a_bad_order_is_told_where_it_is_bad() {
    let world = world(&CityFolder::new()).await;
    let amt = recipient(&world).await;
    for (name, order, code, pointer, hint) in [
        (
            "no protocol",
            with(order(), "/protocol", Value::Null),
            "SB-5004",
            "/protocol",
            "",
        ),
        (
            "protocol in small letters (SUB-6)",
            with(order(), "/protocol", json!("http")),
            "SB-5005",
            "/protocol",
            "Did you mean `HTTP`?",
        ),
        (
            "no sink",
            with(order(), "/protocol", json!("HTTP")),
            "SB-5004",
            "/sink",
            "",
        ),
        (
            "no purpose",
            with(order(), "/config/purpose", Value::Null),
            "SB-5004",
            "/config/purpose",
            "",
        ),
        (
            "member",
            with(order(), "/filter", json!([])),
            "SB-5003",
            "/filter",
            "Did you mean `filters`?",
        ),
        (
            "dialect (SUB-4)",
            with(order(), "/filters", json!([{"prefx": {"id": "x"}}])),
            "SB-5003",
            "/filters/0/prefx",
            "Did you mean `prefix`?",
        ),
        (
            "attribute",
            with(order(), "/filters", json!([{"exact": {"subjekt": "x"}}])),
            "SB-5006",
            "/filters/0/exact/subjekt",
            "Did you mean `subject`?",
        ),
        (
            "empty prefix (SUB-1)",
            with(order(), "/filters", json!([{"prefix": {"subject": ""}}])),
            "SB-5005",
            "/filters/0",
            "",
        ),
        (
            "type",
            with(order(), "/types", json!(["de.probe.werk.meldnug.v1"])),
            "SB-5006",
            "/types/0",
            "Did you mean `de.probe.werk.meldung.v1`?",
        ),
        (
            "purpose",
            with(
                order(),
                "/config/purpose",
                json!("https://w3id.org/dpv#ImprovePublicService"),
            ),
            "SB-5014",
            "/config/purpose",
            "Did you mean",
        ),
        (
            "no agreement",
            with(order(), "/types", json!([TYPE_CLOSED])),
            "SB-5014",
            "/types/0",
            "Ask werk",
        ),
        (
            "source",
            with(order(), "/source", json!("urn:probe:werk:sendre")),
            "SB-5006",
            "/source",
            "Did you mean `urn:probe:werk:sender`?",
        ),
        (
            "partner",
            with(order(), "/config/partner", json!("fremd")),
            "SB-1311",
            "/config/partner",
            "",
        ),
        (
            "plugin",
            with(order(), "/config/plugin", json!({"name": "amt/nichts"})),
            "SB-5006",
            "/config/plugin/name",
            "",
        ),
        (
            "address",
            hook("https://192.168.1.1/x"),
            "SB-3006",
            "/sink",
            "city.yaml",
        ),
        ("variable", hook("${HOME}"), "SB-5005", "/sink", ""),
        (
            "delivery",
            with(order(), "/config/delivery", json!({"concurrency": 0})),
            "SB-5005",
            "/config/delivery/concurrency",
            "",
        ),
    ] {
        let answer = amt.post(PATH, &order).await.unwrap();
        let said = answer.json();
        assert_eq!(
            (said["code"].as_str(), said["pointer"].as_str()),
            (Some(code), Some(pointer)),
            "{name}: {said}"
        );
        assert!(
            said["hint"].as_str().unwrap_or_default().contains(hint),
            "{name}: {said}"
        );
        assert!((400..500).contains(&answer.status), "{name}: {}", answer.status);
    }
    let many = with(with(order(), "/protocol", json!("http")), "/filter", json!(1));
    let said = amt.post(PATH, &many).await.unwrap().json();
    assert_eq!(
        said["errors"].as_array().map(Vec::len),
        Some(2),
        "all at once: {said}"
    );
    for body in ["", "[]", "{", "\"x\""] {
        let answer = amt
            .send(
                "POST",
                PATH,
                &[("content-type", "application/json")],
                Bytes::from(body),
            )
            .await
            .unwrap();
        assert!((400..500).contains(&answer.status), "{body}: {}", answer.text());
    }
    let large = with(order(), "/config/title", json!("x".repeat(70_000)));
    refused(&amt.post(PATH, &large).await.unwrap(), 413, "SB-1401");
    assert_eq!(
        amt.get(PATH).await.unwrap().json(),
        json!([]),
        "nothing of it was created"
    );
}

#[tokio::test]
async fn a_partner_orders_for_itself_and_changes_only_its_own() {
    let city = CityFolder::new();
    city.subscribe("amt-datei", "sink: {pull: {}}");
    let world = world(&city).await;
    let amt = recipient(&world).await;
    let fremd = world
        .client("fremd", "sender", "publish subscribe")
        .await
        .unwrap();
    let operator = world.operator().await.unwrap();
    let own = ordered(&amt, &order()).await;
    let own = id(&own);
    for path in [format!("{PATH}/{own}"), format!("{PATH}/amt-datei")] {
        // Somebody else's answers like one that does not exist.
        refused(&fremd.get(&path).await.unwrap(), 404, "SB-2001");
        refused(&fremd.put(&path, &order()).await.unwrap(), 404, "SB-2001");
        refused(
            &fremd.send("DELETE", &path, &[], Bytes::new()).await.unwrap(),
            404,
            "SB-2001",
        );
        assert_eq!(amt.get(&path).await.unwrap().status, 200);
        assert_eq!(operator.get(&path).await.unwrap().status, 200);
    }
    assert_eq!(fremd.get(PATH).await.unwrap().json(), json!([]));
    assert_eq!(
        operator.get(PATH).await.unwrap().json().as_array().map(Vec::len),
        Some(2)
    );
    refused(
        &fremd
            .post(PATH, &with(order(), "/config/partner", json!("amt")))
            .await
            .unwrap(),
        403,
        "SB-1311",
    );
    let publisher = world.client("werk", "zweites", "publish").await.unwrap();
    refused(&publisher.post(PATH, &order()).await.unwrap(), 403, "SB-1305");
    refused(
        &world.bus.client("").post(PATH, &order()).await.unwrap(),
        401,
        "SB-1301",
    );

    // What a folder defines is shown here and changed there.
    let shown = amt.get(&format!("{PATH}/amt-datei")).await.unwrap().json();
    assert_eq!(
        (&shown["status"]["origin"], &shown["status"]["defined_in"]),
        (&json!("folder"), &json!("subscriptions/amt/amt-datei.yaml"))
    );
    for client in [&amt, &operator] {
        let answer = put(client, "amt-datei", &order(), None).await;
        refused(&answer, 409, "SB-2011");
        assert!(
            answer.text().contains("subscriptions/amt/amt-datei.yaml"),
            "{}",
            answer.text()
        );
        refused(&delete(client, "amt-datei", None).await, 409, "SB-2011");
    }
    // An operator orders for anybody, and a subscription stays with its partner.
    let theirs = ordered(&operator, &with(order(), "/config/partner", json!("amt"))).await;
    assert_eq!(theirs["config"]["partner"], json!("amt"));
    let moved = with(order(), "/config/partner", json!("werk"));
    refused(&put(&operator, id(&theirs), &moved, None).await, 422, "SB-5005");
    assert_eq!(delete(&operator, id(&theirs), None).await.status, 200);
}
