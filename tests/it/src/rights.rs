//! No event reaches a party without contract, agreement and permission valid at routing time (P4).

use serde_json::json;
use stadtbus_harness::{Process, stadtbus_bin};

use crate::city::{CityFolder, PURPOSE, TYPE, TYPE_CLOSED};
const TYPE_EXPIRED: &str = "de.probe.werk.abgelaufen.v1";

use crate::support::{SOON, changed, event, nothing_more, publish, recipient, sender, step, take, world};

#[tokio::test]
async fn only_who_has_an_agreement_for_the_purpose_receives() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    // Entitlement ends while the subscription stays: the agreement now names a purpose the subscription does not.
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    publish(&sender, &event("r-1", 1)).await;
    take(&amt, "amt-alles", 1, SOON).await;

    city.contract(
        "werk",
        "meldung",
        TYPE,
        &[("amt", PURPOSE, "2020-01-01", "2020-12-31")],
    );
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender, &event("r-2", 2)).await;
    let refused = step(&sender, "werk", "r-2", |step| {
        step["subscription"] == json!("amt-alles")
    })
    .await;
    assert_eq!(refused["code"], json!("SB-1310"), "{refused}");
    nothing_more(&amt, "amt-alles").await;

    city.contract(
        "werk",
        "meldung",
        TYPE,
        &[("amt", PURPOSE, "2020-01-01", "2099-12-31")],
    );
    world.apply(&city.path(), &[]).await.unwrap();
    publish(&sender, &event("r-3", 3)).await;
    let taken = take(&amt, "amt-alles", 1, SOON).await;
    assert_eq!(
        taken[0]["id"],
        json!("r-3"),
        "what was refused at its time stays refused"
    );
}

#[tokio::test]
async fn without_an_agreement_for_it_nothing_is_delivered() {
    let city = CityFolder::new();
    city.contract(
        "werk",
        "abgelaufen",
        TYPE_EXPIRED,
        &[("amt", PURPOSE, "2020-01-01", "2020-12-31")],
    );
    let refused = [
        ("amt-intern", "amt", TYPE_CLOSED, PURPOSE, "SB-1308"),
        ("fremd-alles", "fremd", TYPE, PURPOSE, "SB-1308"),
        (
            "amt-werbung",
            "amt",
            TYPE,
            "https://w3id.org/dpv#Advertising",
            "SB-1309",
        ),
        ("amt-zu-spaet", "amt", TYPE_EXPIRED, PURPOSE, "SB-1310"),
    ];
    for (id, partner, ty, purpose, _) in refused {
        city.subscribe_as(partner, id, ty, purpose, "sink: {pull: {}}");
    }
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let sender = sender(&world).await;
    for (n, ty) in [TYPE, TYPE_CLOSED, TYPE_EXPIRED].into_iter().enumerate() {
        publish(&sender, &changed(event(&format!("o-{n}"), 1), "type", json!(ty))).await;
    }
    take(&recipient(&world).await, "amt-alles", 1, SOON).await;
    for (id, partner, ty, _, code) in refused {
        let n = [TYPE, TYPE_CLOSED, TYPE_EXPIRED]
            .iter()
            .position(|known| *known == ty)
            .unwrap();
        let why = step(&sender, "werk", &format!("o-{n}"), |step| {
            step["subscription"] == json!(id)
        })
        .await;
        assert_eq!(why["code"], json!(code), "{id}: {why}");
        let system = if partner == "amt" { "empfang" } else { "sender" };
        nothing_more(&world.client(partner, system, "subscribe").await.unwrap(), id).await;
    }
    // Whoever wrote the folder is told before anything is applied.
    let folder = city.path().display().to_string();
    let lint = ["lint", folder.as_str(), "--lang", "en"];
    let said = Process::run(&stadtbus_bin().unwrap(), &lint, &[], SOON)
        .await
        .unwrap();
    for (id, ..) in refused {
        assert!(
            format!("{}{}", said.stdout, said.stderr).contains(id),
            "{id} is not mentioned: {said:?}"
        );
    }
}

#[tokio::test]
async fn filters_choose_by_attributes() {
    let city = CityFolder::new();
    for (id, filters) in [
        ("amt-exact", "[{exact: {subject: zaehler-8}}]"),
        ("amt-prefix", "[{prefix: {subject: zaehler-}}]"),
        ("amt-suffix", "[{suffix: {subject: '-7'}}]"),
        ("amt-not", "[{not: {exact: {subject: zaehler-7}}}]"),
        ("amt-any", "[{any: [{exact: {id: f-1}}, {exact: {id: f-3}}]}]"),
        (
            "amt-all",
            "[{all: [{prefix: {id: f-}}, {suffix: {subject: '8'}}]}]",
        ),
        ("amt-und", "[{prefix: {id: f-}}, {exact: {subject: zaehler-9}}]"),
    ] {
        city.subscribe(id, &format!("sink: {{pull: {{}}}}\nfilters: {filters}"));
    }
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for (id, subject) in [("f-1", "zaehler-7"), ("f-2", "zaehler-8"), ("f-3", "zaehler-9")] {
        publish(&sender, &changed(event(id, 1), "subject", json!(subject))).await;
    }
    take(&amt, "amt-alles", 3, SOON).await;
    for (subscription, expected) in [
        ("amt-exact", vec!["f-2"]),
        ("amt-prefix", vec!["f-1", "f-2", "f-3"]),
        ("amt-suffix", vec!["f-1"]),
        ("amt-not", vec!["f-2", "f-3"]),
        ("amt-any", vec!["f-1", "f-3"]),
        ("amt-all", vec!["f-2"]),
        ("amt-und", vec!["f-3"]),
    ] {
        let taken = take(&amt, subscription, expected.len(), SOON).await;
        let ids: Vec<_> = taken.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids, expected, "{subscription}");
        nothing_more(&amt, subscription).await;
    }
}
