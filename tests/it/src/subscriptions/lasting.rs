//! What was ordered stays through replacement, crashes and folders, and ends when it is deleted.

use futures_util::StreamExt;
use serde_json::json;
use stadtbus_harness::{BusOptions, Receiver, Reply, Request, World};

use super::{PATH, delete, hook, id, order, ordered, put, refused, with};
use crate::city::{CityFolder, PURPOSE, TYPE};
use crate::support::{SOON, changed, event, publish, recipient, sender, take, world, world_with};

#[tokio::test]
async fn what_is_replaced_misses_nothing_and_what_is_deleted_gets_nothing_more() {
    let receiver = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    city.subscribe("amt-zeuge", "sink: {pull: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let mine = ordered(&amt, &order()).await;
    let mine = id(&mine).to_owned();
    let publishing = async {
        for n in 0..60 {
            publish(&sender, &event(&format!("r-{n}"), n)).await;
        }
    };
    let replacing = async {
        for n in 0..6 {
            let answer = put(
                &amt,
                &mine,
                &with(order(), "/config/title", json!(format!("Stand {n}"))),
                None,
            )
            .await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    };
    tokio::join!(publishing, replacing);
    let mut ids: Vec<String> = Vec::new();
    while ids.len() < 60 {
        ids.extend(
            take(&amt, &mine, 1, SOON)
                .await
                .iter()
                .map(|event| event["id"].to_string()),
        );
        ids.sort_unstable();
        ids.dedup();
    }
    // A receiver of an order that is gone hears nothing more.
    let hooked = ordered(&amt, &hook(&receiver.url("/h"))).await;
    publish(&sender, &event("d-1", 1)).await;
    receiver.wait_for("/h", 1, SOON).await.unwrap();
    assert_eq!(delete(&amt, id(&hooked), None).await.status, 200);
    publish(&sender, &event("d-2", 2)).await;
    take(&amt, "amt-zeuge", 62, SOON).await;
    assert_eq!(receiver.count(), 1, "deleted is deleted");
    // Ordered again it begins anew.
    ordered(&amt, &hook(&receiver.url("/h"))).await;
    publish(&sender, &event("d-3", 3)).await;
    let got: Vec<_> = receiver
        .wait_for("/h", 2, SOON)
        .await
        .unwrap()
        .iter()
        .map(Request::event_id)
        .collect();
    assert_eq!(got, ["d-1", "d-3"]);
}

#[tokio::test]
async fn a_log_that_comes_by_a_change_begins_with_the_change() {
    let other = "de.probe.fremd.anderes.v1";
    let receiver = Receiver::start().await.unwrap();
    let city = CityFolder::new();
    city.contract(
        "fremd",
        "anderes",
        other,
        &[("amt", PURPOSE, "2020-01-01", "2099-12-31")],
    );
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let fremd = world.client("fremd", "sender", "publish").await.unwrap();
    let delivery = json!({"timeout_ms": 5000, "first_delay_ms": 10});
    let narrow = with(hook(&receiver.url("/h")), "/config/delivery", delivery);
    let mine = ordered(&amt, &narrow).await;
    // The lane is held up by a delivery under way when the change comes, so it follows late.
    receiver.script([Reply::Hang]);
    publish(&sender, &event("n-1", 1)).await;
    receiver.wait_for("/h", 1, SOON).await.unwrap();
    let wide = with(narrow, "/types", json!([TYPE, other]));
    assert_eq!(put(&amt, id(&mine), &wide, None).await.status, 200);
    let theirs = changed(event("n-2", 2), "type", json!(other));
    publish(
        &fremd,
        &changed(theirs, "source", json!("urn:probe:fremd:sender")),
    )
    .await;
    let heard = receiver.wait_for("/h", 3, SOON).await.unwrap();
    let mut ids: Vec<_> = heard.iter().skip(1).map(Request::event_id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["n-1", "n-2"]);
}

#[tokio::test]
async fn orders_at_once_all_take_effect_and_are_counted() {
    let options = BusOptions {
        env: vec![(
            "STADTBUS_LIMITS_SUBSCRIPTIONS_ORDERED_MAX".to_owned(),
            "8".to_owned(),
        )],
        ..BusOptions::default()
    };
    let city = CityFolder::new();
    let mut world = world_with(&city, options).await;
    let amt = recipient(&world).await;
    let orders = (0..8).map(|_| async { id(&ordered(&amt, &order()).await).to_owned() });
    let orders = futures_util::stream::iter(orders).buffer_unordered(8);
    let mut ids: Vec<String> = orders.collect().await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    refused(&amt.post(PATH, &order()).await.unwrap(), 409, "SB-1408");
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    let mut after: Vec<_> = amt
        .get(PATH)
        .await
        .unwrap()
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| id(one).to_owned())
        .collect();
    after.sort_unstable();
    assert_eq!(after, ids, "orders survive a crash");
    assert_eq!(delete(&amt, &ids[0], None).await.status, 200);
    ordered(&amt, &order()).await;
}

async fn apply(world: &World, city: &CityFolder, more: &[&str]) -> stadtbus_harness::Finished {
    let path = city.path().display().to_string();
    let args: Vec<&str> = ["apply", path.as_str(), "--lang", "en"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    world
        .bus
        .command(world.operator().await.unwrap().token(), &args, &[])
        .await
        .unwrap()
}

#[tokio::test]
async fn a_folder_keeps_what_was_ordered_or_says_what_it_cannot_keep() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let mine = ordered(&amt, &order()).await;
    let mine = id(&mine).to_owned();
    city.subscribe("amt-neu", "sink: {pull: {}}");
    let done = apply(&world, &city, &["--yes"]).await.success("apply").unwrap();
    assert!(
        done.stderr.contains("1 subscriptions ordered over the API stay."),
        "{done:?}"
    );
    publish(&sender, &event("a-1", 1)).await;
    assert_eq!(take(&amt, &mine, 1, SOON).await.len(), 1);

    // A folder without the contract contradicts the order: the plan says so, and applying is refused whole.
    let folder = CityFolder::new();
    for file in ["contract.odcs.yaml", "schema.json", "usage/amt.yaml"] {
        folder.remove(&format!("contracts/werk/meldung/v1/{file}"));
    }
    std::fs::remove_dir_all(folder.root().join("contracts/werk/meldung")).unwrap();
    let plan = apply(&world, &folder, &["--dry-run"])
        .await
        .success("plan")
        .unwrap();
    assert!(plan.stderr.contains(&format!("! {mine}  SB-5006")), "{plan:?}");
    let refusal = apply(&world, &folder, &["--yes"]).await;
    assert_eq!(refusal.code, Some(3), "{refusal:?}");
    assert!(
        refusal.stderr.contains("SB-5016") && refusal.stderr.contains(&mine),
        "{refusal:?}"
    );
    publish(&sender, &event("a-2", 2)).await;
    assert_eq!(
        take(&amt, &mine, 1, SOON).await[0]["id"],
        json!("a-2"),
        "the city in force stays"
    );

    // A folder that defines it takes it over, with its cursor.
    publish(&sender, &event("a-3", 3)).await;
    city.subscribe(&mine, "sink: {pull: {}}");
    apply(&world, &city, &["--yes"]).await.success("apply").unwrap();
    assert_eq!(take(&amt, &mine, 1, SOON).await[0]["id"], json!("a-3"));
    let shown = amt.get(&format!("{PATH}/{mine}")).await.unwrap().json();
    assert_eq!(shown["status"]["origin"], json!("folder"));
}
