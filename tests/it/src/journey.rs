//! The journey answers "why did this not arrive?" for one event: every decision, with its rule.

use serde_json::{Value, json};
use stadtbus_harness::{Failure, Receiver, Reply, World, eventually};

use crate::city::{CityFolder, QUICK};
use crate::support::{LATER, event, publish, recipient, sender, take, world};

/// A city in which one event is delivered, retried, filtered out, refused for good and left waiting.
async fn busy_city() -> (World, Receiver) {
    let receiver = Receiver::start_with(|request| match request.path.as_str() {
        "/nie" => Reply::Status(400),
        _ => Reply::Status(204),
    })
    .await
    .unwrap();
    let city = CityFolder::new();
    city.webhook("amt-bekommt", &receiver.url("/immer"), QUICK);
    city.webhook("amt-lehnt-ab", &receiver.url("/nie"), QUICK);
    city.subscribe(
        "amt-filtert",
        "sink: {pull: {}}\nfilters: [{exact: {subject: zaehler-8}}]",
    );
    city.subscribe("amt-holt", "sink: {pull: {}}");
    (world(&city).await, receiver)
}

async fn settled(world: &World, id: &str) -> Value {
    let sender = sender(world).await;
    take(&recipient(world).await, "amt-holt", 1, LATER).await;
    let ends = ["delivered", "dead-lettered", "not-matched"];
    eventually(LATER, "the whole journey", || async {
        let journey = sender.journey("werk", id).await?.expect(200)?.json();
        let steps = journey["steps"].as_array().cloned().unwrap_or_default();
        let ended = |subscription: &&str| {
            steps.iter().any(|step| {
                step["subscription"] == json!(subscription)
                    && ends.contains(&step["outcome"].as_str().unwrap_or_default())
            })
        };
        let all = ["amt-bekommt", "amt-lehnt-ab", "amt-filtert", "amt-holt"]
            .iter()
            .all(ended);
        if all {
            Ok(journey)
        } else {
            Err(Failure::new(journey.to_string()))
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn the_journey_tells_every_decision() {
    let (world, _receiver) = busy_city().await;
    publish(&sender(&world).await, &event("j-1", 1)).await;
    let mut journey = settled(&world, "j-1").await;
    let steps = journey["steps"].as_array_mut().unwrap();
    for step in steps.iter() {
        assert!(step["step"].is_string() && step["outcome"].is_string(), "{step}");
    }
    // Lanes work side by side: between them there is no order to assert.
    steps.sort_by_key(|step| {
        (
            step["subscription"].to_string(),
            step["step"].to_string(),
            step["outcome"].to_string(),
        )
    });
    insta::with_settings!({filters => filters()}, {
        insta::assert_json_snapshot!("journey", journey);
    });
}

#[tokio::test]
async fn the_trace_command_says_it_in_words() {
    let (world, _receiver) = busy_city().await;
    let sender = sender(&world).await;
    publish(&sender, &event("j-2", 1)).await;
    settled(&world, "j-2").await;
    for lang in ["de", "en"] {
        let args = ["trace", "j-2", "--partner", "werk", "--lang", lang, "--no-color"];
        let done = world
            .bus
            .command(sender.token(), &args, &[])
            .await
            .unwrap()
            .success("stadtbus trace")
            .unwrap();
        let mut lines: Vec<_> = done.stdout.lines().collect();
        lines.sort_by_key(|line| insta_key(line));
        insta::with_settings!({filters => filters()}, {
            insta::assert_snapshot!(format!("trace_{lang}"), lines.join("\n"));
        });
    }
    let missing = world
        .bus
        .command(
            sender.token(),
            &["trace", "nie-gesehen", "--partner", "werk"],
            &[],
        )
        .await
        .unwrap();
    assert_ne!(missing.code, Some(0));
    assert!(missing.stderr.contains("SB-2005"), "{}", missing.stderr);
}

/// The line without its time, so that lanes that worked side by side come in one order.
fn insta_key(line: &str) -> String {
    line.trim_start_matches(|c: char| c.is_ascii_digit() || c.is_whitespace() || ".:,-TZ+".contains(c))
        .to_owned()
}

fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
            "[time]",
        ),
        (r"\d\d:\d\d:\d\d([.,]\d+)?", "[time]"),
        (r"\d\d\.\d\d\.\d{4}", "[date]"),
        (r"\d+([.,]\d+)? ?(ms|µs|s)\b", "[duration]"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        (r"[0-9a-f]{64}", "[sha256]"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[uuid]",
        ),
        (r"[0-9a-f]{32}", "[trace]"),
        (r"\d{4}-\d\d-\d\d", "[date]"),
    ]
}
