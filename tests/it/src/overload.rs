//! Too much of it (P7): each bounded place, filled. What does not fit is refused at once, with a code and a time to come again;
//! what was accepted comes to its end all the same, and so does what was refused, once it is sent again.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stadtbus_harness::{
    Answer, BusOptions, Client, Failure, Mode, Receiver, Reply, Request, World, eventually,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::city::{CityFolder, QUICK};
use crate::support::{
    LATER, changed, dead_letters, event, list, publish, recipient, sender, take, world_with,
};

fn limited(limits: &str) -> BusOptions {
    BusOptions {
        extra_config: format!("[limits]\n{limits}"),
        ..BusOptions::default()
    }
}

/// Whoever is refused for now learns when to come again.
fn says_when(answer: &Answer, status: u16, code: &str) {
    let told = (answer.status, answer.code());
    assert_eq!(told, (status, code.to_owned()), "{}", answer.text());
    let after = answer.header("retry-after").parse::<u32>();
    assert!(after.is_ok_and(|seconds| seconds >= 1), "{:?}", answer.headers);
}

/// Publishes until it is accepted, as a publisher does that keeps to `Retry-After`.
async fn publish_until_accepted(client: &Client, event: &Value) {
    let accepted = eventually(LATER, "accepted", || async {
        client
            .publish(event, Mode::Structured)
            .await?
            .expect(202)
            .map(drop)
    });
    accepted.await.unwrap();
}

fn ids(events: &[Value]) -> BTreeSet<String> {
    let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}

fn requested(requests: &[Request]) -> BTreeSet<String> {
    requests.iter().map(Request::event_id).collect()
}

async fn all_came(receiver: &Receiver, path: &str, expected: &BTreeSet<String>) {
    eventually(LATER, &format!("all at {path}"), || async {
        let came = requested(&receiver.requests_to(path));
        if came == *expected {
            Ok(())
        } else {
            Err(Failure::new(format!("{} of {}", came.len(), expected.len())))
        }
    })
    .await
    .unwrap();
}

/// A bus with room for four, whose broker says nothing: four wait for it, and whoever comes then does not.
#[tokio::test]
async fn more_at_once_than_can_be_accepted_is_refused_and_the_rest_accepted() {
    const ROOM: usize = 4;
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world_with(&city, limited(&format!("accept_inflight_max = {ROOM}\n"))).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let events: Vec<_> = (0..3 * ROOM)
        .map(|n| event(&format!("zugleich-{n}"), 1))
        .collect();

    world.nats.process().unwrap().freeze().unwrap();
    let mut calls = JoinSet::new();
    for event in events.clone() {
        let sender = sender.clone();
        calls.spawn(async move { sender.publish(&event, Mode::Structured).await });
    }
    // Those for whom there is no room are answered first, though nobody else is.
    for _ in 0..2 * ROOM {
        let refused = calls.join_next().await.unwrap().unwrap().unwrap();
        says_when(&refused, 429, "SB-1404");
    }
    world.nats.process().unwrap().thaw().unwrap();
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap().unwrap();
        // On a slow machine the broker came back too late for some.
        if answer.status != 202 {
            says_when(&answer, 503, "SB-1503");
        }
    }
    for event in &events {
        publish_until_accepted(&sender, event).await;
    }
    let taken = take(&amt, "amt-alles", events.len(), LATER).await;
    assert_eq!(
        (taken.len(), ids(&taken)),
        (events.len(), ids(&events)),
        "each once"
    );
}

/// One partner that sends as much as it likes, and another that sends one event.
#[tokio::test]
async fn who_sends_too_much_takes_nobody_elses_room() {
    const SHARE: usize = 2;
    let city = CityFolder::new();
    city.contract("fremd", "ding", "de.probe.fremd.ding.v1", &[]);
    let limits = format!("accept_inflight_max = 8\naccept_inflight_partner_max = {SHARE}\n");
    let world = world_with(&city, limited(&limits)).await;
    let loud = sender(&world).await;
    let quiet = world.client("fremd", "sender", "publish").await.unwrap();
    let other = changed(event("einzeln", 1), "type", json!("de.probe.fremd.ding.v1"));
    let other = changed(other, "source", json!("urn:probe:fremd:sender"));

    world.nats.process().unwrap().freeze().unwrap();
    let mut calls = JoinSet::new();
    for n in 0..3 * SHARE {
        let (loud, event) = (loud.clone(), event(&format!("laut-{n}"), 1));
        calls.spawn(async move { loud.publish(&event, Mode::Structured).await });
    }
    for _ in 0..2 * SHARE {
        let refused = calls.join_next().await.unwrap().unwrap().unwrap();
        says_when(&refused, 429, "SB-1404");
    }
    let one = tokio::spawn({
        let (quiet, other) = (quiet.clone(), other.clone());
        async move { quiet.publish(&other, Mode::Structured).await }
    });
    world.nats.process().unwrap().thaw().unwrap();
    let answer = one.await.unwrap().unwrap();
    assert_ne!(answer.status, 429, "{}", answer.text());
    publish_until_accepted(&quiet, &other).await;
    while let Some(answer) = calls.join_next().await {
        assert_ne!(answer.unwrap().unwrap().status, 429);
    }
}

/// A request that stops short of its end; the answer, if there is one all the same.
async fn unfinished(base: String, token: String, bytes: usize) -> String {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://"))
        .await
        .unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: bus\r\nauthorization: Bearer {token}\r\ncontent-type: application/cloudevents+json\r\ncontent-length: {}\r\n\r\n",
        bytes + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Whoever is refused in the middle of it need not take the rest.
    drop(stream.write_all(&vec![b' '; bytes]).await);
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap_or_default();
    String::from_utf8_lossy(&answer[..length]).to_lowercase()
}

/// Two large bodies fill the room for all; no third is waited for, and small ones go on.
#[tokio::test]
async fn more_bytes_at_once_than_can_be_held_are_refused() {
    const MIB: usize = 1 << 20;
    let city = CityFolder::new();
    let limits = format!(
        "body_bytes_max = {MIB}\nbodies_bytes_max = {}\naccept_timeout_ms = 60000\n",
        2 * MIB
    );
    let world = world_with(&city, limited(&limits)).await;
    let sender = sender(&world).await;
    let mut calls = JoinSet::new();
    for _ in 0..4 {
        calls.spawn(unfinished(
            world.bus.base(),
            sender.token().to_owned(),
            MIB - 20_000,
        ));
    }
    for _ in 0..2 {
        let answer = calls.join_next().await.unwrap().unwrap();
        for part in ["http/1.1 429", "sb-1404", "retry-after:"] {
            assert!(answer.contains(part), "{part} in {answer}");
        }
    }
    publish(&sender, &event("klein", 1)).await;
    assert!(
        calls.try_join_next().is_none(),
        "the other two are still waited for"
    );
    calls.shutdown().await;
    let large = json!({"nr": "x", "wert": 1, "text": "x".repeat(200_000)});
    publish_until_accepted(&sender, &changed(event("gross", 1), "data", large)).await;
}

/// What takes longer than it may is answered, and the answer does not claim that nothing happened.
#[tokio::test]
async fn an_answer_that_is_not_in_time_is_a_refusal_that_can_be_repeated() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world_with(&city, limited("accept_timeout_ms = 300\n")).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    publish_until_accepted(&sender, &event("vorher", 1)).await;
    world.nats.process().unwrap().freeze().unwrap();
    let late = sender
        .publish(&event("spaet", 1), Mode::Structured)
        .await
        .unwrap();
    world.nats.process().unwrap().thaw().unwrap();
    says_when(&late, 503, "SB-1407");
    publish_until_accepted(&sender, &event("spaet", 1)).await;
    let taken = take(&amt, "amt-alles", 2, LATER).await;
    assert_eq!(ids(&taken), ["spaet", "vorher"].map(str::to_owned).into());
}

/// A lane full of events that its receiver does not take: nobody else notices, and nothing of it is lost.
#[tokio::test]
async fn a_full_lane_holds_up_neither_publishers_nor_others() {
    const EVENTS: i64 = 400;
    let receiver = Receiver::start().await.unwrap();
    receiver.set_steady(Reply::Status(204));
    let stuck = Receiver::start().await.unwrap();
    stuck.set_steady(Reply::Hang);
    let city = CityFolder::new();
    city.webhook("amt-gut", &receiver.url("/gut"), "concurrency: 8");
    city.webhook(
        "amt-voll",
        &stuck.url("/voll"),
        "concurrency: 2, attempts_max: 100, first_delay_ms: 20, delay_ms_max: 100, timeout_ms: 500",
    );
    let world = world_with(
        &city,
        limited("lane_queue_max = 16\nlane_retries_max = 4\nbreaker_failures_max = 0\n"),
    )
    .await;
    let sender = sender(&world).await;
    let events: Vec<_> = (0..EVENTS).map(|n| event(&format!("voll-{n}"), n)).collect();
    for batch in events.chunks(50) {
        let answer = sender.publish_batch(batch).await.unwrap().expect(202).unwrap();
        assert!(!answer.text().contains("error"), "{}", answer.text());
    }
    all_came(&receiver, "/gut", &ids(&events)).await;
    let came = receiver.requests_to("/gut").len();
    assert_eq!(
        came,
        events.len(),
        "each once, since this one is never behind for long"
    );
    assert!(stuck.open_connections() <= 4, "{stuck:?}");
    stuck.set_steady(Reply::Status(204));
    all_came(&stuck, "/voll", &ids(&events)).await;
}

/// The store of dead letters is full: what is given up stays where it is, others go on, and it is buried when there is room.
#[tokio::test]
async fn full_dead_letters_keep_what_is_given_up_in_its_lane() {
    const EVENTS: usize = 16;
    let receiver =
        Receiver::start_with(|request| Reply::Status(if request.path == "/nein" { 400 } else { 204 }))
            .await
            .unwrap();
    let city = CityFolder::new();
    city.webhook("amt-gut", &receiver.url("/gut"), QUICK);
    city.webhook("amt-nein", &receiver.url("/nein"), QUICK);
    let world: World = world_with(&city, limited("dead_letters_bytes_max = 1048576\n")).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let large = |n: usize| {
        let data = json!({"nr": "x", "wert": n, "text": "x".repeat(120_000)});
        changed(event(&format!("gross-{n}"), 1), "data", data)
    };
    let events: Vec<_> = (0..EVENTS).map(large).collect();
    for event in &events {
        publish(&sender, event).await;
    }
    all_came(&receiver, "/gut", &ids(&events)).await;
    all_came(&receiver, "/nein", &ids(&events)).await;
    // As many as fit; the others are buried as these make room.
    let mut buried = BTreeSet::new();
    while buried.len() < EVENTS {
        let letters = eventually(LATER, "a dead letter", || async {
            let answer = amt
                .get("/v1/dead-letters?subscription=amt-nein")
                .await?
                .expect(200)?;
            let letters = list(&answer);
            if letters.is_empty() {
                return Err(Failure::new(answer.text()));
            }
            Ok(letters)
        })
        .await
        .unwrap();
        assert!(letters.len() < EVENTS, "a mebibyte takes no {EVENTS} of 120 kB");
        buried.extend(ids(&letters));
        let these: Vec<_> = letters.iter().map(|letter| &letter["dead_letter"]).collect();
        let removed = amt
            .post("/v1/dead-letters/delete", &json!({"positions": these}))
            .await
            .unwrap();
        assert_eq!(
            removed.json()["removed"],
            json!(these.len()),
            "{}",
            removed.text()
        );
    }
    assert_eq!(buried, ids(&events));
    dead_letters(&amt, "amt-nein", 0).await;
}
