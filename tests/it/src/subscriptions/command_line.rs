//! `stadtbus subscription` and `stadtbus route`.

use serde_json::{Value, json};

use super::{order, with};
use crate::city::{CityFolder, PURPOSE, SOURCE, TYPE};
use crate::support::{changed, event, nothing_more, recipient, world};

#[tokio::test]
async fn the_command_line_orders_shows_replaces_and_deletes() {
    let city = CityFolder::new();
    let world = world(&city).await;
    let amt = recipient(&world).await;
    let file = city.root().join("bestellung.yaml");
    let text = format!(
        "types: [{TYPE}]\nsource: {SOURCE}\nprotocol: STADTBUS-PULL\nconfig: {{purpose: \"{PURPOSE}\", title: Bestellt}}\n"
    );
    std::fs::write(&file, &text).unwrap();
    let file = file.display().to_string();
    let run = async |args: &[&str]| {
        let args: Vec<&str> = ["--lang", "en", "subscription"]
            .into_iter()
            .chain(args.iter().copied())
            .collect();
        world.bus.command(amt.token(), &args, &[]).await.unwrap()
    };
    let made = run(&["create", &file]).await.success("create").unwrap();
    let id = made.stdout.split_whitespace().last().unwrap().to_owned();
    assert!(
        made.stdout.starts_with("ordered") && id.starts_with("amt-"),
        "{made:?}"
    );
    let listed = run(&["list"]).await.success("list").unwrap();
    assert!(
        listed.stdout.contains(&id) && listed.stdout.contains("Bestellt"),
        "{listed:?}"
    );
    std::fs::write(&file, text.replace("Bestellt", "Ersetzt")).unwrap();
    run(&["replace", &id, &file]).await.success("replace").unwrap();
    let shown = run(&["show", &id, "--output", "json"])
        .await
        .success("show")
        .unwrap();
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(
        (&shown["config"]["title"], &shown["source"]),
        (&json!("Ersetzt"), &json!(SOURCE))
    );
    let unasked = run(&["delete", &id]).await;
    assert_eq!(unasked.code, Some(2), "{unasked:?}");
    run(&["delete", &id, "--yes"]).await.success("delete").unwrap();
    let gone = run(&["show", &id]).await;
    assert!(
        gone.code == Some(3) && gone.stderr.contains("SB-2001"),
        "{gone:?}"
    );
    std::fs::write(&file, text.replace("protocol: ", "protocl: ")).unwrap();
    let wrong = run(&["create", &file]).await;
    assert!(
        wrong.stderr.contains("SB-5003") && wrong.stderr.contains("/protocl"),
        "{wrong:?}"
    );
    let status = world
        .bus
        .command(
            world.operator().await.unwrap().token(),
            &["status", "--lang", "en"],
            &[],
        )
        .await
        .unwrap();
    assert_eq!(status.code, Some(0), "{status:?}");
}

#[tokio::test]
async fn the_command_line_asks_a_bus_or_a_folder_and_hears_the_same() {
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    city.subscribe(
        "amt-exact",
        "sink: {pull: {}}\nfilters: [{exact: {subject: zaehler-8}}]",
    );
    city.subscribe_as("fremd", "fremd-alles", TYPE, PURPOSE, "sink: {pull: {}}");
    let world = world(&city).await;
    let operator = world.operator().await.unwrap();
    let write = |name: &str, value: &Value| {
        let path = city.root().join(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.display().to_string()
    };
    let one = write("eins.json", &event("c-1", 1));
    let two = write(
        "zwei.json",
        &json!([
            event("c-2", 1),
            changed(event("c-3", 1), "type", json!("de.x.y.v1"))
        ]),
    );
    let bestellung = write("bestellung.json", &with(order(), "/config/partner", json!("amt")));
    let folder = city.path().display().to_string();
    let run = async |args: &[&str]| world.bus.command(operator.token(), args, &[]).await.unwrap();
    let asked = run(&["route", &one, "--output", "json"])
        .await
        .success("route")
        .unwrap();
    let offline = run(&["route", &one, "--city", &folder, "--output", "json"])
        .await
        .success("route --city")
        .unwrap();
    assert_eq!(asked.stdout, offline.stdout);
    let said = run(&["route", &one, "--subscription", &bestellung, "--lang", "en"])
        .await
        .success("route")
        .unwrap();
    for part in [
        "amt-alles    would get it",
        "fremd-alles  refused       SB-1308",
        "{\"exact\":{\"subject\":\"zaehler-8\"}}",
        "the order  would get it",
    ] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    let german = run(&["route", &one, &two, "--lang", "de"]).await;
    assert_eq!(german.code, Some(1), "one event has no contract: {german:?}");
    assert!(
        german.stdout.contains("bekäme es")
            && german
                .stdout
                .contains("SB-1201 Diesen Ereignistyp regelt kein Vertrag"),
        "{}",
        german.stdout
    );
    nothing_more(&recipient(&world).await, "amt-alles").await;
}
