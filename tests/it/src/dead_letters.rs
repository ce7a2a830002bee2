//! Dead letters keep payload, reason and attempts, and can be tried again.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stadtbus_harness::{Client, Failure, Receiver, Reply, Request, eventually};

use crate::city::{CityFolder, QUICK};
use crate::support::{LATER, dead_letters, event, publish, recipient, sender, world};

#[tokio::test]
async fn a_dead_letter_is_kept_whole_and_delivered_when_retried() {
    let receiver = Receiver::start().await.unwrap();
    receiver.set_steady(Reply::Full {
        status: 500,
        headers: Vec::new(),
        body: "Passwort: geheim-0815\r\n\u{1b}[2JWartung".into(),
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
        "what looks like a secret is not ours to keep: {text}"
    );
    let attempts: Vec<(Value, Value)> = shown.json()["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| (attempt["status"].clone(), attempt["answer"].clone()))
        .collect();
    let each = (json!(500), json!("Passwort: *** [2JWartung"));
    assert_eq!(attempts, vec![each; 3], "every attempt, with what was answered");

    // They outlive a crash.
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    dead_letters(&amt, "amt-hook", 3).await;

    chosen_edited_and_thrown_away(&amt, &sender).await;
    let position = dead_letters(&amt, "amt-hook", 3).await[0]["dead_letter"]
        .as_u64()
        .unwrap();

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
    // The crash may have cost the cursor: then what was accepted comes once more beside it.
    eventually(LATER, "the edited one at the receiver", || async {
        let requests = receiver.requests_to("/h");
        let bodies = requests
            .iter()
            .map(|request| String::from_utf8_lossy(&request.body));
        let edited = |body: &_| {
            let body: &std::borrow::Cow<str> = body;
            body.contains("\"wert\":99") && body.contains("stadtbusedited")
        };
        match bodies.filter(edited).count() {
            0 => Err(Failure::new("not among those that came")),
            _ => Ok(()),
        }
    })
    .await
    .unwrap();
}

/// Letters are counted, chosen by what they have in common, edited and thrown away; those of others are not there.
async fn chosen_edited_and_thrown_away(amt: &Client, sender: &Client) {
    let ask = async |client: &Client, path: &str, body: Value| client.post(path, &body).await.unwrap();
    let reasons = amt
        .get("/v1/dead-letters/reasons")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let (code, count) = (
        &reasons.json()["reasons"][0]["code"],
        &reasons.json()["reasons"][0]["count"],
    );
    assert_eq!((code, count), (&json!("SB-3008"), &json!(3)));
    let foreign = sender
        .get("/v1/dead-letters/reasons")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(foreign.json(), json!({"reasons": []}), "not theirs");
    let would = ask(
        amt,
        "/v1/dead-letters/retry",
        json!({"code": "SB-3008", "dry_run": true}),
    )
    .await;
    let counted = json!({"retried": 3, "matching": 3, "refused": 0, "dry_run": true});
    assert_eq!(would.json(), counted);
    let none = ask(amt, "/v1/dead-letters/delete", json!({"code": "SB-3001"})).await;
    assert_eq!(
        none.json(),
        json!({"removed": 0, "matching": 0, "dry_run": false})
    );

    let position = dead_letters(amt, "amt-hook", 3).await[2]["dead_letter"]
        .as_u64()
        .unwrap();
    let path = format!("/v1/dead-letters/{position}/edit");
    let edit = json!({"data": {"nr": "zaehler-7", "wert": 99}, "reason": "Einheit"});
    assert_eq!(ask(sender, &path, edit.clone()).await.status, 404, "not theirs");
    let bad = ask(amt, &path, json!({"data": {"nr": "zaehler-7", "wert": "99"}})).await;
    assert_eq!(
        (bad.status, bad.code()),
        (422, "SB-1203".to_owned()),
        "{}",
        bad.text()
    );
    let before = amt
        .get(&format!("/v1/dead-letters/{position}"))
        .await
        .unwrap()
        .json();
    let edited = ask(amt, &path, edit).await;
    let edited = edited.expect(200).unwrap().json();
    assert_eq!(
        (
            &edited["event"]["data"]["wert"],
            &edited["original"]["data"]["wert"],
            &edited["edits"][0]["by"]
        ),
        (
            &json!(99),
            &before["event"]["data"]["wert"],
            &json!("amt/empfang")
        )
    );
    assert_eq!(edited["event"]["stadtbusedited"], json!("amt/empfang"));
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
    let reasons = run(&["dlq", "reasons", "--subscription", "amt-hook"]).await;
    assert!(reasons.contains("SB-3001"), "{reasons}");
    let file = city.root().join("daten.json");
    std::fs::write(&file, r#"{"nr": "zaehler-7", "wert": 5}"#).unwrap();
    let edited = run(&["dlq", "edit", &position, &file.display().to_string()]).await;
    let position = edited.split_whitespace().last().unwrap().to_owned();
    let would = run(&["--lang", "en", "dlq", "retry", "--code", "SB-3001", "--dry-run"]).await;
    assert!(would.contains("1 of 1"), "{would}");
    receiver.set_steady(Reply::Status(204));
    receiver.clear();
    run(&["dlq", "retry", &position, "--rate", "5", "--yes"]).await;
    receiver.wait_for("/h", 1, LATER).await.unwrap();
    dead_letters(&amt, "amt-hook", 0).await;
    receiver.set_steady(Reply::Status(422));
    publish(&sender(&world).await, &event("cli-2", 2)).await;
    dead_letters(&amt, "amt-hook", 1).await;
    run(&["dlq", "delete", "--subscription", "amt-hook", "--yes"]).await;
    dead_letters(&amt, "amt-hook", 0).await;
}
