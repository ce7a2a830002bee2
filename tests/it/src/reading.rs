//! Reading by cursor: what a reader has is what it came back for.

use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Answer, Bus, BusOptions, Client, Failure, World, eventually};

use crate::city::{CityFolder, QUICK};
use crate::support::{
    LEASE, SOON, dead_letters, event, nothing_more, publish, recipient, sender, step, world,
};

const PATH: &str = "/v1/subscriptions/amt-pull";

async fn published(count: i64) -> (World, Client, Client) {
    let city = CityFolder::new();
    city.subscribe(
        "amt-pull",
        &format!("sink: {{pull: {{}}}}\ndelivery: {{{QUICK}}}"),
    );
    city.subscribe("amt-zwei", "sink: {pull: {}}");
    let world = world(&city).await;
    let sender = sender(&world).await;
    for n in 0..count {
        publish(&sender, &event(&format!("c-{n}"), n)).await;
        state(&sender, &format!("c-{n}"), "in the queue").await;
    }
    let amt = recipient(&world).await;
    (world, sender, amt)
}

/// One call, asked again while the subscription is just being taken over.
async fn call(client: &Client, query: &str) -> Answer {
    eventually(SOON, "the subscription is served", || async {
        let answer = client.get(&format!("{PATH}/events?{query}")).await?;
        if answer.code() == "SB-1405" {
            return Err(Failure::new(answer.text()));
        }
        Ok(answer)
    })
    .await
    .unwrap()
}

/// Reads exactly `count` behind `after`, in one answer.
async fn read(client: &Client, after: &str, count: usize) -> Value {
    let what = format!("{count} events behind the cursor");
    let found = eventually(SOON, &what, || async {
        let answer = call(client, &format!("after={after}&max={count}&wait_s=5")).await;
        let answer = answer.expect(200)?;
        let found = answer.json();
        assert_eq!(answer.header("stadtbus-cursor"), cursor(&found));
        if found["events"].as_array().map_or(0, Vec::len) == count {
            Ok(found)
        } else {
            Err(Failure::new(answer.text()))
        }
    });
    found.await.unwrap()
}

fn ids(answer: &Value) -> Vec<&str> {
    let events = answer["events"].as_array().unwrap().iter();
    events.map(|one| one["event"]["id"].as_str().unwrap()).collect()
}

fn cursor(answer: &Value) -> &str {
    answer["cursor"].as_str().unwrap()
}

async fn confirm(client: &Client, cursor: &str) -> Value {
    let answer = client
        .post(&format!("{PATH}/confirm"), &json!({ "cursor": cursor }))
        .await
        .unwrap();
    answer.expect(200).unwrap().json()
}

async fn state(sender: &Client, id: &str, word: &str) {
    step(sender, "werk", id, |step| {
        let step = step.to_string();
        step.contains("amt-pull") && step.contains(word)
    })
    .await;
}

#[tokio::test]
async fn coming_back_confirms_and_the_same_cursor_gives_the_same_events() {
    let (_world, sender, amt) = published(5).await;
    let first = read(&amt, "", 2).await;
    assert_eq!(ids(&first), ["c-0", "c-1"]);
    state(&sender, "c-0", "not confirmed").await;
    let second = read(&amt, cursor(&first), 3).await;
    assert_eq!(ids(&second), ["c-2", "c-3", "c-4"]);
    state(&sender, "c-1", "delivered").await;
    let again = read(&amt, cursor(&first), 3).await;
    assert_eq!(ids(&again), ids(&second), "its reader may have crashed");
    // Each event names its own cursor.
    let third = second["events"][0]["cursor"].as_str().unwrap();
    assert_eq!(ids(&read(&amt, third, 2).await), ["c-3", "c-4"]);
    state(&sender, "c-2", "delivered").await;
    state(&sender, "c-3", "not confirmed").await;
    assert_eq!(confirm(&amt, cursor(&second)).await, json!({"settled": 2}));
    assert_eq!(confirm(&amt, cursor(&second)).await, json!({"settled": 0}));
    state(&sender, "c-4", "delivered").await;
    let empty = call(&amt, &format!("after={}", cursor(&second))).await.json();
    assert_eq!(empty["events"], json!([]));
}

#[tokio::test]
async fn a_cursor_outlives_the_process_that_gave_it() {
    let (mut world, sender, amt) = published(4).await;
    let first = read(&amt, "", 2).await;
    // Nobody has confirmed anything, and nothing is written down.
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    state(&sender, "c-3", "in the queue").await;
    let second = read(&amt, cursor(&first), 2).await;
    assert_eq!(ids(&second), ["c-2", "c-3"], "neither lost nor twice");
    state(&sender, "c-0", "delivered").await;
    confirm(&amt, cursor(&second)).await;
    nothing_more(&amt, "amt-pull").await;
}

#[tokio::test]
async fn a_cursor_before_what_was_confirmed_reads_once_more() {
    let (_world, sender, amt) = published(4).await;
    let first = read(&amt, "", 1).await;
    let rest = read(&amt, cursor(&first), 3).await;
    confirm(&amt, cursor(&rest)).await;
    publish(&sender, &event("c-4", 4)).await;
    // A reader that was put back to where it was yesterday.
    let again = read(&amt, cursor(&first), 3).await;
    assert_eq!(ids(&again), ["c-1", "c-2", "c-3"]);
    assert_eq!(ids(&read(&amt, cursor(&again), 1).await), ["c-4"]);
}

#[tokio::test]
async fn an_answer_without_events_comes_in_time_and_with_a_cursor() {
    let (_world, sender, amt) = published(1).await;
    let first = read(&amt, "", 1).await;
    let empty = call(&amt, &format!("after={}&wait_s=1", cursor(&first))).await;
    let empty = empty.expect(200).unwrap().json();
    assert_eq!(empty["events"], json!([]));
    let waiting = tokio::spawn({
        let (amt, query) = (amt.clone(), format!("after={}&wait_s=20", cursor(&empty)));
        async move { call(&amt, &query).await.json() }
    });
    publish(&sender, &event("spät", 1)).await;
    let found = tokio::time::timeout(Duration::from_secs(15), waiting).await;
    assert_eq!(
        ids(&found.expect("answered before its wait is over").unwrap()),
        ["spät"]
    );
}

#[tokio::test]
async fn who_reads_last_is_the_reader() {
    let (_world, _sender, amt) = published(0).await;
    let other = tokio::spawn({
        let amt = amt.clone();
        async move { call(&amt, "wait_s=25").await }
    });
    let displaced = eventually(SOON, "the first reader is told", || async {
        call(&amt, "wait_s=0").await.expect(200)?;
        if other.is_finished() {
            Ok(())
        } else {
            Err(Failure::new("it still waits"))
        }
    });
    displaced.await.unwrap();
    let answer = other.await.unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "SB-2055"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn loans_and_cursors_go_side_by_side() {
    let (_world, sender, amt) = published(3).await;
    let lent = amt.receive("amt-pull", 1, SOON, LEASE).await.unwrap();
    assert_eq!(lent[0]["event"]["id"], json!("c-0"));
    let read = read(&amt, "", 2).await;
    assert_eq!(ids(&read), ["c-1", "c-2"]);
    confirm(&amt, cursor(&read)).await;
    state(&sender, "c-2", "delivered").await;
    state(&sender, "c-0", "under way").await;
    let settled = amt
        .settle("amt-pull", "acknowledge", &lent, json!({}))
        .await
        .unwrap();
    assert_eq!(
        settled.json()["settled"],
        json!(1),
        "the cursor did not confirm what was on loan"
    );
}

#[tokio::test]
async fn what_no_reader_ever_confirms_ends_as_a_dead_letter_and_the_rest_does_not() {
    let (_world, _sender, amt) = published(2).await;
    // Three attempts, and the fourth time it is given up.
    for _ in 0..3 {
        assert_eq!(ids(&read(&amt, "", 2).await), ["c-0", "c-1"]);
    }
    assert_eq!(ids(&read(&amt, "", 1).await), ["c-1"]);
    let letters = dead_letters(&amt, "amt-pull", 1).await;
    let letter = letters[0].to_string();
    assert!(letter.contains("SB-3008") && letter.contains("c-0"), "{letter}");
}

#[tokio::test]
async fn a_process_without_the_subscription_sends_readers_on_with_what_they_asked() {
    let (world, _sender, amt) = published(0).await;
    let options = BusOptions {
        env: vec![("STADTBUS_DISPATCH".to_owned(), "false".to_owned())],
        ..BusOptions::default()
    };
    let (dir, nats) = (world.dir().join("other"), &world.nats);
    let other = Bus::start(&dir, &nats.url(), &nats.monitor(), &world.issuer, &options)
        .await
        .unwrap();
    let there = other.client(amt.token());
    for asked in ["events?max=3&wait_s=1", "stream?confirm=written"] {
        let answer = there.get(&format!("{PATH}/{asked}")).await.unwrap();
        assert_eq!(
            (answer.status, answer.header("location").to_owned()),
            (307, format!("{}{PATH}/{asked}", world.bus.base())),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_by_its_code() {
    let (world, _sender, amt) = published(1).await;
    let foreign = amt.get("/v1/subscriptions/amt-zwei/events").await.unwrap().json();
    let foreign = cursor(&foreign).to_owned();
    let cut = &foreign[..foreign.len() - 1];
    let mut wrong = Vec::new();
    for (query, status, code) in [
        ("max=0", 400, "SB-1119"),
        ("max=1001", 400, "SB-1119"),
        ("wait_s=61", 400, "SB-1119"),
        ("wait_s=30s", 400, "SB-1119"),
        ("wait=30s", 400, "SB-1119"),
        ("max=1&max=2", 400, "SB-1119"),
        ("after=LOG_WERK:1", 422, "SB-2051"),
        (&format!("after={cut}"), 422, "SB-2051"),
        (&format!("after={foreign}"), 409, "SB-2052"),
        ("replay=gibtesnicht", 404, "SB-2077"),
    ] {
        let answer = call(&amt, query).await;
        if (answer.status, answer.code().as_str()) != (status, code) {
            wrong.push(format!("{query}: {} {}", answer.status, answer.text()));
        }
    }
    for (body, status, code) in [
        (json!({"cursor": "x"}), 422, "SB-2051"),
        (json!({ "cursor": foreign }), 409, "SB-2052"),
        (json!({}), 400, "SB-1102"),
        (json!({"cursor": 1}), 400, "SB-1102"),
        (json!({"cursor": "x", "mehr": 1}), 400, "SB-1102"),
    ] {
        let answer = amt.post(&format!("{PATH}/confirm"), &body).await.unwrap();
        if (answer.status, answer.code().as_str()) != (status, code) {
            wrong.push(format!("{body}: {} {}", answer.status, answer.text()));
        }
    }
    let stranger = world.client("werk", "sender", "subscribe").await.unwrap();
    let answer = stranger.get(&format!("{PATH}/events")).await.unwrap();
    assert_eq!(answer.code(), "SB-2001", "{}", answer.text());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_command_line_reads_on_where_it_stopped() {
    let (world, sender, amt) = published(3).await;
    let file = world.dir().join("amt.cursor");
    let listen = |limit: &'static str| {
        let (world, file, token) = (&world, file.display().to_string(), amt.token());
        async move {
            let words = [
                "listen",
                "amt-pull",
                "--cursor-file",
                &file,
                "--limit",
                limit,
                "--output",
                "json",
            ];
            let done = world.bus.command(token, &words, &[]).await.unwrap();
            assert_eq!(done.stderr, "");
            let lines = done.stdout.lines().map(|line| {
                let entry: Value = serde_json::from_str(line).unwrap();
                entry["event"]["id"].as_str().unwrap().to_owned()
            });
            lines.collect::<Vec<_>>()
        }
    };
    assert_eq!(listen("2").await, ["c-0", "c-1"]);
    state(&sender, "c-1", "delivered").await;
    assert_eq!(listen("1").await, ["c-2"]);
    state(&sender, "c-2", "delivered").await;
}
