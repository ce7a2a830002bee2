//! The shipped city with its plugins: ingest routes, derivation, and one trace through all of it. What each receiver gets,
//! byte by byte, is the demo's to check.

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Client, OtlpReceiver, Receiver, World, WorldOptions, workspace_dir};

use crate::support::{LATER, SOON, krefeld, nothing_more, take};

/// The city with all its webhooks led to one receiver.
pub(crate) async fn city(bus: BusOptions) -> (World, Receiver) {
    let receiver = Receiver::start().await.unwrap();
    let names = [
        "FB37",
        "PRESSE",
        "WOHNSTAETTE",
        "GSAK",
        "NGN",
        "KBK_KANAL",
        "KBK_INNENDIENST",
    ];
    let city_env = names.map(|name| {
        (
            format!("DEMO_{name}_URL"),
            receiver.url(&format!("/{}", name.to_lowercase())),
        )
    });
    let options = WorldOptions {
        bus,
        city: Some(krefeld()),
        city_env: city_env.to_vec(),
        operator: ("stadtbus-betrieb".to_owned(), "leitstand".to_owned()),
        ..WorldOptions::default()
    };
    (World::start(options).await.unwrap(), receiver)
}

pub(crate) fn input(name: &str) -> Bytes {
    std::fs::read(workspace_dir().join("tests/demo/inputs").join(name))
        .unwrap()
        .into()
}

pub(crate) async fn control_room(world: &World) -> Client {
    world.client("ngn", "leitwarte", "publish").await.unwrap()
}

#[tokio::test]
async fn the_same_input_twice_is_one_event() {
    let (world, receiver) = city(BusOptions::default()).await;
    let ngn = control_room(&world).await;
    let body = input("s1-1-revision-2.json");
    let first = ngn
        .ingest("ngn-stoerung", "application/json", body.clone())
        .await
        .unwrap()
        .expect(202)
        .unwrap()
        .json();
    let again = ngn
        .ingest("ngn-stoerung", "application/json", body)
        .await
        .unwrap()
        .expect(202)
        .unwrap()
        .json();
    assert_eq!(first["receipts"][0]["id"], again["receipts"][0]["id"], "{again}");
    assert_eq!(again["receipts"][0]["duplicate"], json!(true), "{again}");
    let fb32 = world
        .client("fb32", "verkehrslenkung", "subscribe")
        .await
        .unwrap();
    take(&fb32, "fb32-stromausfall", 1, SOON).await;
    nothing_more(&fb32, "fb32-stromausfall").await;
    receiver.wait_for("/fb37", 1, SOON).await.unwrap();
    receiver.wait_for("/presse", 1, SOON).await.unwrap();
    receiver.wait_for("/wohnstaette", 1, SOON).await.unwrap();
    assert_eq!(receiver.count(), 3);
}

#[tokio::test]
async fn unusable_input_is_refused_at_the_door() {
    let (world, receiver) = city(BusOptions::default()).await;
    let ngn = control_room(&world).await;
    let kbk = world.client("kbk", "maak-et", "publish").await.unwrap();
    let good = input("s1-1-revision-2.json");
    let broken = |text: &str| Bytes::from(text.to_owned());
    let mut wrong = Vec::new();
    for (name, client, route, kind, body, status, code) in [
        (
            "no JSON",
            &ngn,
            "ngn-stoerung",
            "application/json",
            broken("{\"stoerungId\": "),
            422,
            "SB-4",
        ),
        (
            "another form",
            &ngn,
            "ngn-stoerung",
            "application/json",
            broken("{\"stoerungId\": 7}"),
            422,
            "SB-4",
        ),
        (
            "no key",
            &ngn,
            "ngn-stoerung",
            "application/json",
            broken("{}"),
            422,
            "SB-4",
        ),
        (
            "another media type",
            &ngn,
            "ngn-stoerung",
            "text/csv",
            good.clone(),
            415,
            "SB-1109",
        ),
        (
            "another's route",
            &kbk,
            "ngn-stoerung",
            "application/json",
            good.clone(),
            403,
            "SB-1311",
        ),
        (
            "unknown route",
            &ngn,
            "ngn-störung",
            "application/json",
            good.clone(),
            404,
            "SB-2002",
        ),
    ] {
        let answer = client.ingest(route, kind, body).await.unwrap();
        if answer.status != status || !answer.code().starts_with(code) {
            wrong.push(format!("{name}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    ngn.ingest("ngn-stoerung", "application/json", good)
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    receiver.wait_for("/fb37", 1, SOON).await.unwrap();
    assert_eq!(
        receiver.requests_to("/fb37").len(),
        1,
        "nothing of the above came through"
    );
}

#[tokio::test]
async fn what_may_not_leave_does_not_leave() {
    let (world, receiver) = city(BusOptions::default()).await;
    let ngn = control_room(&world).await;
    let lorawan = world.client("swk-connect", "lorawan", "publish").await.unwrap();
    let kbk = world.client("kbk", "maak-et", "publish").await.unwrap();
    ngn.ingest("ngn-stoerung", "application/json", input("s1-1-revision-2.json"))
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    lorawan
        .ingest(
            "swk-connect-container",
            "application/json",
            input("s3-1-full.json"),
        )
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    kbk.ingest(
        "kbk-maengelmelder",
        "application/json",
        input("s2-1-dumping.json"),
    )
    .await
    .unwrap()
    .expect(202)
    .unwrap();
    receiver.wait_for("/presse", 1, SOON).await.unwrap();
    receiver.wait_for("/wohnstaette", 1, SOON).await.unwrap();
    receiver.wait_for("/gsak", 3, SOON).await.unwrap();
    for (path, never) in [
        ("/presse", &["ONS-", "12480"][..]),
        ("/wohnstaette", &["ONS-", "12480"][..]),
        (
            "/gsak",
            &[
                "70b3d57ed0059876",
                "DC-INRATH",
                "0016c001f153b20d",
                "rssi",
                "4711-08",
                "erika.mustermann",
            ][..],
        ),
    ] {
        for request in receiver.requests_to(path) {
            let text = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.body));
            let found: Vec<_> = never.iter().filter(|word| text.contains(**word)).collect();
            assert!(found.is_empty(), "{found:?} left to {path}: {text}");
        }
    }
    for word in ["erika.mustermann", "4711-08", "70b3d57ed0059876"] {
        assert!(!world.bus.log_text().contains(word), "{word} in the log");
    }
}

#[tokio::test]
async fn one_trace_from_the_door_through_the_plugin_to_the_receiver() {
    let otlp = OtlpReceiver::start().await.unwrap();
    let options = BusOptions {
        otlp_endpoint: Some(otlp.endpoint()),
        ..BusOptions::default()
    };
    let (world, receiver) = city(options).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let headers = [
        ("content-type", "application/json"),
        ("traceparent", parent.as_str()),
    ];
    let ngn = control_room(&world).await;
    let body = input("s1-1-revision-2.json");
    ngn.send("POST", "/v1/ingest/ngn-stoerung", &headers, body)
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    let press = receiver.wait_for("/presse", 1, SOON).await.unwrap().remove(0);
    let own = |spans: &[stadtbus_harness::Span]| -> Vec<_> {
        spans
            .iter()
            .filter(|span| span.trace_id == trace)
            .cloned()
            .collect()
    };
    let steps = [
        "transform ngn-oeffentliche-lage",
        "deliver presse-stromausfall",
        "deliver fb37-stromausfall",
    ];
    let spans = otlp
        .wait_for("spans of every step in one trace", LATER, |spans| {
            let own = own(spans);
            own.iter().any(|span| span.parent_id == "b7ad6b7169203331")
                && steps.iter().all(|step| own.iter().any(|span| span.name == *step))
        })
        .await;
    let spans = own(&spans.unwrap_or_else(|failure| panic!("{failure}: {:?}", otlp.spans())));
    for span in &spans {
        let hangs =
            span.parent_id == "b7ad6b7169203331" || spans.iter().any(|other| other.span_id == span.parent_id);
        assert!(hangs, "{} hangs in the air: {span:?}", span.name);
    }
    assert!(press.header("traceparent").contains(trace), "{:?}", press.headers);
    let text = format!("{spans:?}");
    for word in ["ONS-0217", "12480", "Tiefbau"] {
        assert!(!text.contains(word), "{word} in a trace");
    }
}

#[tokio::test]
async fn state_outlives_a_crash() {
    let (mut world, receiver) = city(BusOptions::default()).await;
    let ngn = control_room(&world).await;
    let send = async |name: &str| -> Value {
        ngn.ingest("ngn-stoerung", "application/json", input(name))
            .await
            .unwrap()
            .expect(202)
            .unwrap()
            .json()
    };
    send("s1-1-revision-2.json").await;
    receiver.wait_for("/fb37", 1, SOON).await.unwrap();
    world.bus.kill_hard().await.unwrap();
    world.nats.kill_hard().await.unwrap();
    world.nats.start_again().await.unwrap();
    world.bus.start_again().await.unwrap();
    let late = send("s1-2-revision-1-late.json").await;
    assert_eq!(late["dropped"]["code"], json!("veraltete-revision"), "{late}");
    assert_eq!(late["receipts"], json!([]));
}
