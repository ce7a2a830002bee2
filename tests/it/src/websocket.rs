//! WebSockets by the CloudEvents binding: WS-1, and what the bus adds where the binding is silent.

use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Client, Declined, WebSocket, World};

use crate::city::CityFolder;
use crate::support::{SOON, changed, event, publish, recipient, sender, step, take, world_with};

const SUBSCRIPTION: &str = "/v1/subscriptions/amt-strom/websocket";
const PUBLISH: &str = "/v1/events/websocket";
const JSON: (&str, &str) = ("sec-websocket-protocol", "cloudevents.json");

async fn connected(limits: &str) -> (World, Client, Client) {
    let city = CityFolder::new();
    city.subscribe("amt-strom", "sink: {sse: {}}");
    city.subscribe("amt-pull", "sink: {pull: {}}");
    let options = BusOptions {
        extra_config: format!("[limits]\n{limits}"),
        ..BusOptions::default()
    };
    let world = world_with(&city, options).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    (world, sender, amt)
}

async fn tried(
    world: &World,
    client: &Client,
    path: &str,
    more: &[(&str, &str)],
) -> Result<WebSocket, Declined> {
    let bearer = format!("Bearer {}", client.token());
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend_from_slice(more);
    let url = format!("{}{path}", world.bus.base().replace("http://", "ws://"));
    stadtbus_harness::eventually(SOON, "the subscription is served", || async {
        let answer = WebSocket::open(&url, &headers).await?;
        match answer {
            Err(declined) if declined.code == "SB-1405" => {
                Err(stadtbus_harness::Failure::new(format!("{declined:?}")))
            }
            answer => Ok(answer),
        }
    })
    .await
    .unwrap()
}

async fn opened(world: &World, client: &Client, path: &str) -> WebSocket {
    tried(world, client, path, &[JSON]).await.unwrap()
}

/// The next event: its id and its cursor.
async fn next(socket: &mut WebSocket) -> (String, String) {
    let event = socket.json(SOON).await.unwrap();
    let text = |name: &str| event[name].as_str().unwrap().to_owned();
    (text("id"), text("stadtbuscursor"))
}

fn confirmation(cursor: &str) -> Value {
    json!({"specversion": "1.0", "id": "b-1", "source": "urn:probe:amt:empfang", "type": "de.stadtbus.confirm.v1", "stadtbuscursor": cursor})
}

async fn state(sender: &Client, id: &str, word: &str) {
    step(sender, "werk", id, |step| {
        let step = step.to_string();
        step.contains("amt-strom") && step.contains(word)
    })
    .await;
}

/// RFC 6455 §5.5.1: a close frame is answered by one. Without it the libraries of others report a broken connection.
#[tokio::test]
async fn a_farewell_is_answered() {
    let (world, sender, amt) = connected("").await;
    for (client, path) in [(&amt, SUBSCRIPTION), (&sender, PUBLISH)] {
        let mut socket = opened(&world, client, path).await;
        assert!(socket.farewell(SOON).await.unwrap(), "{path}");
    }
}

/// WS-1: the format is agreed on in the handshake, a message is one event; and confirmed is what the reader says.
#[tokio::test]
async fn ws_1_events_come_one_by_one_and_are_confirmed_by_an_event() {
    let (world, sender, amt) = connected("").await;
    let offer = [(
        "sec-websocket-protocol",
        "mqtt, cloudevents.json, cloudevents.proto",
    )];
    let mut socket = tried(&world, &amt, SUBSCRIPTION, &offer).await.unwrap();
    assert_eq!(socket.subprotocol, "cloudevents.json");
    publish(&sender, &event("w-1", 1)).await;
    publish(&sender, &event("w-2", 2)).await;
    let mut first = socket.json(SOON).await.unwrap();
    let cursor = first["stadtbuscursor"].as_str().unwrap().to_owned();
    first.as_object_mut().unwrap().remove("stadtbuscursor");
    assert_eq!(
        first,
        event("w-1", 1),
        "but for its cursor it is as it was published"
    );
    assert_eq!(next(&mut socket).await.0, "w-2");
    state(&sender, "w-1", "not confirmed").await;
    socket.text(confirmation(&cursor).to_string()).await.unwrap();
    state(&sender, "w-1", "delivered").await;
    state(&sender, "w-2", "not confirmed").await;
    drop(socket);
    // Whoever comes back with its cursor goes on behind it.
    let mut again = opened(&world, &amt, &format!("{SUBSCRIPTION}?after={cursor}")).await;
    let (id, cursor) = next(&mut again).await;
    assert_eq!(id, "w-2");
    drop(again);
    publish(&sender, &event("w-3", 3)).await;
    let mut again = opened(&world, &amt, &format!("{SUBSCRIPTION}?after={cursor}")).await;
    assert_eq!(next(&mut again).await.0, "w-3");
    state(&sender, "w-2", "delivered").await;
}

/// WS-1: formats other than JSON come in binary frames.
#[tokio::test]
async fn ws_1_other_formats_are_binary() {
    let (world, sender, amt) = connected("").await;
    for name in ["cloudevents.proto", "cloudevents.avro"] {
        let offer = [("sec-websocket-protocol", name)];
        let mut socket = tried(&world, &amt, SUBSCRIPTION, &offer).await.unwrap();
        assert_eq!(socket.subprotocol, name);
        publish(&sender, &event(name, 1)).await;
        let message = socket.next(SOON).await.unwrap();
        assert!(message.is_binary(), "{message:?}");
    }
}

/// WS-1: without a format in common there is no handshake, and the answer names none.
#[tokio::test]
async fn ws_1_handshakes_are_refused_by_their_code() {
    let (world, _sender, amt) = connected("").await;
    let own = world.bus.base();
    for (path, headers, status, code) in [
        (SUBSCRIPTION, vec![], 426, "SB-2058"),
        (
            SUBSCRIPTION,
            vec![("sec-websocket-protocol", "mqtt")],
            426,
            "SB-2058",
        ),
        (
            SUBSCRIPTION,
            vec![JSON, ("origin", "https://fremd.example")],
            403,
            "SB-2059",
        ),
        (SUBSCRIPTION, vec![JSON, ("origin", "null")], 403, "SB-2059"),
        (PUBLISH, vec![JSON, ("origin", own.as_str())], 403, "SB-1305"),
        (
            "/v1/subscriptions/amt-nichts/websocket",
            vec![JSON],
            404,
            "SB-2001",
        ),
        (
            "/v1/subscriptions/amt-strom/websocket?after=17",
            vec![JSON],
            422,
            "SB-2051",
        ),
        (
            "/v1/subscriptions/amt-strom/websocket?ab=17",
            vec![JSON],
            400,
            "SB-1119",
        ),
    ] {
        let declined = tried(&world, &amt, path, &headers).await.unwrap_err();
        let expected = Declined {
            status,
            code: code.to_owned(),
            names_subprotocol: false,
        };
        assert_eq!(declined, expected, "{path} {headers:?}");
    }
    let own = [JSON, ("origin", own.as_str())];
    assert!(
        tried(&world, &amt, SUBSCRIPTION, &own).await.is_ok(),
        "its own pages may"
    );
    let plain = amt.get(SUBSCRIPTION).await.unwrap();
    assert_eq!((plain.status, plain.code().as_str()), (426, "SB-2058"));
}

#[tokio::test]
async fn a_reader_that_says_something_else_is_told_and_left() {
    let (world, _sender, amt) = connected("").await;
    for (message, code, reason) in [
        ("{".to_owned(), 1007, "SB-1102"),
        (event("x", 1).to_string(), 1008, "SB-1413"),
        (
            changed(confirmation("x"), "stadtbuscursor", json!(null)).to_string(),
            1008,
            "SB-1413",
        ),
        (confirmation("x").to_string(), 1008, "SB-2051"),
    ] {
        let mut socket = opened(&world, &amt, SUBSCRIPTION).await;
        socket.text(message.clone()).await.unwrap();
        let closed = socket.closed(SOON).await.unwrap();
        assert_eq!(closed, (code, reason.to_owned()), "{message}");
    }
    let mut socket = opened(&world, &amt, SUBSCRIPTION).await;
    socket.binary(bytes::Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(socket.closed(SOON).await.unwrap(), (1003, "SB-1109".to_owned()));
    // Who connects last is the reader.
    let mut one = opened(&world, &amt, SUBSCRIPTION).await;
    let _two = opened(&world, &amt, SUBSCRIPTION).await;
    assert_eq!(one.closed(SOON).await.unwrap(), (1008, "SB-2055".to_owned()));
}

#[tokio::test]
async fn no_more_is_sent_ahead_than_may_be_owed() {
    let (world, sender, amt) = connected("unconfirmed_events_max = 2\n").await;
    for n in 1..=3 {
        publish(&sender, &event(&format!("w-{n}"), n)).await;
    }
    let mut socket = opened(&world, &amt, SUBSCRIPTION).await;
    next(&mut socket).await;
    let (_, cursor) = next(&mut socket).await;
    state(&sender, "w-3", "queue").await;
    socket.text(confirmation(&cursor).to_string()).await.unwrap();
    assert_eq!(next(&mut socket).await.0, "w-3");
}

#[tokio::test]
async fn no_more_sockets_are_open_than_may_be() {
    let (world, sender, amt) = connected("websockets_max = 1\n").await;
    let _one = opened(&world, &amt, SUBSCRIPTION).await;
    let declined = tried(&world, &sender, PUBLISH, &[JSON]).await.unwrap_err();
    assert_eq!((declined.status, declined.code.as_str()), (503, "SB-1415"));
}

/// Publishing: for each event, in order, an event that says what became of it.
#[tokio::test]
async fn what_is_published_is_answered_by_an_event() {
    let (world, sender, amt) = connected("").await;
    let mut socket = opened(&world, &sender, PUBLISH).await;
    socket.text(event("p-1", 1).to_string()).await.unwrap();
    socket
        .text(changed(event("p-2", 2), "data", json!({"wert": 1})).to_string())
        .await
        .unwrap();
    socket.text("{").await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(socket.json(SOON).await.unwrap());
    }
    socket.text(event("p-1", 1).to_string()).await.unwrap();
    answers.push(socket.json(SOON).await.unwrap());
    let (receipt, refusal) = (json!("de.stadtbus.receipt.v1"), json!("de.stadtbus.refusal.v1"));
    let types: Vec<_> = answers.iter().map(|answer| &answer["type"]).collect();
    assert_eq!(types, [&receipt, &refusal, &refusal, &receipt]);
    assert_eq!(
        (&answers[0]["subject"], &answers[1]["subject"]),
        (&json!("p-1"), &json!("p-2"))
    );
    assert_eq!(
        (&answers[0]["data"]["id"], &answers[0]["data"]["position"]),
        (&json!("p-1"), &json!(1))
    );
    assert_eq!(
        (&answers[1]["data"]["code"], &answers[1]["data"]["pointer"]),
        (&json!("SB-1203"), &json!("/data/nr"))
    );
    assert_eq!(
        (&answers[2]["data"]["code"], &answers[2]["subject"]),
        (&json!("SB-1102"), &Value::Null)
    );
    assert_eq!(answers[3]["data"]["duplicate"], json!(true));
    let came = take(&amt, "amt-pull", 1, SOON).await;
    assert_eq!(came[0], event("p-1", 1));
    // In another format.
    let offer = [("sec-websocket-protocol", "cloudevents.proto")];
    let mut socket = tried(&world, &sender, PUBLISH, &offer).await.unwrap();
    socket.binary(bytes::Bytes::from_static(b"\xff")).await.unwrap();
    let answer = socket.next(SOON).await.unwrap();
    assert!(answer.is_binary(), "{answer:?}");
}
