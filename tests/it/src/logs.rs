//! A log that is not what it was stops acceptance, and the runbook leads back to service.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stadtbus_harness::{Client, Failure, Mode, World, eventually};

use crate::city::CityFolder;
use crate::support::{LATER, changed, event, publish, recipient, sender, take, world};

fn stream(world: &World, name: &str) -> PathBuf {
    world.dir().join("nats/store/jetstream/$G/streams").join(name)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

async fn state_of(operator: &Client, log: &str, state: &str) -> Value {
    eventually(LATER, &format!("{log} {state}"), || async {
        let shown = operator
            .get(&format!("/v1/logs/{log}"))
            .await?
            .expect(200)?
            .json();
        if shown["state"] == json!(state) {
            Ok(shown)
        } else {
            Err(Failure::new(shown.to_string()))
        }
    })
    .await
    .unwrap()
}

/// `stadtbus` by the operator, in one language; what it printed.
async fn says(world: &World, lang: &str, args: &[&str]) -> String {
    let operator = world.operator().await.unwrap();
    let mut all = vec!["--lang", lang];
    all.extend(args);
    let done = world.bus.command(operator.token(), &all, &[]).await.unwrap();
    format!("{}{}", done.stdout, done.stderr)
}

#[tokio::test]
async fn a_log_that_was_put_back_stops_acceptance_until_it_is_whole_or_decided() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let mut world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let operator = world.operator().await.unwrap();
    for n in 0..20 {
        publish(&sender, &event(&format!("a-{n}"), n)).await;
    }
    take(&amt, "amt-alles", 20, LATER).await;
    world.bus.stop().await.unwrap();
    world.nats.kill_hard().await.unwrap();
    let (log, old, new) = (
        stream(&world, "LOG_WERK"),
        world.dir().join("old"),
        world.dir().join("new"),
    );
    copy(&log, &old);
    world.nats.start_again().await.unwrap();
    world.bus.start_again().await.unwrap();
    for n in 20..50 {
        publish(&sender, &event(&format!("a-{n}"), n)).await;
    }
    take(&amt, "amt-alles", 30, LATER).await;
    world.bus.stop().await.unwrap();
    world.nats.kill_hard().await.unwrap();
    copy(&log, &new);

    // A backup of before is put back: 20 of 50 acknowledged events.
    std::fs::remove_dir_all(&log).unwrap();
    copy(&old, &log);
    world.nats.start_again().await.unwrap();
    world.bus.start_again().await.unwrap();
    refused(&world, &sender).await;
    let german = says(&world, "de", &["log", "list"]).await;
    assert!(
        german.contains("LOG_WERK: endet bei 20; bestätigt war bis 50"),
        "{german}"
    );
    let english = says(&world, "en", &["log", "list"]).await;
    assert!(
        english.contains("LOG_WERK: it ends at 20; 50 was acknowledged last"),
        "{english}"
    );

    // The right one comes back: all of it is compared, and accepted again without anybody's word.
    world.nats.kill_hard().await.unwrap();
    std::fs::remove_dir_all(&log).unwrap();
    copy(&new, &log);
    world.nats.start_again().await.unwrap();
    state_of(&operator, "LOG_WERK", "whole").await;
    publish(&sender, &event("wieder", 1)).await;
    take(&amt, "amt-alles", 1, LATER).await;

    // And when there is nothing better than the old one, somebody decides.
    world.nats.kill_hard().await.unwrap();
    std::fs::remove_dir_all(&log).unwrap();
    copy(&old, &log);
    world.nats.start_again().await.unwrap();
    state_of(&operator, "LOG_WERK", "damaged").await;
    refused(&world, &sender).await;
    decided(&world, &sender, &amt).await;
}

async fn decided(world: &World, sender: &Client, amt: &Client) {
    let args = [
        "log",
        "accept-truth",
        "LOG_WERK",
        "--reason",
        "Platte getauscht",
        "--yes",
    ];
    let german = says(world, "de", &args).await;
    assert!(
        german.contains("Platte getauscht") && german.contains("31"),
        "{german}"
    );
    let shown = says(world, "de", &["log", "show", "LOG_WERK"]).await;
    assert!(
        shown.contains("unversehrt") && shown.contains("stadt/betrieb"),
        "{shown}"
    );
    let receipt = publish(sender, &event("danach", 1)).await;
    assert_eq!(receipt["position"], json!(52), "no position is given again");
    let taken = take(amt, "amt-alles", 1, LATER).await;
    assert_eq!(
        taken[0]["id"],
        json!("danach"),
        "what comes after it is delivered"
    );
    let lost = sender.get("/v1/journey/LOG_WERK/30").await.unwrap();
    assert_eq!(
        (lost.status, lost.code().as_str()),
        (410, "SB-1511"),
        "{}",
        lost.text()
    );
    let nobody = world.bus.client("");
    assert_eq!(nobody.get("/readyz").await.unwrap().status, 200);
    complete(world, sender).await;
}

#[tokio::test]
async fn lost_cursors_are_noticed_and_cost_repeats_and_no_event() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let mut world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for n in 0..10 {
        publish(&sender, &event(&format!("a-{n}"), n)).await;
    }
    take(&amt, "amt-alles", 4, LATER).await;
    world.bus.stop().await.unwrap();
    world.nats.stop().await.unwrap();
    std::fs::remove_dir_all(stream(&world, "KV_CURSORS")).unwrap();
    world.nats.start_again().await.unwrap();
    world.bus.start_again().await.unwrap();

    let operator = world.operator().await.unwrap();
    state_of(&operator, "CURSORS", "damaged").await;
    let answer = sender.publish(&event("nein", 1), Mode::Structured).await.unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "SB-1508"),
        "{}",
        answer.text()
    );
    let german = says(&world, "de", &["log", "list"]).await;
    assert!(german.contains("CURSORS: ein Wert wurde als Fassung"), "{german}");
    let args = ["log", "accept-truth", "CURSORS", "--reason", "gelöscht", "--yes"];
    let decided = says(&world, "de", &args).await;
    assert!(decided.contains("gelöscht"), "{decided}");
    publish(&sender, &event("danach", 1)).await;
    let taken = take(&amt, "amt-alles", 11, LATER).await;
    let ids: std::collections::BTreeSet<_> = taken.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 11, "every event again, none missing: {ids:?}");
}

/// What is lost is told, and so is a number that a source left out.
async fn complete(world: &World, sender: &Client) {
    for number in ["0001", "0002", "0004"] {
        let numbered = changed(event(&format!("nr-{number}"), 1), "sequence", json!(number));
        publish(sender, &numbered).await;
    }
    let german = says(world, "de", &["completeness", "werk"]).await;
    assert!(german.contains("31 Positionen sind verloren: 21–51"), "{german}");
    assert!(german.contains("es fehlen 3\n"), "{german}");
    let english = says(world, "en", &["completeness", "werk"]).await;
    assert!(
        english.contains("missing 3\n") && english.contains("31 positions are lost"),
        "{english}"
    );
    let own = sender
        .get("/v1/completeness?from=52")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json();
    assert_eq!(
        (&own["lost"], &own["complete"]),
        (&json!(0), &json!(false)),
        "{own}"
    );
    let others = sender.get("/v1/completeness?partner=amt").await.unwrap();
    assert_eq!(
        (others.status, others.code().as_str()),
        (403, "SB-1305"),
        "{}",
        others.text()
    );
}

async fn refused(world: &World, sender: &Client) {
    let answer = sender.publish(&event("nein", 1), Mode::Structured).await.unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (503, "SB-1508"),
        "{}",
        answer.text()
    );
    assert!(!answer.header("retry-after").is_empty());
    let nobody = world.bus.client("");
    let ready = nobody.get("/readyz").await.unwrap();
    assert!(
        ready.status == 503 && ready.text().contains("SB-1508"),
        "{}",
        ready.text()
    );
    let metrics = nobody.get("/metrics").await.unwrap().text();
    assert!(
        metrics.contains("stadtbus_log_damaged{log=\"LOG_WERK\"} 1"),
        "{metrics}"
    );
}
