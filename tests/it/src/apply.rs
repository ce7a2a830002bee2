//! A city is applied whole or not at all, with a plan first.

use std::time::Duration;

use serde_json::{Value, json};
use stadtbus_harness::{Finished, Receiver, World};

use crate::city::{CityFolder, QUICK};
use crate::support::{SOON, event, publish, recipient, sender, take, world};

async fn digest(world: &World) -> Value {
    let status = world
        .operator()
        .await
        .unwrap()
        .get("/v1/status")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json();
    let city = &status["city"];
    assert!(!city.is_null(), "the status names the city: {status}");
    city.clone()
}

async fn apply(world: &World, city: &CityFolder, more: &[&str]) -> Finished {
    let path = city.path().display().to_string();
    let mut args = vec!["apply", path.as_str()];
    args.extend(more);
    world
        .bus
        .command(world.operator().await.unwrap().token(), &args, &[])
        .await
        .unwrap()
}

#[tokio::test]
async fn a_broken_folder_changes_nothing() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let before = digest(&world).await;
    let good = std::fs::read_to_string(city.path().join("partners/amt.yaml")).unwrap();
    // Each breach comes together with a good change, which must not be applied on its own.
    city.subscribe("amt-zweites", "sink: {pull: {}}");
    for (name, file, text, code) in [
        ("syntax", "city/partners/amt.yaml", "partner: [", "SB-5002"),
        (
            "unknown field",
            "city/partners/amt.yaml",
            &*format!("{good}\nfarbe: rot\n"),
            "SB-5003",
        ),
        (
            "missing field",
            "city/partners/amt.yaml",
            "partner: amt\n",
            "SB-5004",
        ),
        (
            "unknown partner",
            "city/subscriptions/niemand/niemand-drittes.yaml",
            "subscription: niemand-drittes\npartner: niemand\ntitle: x\npurpose: https://w3id.org/dpv#X\ntypes: [de.probe.werk.meldung.v1]\nsink: {pull: {}}\n",
            "SB-5006",
        ),
        (
            "schema",
            "contracts/werk/meldung/v1/schema.json",
            "{\"type\": 7}",
            "SB-5008",
        ),
    ] {
        let path = city.root().join(file);
        let kept = std::fs::read_to_string(&path).ok();
        city.write(file, text);
        let done = apply(&world, &city, &["--yes"]).await;
        assert_ne!(done.code, Some(0), "{name} was applied");
        let said = format!("{}{}", done.stdout, done.stderr);
        assert!(said.contains(code), "{name}: {code} expected in {said}");
        assert!(
            said.contains(path.file_name().unwrap().to_str().unwrap()),
            "{name}: the file is named in {said}"
        );
        match kept {
            Some(kept) => city.write(file, &kept),
            None => city.remove(file),
        }
        assert_eq!(digest(&world).await, before, "{name} left something behind");
    }
    publish(&sender(&world).await, &event("a-1", 1)).await;
    take(&recipient(&world).await, "amt-alles", 1, SOON).await;
}

#[tokio::test]
async fn the_plan_is_shown_first_and_nothing_to_do_is_said() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let before = digest(&world).await;
    city.subscribe("amt-neu", "sink: {pull: {}}");
    let dry = apply(&world, &city, &["--dry-run"])
        .await
        .success("dry run")
        .unwrap();
    assert!(
        format!("{}{}", dry.stdout, dry.stderr).contains("amt-neu"),
        "{dry:?}"
    );
    assert_eq!(digest(&world).await, before, "a dry run changes nothing");
    // Without a terminal and without --yes nobody said yes.
    let unasked = apply(&world, &city, &[]).await;
    assert_ne!(unasked.code, Some(0), "{unasked:?}");
    assert_eq!(digest(&world).await, before);
    apply(&world, &city, &["--yes"]).await.success("apply").unwrap();
    assert_ne!(digest(&world).await, before);
    apply(&world, &city, &["--yes"])
        .await
        .success("the same again")
        .unwrap();
}

#[tokio::test]
async fn a_plugin_without_its_component_is_not_planned() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let operator = world.operator().await.unwrap();
    let mut document = operator
        .get("/v1/city")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .json()["city"]
        .clone();
    let plan = async |document: &Value| {
        operator
            .post("/v1/city/plan", &json!({"city": document}))
            .await
            .unwrap()
    };
    assert_eq!(plan(&document).await.status, 200);
    document["plugins"] = json!([{
        "partner": "werk", "name": "neu", "version": "1.0.0", "role": "transform", "consumes": [], "produces": [],
        "tables": [], "digest": "", "manifest": "",
    }]);
    let answer = plan(&document).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (422, "SB-5005"),
        "{}",
        answer.text()
    );
    assert!(answer.text().contains("werk/neu"), "{}", answer.text());
}

#[tokio::test]
async fn a_plan_that_is_out_of_date_is_refused() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let operator = world.operator().await.unwrap();
    let document = json!({"name": "probe", "title": "Probe", "partners": {}, "contracts": [], "routes": {}, "subscriptions": {}, "tables": {}, "plugins": [], "zones": []});
    let body = json!({"city": document, "components": {}, "expect": "0".repeat(64)});
    let answer = operator.put("/v1/city", &body).await.unwrap();
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (409, "SB-5012"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_change_takes_effect_without_a_restart_and_survives_one() {
    let city = CityFolder::new();
    let old = Receiver::start().await.unwrap();
    city.webhook("amt-hook", &old.url("/h"), QUICK);
    let mut world = world(&city).await;
    let sender = sender(&world).await;
    publish(&sender, &event("c-1", 1)).await;
    old.wait_for("/h", 1, SOON).await.unwrap();

    let new = Receiver::start().await.unwrap();
    city.webhook("amt-hook", &new.url("/h"), QUICK);
    city.subscribe("amt-neu", "sink: {pull: {}}");
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender, &event("c-2", 2)).await;
    new.wait_for("/h", 1, SOON).await.unwrap();
    let amt = recipient(&world).await;
    let ids: Vec<_> = take(&amt, "amt-neu", 1, SOON)
        .await
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    assert_eq!(
        ids,
        [json!("c-2")],
        "a new subscription begins with what comes after it"
    );

    let before = digest(&world).await;
    world.bus.kill_hard().await.unwrap();
    world.bus.start_again().await.unwrap();
    assert_eq!(digest(&world).await, before);
    publish(&sender, &event("c-3", 3)).await;
    new.wait_for("/h", 2, SOON).await.unwrap();

    city.remove("city/subscriptions/amt/amt-neu.yaml");
    world.apply(&city.path(), &[]).await.unwrap();
    let gone = amt
        .receive("amt-neu", 1, Duration::ZERO, SOON)
        .await
        .unwrap_err()
        .to_string();
    assert!(gone.contains("SB-2001"), "{gone}");
    assert_eq!(old.count(), 1, "the old address hears nothing more");
}

#[tokio::test]
async fn unknown_configuration_keys_stop_the_start() {
    let city = CityFolder::new();
    for (extra, code) in [
        ("[limits]\nhop_max = 3\n", "SB-1001"),
        ("[limits]\nhops_max = 1000\n", "SB-1002"),
        ("[limits\n", "SB-1002"),
    ] {
        let bus = stadtbus_harness::BusOptions {
            extra_config: extra.to_owned(),
            ..stadtbus_harness::BusOptions::default()
        };
        let options = stadtbus_harness::WorldOptions {
            bus,
            city: Some(city.path()),
            ..stadtbus_harness::WorldOptions::default()
        };
        let failure = World::start(options).await.unwrap_err().to_string();
        assert!(failure.contains(code), "{extra}: {failure}");
        if code == "SB-1001" {
            assert!(failure.contains("hops_max"), "did you mean: {failure}");
        }
    }
}
