//! State of a plugin behind a derivation: each input counts once and in the order of the log, whatever dies meanwhile.
//!
//! The plugin of these tests counts the events under each `nr`. A number that is missing, comes twice or belongs to another
//! event betrays an input that was left out, included twice or overtaken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use stadtbus_harness::{Client, Mode, World};

use crate::city::CityFolder;
use crate::plugins::moody_city_with;
use crate::support::{
    LATER, SOON, changed, dead_letters, event, list, publish, recipient, sender, take, world,
};

const KEYS: i64 = 5;

async fn counting_city() -> CityFolder {
    moody_city_with("state: {key: /nr, ttl_s: 3600, bytes_max: 64}\n").await
}

fn counted(id: &str, key: i64, mood: &str) -> Value {
    changed(
        event(id, 0),
        "data",
        json!({"nr": format!("k{key}"), "wert": 0, "text": mood}),
    )
}

/// Publishes by several callers until the connection breaks.
async fn publish_until_it_breaks(sender: &Client, round: usize) {
    let callers = (0..8).map(|caller| {
        let sender = sender.clone().with_deadline(Duration::from_secs(5));
        async move {
            for n in 0_i64.. {
                let event = counted(&format!("z-{round}-{caller}-{n}"), n % KEYS, "count");
                match sender.publish(&event, Mode::Structured).await {
                    Ok(answer) if answer.status == 202 => {}
                    Ok(_) | Err(_) => return n,
                }
            }
            0
        }
    });
    let published: i64 = futures_util::stream::iter(callers)
        .buffer_unordered(8)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .sum();
    assert!(published > 0, "round {round} published nothing");
}

/// `nr` → the events of this subscription, by id, with their `wert`; up to the last marker of every key.
async fn all_of(
    amt: &Client,
    subscription: &str,
    marker: impl Fn(&Value) -> bool,
) -> BTreeMap<String, BTreeMap<String, i64>> {
    let mut found: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    let mut markers = BTreeSet::new();
    while i64::try_from(markers.len()).unwrap() < KEYS {
        for event in take(amt, subscription, 1, LATER).await {
            let nr = event["data"]["nr"].as_str().unwrap().to_owned();
            if marker(&event) {
                markers.insert(nr.clone());
            }
            let id = event["id"].as_str().unwrap().to_owned();
            let wert = event["data"]["wert"].as_i64().unwrap();
            let before = found.entry(nr).or_default().insert(id.clone(), wert);
            assert!(
                before.is_none_or(|before| before == wert),
                "{id} was {before:?}, now {wert}"
            );
        }
    }
    found
}

async fn kill(world: &mut World, round: usize) {
    if round.is_multiple_of(2) {
        world.nats.kill_hard().await.unwrap();
    } else {
        world.bus.kill_hard().await.unwrap();
    }
}

#[tokio::test]
async fn each_input_is_counted_once_and_in_order_whatever_dies() {
    let mut world = world(&counting_city().await).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for round in 0..4 {
        let publishing = tokio::spawn({
            let sender = sender.clone();
            async move { publish_until_it_breaks(&sender, round).await }
        });
        tokio::time::sleep(Duration::from_millis(700)).await;
        kill(&mut world, round).await;
        publishing.await.unwrap();
        if round.is_multiple_of(2) {
            world.nats.start_again().await.unwrap();
        } else {
            world.bus.start_again().await.unwrap();
        }
        let back = stadtbus_harness::eventually(LATER, "accepting again", || async {
            let event = counted(&format!("wieder-{round}"), 0, "count");
            sender.publish(&event, Mode::Structured).await?.expect(202)
        });
        back.await.unwrap();
    }
    for key in 0..KEYS {
        publish(&sender, &counted(&format!("ende-{key}"), key, "count")).await;
    }
    let ends = |event: &Value, member: &str| event[member].as_str().is_some_and(|id| id.starts_with("ende-"));
    let inputs = all_of(&amt, "amt-alles", |event| ends(event, "id")).await;
    let outputs = all_of(&amt, "amt-folgen", |event| ends(event, "causationid")).await;
    for (nr, events) in &inputs {
        let count = i64::try_from(events.len()).unwrap();
        let mut numbers: Vec<i64> = outputs[nr].values().copied().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=count).collect::<Vec<_>>(), "{nr}");
    }
}

#[tokio::test]
async fn a_dead_letter_sent_again_is_run_although_the_state_is_ahead() {
    let world = world(&counting_city().await).await;
    let (sender, werk) = (sender(&world).await, sender(&world).await);
    publish(&sender, &counted("falle-1", 1, "trap")).await;
    let first = dead_letters(&werk, "werk-ableitung", 1).await.remove(0);
    publish(&sender, &counted("gut-1", 1, "count")).await;
    let amt = recipient(&world).await;
    let good = take(&amt, "amt-folgen", 1, SOON).await.remove(0);
    assert_eq!(good["data"]["wert"], json!(1));

    let again = werk
        .post(
            "/v1/dead-letters/retry",
            &json!({"subscription": "werk-ableitung"}),
        )
        .await
        .unwrap();
    assert!(again.status == 200 || again.status == 202, "{}", again.text());
    // It traps again, which only an input that is run can do.
    let buried_again = stadtbus_harness::eventually(LATER, "a second dead letter", || async {
        let letters = werk.get("/v1/dead-letters?subscription=werk-ableitung").await?;
        match list(&letters).as_slice() {
            [one] if one["dead_letter"] != first["dead_letter"] => Ok(()),
            _ => Err(stadtbus_harness::Failure::new(letters.text())),
        }
    });
    buried_again.await.unwrap();
    let journey = sender.journey("werk", "falle-1").await.unwrap();
    assert!(!journey.text().contains("already-included"), "{}", journey.text());
}
