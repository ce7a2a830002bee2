//! The live stream (SSE), and the tap for those who look after it.

use serde_json::json;
use stadtbus_harness::{BusOptions, Client, SseEvent, SseStream, World, eventually};

use crate::city::{CityFolder, TYPE};
use crate::support::{SOON, dead_letters, event, publish, recipient, sender, step, world, world_with};

const PATH: &str = "/v1/subscriptions/amt-strom/stream";

async fn streaming(more: &str, limits: &str) -> (World, Client, Client) {
    let city = CityFolder::new();
    city.subscribe("amt-strom", &format!("sink: {{sse: {{}}}}\n{more}"));
    let options = BusOptions {
        extra_config: format!("[limits]\n{limits}"),
        ..BusOptions::default()
    };
    let world = world_with(&city, options).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    (world, sender, amt)
}

async fn publish_all(sender: &Client, numbers: std::ops::Range<i64>) {
    for n in numbers {
        publish(sender, &event(&format!("st-{n}"), n)).await;
    }
}

/// The next `count` events.
async fn next(stream: &mut SseStream, count: usize) -> Vec<SseEvent> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(stream.next(SOON).await.unwrap());
    }
    events
}

fn ids(events: &[SseEvent]) -> Vec<String> {
    let id = |event: &SseEvent| event.json()["id"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}

async fn state(sender: &Client, id: &str, word: &str) {
    step(sender, "werk", id, |step| {
        let step = step.to_string();
        step.contains("amt-strom") && step.contains(word)
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_with_the_last_id_goes_on_behind_it() {
    let (_world, sender, amt) = streaming("", "").await;
    let mut stream = amt.stream(PATH, None).await.unwrap();
    publish_all(&sender, 1..4).await;
    let seen = next(&mut stream, 3).await;
    assert_eq!(ids(&seen), ["st-1", "st-2", "st-3"]);
    assert_eq!(
        (seen[0].event.as_str(), &seen[0].json()["data"]),
        (TYPE, &event("st-1", 1)["data"])
    );
    state(&sender, "st-1", "not confirmed").await;
    drop(stream);
    // It handled two of them before its connection broke.
    let mut again = amt.stream(PATH, Some(&seen[1].id)).await.unwrap();
    assert_eq!(ids(&next(&mut again, 1).await), ["st-3"]);
    state(&sender, "st-2", "delivered").await;
    state(&sender, "st-3", "not confirmed").await;
    publish_all(&sender, 4..5).await;
    assert_eq!(ids(&next(&mut again, 1).await), ["st-4"]);
}

#[tokio::test]
async fn who_comes_back_without_an_id_gets_again_what_is_not_confirmed() {
    let (_world, sender, amt) = streaming("", "").await;
    publish_all(&sender, 1..3).await;
    for _ in 0..2 {
        let mut stream = amt.stream(PATH, None).await.unwrap();
        assert_eq!(ids(&next(&mut stream, 2).await), ["st-1", "st-2"]);
    }
    let mut stream = amt
        .stream(&format!("{PATH}?confirm=written"), None)
        .await
        .unwrap();
    assert_eq!(ids(&next(&mut stream, 2).await), ["st-1", "st-2"]);
    state(&sender, "st-2", "delivered").await;
}

#[tokio::test]
async fn an_id_outlives_the_process_that_gave_it() {
    let (mut world, sender, amt) = streaming("", "").await;
    publish_all(&sender, 1..4).await;
    let mut stream = amt.stream(PATH, None).await.unwrap();
    let seen = next(&mut stream, 3).await;
    world.bus.kill_hard().await.unwrap();
    assert!(stream.next(SOON).await.is_err(), "it ended");
    world.bus.start_again().await.unwrap();
    // What the killed process held runs out first.
    let again = eventually(SOON, "the stream", || amt.stream(PATH, Some(&seen[0].id)));
    let mut again = again.await.unwrap();
    assert_eq!(ids(&next(&mut again, 2).await), ["st-2", "st-3"]);
    state(&sender, "st-1", "delivered").await;
}

#[tokio::test]
async fn a_stream_ends_when_too_much_is_owed_and_goes_on_by_confirmation() {
    let (_world, sender, amt) = streaming("", "unconfirmed_events_max = 2\n").await;
    publish_all(&sender, 1..3).await;
    let mut stream = amt.stream(PATH, None).await.unwrap();
    let seen = next(&mut stream, 2).await;
    let end = stream.next(SOON).await.unwrap_err().to_string();
    assert!(end.contains("the stream ended"), "{end}");
    // A reader that says so by a call need not come back.
    let mut stream = amt.stream(PATH, Some(&seen[1].id)).await.unwrap();
    for n in 3..=6 {
        publish_all(&sender, n..n + 1).await;
        let seen = next(&mut stream, 1).await;
        assert_eq!(ids(&seen), [format!("st-{n}")]);
        let confirm = json!({"cursor": seen[0].id});
        let answer = amt
            .post("/v1/subscriptions/amt-strom/confirm", &confirm)
            .await
            .unwrap();
        answer.expect(200).unwrap();
    }
    state(&sender, "st-6", "delivered").await;
}

#[tokio::test]
async fn a_stream_ends_when_something_is_owed_for_too_long() {
    let (_world, sender, amt) = streaming("", "unconfirmed_ms_max = 1000\n").await;
    publish_all(&sender, 1..2).await;
    let mut stream = amt.stream(PATH, None).await.unwrap();
    let seen = next(&mut stream, 1).await;
    let end = stream.next(SOON).await.unwrap_err().to_string();
    assert!(end.contains("the stream ended"), "{end}");
    let _stream = amt.stream(PATH, Some(&seen[0].id)).await.unwrap();
    state(&sender, "st-1", "delivered").await;
}

#[tokio::test]
async fn who_connects_last_is_the_reader() {
    let (_world, sender, amt) = streaming("", "").await;
    let mut one = amt.stream(PATH, None).await.unwrap();
    publish_all(&sender, 1..2).await;
    assert_eq!(ids(&next(&mut one, 1).await), ["st-1"]);
    let mut two = amt.stream(PATH, None).await.unwrap();
    assert_eq!(ids(&next(&mut two, 1).await), ["st-1"]);
    let end = one.next(SOON).await.unwrap_err().to_string();
    assert!(end.contains("the stream ended"), "{end}");
}

#[tokio::test]
async fn what_its_reader_never_confirms_is_a_dead_letter_and_the_rest_is_not() {
    let (_world, sender, amt) = streaming("delivery: {attempts_max: 1}", "").await;
    publish_all(&sender, 1..4).await;
    let mut stream = amt.stream(PATH, None).await.unwrap();
    next(&mut stream, 3).await;
    drop(stream);
    let mut stream = amt.stream(PATH, None).await.unwrap();
    assert_eq!(ids(&next(&mut stream, 2).await), ["st-2", "st-3"]);
    let letters = dead_letters(&amt, "amt-strom", 1).await;
    let letter = letters[0].to_string();
    assert!(letter.contains("SB-3008") && letter.contains("st-1"), "{letter}");
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_by_its_code() {
    let (_world, _sender, amt) = streaming("", "").await;
    for (query, id, status, code) in [
        ("", "17", 422, "SB-2051"),
        ("?after=17", "", 422, "SB-2051"),
        ("?confirm=never", "", 400, "SB-1119"),
        ("?ab=1", "", 400, "SB-1119"),
    ] {
        let path = format!("{PATH}{query}");
        let headers = [("last-event-id", id)];
        let answer = amt
            .send("GET", &path, &headers, bytes::Bytes::new())
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{query} {id}: {}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn the_tap_shows_metadata_and_data_only_to_the_entitled() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let operator = world.operator().await.unwrap();
    let mut tap = operator.stream("/v1/tap", None).await.unwrap();
    let sender = sender(&world).await;
    publish(&sender, &event("t-1", 4711)).await;
    let seen = tap.next(SOON).await.unwrap();
    assert!(seen.data.contains("t-1") && seen.data.contains(TYPE), "{seen:?}");
    assert!(
        !seen.data.contains("4711"),
        "the operator is not entitled to the data: {seen:?}"
    );
}
