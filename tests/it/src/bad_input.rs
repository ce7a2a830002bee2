//! Bad input is normal input: each gets its code, a sentence that helps and does not repeat the payload, and leaves nothing behind.

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{Answer, Client};

use crate::city::{CityFolder, SOURCE, TYPE};
use crate::support::{changed, event, recipient, sender, world};

/// A word that stands in every payload here and must stand in no answer.
const SECRET: &str = "Geheimwort-4711";

struct Case {
    name: &'static str,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    status: u16,
    code: &'static str,
    pointer: Option<&'static str>,
}

fn structured(
    name: &'static str,
    event: Value,
    status: u16,
    code: &'static str,
    pointer: Option<&'static str>,
) -> Case {
    let body = Bytes::from(event.to_string());
    Case {
        name,
        content_type: "application/cloudevents+json",
        headers: Vec::new(),
        body,
        status,
        code,
        pointer,
    }
}

fn raw(
    name: &'static str,
    content_type: &'static str,
    body: impl Into<Bytes>,
    status: u16,
    code: &'static str,
) -> Case {
    Case {
        name,
        content_type,
        headers: Vec::new(),
        body: body.into(),
        status,
        code,
        pointer: None,
    }
}

fn binary(name: &'static str, headers: &[(&'static str, &str)], status: u16, code: &'static str) -> Case {
    let mut all = vec![
        ("ce-specversion", "1.0".to_owned()),
        ("ce-id", "x-1".to_owned()),
        ("ce-source", SOURCE.to_owned()),
        ("ce-type", TYPE.to_owned()),
    ];
    for (name, value) in headers {
        match all.iter_mut().find(|(known, _)| known == name) {
            Some(known) => (*value).clone_into(&mut known.1),
            None => all.push((name, (*value).to_owned())),
        }
    }
    all.retain(|(_, value)| value != "-");
    let body = Bytes::from(json!({"nr": SECRET, "wert": 1}).to_string());
    Case {
        name,
        content_type: "application/json",
        headers: all,
        body,
        status,
        code,
        pointer: None,
    }
}

fn secret_event() -> Value {
    changed(event("x-1", 1), "data", json!({"nr": SECRET, "wert": 1}))
}

fn cases() -> Vec<Case> {
    let with = |member: &str, value: Value| changed(secret_event(), member, value);
    vec![
        raw(
            "neither mode",
            "application/json",
            json!({"nr": SECRET}).to_string(),
            400,
            "SB-1101",
        ),
        raw("no content type", "", SECRET, 400, "SB-1101"),
        raw(
            "no JSON",
            "application/cloudevents+json",
            format!("{{\"id\": {SECRET}"),
            400,
            "SB-1102",
        ),
        raw(
            "JSON that is no object",
            "application/cloudevents+json",
            format!("[\"{SECRET}\"]"),
            400,
            "SB-1102",
        ),
        raw("empty body", "application/cloudevents+json", "", 400, "SB-1102"),
        raw(
            "not UTF-8",
            "application/cloudevents+json",
            &b"{\"id\":\"\xff\"}"[..],
            400,
            "SB-1102",
        ),
        raw(
            "batch that is an object",
            "application/cloudevents-batch+json",
            secret_event().to_string(),
            400,
            "SB-1108",
        ),
        raw("Avro", "application/cloudevents+avro", SECRET, 415, "SB-1109"),
        structured("no id", with("id", json!(null)), 400, "SB-1103", None),
        structured("empty id", with("id", json!("")), 400, "SB-1103", None),
        structured("no source", with("source", json!(null)), 400, "SB-1103", None),
        structured("no type", with("type", json!(null)), 400, "SB-1103", None),
        structured(
            "upper case name",
            with("Kennung", json!(SECRET)),
            400,
            "SB-1104",
            None,
        ),
        structured(
            "time that is none",
            with("time", json!(format!("gestern {SECRET}"))),
            400,
            "SB-1105",
            None,
        ),
        structured(
            "attribute that is an object",
            with("extra", json!({"a": SECRET})),
            400,
            "SB-1105",
            None,
        ),
        structured(
            "data twice",
            with("data_base64", json!("QQ==")),
            400,
            "SB-1107",
            None,
        ),
        structured(
            "specversion 0.3",
            with("specversion", json!("0.3")),
            400,
            "SB-1111",
            None,
        ),
        structured(
            "unknown type",
            with("type", json!("de.probe.werk.unbekannt.v1")),
            422,
            "SB-1201",
            None,
        ),
        structured(
            "source of another partner",
            with("source", json!("urn:probe:fremd:sender")),
            403,
            "SB-1306",
            Some("/source"),
        ),
        structured(
            "source that only begins alike",
            with("source", json!("urn:probe:werk:sender2")),
            403,
            "SB-1306",
            Some("/source"),
        ),
        structured(
            "data against the schema",
            with("data", json!({"nr": SECRET, "wert": SECRET})),
            422,
            "SB-1203",
            Some("/data/wert"),
        ),
        structured(
            "a field too many",
            with("data", json!({"nr": SECRET, "wert": 1, "mehr": SECRET})),
            422,
            "SB-1203",
            Some("/data/mehr"),
        ),
        structured(
            "a field missing",
            with("data", json!({"wert": 1})),
            422,
            "SB-1203",
            Some("/data/nr"),
        ),
        structured("no data", with("data", json!(null)), 422, "SB-1204", None),
        binary("binary without id", &[("ce-id", "-")], 400, "SB-1103"),
        binary(
            "binary with a bad percent code",
            &[("ce-subject", "100%ZZ")],
            400,
            "SB-1110",
        ),
        binary(
            "binary with another version",
            &[("ce-specversion", "2.0")],
            400,
            "SB-1111",
        ),
        structured(
            "event too large",
            with(
                "data",
                json!({"nr": "x", "wert": 1, "text": "x".repeat(300 * 1024)}),
            ),
            413,
            "SB-1406",
            None,
        ),
    ]
}

fn judge(case: &Case, answer: &Answer) -> Result<(), String> {
    let body = answer.json();
    let found = (answer.status, answer.code());
    if found != (case.status, case.code.to_owned()) {
        return Err(format!("{} {}: {}", found.0, found.1, answer.text()));
    }
    if case
        .pointer
        .is_some_and(|pointer| body["pointer"] != json!(pointer))
    {
        return Err(format!(
            "pointer {} instead of {:?}",
            body["pointer"], case.pointer
        ));
    }
    if !answer
        .header("content-type")
        .starts_with("application/problem+json")
    {
        return Err(format!("content type {:?}", answer.header("content-type")));
    }
    if body["detail"].as_str().is_none_or(|detail| detail.len() < 10) || body["status"] != json!(case.status)
    {
        return Err(format!("not a helpful problem: {body}"));
    }
    if answer.text().contains(SECRET) {
        return Err(format!("repeats the payload: {body}"));
    }
    Ok(())
}

async fn post(client: &Client, case: &Case) -> Answer {
    let mut headers: Vec<(&str, &str)> = case
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    if !case.content_type.is_empty() {
        headers.push(("content-type", case.content_type));
    }
    client
        .send("POST", "/v1/events", &headers, case.body.clone())
        .await
        .unwrap()
}

#[tokio::test]
async fn every_malformed_event_gets_its_code_and_leaves_nothing() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let sender = sender(&world).await;
    let mut wrong = Vec::new();
    for case in cases() {
        let answer = post(&sender, &case).await;
        if let Err(reason) = judge(&case, &answer) {
            wrong.push(format!("{}: {reason}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One good event is the whole log: nothing of the above was stored before it.
    let receipt = crate::support::publish(&sender, &event("gut", 1)).await;
    assert_eq!(receipt["position"], json!(1), "{receipt}");
    assert!(
        !world.bus.log_text().contains(SECRET),
        "the log repeats a payload"
    );
}

#[tokio::test]
async fn limits_of_the_request_are_answered() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let sender = sender(&world).await;
    let large = Bytes::from(vec![b'x'; (8 << 20) + 1]);
    let answer = sender
        .send(
            "POST",
            "/v1/events",
            &[("content-type", "application/cloudevents+json")],
            large,
        )
        .await;
    // A server may close while the body is still being sent; an answer, if it is seen, is this one.
    if let Ok(answer) = answer {
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (413, "SB-1401"),
            "{}",
            answer.text()
        );
    }
    let many: Vec<_> = (0..1001).map(|n| event(&format!("v-{n}"), n)).collect();
    let answer = sender.publish_batch(&many).await.unwrap();
    assert_eq!(answer.code(), "SB-1403", "{}", answer.text());
    let long = "x".repeat(600 * 1024);
    let answer = sender
        .send("POST", "/v1/events", &[("x-lang", &long)], Bytes::new())
        .await;
    assert!(
        answer.map_or(true, |answer| answer.status == 431),
        "headers too large"
    );
    crate::support::publish(&sender, &event("danach", 1)).await;
}

#[tokio::test]
async fn unknown_names_and_wrong_calls_are_told() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    city.subscribe("amt-strom", "sink: {sse: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let receive = json!({"max": 1});
    let handles = json!({"handles": ["erfunden"]});
    let mut wrong = Vec::new();
    for (name, answer, status, code) in [
        (
            "unknown route",
            sender
                .ingest("gibt-es-nicht", "application/json", "{}")
                .await
                .unwrap(),
            404,
            "SB-2002",
        ),
        (
            "unknown subscription",
            amt.post("/v1/subscriptions/amt-nichts/receive", &receive)
                .await
                .unwrap(),
            404,
            "SB-2001",
        ),
        (
            "pull from a stream",
            amt.post("/v1/subscriptions/amt-strom/receive", &receive)
                .await
                .unwrap(),
            409,
            "SB-2007",
        ),
        (
            "unknown event",
            amt.journey("werk", "nie-gesehen").await.unwrap(),
            404,
            "SB-2005",
        ),
        (
            "receive without JSON",
            amt.send(
                "POST",
                "/v1/subscriptions/amt-alles/receive",
                &[],
                Bytes::from_static(b"{"),
            )
            .await
            .unwrap(),
            400,
            "SB-1102",
        ),
    ] {
        if (answer.status, answer.code().as_str()) != (status, code) {
            wrong.push(format!("{name}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let answer = amt
        .post("/v1/subscriptions/amt-alles/acknowledge", &handles)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(answer.json(), json!({"settled": 0, "unknown": ["erfunden"]}));
}
