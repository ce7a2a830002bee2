//! The harness is a witness; these tests ask whether it tells the truth.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as WireSpan};
use prost::Message;
use serde_json::json;

use super::*;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_receiver_answers_as_it_is_told() {
    let receiver = Receiver::start().await.unwrap();
    receiver.script([
        Reply::with_header(503, "retry-after", "7"),
        Reply::Close,
        Reply::Garbage(Bytes::from_static(b"\x00\x01 this is not HTTP\r\n\r\n")),
        Reply::After(Duration::from_millis(5), Box::new(Reply::Status(410))),
    ]);
    let client = HttpClient::new();
    let url = receiver.url("/eingang?x=1");
    let first = client
        .send("POST", &url, &[("ce-id", "a")], Bytes::from_static(b"{}"))
        .await
        .unwrap();
    assert_eq!((first.status, first.header("retry-after")), (503, "7"));
    // Whether the client sees a reset or a parse error is its own affair: an answer it must not see.
    client.get(&url, &[]).await.unwrap_err();
    client.get(&url, &[]).await.unwrap_err();
    assert_eq!(client.get(&url, &[]).await.unwrap().status, 410);
    assert_eq!(
        client.get(&url, &[]).await.unwrap().status,
        204,
        "after the script the steady reply"
    );
    let requests = receiver.wait_for("/eingang?x=1", 5, SOON).await.unwrap();
    assert_eq!(
        (requests[0].event_id(), requests[0].method.as_str()),
        ("a".to_owned(), "POST")
    );
}

#[tokio::test]
async fn a_receiver_that_hangs_or_never_ends_is_cut_off_by_the_client() {
    let receiver = Receiver::start().await.unwrap();
    let client = HttpClient::new().with_deadline(Duration::from_millis(200));
    for reply in [Reply::Hang, Reply::Endless] {
        receiver.script([reply]);
        client.get(&receiver.url("/"), &[]).await.unwrap_err();
    }
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn spans_are_read_from_protobuf_and_nonsense_is_a_failure() {
    let otlp = OtlpReceiver::start().await.unwrap();
    let span = WireSpan {
        trace_id: vec![0xab; 16],
        span_id: vec![1; 8],
        name: "accept".into(),
        ..WireSpan::default()
    };
    let export = ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: vec![span],
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    };
    let client = HttpClient::new();
    let url = format!("{}/v1/traces", otlp.endpoint());
    client
        .send("POST", &url, &[], Bytes::from(export.encode_to_vec()))
        .await
        .unwrap();
    let spans = otlp
        .wait_for("one span", SOON, |spans| spans.len() == 1)
        .await
        .unwrap();
    assert_eq!(
        (spans[0].trace_id.as_str(), spans[0].name.as_str()),
        ("ab".repeat(16).as_str(), "accept")
    );
    client
        .send("POST", &url, &[], Bytes::from_static(b"\xff\xff\xff"))
        .await
        .unwrap();
    otlp.spans().unwrap_err();
}

#[tokio::test]
async fn a_broker_comes_back_on_its_port_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut nats = NatsServer::start(dir.path().join("nats"), NatsOptions::default())
        .await
        .unwrap();
    let (url, monitor) = (nats.url(), nats.monitor());
    nats.kill_hard().await.unwrap();
    HttpClient::new()
        .get(&format!("{monitor}/varz"), &[])
        .await
        .unwrap_err();
    nats.start_again().await.unwrap();
    assert_eq!((nats.url(), nats.monitor()), (url, monitor.clone()));
    let varz = HttpClient::new()
        .get(&format!("{monitor}/varz"), &[])
        .await
        .unwrap()
        .json();
    assert_eq!(varz["jetstream"]["config"]["sync_always"], json!(true));
}

#[tokio::test]
async fn a_wait_ends_at_its_deadline_and_says_what_it_saw() {
    let failure = eventually(Duration::from_millis(60), "rain", || async {
        Err::<(), _>(Failure::new("sun"))
    })
    .await;
    let text = failure.unwrap_err().to_string();
    assert!(text.contains("rain") && text.contains("sun"), "{text}");
}

#[test]
fn a_token_is_taken_apart_and_put_together_again() {
    let parts = TokenParts {
        header: json!({"alg": "none"}),
        claims: json!({"sub": "ngn/leitwarte"}),
    };
    assert_eq!(TokenParts::of(&format!("{}.", parts.unsigned())).unwrap(), parts);
    TokenParts::of("a").unwrap_err();
}
