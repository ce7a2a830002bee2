//! A plugin can only fail its own partner's events (P5), and whatever it does is named by a code.

use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Process, World, eventually, stadtbus_bin, workspace_dir};

use crate::city::{CityFolder, PURPOSE, QUICK};
use crate::support::{
    LATER, SOON, changed, dead_letters, event, nothing_more, publish, recipient, sender, step, take, world,
};

pub(crate) const FOLLOWING: &str = "de.probe.werk.folge.v1";

/// The probe city with the moody plugin as a derivation of `werk`, and `amt` as the taker of what it makes.
pub(crate) async fn moody_city() -> CityFolder {
    moody_city_with("").await
}

/// The same with more lines in the plugin's manifest.
pub(crate) async fn moody_city_with(manifest_lines: &str) -> CityFolder {
    let guest = workspace_dir().join("tests/it/guest");
    let folder = guest.display().to_string();
    let build = ["plugin", "build", folder.as_str()];
    Process::run(&stadtbus_bin().unwrap(), &build, &[], Duration::from_secs(300))
        .await
        .unwrap()
        .success("build")
        .unwrap();
    let city = CityFolder::new();
    city.contract(
        "werk",
        "folge",
        FOLLOWING,
        &[("amt", PURPOSE, "2020-01-01", "2099-12-31")],
    );
    let manifest = std::fs::read_to_string(guest.join("plugin.yaml")).unwrap();
    city.write(
        "plugins/launisch/plugin.yaml",
        &format!("{manifest}{manifest_lines}"),
    );
    let component = city.root().join("plugins/launisch/build");
    std::fs::create_dir_all(&component).unwrap();
    std::fs::copy(guest.join("build/launisch.wasm"), component.join("launisch.wasm")).unwrap();
    let derivation = format!(
        "plugin: {{name: werk/launisch}}\nsink: {{log: {{source: \"urn:probe:werk:sender\", publishes: [{FOLLOWING}]}}}}\ndelivery: {{{QUICK}}}"
    );
    city.subscribe_as("werk", "werk-ableitung", crate::city::TYPE, PURPOSE, &derivation);
    city.subscribe_as("amt", "amt-folgen", FOLLOWING, PURPOSE, "sink: {pull: {}}");
    city.subscribe("amt-alles", "sink: {pull: {}}");
    city
}

fn moody(id: &str, mood: &str) -> Value {
    changed(
        event(id, 1),
        "data",
        json!({"nr": "zaehler-7", "wert": 1, "text": mood}),
    )
}

async fn settle_fact(world: &World, id: &str) -> Value {
    let ends = ["delivered", "dead-lettered", "filtered"];
    let sender = sender(world).await;
    step(&sender, "werk", id, |step| {
        step["subscription"] == json!("werk-ableitung")
            && ends.contains(&step["outcome"].as_str().unwrap_or_default())
    })
    .await
}

/// EXT-CORRELATION: what a plugin derives names its cause.
#[tokio::test]
async fn derived_events_are_the_hosts_to_name() {
    let world = world(&moody_city().await).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    publish(&sender, &event("a-1", 7)).await;
    let derived = take(&amt, "amt-folgen", 1, SOON).await.remove(0);
    assert_eq!(derived["causationid"], json!("a-1"));
    assert_eq!(
        (&derived["type"], &derived["source"]),
        (&json!(FOLLOWING), &json!("urn:probe:werk:sender"))
    );
    assert_ne!(derived["id"], json!("a-1"));
    assert_eq!(derived["data"], json!({"nr": "zaehler-7", "wert": 7}));
    // The derived event has a journey of its own, which names its cause: the first entry of the log.
    let id = derived["id"].as_str().unwrap();
    let journey = sender
        .journey("werk", id)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json();
    assert_eq!(journey["event"]["cause"], json!("LOG_WERK:1"), "{journey}");

    publish(&sender, &moody("a-2", "two")).await;
    let two = take(&amt, "amt-folgen", 2, SOON).await;
    assert_ne!(two[0]["id"], two[1]["id"]);
    assert!(two.iter().all(|one| one["causationid"] == json!("a-2")));
    // A repeat of the cause repeats nothing.
    assert_eq!(
        publish(&sender, &moody("a-2", "two")).await["duplicate"],
        json!(true)
    );
    publish(&sender, &moody("a-3", "drop")).await;
    let dropped = settle_fact(&world, "a-3").await;
    assert_eq!(dropped["outcome"], json!("filtered"), "{dropped}");
    assert!(dropped.to_string().contains("egal"), "{dropped}");
    nothing_more(&amt, "amt-folgen").await;
    dead_letters(&sender, "werk-ableitung", 0).await;
}

#[tokio::test]
async fn every_failure_of_a_plugin_is_a_dead_letter_with_its_code_and_others_flow() {
    let world = world(&moody_city().await).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let moods = [
        ("trap", ["SB-4103", "SB-4103"]),
        ("spin", ["SB-4101", "SB-4101"]),
        ("memory", ["SB-4102", "SB-4103"]),
        ("output", ["SB-4105", "SB-4109"]),
        ("foreign", ["SB-4111", "SB-4107"]),
        ("contract", ["SB-4106", "SB-4106"]),
        ("reject", ["SB-4108", "SB-4108"]),
    ];
    for (mood, _) in &moods {
        publish(&sender, &moody(&format!("m-{mood}"), mood)).await;
        publish(&sender, &event(&format!("gut-{mood}"), 1)).await;
    }
    // Everybody else has everything at once, and the derivation goes on with what is good.
    let all = take(&amt, "amt-alles", 2 * moods.len(), SOON).await;
    assert_eq!(all.len(), 2 * moods.len());
    let derived = take(&amt, "amt-folgen", moods.len(), LATER).await;
    let mut causes: Vec<_> = derived
        .iter()
        .map(|one| one["causationid"].as_str().unwrap())
        .collect();
    causes.sort_unstable();
    assert_eq!(
        causes,
        [
            "gut-contract",
            "gut-foreign",
            "gut-memory",
            "gut-output",
            "gut-reject",
            "gut-spin",
            "gut-trap"
        ]
    );
    let letters = dead_letters(&sender, "werk-ableitung", moods.len()).await;
    for (mood, codes) in &moods {
        let letter = letters
            .iter()
            .find(|letter| letter["id"] == json!(format!("m-{mood}")));
        let letter = letter.unwrap_or_else(|| panic!("no dead letter for {mood}"));
        assert!(
            codes.contains(&letter["code"].as_str().unwrap_or_default()),
            "{mood}: {letter}"
        );
    }
    nothing_more(&amt, "amt-folgen").await;
}

#[tokio::test]
async fn a_crash_between_derivations_derives_each_once() {
    let mut world = world(&moody_city().await).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let events: Vec<_> = (0..400).map(|n| event(&format!("c-{n}"), n)).collect();
    for chunk in events.chunks(50) {
        sender.publish_batch(chunk).await.unwrap().expect(202).unwrap();
    }
    // The first derived event is there, the last can hardly be: the kill falls between them.
    eventually(SOON, "the first derived event", || async {
        let metrics = world.bus.client("").get("/metrics").await?.text();
        if metrics.contains("werk-ableitung") {
            Ok(())
        } else {
            Err(stadtbus_harness::Failure::new("none yet"))
        }
    })
    .await
    .unwrap();
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    let mut by_cause = std::collections::BTreeMap::<String, std::collections::BTreeSet<String>>::new();
    while by_cause.len() < events.len() {
        for one in take(&amt, "amt-folgen", 1, LATER).await {
            let cause = one["causationid"].as_str().unwrap().to_owned();
            by_cause
                .entry(cause)
                .or_default()
                .insert(one["id"].as_str().unwrap().to_owned());
        }
    }
    let twice: Vec<_> = by_cause.iter().filter(|(_, ids)| ids.len() != 1).collect();
    assert!(twice.is_empty(), "derived under more than one id: {twice:?}");
}
