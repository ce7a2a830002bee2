//! A department with nothing but curl: what docs/subscribers.md tells it to type is typed here, word by word.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use bytes::Bytes;
use serde_json::Value;
use stadtbus_harness::{BusOptions, Client, World, workspace_dir};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::krefeld::{city, control_room, input};
use crate::support::{LATER, SOON, step};

/// The commands of the section, in their order: once, order, fetch, stop, watch.
fn commands() -> Vec<String> {
    let text = std::fs::read_to_string(workspace_dir().join("docs/subscribers.md")).unwrap();
    let section = text
        .split("\n## ")
        .find(|part| part.contains("Nur mit curl"))
        .unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

struct Department {
    dir: PathBuf,
    bus: String,
    token: String,
    abo: String,
}

impl Department {
    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .current_dir(&self.dir)
            .env("BUS", &self.bus)
            .env("TOKEN", &self.token)
            .env("ABO", &self.abo)
            .kill_on_drop(true);
        shell
    }

    /// Types these lines; what they print, and whether they ended well.
    async fn types(&self, script: &str) -> (bool, String) {
        let work = self.shell(script).output();
        let output = tokio::time::timeout(LATER, work).await.unwrap().unwrap();
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }

    async fn succeeds(&self, script: &str) -> String {
        let (good, text) = self.types(script).await;
        assert!(good, "{script}\n{text}");
        text
    }

    fn cursor(&self) -> PathBuf {
        self.dir.join(format!("{}.cursor", self.abo))
    }

    /// The outages in the files it has, in the order in which they were filed.
    fn has(&self) -> Vec<String> {
        let mut files: Vec<_> = std::fs::read_dir(self.dir.join("eingang"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort_by_key(|file| file.metadata().unwrap().modified().unwrap());
        files.iter().flat_map(|file| outages(file)).collect()
    }
}

fn outages(file: &Path) -> Vec<String> {
    let answer: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let events = answer["events"].as_array().unwrap();
    let outage = |event: &Value| event["event"]["data"]["outageId"].as_str().unwrap().to_owned();
    events.iter().map(outage).collect()
}

/// Reports an outage; gives the id of its event.
async fn reported(ngn: &Client, outage: &str) -> String {
    let body = String::from_utf8(input("s1-1-revision-2.json").to_vec()).unwrap();
    let body = Bytes::from(body.replace("NGN-2026-004812", outage));
    let answer = ngn
        .ingest("ngn-stoerung", "application/json", body)
        .await
        .unwrap();
    let receipts = answer.expect(202).unwrap().json();
    receipts["receipts"][0]["id"].as_str().unwrap().to_owned()
}

async fn department(world: &World) -> Department {
    let client = world.client("fb37", "leitstelle", "subscribe").await.unwrap();
    let dir = world.dir().join("fb37");
    std::fs::create_dir_all(&dir).unwrap();
    Department {
        dir,
        bus: world.bus.base().to_owned(),
        token: client.token().to_owned(),
        abo: String::new(),
    }
}

#[tokio::test]
async fn a_department_with_nothing_but_curl_takes_a_feed_safely() {
    let blocks = commands();
    let [once, order, fetch, stop, watch] = blocks.as_slice() else {
        panic!("the section has other commands than this test knows: {blocks:#?}");
    };
    let (world, _receiver) = city(BusOptions::default()).await;
    let ngn = control_room(&world).await;
    let mut fb37 = department(&world).await;
    fb37.succeeds(once).await;
    fb37.abo = fb37.succeeds(order).await.trim().to_owned();
    assert!(fb37.abo.starts_with("fb37-"), "{}", fb37.abo);

    let first = reported(&ngn, "NGN-2026-000001").await;
    fb37.succeeds(fetch).await;
    assert_eq!(fb37.has(), ["NGN-2026-000001"]);
    let before = std::fs::read(fb37.cursor()).unwrap();

    // It crashes after filing, before the cursor: the same come again, and nothing is lost.
    reported(&ngn, "NGN-2026-000002").await;
    fb37.succeeds(fetch).await;
    std::fs::write(fb37.cursor(), &before).unwrap();
    fb37.succeeds(fetch).await;
    assert_eq!(
        fb37.has(),
        ["NGN-2026-000001", "NGN-2026-000002", "NGN-2026-000002"]
    );

    // An error leaves the cursor as it was, and names its reason.
    let good = std::fs::read(fb37.cursor()).unwrap();
    std::fs::write(fb37.cursor(), "kaputt\n").unwrap();
    let (succeeded, _) = fb37.types(fetch).await;
    let told = std::fs::read_to_string(fb37.dir.join("antwort.json")).unwrap();
    assert!(!succeeded && told.contains("SB-2051"), "{told}");
    assert_eq!(std::fs::read(fb37.cursor()).unwrap(), b"kaputt\n");
    std::fs::write(fb37.cursor(), &good).unwrap();

    let settled = fb37.succeeds(stop).await;
    assert_eq!(settled.trim(), r#"{"settled":1}"#);
    delivered(&ngn, &first, &fb37.abo).await;

    let third = reported(&ngn, "NGN-2026-000003").await;
    let mut stream = fb37.shell(watch).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(stream.stdout.take().unwrap()).lines();
    let seen = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("data: ") {
                return line;
            }
        }
        String::new()
    };
    let seen = tokio::time::timeout(SOON, seen).await.unwrap();
    assert!(seen.contains("NGN-2026-000003"), "{seen}");
    stream.kill().await.unwrap();
    // Watching confirmed nothing.
    fb37.succeeds(fetch).await;
    assert_eq!(fb37.has().last().unwrap(), "NGN-2026-000003");
    fb37.succeeds(stop).await;
    delivered(&ngn, &third, &fb37.abo).await;
}

async fn delivered(ngn: &Client, id: &str, abo: &str) {
    step(ngn, "ngn", id, |step| {
        let step = step.to_string();
        step.contains(abo) && step.contains("delivered")
    })
    .await;
}
