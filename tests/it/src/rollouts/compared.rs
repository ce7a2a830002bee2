//! A new version held against what is in the log, and who may do what with one.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stadtbus_harness::{Client, World};

use super::{ALIKE, BROKEN, OTHERWISE, PATH, brought, counted, order, refused, version};
use crate::city::CityFolder;
use crate::plugins::{moody_city, moody_city_with};
use crate::support::{SOON, changed, event, nothing_more, publish, recipient, sender, take, world};

pub(super) fn folder(city: &CityFolder, name: &str, digit: u8) -> PathBuf {
    let (manifest, component) = version(city, digit);
    let root: &Path = city.root();
    let folder = root.join(name);
    std::fs::create_dir_all(folder.join("build")).unwrap();
    std::fs::write(folder.join("plugin.yaml"), manifest).unwrap();
    std::fs::write(folder.join("build/launisch.wasm"), component).unwrap();
    folder
}

async fn diff(world: &World, client: &Client, folder: &Path) -> Value {
    let folder = folder.display().to_string();
    let args = [
        "plugin",
        "diff",
        folder.as_str(),
        "--subscription",
        "werk-ableitung",
        "--replay",
        "24h",
        "--output",
        "json",
    ];
    let finished = world.bus.command(client.token(), &args, &[]).await.unwrap();
    let finished = finished.success("diff").unwrap();
    serde_json::from_str(&finished.stdout).unwrap()
}

#[tokio::test]
async fn a_diff_names_the_field_and_changes_nothing() {
    let city = moody_city_with("state: {key: /nr, ttl_s: 3600, bytes_max: 64}\n").await;
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    for n in 0..5 {
        publish(&sender, &counted(&format!("d-{n}"))).await;
    }
    publish(
        &sender,
        &changed(
            event("d-egal", 1),
            "data",
            json!({"nr": "k1", "wert": 1, "text": "drop"}),
        ),
    )
    .await;
    take(&amt, "amt-folgen", 5, SOON).await;

    let otherwise = folder(&city, "anders", OTHERWISE);
    let found = diff(&world, &sender, &otherwise).await;
    assert_eq!(
        (&found["compared"], &found["different"], &found["same"]),
        (&json!(6), &json!(5), &json!(1)),
        "{found}"
    );
    assert_eq!(
        found["by_kind"],
        json!({"changed /events/*/data/wert": 5}),
        "{found}"
    );
    let field = &found["examples"][0]["fields"][0];
    assert_eq!(
        *field,
        json!({"kind": "changed", "path": "/events/0/data/wert", "old": 1, "new": 1_001})
    );
    assert_eq!(
        (&found["complete"], &found["verdicts"]),
        (&json!(true), &json!(0))
    );
    // An operator sees where, and not what.
    let operator = world.operator().await.unwrap();
    let found = diff(&world, &operator, &otherwise).await;
    let field = &found["examples"][0]["fields"][0];
    assert_eq!(*field, json!({"kind": "changed", "path": "/events/0/data/wert"}));

    let broken = diff(&world, &sender, &folder(&city, "kaputt", BROKEN)).await;
    assert_eq!(
        (&broken["verdicts"], &broken["failed"]),
        (&json!(6), &json!(6)),
        "{broken}"
    );
    assert_eq!(
        broken["by_kind"]["verdict events → failed SB-4103"],
        json!(5),
        "{broken}"
    );
    let alike = diff(&world, &sender, &folder(&city, "gleich", ALIKE)).await;
    assert_eq!(alike["different"], json!(0), "{alike}");

    // Nothing came of it, and the state is what it was.
    nothing_more(&amt, "amt-folgen").await;
    publish(&sender, &counted("d-danach")).await;
    assert_eq!(
        take(&amt, "amt-folgen", 1, SOON).await[0]["data"]["wert"],
        json!(6)
    );
    assert!(sender.get(&format!("{PATH}/rollout")).await.unwrap().json()["rollout"].is_null());
}

#[tokio::test]
async fn only_the_owner_or_an_operator_decides_and_steps_follow_from_each_other() {
    let city = moody_city().await;
    let world = world(&city).await;
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let stranger = world
        .client("fremd", "sender", "publish subscribe")
        .await
        .unwrap();
    let new = brought(&city, OTHERWISE, json!({}));
    for verb in ["shadow", "promote", "rollback"] {
        for client in [&stranger, &amt] {
            let answer = refused(client, verb, &new).await;
            assert_eq!(answer, (403, "SB-1311".to_owned()), "{verb}");
        }
    }
    let foreign = stranger.get(&format!("{PATH}/rollout")).await.unwrap();
    assert_eq!((foreign.status, foreign.code()), (403, "SB-1311".to_owned()));
    let of = |subscription: &str| brought(&city, OTHERWISE, json!({"subscription": subscription}));
    assert_eq!(
        refused(&amt, "diff", &of("werk-ableitung")).await,
        (404, "SB-2001".to_owned())
    );
    assert_eq!(
        refused(&amt, "diff", &of("amt-folgen")).await,
        (422, "SB-4035".to_owned())
    );

    assert_eq!(
        refused(&sender, "promote", &json!({})).await,
        (404, "SB-4030".to_owned())
    );
    let percent = |percent: f64| brought(&city, OTHERWISE, json!({"percent": percent}));
    assert_eq!(
        refused(&sender, "canary", &percent(0.0)).await,
        (400, "SB-1119".to_owned())
    );
    let operator = world.operator().await.unwrap();
    order(&operator, "shadow", &new).await;
    let other = brought(&city, ALIKE, json!({}));
    assert_eq!(
        refused(&sender, "shadow", &other).await,
        (409, "SB-4033".to_owned())
    );
    order(&sender, "canary", &percent(0.5)).await;
    order(&operator, "rollback", &json!({"why": "doch nicht"})).await;
    assert_eq!(
        refused(&sender, "rollback", &json!({})).await,
        (409, "SB-4031".to_owned())
    );
    // One that keeps its state elsewhere cannot stand beside it.
    let (manifest, component) = version(&city, OTHERWISE);
    let stateful = format!("{manifest}state: {{key: /nr, ttl_s: 3600, bytes_max: 64}}\n");
    let body = json!({"manifest": stateful, "component": STANDARD.encode(component)});
    assert_eq!(
        refused(&sender, "shadow", &body).await,
        (422, "SB-4032".to_owned())
    );
    // After all that another version may be tried.
    order(&sender, "shadow", &other).await;
}
