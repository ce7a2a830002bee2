//! The conformance suite as anybody runs it: the bus keeps all of it, and who does not is found out.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Process, Receiver, Reply, Request, stadtbus_bin};

use crate::city::{CityFolder, SOURCE, TYPE};
use crate::support::world_with;

const WITHIN: Duration = Duration::from_secs(180);

/// What cannot be asked of an endpoint whose contracts take JSON only.
const NOT_JSON: &[&str] = &[
    "http-3-bytes",
    "http-3-no-data",
    "json-6-bytes",
    "json-6-untyped-bytes",
    "json-7-no-data",
    "json-8-text",
    "json-8-xml",
];

/// Runs `stadtbus conformance` and gives its exit code and its JSON.
async fn suite(args: &[&str]) -> (Option<i32>, Value) {
    let mut all = vec!["conformance", "--output", "json", "--lang", "en"];
    all.extend_from_slice(args);
    let done = Process::run(&stadtbus_bin().unwrap(), &all, &[], WITHIN)
        .await
        .unwrap();
    let document = serde_json::from_str(&done.stdout);
    let document = document.unwrap_or_else(|error| panic!("{error}: {}{}", done.stdout, done.stderr));
    (done.code, document)
}

/// The names of the cases with this verdict, sorted.
fn with_verdict<'a>(document: &'a Value, verdict: &str) -> Vec<&'a str> {
    let cases = document["cases"].as_array().unwrap().iter();
    let mut names: Vec<_> = cases
        .filter(|case| case["verdict"] == verdict)
        .map(|case| case["case"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    names
}

fn told(document: &Value, case: &str) -> String {
    let cases = document["cases"].as_array().unwrap();
    let found = cases.iter().find(|one| one["case"] == case);
    found.unwrap_or_else(|| panic!("no case {case}")).to_string()
}

/// A contract that takes any JSON.
fn open_city() -> CityFolder {
    let city = CityFolder::new();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://conformance.example/Schema/./%7Esuite?v=1"
    });
    city.write("contracts/werk/meldung/v1/schema.json", &schema.to_string());
    let contract = std::fs::read_to_string(city.root().join("contracts/werk/meldung/v1/contract.odcs.yaml"));
    let contract = contract.unwrap();
    let without_properties: Vec<&str> = contract
        .lines()
        .filter(|line| !line.trim_start().starts_with("- {name: "))
        .map(|line| {
            if line == "    properties:" {
                "    properties: []"
            } else {
                line
            }
        })
        .collect();
    city.write(
        "contracts/werk/meldung/v1/contract.odcs.yaml",
        &without_properties.join("\n"),
    );
    city.subscribe("amt-alles", "sink: {pull: {}}");
    city
}

/// CORE-1 to CORE-12, JSON-1 to JSON-9, HTTP-1 to HTTP-7, HOOK-3, HOOK-6 to HOOK-9, SAFE-1 and the extensions, from outside:
/// every case of the suite, with what was sent compared with what came out.
#[tokio::test]
async fn the_bus_keeps_every_requirement() {
    let city = open_city();
    let bus = BusOptions {
        env: vec![("STADTBUS_QUERY_TOKENS".to_owned(), "true".to_owned())],
        ..BusOptions::default()
    };
    let world = world_with(&city, bus).await;
    let sender = world.client("werk", "sender", "publish").await.unwrap();
    let reader = world.client("amt", "empfang", "subscribe").await.unwrap();
    let (endpoint, out) = (
        format!("{}/v1/events", world.bus.base()),
        format!("{}/v1/subscriptions/amt-alles/receive", world.bus.base()),
    );
    let junit = world.dir().join("suite.xml");
    let (code, document) = suite(&[
        &endpoint,
        "--token",
        sender.token(),
        "--source",
        SOURCE,
        "--type",
        TYPE,
        "--takes",
        "json",
        "--claim",
        "batch,webhook,query-token,extensions",
        "--readback",
        &out,
        "--readback-token",
        reader.token(),
        "--junit",
        junit.to_str().unwrap(),
    ])
    .await;
    let failed: Vec<String> = with_verdict(&document, "fail")
        .into_iter()
        .map(|case| told(&document, case))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert_eq!(with_verdict(&document, "not-testable"), NOT_JSON);
    assert_eq!(with_verdict(&document, "not-claimed"), Vec::<&str>::new());
    assert_eq!(code, Some(0));
    let requirements = document["requirements"].as_object().unwrap();
    let not_passed: Vec<_> = requirements
        .iter()
        .filter(|(_, verdict)| *verdict != "pass")
        .collect();
    // JSON-8 is about data that is not JSON.
    assert_eq!(not_passed, [(&"JSON-8".to_owned(), &json!("not-testable"))]);
    let cases = document["cases"].as_array().unwrap().len();
    let junit = std::fs::read_to_string(junit).unwrap();
    assert_eq!(junit.matches("<testcase ").count(), cases);
    assert_eq!(junit.matches("<skipped ").count(), NOT_JSON.len());
}

#[tokio::test]
async fn who_accepts_everything_is_found_out() {
    let receiver = Receiver::start_with(|_| Reply::Status(200)).await.unwrap();
    let (code, document) = suite(&[&receiver.url("/events"), "--claim", "webhook"]).await;
    assert_eq!(code, Some(1));
    let failed = with_verdict(&document, "fail");
    for case in [
        "core-2-without-id",
        "core-3-upper-case",
        "core-4-binary-id-twice",
        "core-5-integer-too-large",
        "core-6-time-word",
        "json-2-both-data",
        "http-3-ce-datacontenttype",
        "http-4-overlong",
        "hook-6-unknown-format",
        "hook-8-consent",
    ] {
        assert!(failed.contains(&case), "{case}: {}", told(&document, case));
    }
    // It did take what is right; what became of an unknown format nobody can see.
    let passed = with_verdict(&document, "pass");
    assert!(passed.contains(&"core-1-structured") && passed.contains(&"core-9-64-kib-binary"));
    assert!(with_verdict(&document, "not-testable").contains(&"http-7-unknown-format"));
    assert!(with_verdict(&document, "not-claimed").contains(&"json-3-batch-two"));
}

#[tokio::test]
async fn who_refuses_everything_is_not_praised_for_it() {
    let receiver = Receiver::start_with(|_| Reply::Status(400)).await.unwrap();
    let (code, document) = suite(&[&receiver.url("/events")]).await;
    assert_eq!(code, Some(1));
    assert!(with_verdict(&document, "fail").contains(&"core-1-structured"));
    assert_eq!(with_verdict(&document, "pass"), Vec::<&str>::new());
}

#[tokio::test]
async fn who_breaks_on_bad_input_is_found_out() {
    let receiver = Receiver::start_with(|request| {
        let good = request.json()["specversion"] == "1.0" || request.header("ce-specversion") == "1.0";
        Reply::Status(if good { 202 } else { 500 })
    })
    .await
    .unwrap();
    let (code, document) = suite(&[&receiver.url("/events"), "--only", "core-2-without-specversion"]).await;
    assert_eq!(code, Some(1), "{document}");
    assert_eq!(with_verdict(&document, "fail"), ["core-2-without-specversion"]);
}

/// Answers with the event, after `change`.
async fn echo(change: fn(&mut Value)) -> Receiver {
    let answer = move |request: &Request| {
        let mut event = request.json();
        if !request
            .header("content-type")
            .starts_with("application/cloudevents+json")
            || event["id"] == ""
        {
            return Reply::Status(400);
        }
        change(&mut event);
        Reply::Full {
            status: 200,
            headers: vec![(
                "content-type".to_owned(),
                "application/cloudevents+json".to_owned(),
            )],
            body: Bytes::from(event.to_string()),
        }
    };
    Receiver::start_with(answer).await.unwrap()
}

#[tokio::test]
async fn who_alters_events_is_found_out() {
    type Change = fn(&mut Value);
    let cases: &[(&str, &str, Change)] = &[
        ("nothing", "", |_| {}),
        ("time cut to seconds", "core-12-time-instant", |event| {
            if event["time"].is_string() {
                event["time"] = json!("2026-11-23T13:00:00Z");
            }
        }),
        ("offset lost", "core-12-time-spelling", |event| {
            if event["time"].is_string() {
                event["time"] = json!("2026-11-23T13:00:00.12Z");
            }
        }),
        ("extension dropped", "core-9-unknown-extension", |event| {
            event.as_object_mut().unwrap().remove("unknownext");
        }),
        ("source normalised", "core-10-odd-source", |event| {
            event["source"] = json!(event["source"].as_str().unwrap().replace("/./b/..", ""));
        }),
        ("string parsed again", "json-5-string-not-parsed", |event| {
            if let Some(text) = event["data"].as_str() {
                event["data"] = serde_json::from_str(text).unwrap_or(Value::Null);
            }
        }),
        ("null data lost", "json-7-null-data", |event| {
            if event["data"].is_null() {
                event.as_object_mut().unwrap().remove("data");
            }
        }),
        ("integer clamped", "core-5-integer-smallest", |event| {
            if event["suiteext"].is_i64() {
                event["suiteext"] = json!(0);
            }
        }),
        ("trace rewritten", "ext-tracing-kept", |event| {
            if event["traceparent"].is_string() {
                event["traceparent"] = json!("00-11111111111111111111111111111111-2222222222222222-01");
            }
        }),
        ("another event", "core-1-structured", |event| {
            event["id"] = json!("other")
        }),
    ];
    for (name, case, change) in cases {
        let receiver = echo(*change).await;
        let only = if case.is_empty() { "CORE-12" } else { case };
        let (_, document) = suite(&[&receiver.url("/"), "--echo", "--only", only]).await;
        let failed = with_verdict(&document, "fail");
        if case.is_empty() {
            // Its JSON library keeps what these cases send.
            assert!(
                !failed.iter().any(|case| case.starts_with("core-12-time")),
                "{document}"
            );
        } else {
            assert!(failed.contains(case), "{name}: {}", told(&document, case));
        }
    }
}

#[tokio::test]
async fn every_run_ends_and_lists_need_no_endpoint() {
    let receiver = Receiver::start_with(|_| Reply::Hang).await.unwrap();
    let (code, document) = suite(&[&receiver.url("/"), "--timeout", "200ms"]).await;
    assert_eq!(code, Some(1));
    assert!(receiver.count() <= 4, "asked {} times", receiver.count());
    assert_eq!(with_verdict(&document, "pass"), Vec::<&str>::new());
    let (code, list) = suite(&["--list", "--level", "must"]).await;
    assert_eq!(code, Some(0));
    let cases = list["cases"].as_array().unwrap();
    assert!(cases.len() > 100 && cases.iter().all(|case| case["level"] == "MUST"));
}
