//! The daily statement: made when a day is over, made up for, signed, chained, and believed only as it was made.

use std::path::Path;

use serde_json::{Value, json};
use stadtbus_harness::{BusOptions, Client, Failure, Process, World, eventually, stadtbus_bin};

use crate::city::CityFolder;
use crate::support::{LATER, changed, event, publish, recipient, sender, take, world_with};

/// A zone in which a day begins with the next second, when whatever was counted is older; `later` days further on in the
/// calendar.
fn midnight_now(later: i64) -> String {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let west = i64::try_from(since % 86_400).unwrap() + 1 - later * 86_400;
    let (sign, west) = (if west < 0 { "-" } else { "" }, west.abs());
    format!(
        "TST{sign}{:02}:{:02}:{:02}",
        west / 3_600,
        west / 60 % 60,
        west % 60
    )
}

/// The bus was away when the day ended, and is back.
async fn over_midnight(world: &mut World, later: i64) {
    world.bus.stop().await.unwrap();
    let env = &mut world.bus.options_mut().env;
    env.retain(|(name, _)| name != "STADTBUS_STATEMENTS_TIME_ZONE");
    env.push(("STADTBUS_STATEMENTS_TIME_ZONE".to_owned(), midnight_now(later)));
    world.bus.start_again().await.unwrap();
}

async fn days(operator: &Client, count: usize) -> Vec<String> {
    eventually(LATER, &format!("{count} statements"), || async {
        let answer = operator.get("/v1/statements").await?.expect(200)?.json();
        let list = answer["statements"].as_array().unwrap().clone();
        if list.len() == count {
            Ok(list
                .iter()
                .map(|one| one["day"].as_str().unwrap().to_owned())
                .collect())
        } else {
            Err(Failure::new(answer.to_string()))
        }
    })
    .await
    .unwrap()
}

async fn said(world: &World, operator: &Client, args: &[&str]) -> String {
    let done = world.bus.command(operator.token(), args, &[]).await.unwrap();
    done.success("statement").unwrap().stdout
}

/// The account of the one subscription.
async fn account(world: &World, operator: &Client, day: &str) -> (Value, Value) {
    let text = said(world, operator, &["statement", "show", day, "--output", "json"]).await;
    let statement: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&statement["even"], &statement["day"]),
        (&json!(true), &json!(day))
    );
    (statement["subscriptions"][0].clone(), statement)
}

async fn compared(operator: &Client, accepted: i64, delivered: i64) {
    eventually(LATER, "the last look", || async {
        let answer = operator.get("/v1/balances").await?.expect(200)?.json();
        let last = &answer["balances"][0];
        if (&last["accepted"], &last["delivered"]) == (&json!(accepted), &json!(delivered)) {
            Ok(())
        } else {
            Err(Failure::new(answer.to_string()))
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_day_is_closed_once_and_anybody_can_verify_it() {
    let dir = tempfile::tempdir().unwrap();
    let city = CityFolder::new();
    city.subscribe("amt-alles", "sink: {pull: {}}");
    let key = dir.path().join("webhook.pem");
    let (program, out) = (stadtbus_bin().unwrap(), key.display().to_string());
    let made = Process::run(&program, &["token", "key", "--out", &out], &[], LATER).await;
    made.unwrap().success("key").unwrap();
    let options = BusOptions {
        env: vec![("STADTBUS_SIGNING_KEY_FILE".to_owned(), key.display().to_string())],
        extra_config: "[limits]\nbalance_look_s = 1\n".to_owned(),
        ..BusOptions::default()
    };
    let mut world = world_with(&city, options).await;
    let operator = world.client("stadt", "betrieb", "operate").await.unwrap();
    let (sender, amt) = (sender(&world).await, recipient(&world).await);
    let missing = operator.get("/v1/statements/2020-01-01").await.unwrap();
    assert_eq!((missing.status, missing.code()), (404, "SB-1514".to_owned()));
    assert_eq!(amt.get("/v1/statements").await.unwrap().status, 403);
    // The source counts for itself, and one of its events never came.
    for n in [1_i64, 2, 4] {
        let numbered = changed(event(&format!("s-{n}"), n), "sequence", json!(format!("{n:03}")));
        publish(&sender, &numbered).await;
    }
    take(&amt, "amt-alles", 3, LATER).await;
    compared(&operator, 3, 3).await;

    over_midnight(&mut world, 0).await;
    let first = days(&operator, 1).await.remove(0);
    let (one, whole) = account(&world, &operator, &first).await;
    assert_eq!(
        (&one["opening"]["accepted"], &one["closing"]["delivered"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(one["positions"], json!({"LOG_WERK": 3}));
    assert_eq!(
        (&whole["previous"], &whole["complete"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(
        whole["sources"][0]["sources"][0]["gaps"],
        json!([{"from": 3, "to": 3}])
    );
    let log = whole["logs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|log| log["log"] == json!("LOG_WERK"));
    assert_eq!(log.unwrap()["last"], json!(3), "{whole}");

    publish(&sender, &event("s-5", 5)).await;
    compared(&operator, 4, 3).await;
    over_midnight(&mut world, 1).await;
    let both = days(&operator, 2).await;
    assert_eq!(both[0], first, "what was made stays");
    let (two, whole) = account(&world, &operator, &both[1]).await;
    assert_eq!(two["opening"], one["closing"]);
    assert_eq!(
        (&two["movement"]["accepted"], &two["movement"]["pending"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(whole["previous"]["day"], json!(first));
    shown(&world, &operator, &both[1]).await;
    verified(&world, &operator, &both, dir.path()).await;
}

async fn shown(world: &World, operator: &Client, day: &str) {
    for lang in ["de", "en"] {
        let text = said(
            world,
            operator,
            &["statement", "show", day, "--lang", lang, "--no-color"],
        )
        .await;
        let filters = vec![
            (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "[time]"),
            (r"\d{4}-\d\d-\d\d", "[day]"),
            (r"TST-?[0-9:]+", "[zone]"),
            (r"[0-9a-f]{64}", "[sha256]"),
        ];
        insta::with_settings!({filters => filters}, {
            insta::assert_snapshot!(format!("statement_{lang}"), text);
        });
    }
}

/// Without the bus, by its public keys: whole, changed by one byte, out of order, by a key that is not the bus's.
async fn verified(world: &World, operator: &Client, days: &[String], dir: &Path) {
    let published = operator.get("/.well-known/webhook-keys").await.unwrap().text();
    let keys = dir.join("keys.json");
    std::fs::write(&keys, &published).unwrap();
    let mut files = Vec::new();
    for day in days {
        let jws = said(world, operator, &["statement", "show", day, "--signed"]).await;
        let file = dir.join(format!("{day}.jws"));
        std::fs::write(&file, jws).unwrap();
        files.push(file.display().to_string());
    }
    let verify = async |files: &[&str], keys: &Path| {
        let keys = keys.display().to_string();
        let args = [
            &["statement", "verify", "--lang", "en", "--keys", keys.as_str()],
            files,
        ]
        .concat();
        world.bus.command("", &args, &[]).await.unwrap()
    };
    let (one, two) = (files[0].as_str(), files[1].as_str());
    let good = verify(&[one, two], &keys).await.success("verify").unwrap();
    assert!(good.stdout.contains("chain unbroken"), "{good:?}");
    let turned = verify(&[two, one], &keys).await;
    assert!(
        turned.code == Some(1) && turned.stderr.contains("It follows"),
        "{turned:?}"
    );
    let text = std::fs::read_to_string(one).unwrap();
    let middle = text.len() / 2;
    let other = if &text[middle..=middle] == "A" { "B" } else { "A" };
    std::fs::write(one, format!("{}{other}{}", &text[..middle], &text[middle + 1..])).unwrap();
    let changed = verify(&[one, two], &keys).await;
    assert!(
        changed.code == Some(1)
            && changed.stderr.contains("SB-6006")
            && changed.stderr.contains("signature does not fit"),
        "{changed:?}"
    );
    let mut strange: Value = serde_json::from_str(&published).unwrap();
    strange["keys"][0]["kid"] = json!("0000000000000000");
    let other = dir.join("other.json");
    std::fs::write(&other, strange.to_string()).unwrap();
    let unknown = verify(&[two], &other).await;
    assert!(
        unknown.code == Some(1) && unknown.stderr.contains("not among those"),
        "{unknown:?}"
    );
}
