//! What stands in the log comes once more when somebody asks for it, marked, and disturbs nobody.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stadtbus_harness::{Client, Failure, Receiver, Reply, Request, World, eventually};

use crate::city::{CityFolder, QUICK};
use crate::support::{
    LATER, LEASE, dead_letters, event, nothing_more, publish, recipient, sender, take, world,
};

const REPLAYS: &str = "/v1/subscriptions/amt-hook/replays";

/// Starts a replay; its id.
async fn start(client: &Client, path: &str, order: &Value) -> String {
    let answer = client.post(path, order).await.unwrap().expect(201).unwrap();
    answer.json()["replay"].as_str().unwrap().to_owned()
}

/// Waits until a replay stands like this; all there is to tell of it then.
async fn until(client: &Client, path: &str, replay: &str, state: &str) -> Value {
    eventually(LATER, &format!("replay {state}"), || async {
        let answer = client.get(&format!("{path}/{replay}")).await?.expect(200)?;
        if answer.json()["state"] == state {
            Ok(answer.json())
        } else {
            Err(Failure::new(answer.text()))
        }
    })
    .await
    .unwrap()
}

/// How often each event came under this mark.
fn marked(receiver: &Receiver, path: &str, mark: &str) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for request in receiver.requests_to(path) {
        if request.json()["stadtbusreplay"] == mark {
            *ids.entry(request.event_id()).or_default() += 1;
        }
    }
    ids
}

#[tokio::test]
async fn a_replay_survives_a_kill_and_only_what_is_missing_comes_again() {
    let receiver = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    city.webhook("amt-hook", &receiver.url("/h"), QUICK);
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let mut world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    receiver.set_steady(Reply::Status(204));
    for n in 0..8 {
        publish(&sender, &event(&format!("a-{n}"), n)).await;
    }
    receiver.wait_for("/h", 8, LATER).await.unwrap();
    receiver.set_steady(Reply::Status(422));
    publish(&sender, &event("b-0", 0)).await;
    dead_letters(&amt, "amt-hook", 1).await;
    receiver.set_steady(Reply::Status(204));
    receiver.clear();

    // Only the refused one is missing.
    let all = json!({"from_position": 1, "only_missing": true});
    let would = amt
        .post(&format!("{REPLAYS}/count"), &all)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json();
    assert_eq!(
        (&would["matching"], &would["skipped"]),
        (&json!(1), &json!(8)),
        "{would}"
    );
    let missing = start(&amt, REPLAYS, &all).await;
    let done = until(&amt, REPLAYS, &missing, "done").await;
    assert_eq!(
        (&done["counts"]["delivered"], &done["counts"]["skipped"]),
        (&json!(1), &json!(8)),
        "{done}"
    );
    assert_eq!(
        marked(&receiver, "/h", &missing),
        BTreeMap::from([("b-0".to_owned(), 1)])
    );

    // All of them, slowly; killed in the middle.
    let slow = start(
        &amt,
        REPLAYS,
        &json!({"from": "2020-01-01T00:00:00Z", "rate_per_s": 4}),
    )
    .await;
    receiver.wait_for("/h", 3, LATER).await.unwrap();
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    publish(&sender, &event("live-1", 1)).await;
    let done = until(&amt, REPLAYS, &slow, "done").await;
    assert_eq!(done["positions_read"], json!(9), "{done}");
    let came = marked(&receiver, "/h", &slow);
    assert_eq!(came.len(), 9, "each of them came: {came:?}");
    let live = receiver
        .requests_to("/h")
        .into_iter()
        .filter(|request| request.event_id() == "live-1");
    let live: Vec<Request> = live.collect();
    assert!(!live.is_empty() && live.iter().all(|one| one.json().get("stadtbusreplay").is_none()));

    let answers = elsewhere_and_refused(&world, &receiver, &amt, &sender);
    answers.await;
    pulled(&amt).await;
}

/// Another sink, the bounds, and those to whom it does not belong.
async fn elsewhere_and_refused(world: &World, receiver: &Receiver, amt: &Client, sender: &Client) {
    let other = json!({"from_position": 2, "to_position": 3, "sink": {"url": receiver.url("/other"), "mode": "structured"}});
    let other = start(amt, REPLAYS, &other).await;
    until(amt, REPLAYS, &other, "done").await;
    assert_eq!(marked(receiver, "/other", &other).len(), 2);
    for (order, status, code) in [
        (json!({}), 422, "SB-2074"),
        (json!({"from": "gestern"}), 400, "SB-1119"),
        (json!({"from": "2099-01-01T00:00:00Z"}), 422, "SB-2075"),
        (json!({"from_position": 1, "log": "LOG_FREMD"}), 422, "SB-2074"),
        (json!({"from_position": 1, "rate_per_s": 0}), 400, "SB-1119"),
        (
            json!({"from_position": 1, "sink": {"url": "http://169.254.169.254/"}}),
            422,
            "SB-3006",
        ),
    ] {
        let answer = amt.post(REPLAYS, &order).await.unwrap();
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{order}: {}",
            answer.text()
        );
    }
    let foreign = sender.post(REPLAYS, &json!({"from_position": 1})).await.unwrap();
    assert_eq!((foreign.status, foreign.code()), (404, "SB-2001".to_owned()));
    let ended = amt
        .post(&format!("{REPLAYS}/{other}/cancel"), &json!({}))
        .await
        .unwrap();
    assert_eq!((ended.status, ended.code()), (409, "SB-2078".to_owned()));

    let run = async |args: &[&str]| {
        let args: Vec<&str> = ["--lang", "en", "replay"]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        let done = world.bus.command(amt.token(), &args, &[]).await.unwrap();
        done.success("replay").unwrap().stdout
    };
    let would = run(&["start", "amt-hook", "--from-position", "1", "--dry-run"]).await;
    assert!(would.starts_with("10 would be delivered"), "{would}");
    let begun = run(&[
        "start",
        "amt-hook",
        "--from-position",
        "1",
        "--rate",
        "1",
        "--yes",
    ])
    .await;
    let id = begun.split_whitespace().last().unwrap().to_owned();
    assert!(run(&["pause", "amt-hook", &id]).await.contains("paused"));
    assert!(run(&["resume", "amt-hook", &id]).await.contains("running"));
    assert!(run(&["cancel", "amt-hook", &id]).await.contains("cancelled"));
    let listed = run(&["list", "amt-hook"]).await;
    assert!(listed.contains(&id) && listed.contains(&other), "{listed}");
}

/// Who fetches names the replay; what comes live is fetched as ever.
async fn pulled(amt: &Client) {
    let live = take(amt, "amt-alles", 10, LATER).await;
    assert_eq!(live.len(), 10);
    let replays = "/v1/subscriptions/amt-alles/replays";
    let replay = start(amt, replays, &json!({"from_position": 9, "to_position": 9})).await;
    let receive =
        json!({"replay": replay, "wait_ms": 1000, "lease_ms": u64::try_from(LEASE.as_millis()).unwrap()});
    let events = eventually(LATER, "a replayed event on loan", || async {
        let answer = amt
            .post("/v1/subscriptions/amt-alles/receive", &receive)
            .await?
            .expect(200)?;
        let events = answer.json()["events"].as_array().cloned().unwrap_or_default();
        if events.is_empty() {
            return Err(Failure::new(answer.text()));
        }
        Ok(events)
    })
    .await
    .unwrap();
    assert_eq!(
        (events.len(), &events[0]["event"]["stadtbusreplay"]),
        (1, &json!(replay))
    );
    nothing_more(amt, "amt-alles").await;
    let settle = json!({"replay": replay, "handles": [events[0]["handle"]]});
    let settled = amt
        .post("/v1/subscriptions/amt-alles/acknowledge", &settle)
        .await
        .unwrap();
    assert_eq!(settled.expect(200).unwrap().json()["settled"], json!(1));
    until(amt, replays, &replay, "done").await;
}
