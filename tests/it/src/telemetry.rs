//! One trace from publish to delivery, metrics that name each subscription, and health that tells the truth.

use std::collections::HashSet;
use std::sync::Mutex;

use serde_json::json;
use stadtbus_harness::{BusOptions, Mode, OtlpReceiver, Receiver, Reply, eventually};

use crate::city::{CityFolder, QUICK};
use crate::support::{LATER, changed, event, publish, recipient, sender, take, world, world_with};

#[tokio::test]
async fn publish_log_and_delivery_are_one_trace() {
    let otlp = OtlpReceiver::start().await.unwrap();
    let receiver = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    let options = BusOptions {
        otlp_endpoint: Some(otlp.endpoint()),
        ..BusOptions::default()
    };
    let world = world_with(&city, options).await;
    let sender = sender(&world).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let body = event("o-1", 1).to_string();
    let headers = [
        ("content-type", "application/cloudevents+json"),
        ("traceparent", &*format!("00-{trace}-00f067aa0ba902b7-01")),
    ];
    sender
        .send("POST", "/v1/events", &headers, body.into())
        .await
        .unwrap()
        .expect(202)
        .unwrap();
    let request = receiver.wait_for("/h", 1, LATER).await.unwrap().remove(0);
    assert!(
        request.header("traceparent").contains(trace),
        "the receiver may go on with the trace: {:?}",
        request.headers
    );
    let spans = otlp
        .wait_for("the spans of one event", LATER, |spans| {
            let own: Vec<_> = spans.iter().filter(|span| span.trace_id == trace).collect();
            own.len() >= 2 && own.iter().any(|span| span.name.contains("deliver"))
        })
        .await
        .unwrap();
    let own: Vec<_> = spans.iter().filter(|span| span.trace_id == trace).collect();
    assert!(own.iter().all(|span| span.service == "stadtbus"), "{own:?}");
    for span in &own {
        let known =
            span.parent_id == "00f067aa0ba902b7" || own.iter().any(|other| other.span_id == span.parent_id);
        assert!(known, "{} hangs in the air: {span:?}", span.name);
    }
    assert!(
        own.iter()
            .any(|span| span.attributes.iter().any(|(_, value)| value == "o-1")),
        "the event's id: {own:?}"
    );
    let text = format!("{spans:?}");
    assert!(!text.contains("zaehler-7\", \"wert"), "no data in traces");
}

#[tokio::test]
async fn the_extension_keeps_the_starting_trace() {
    let otlp = OtlpReceiver::start().await.unwrap();
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let options = BusOptions {
        otlp_endpoint: Some(otlp.endpoint()),
        ..BusOptions::default()
    };
    let world = world_with(&city, options).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let started = "00-11111111111111111111111111111111-2222222222222222-01";
    publish(&sender, &changed(event("o-2", 1), "traceparent", json!(started))).await;
    let taken = take(&amt, "amt-alles", 1, LATER).await;
    assert_eq!(
        taken[0]["traceparent"],
        json!(started),
        "what the publisher wrote is not overwritten"
    );
}

#[tokio::test]
async fn metrics_show_each_subscription() {
    let receiver = Receiver::start().await.unwrap();
    receiver.script([Reply::Status(500)]);
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    city.subscribe("amt-wartet", "sink: {pull: {}}");
    let world = world(&city).await;
    let sender = sender(&world).await;
    for n in 0..3 {
        publish(&sender, &event(&format!("m-{n}"), n)).await;
    }
    sender
        .publish(&changed(event("m-x", 1), "data", json!({})), Mode::Structured)
        .await
        .unwrap()
        .expect(422)
        .unwrap();
    receiver.wait_for("/h", 4, LATER).await.unwrap();
    let nobody = world.bus.client("");
    let text = eventually(LATER, "the figures", || async {
        let text = nobody.get("/metrics").await?.expect(200)?.text();
        let lag = value(&text, "lag", "amt-wartet");
        let settled = value(&text, "settle", "amt-hook");
        if lag == Some(3.0) && settled == Some(3.0) {
            Ok(text)
        } else {
            Err(stadtbus_harness::Failure::new(text))
        }
    })
    .await
    .unwrap();
    for (metric, subscription, expected) in
        [("attempt", "amt-hook", Some(4.0)), ("lag", "amt-hook", Some(0.0))]
    {
        assert_eq!(
            value(&text, metric, subscription),
            expected,
            "{metric} of {subscription} in\n{text}"
        );
    }
    assert!(
        value(&text, "oldest_age", "amt-wartet").is_some_and(|age| age >= 0.0),
        "{text}"
    );
    assert!(
        text.contains("SB-1204") || text.contains("SB-1203"),
        "refusals by code: {text}"
    );
    assert!(text.trim_end().ends_with("# EOF"), "OpenMetrics is complete");
    assert!(!text.contains("zaehler-7"), "no data in metrics");
}

/// The sum of all samples of a metric whose name contains `metric`, for one subscription.
fn value(text: &str, metric: &str, subscription: &str) -> Option<f64> {
    let label = format!("subscription=\"{subscription}\"");
    let samples = text
        .lines()
        .filter(|line| !line.starts_with('#') && line.contains(&label))
        .filter_map(|line| {
            let (name, _) = line.split_once('{')?;
            let countable =
                !(name.ends_with("_bucket") || name.ends_with("_sum") || name.ends_with("_created"));
            (countable && name.contains(metric)).then(|| line.rsplit(' ').next()?.parse::<f64>().ok())?
        });
    let samples: Vec<f64> = samples.collect();
    (!samples.is_empty()).then(|| samples.iter().sum())
}

/// As on a full disk: what lies in the log leaves 16 KiB until no file may be larger.
const FILE_BYTES_MAX: usize = 4 << 20;
const ROOM_BYTES: usize = 16 << 10;
const EVENTS: usize = 200;

#[tokio::test]
async fn log_lines_that_cannot_be_written_cost_nobody_an_event() {
    let seen = Mutex::new(HashSet::new());
    // Every event is refused once, and a line in the log tells so.
    let receiver = Receiver::start_with(move |request| {
        let new = seen.lock().unwrap().insert(request.event_id());
        Reply::Status(if new { 503 } else { 204 })
    })
    .await
    .unwrap();
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    let dir = tempfile::tempdir().unwrap();
    let junk = " ".repeat(FILE_BYTES_MAX - ROOM_BYTES);
    std::fs::write(dir.path().join("stadtbus.log"), junk).unwrap();
    // The limit is counted in blocks of 512 bytes; without the signal it is an error of the write.
    let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", FILE_BYTES_MAX / 512);
    let options = BusOptions {
        wrapper: ["sh", "-c", &limited, "sh"].map(str::to_owned).to_vec(),
        dir: Some(dir.path().to_path_buf()),
        ..BusOptions::default()
    };
    let world = world_with(&city, options).await;
    let sender = sender(&world).await;
    for n in 0..EVENTS {
        publish(&sender, &event(&format!("e-{n}"), 1)).await;
    }
    receiver.wait_for("/h", 2 * EVENTS, LATER).await.unwrap();
    assert_eq!(world.bus.log_text().len(), FILE_BYTES_MAX, "the log is full");
}
