//! Dead letters keep payload, reason and attempts, and can be tried again.

use std::collections::BTreeSet;

use serde_json::json;
use stadtbus_harness::{Failure, Receiver, Reply, Request, eventually};

use crate::city::{CityFolder, QUICK};
use crate::support::{LATER, dead_letters, event, publish, recipient, sender, world};

#[tokio::test]
async fn a_dead_letter_is_kept_whole_and_delivered_when_retried() {
    let receiver = Receiver::start().await.unwrap();
    receiver.set_steady(Reply::Full {
        status: 500,
        headers: Vec::new(),
        body: "Passwort: geheim-0815".into(),
    });
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    let mut world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for n in 0..3 {
        publish(&sender, &event(&format!("dl-{n}"), n)).await;
    }
    let letters = dead_letters(&amt, "amt-hook", 3).await;
    assert_eq!(receiver.count(), 9, "three attempts each");
    let position = letters[0]["dead_letter"]
        .as_u64()
        .unwrap_or_else(|| panic!("no number in {}", letters[0]));
    let shown = amt
        .get(&format!("/v1/dead-letters/{position}"))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let text = shown.text();
    for part in ["dl-", "zaehler-7", "SB-3008", "amt-hook"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        !text.contains("geheim-0815"),
        "what the receiver wrote is not ours to keep: {text}"
    );

    // They outlive a crash.
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    dead_letters(&amt, "amt-hook", 3).await;

    receiver.set_steady(Reply::Status(204));
    receiver.clear();
    let one = amt
        .post("/v1/dead-letters/retry", &json!({"positions": [position]}))
        .await
        .unwrap();
    assert!(one.status == 200 || one.status == 202, "{}", one.text());
    receiver.wait_for("/h", 1, LATER).await.unwrap();
    dead_letters(&amt, "amt-hook", 2).await;
    let rest = amt
        .post("/v1/dead-letters/retry", &json!({"subscription": "amt-hook"}))
        .await
        .unwrap();
    assert!(rest.status == 200 || rest.status == 202, "{}", rest.text());
    eventually(LATER, "all three at the receiver", || async {
        let ids: BTreeSet<_> = receiver.requests_to("/h").iter().map(Request::event_id).collect();
        if ids.len() == 3 {
            Ok(())
        } else {
            Err(Failure::new(format!("{ids:?}")))
        }
    })
    .await
    .unwrap();
    dead_letters(&amt, "amt-hook", 0).await;
}

#[tokio::test]
async fn the_command_line_lists_shows_and_retries() {
    let receiver = Receiver::start().await.unwrap();
    receiver.set_steady(Reply::Status(422));
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    let world = world(&city).await;
    publish(&sender(&world).await, &event("cli-1", 1)).await;
    let amt = recipient(&world).await;
    let position = dead_letters(&amt, "amt-hook", 1).await[0]["dead_letter"].to_string();
    let run = async |args: &[&str]| {
        world
            .bus
            .command(amt.token(), args, &[])
            .await
            .unwrap()
            .success("dlq")
            .unwrap()
            .stdout
    };
    let listed = run(&["dlq", "list", "--subscription", "amt-hook"]).await;
    assert!(listed.contains("cli-1") || listed.contains(&position), "{listed}");
    let shown = run(&["dlq", "show", &position]).await;
    assert!(shown.contains("SB-3001") && shown.contains("cli-1"), "{shown}");
    receiver.set_steady(Reply::Status(204));
    receiver.clear();
    run(&["dlq", "retry", &position, "--yes"]).await;
    receiver.wait_for("/h", 1, LATER).await.unwrap();
    dead_letters(&amt, "amt-hook", 0).await;
}
