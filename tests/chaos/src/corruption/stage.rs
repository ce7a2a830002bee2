//! The store that every case begins from, and the world it is damaged in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use stadtbus_harness::{
    BusOptions, Client, Failure, NatsOptions, Outcome, World, WorldOptions, eventually, workspace_dir,
};
use stadtbus_load::copy_folder;

use crate::payload;

/// Events of the log that is damaged; the first part is in the old snapshot.
const EVENTS: u64 = 6_000;
const OLD_EVENTS: u64 = 2_400;
const BATCH: u64 = 200;
/// Events that are received before, so that there are cursors and settle facts.
const RECEIVED: usize = 600;
const WITHIN: Duration = Duration::from_secs(30);

/// The subscription that has received everything in part.
const PULL: &str = "probe-pull";
/// The one that has received nothing: through it everything is read back.
pub(crate) const REST: &str = "probe-rest";

/// Everything a case needs.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) seed: u64,
    /// Event id → number, of what was acknowledged.
    pub(crate) acknowledged: BTreeMap<String, u64>,
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn prepare(seed: u64) -> Outcome<Self> {
        let folder = tempfile::Builder::new()
            .prefix("stadtbus-corruption-")
            .tempdir()?;
        let city = folder.path().join("city");
        write_city(&city)?;
        let world = World::start(WorldOptions {
            nats: NatsOptions::default(),
            bus: BusOptions {
                extra_config: "[limits]\nwitness_look_s = 2\n".to_owned(),
                ..BusOptions::default()
            },
            city: Some(city),
            ..WorldOptions::default()
        })
        .await?;
        let mut stage = Self {
            world,
            seed,
            acknowledged: BTreeMap::new(),
            folder,
        };
        let sender = stage.world.client("pub", "sender", "publish").await?;
        stage.publish(&sender, 0..OLD_EVENTS).await?;
        stage.publish_other(0..100).await?;
        stage.receive().await?;
        stage.keep("old", true).await?;
        stage.world.nats.start_again().await?;
        stage.world.bus.start_again().await?;
        stage.publish(&sender, OLD_EVENTS..EVENTS).await?;
        stage.publish_other(100..200).await?;
        stage.receive().await?;
        stage.keep("stopped", true).await?;
        // Once more up, so that the other copy is of a broker that was killed.
        stage.world.nats.start_again().await?;
        stage.world.bus.start_again().await?;
        stage.publish(&sender, EVENTS..EVENTS + BATCH).await?;
        stage.keep("killed", false).await?;
        Ok(stage)
    }

    /// Stops both and keeps what they leave behind.
    async fn keep(&mut self, name: &str, graceful: bool) -> Outcome<()> {
        self.world.bus.stop().await?;
        if graceful {
            self.world.nats.stop().await?;
        } else {
            self.world.nats.kill_hard().await?;
        }
        copy(&self.store(), &self.folder.path().join(name).join("store"))?;
        copy(&self.witness(), &self.folder.path().join(name).join("witness"))
    }

    /// Puts everything back to how it was before any damage, the bus's own memory included.
    pub(crate) fn restore(&self, graceful: bool) -> Outcome<()> {
        let kept = self
            .folder
            .path()
            .join(if graceful { "stopped" } else { "killed" });
        for (from, to) in [("store", self.store()), ("witness", self.witness())] {
            fs::remove_dir_all(&to)?;
            copy(&kept.join(from), &to)?;
        }
        Ok(())
    }

    fn store(&self) -> PathBuf {
        self.world.dir().join("nats/store")
    }

    fn witness(&self) -> PathBuf {
        self.world.bus.dir().join("witness")
    }

    pub(crate) fn streams(&self) -> PathBuf {
        self.world.nats.streams_dir()
    }

    pub(crate) fn old_streams(&self) -> PathBuf {
        self.folder.path().join("old/store/jetstream/$G/streams")
    }

    /// Events that must be there in the store with this history.
    pub(crate) fn expected(&self) -> impl Iterator<Item = (&String, &u64)> {
        self.acknowledged.iter().filter(|(_, number)| **number < EVENTS)
    }

    async fn publish(&mut self, sender: &Client, numbers: std::ops::Range<u64>) -> Outcome<()> {
        let mut from = numbers.start;
        while from < numbers.end {
            let to = numbers.end.min(from + BATCH);
            batch(sender, self.seed, from..to).await?;
            let acknowledged = (from..to).map(|number| (payload::event_id(self.seed, number), number));
            self.acknowledged.extend(acknowledged);
            from = to;
        }
        Ok(())
    }

    async fn publish_other(&self, numbers: std::ops::Range<u64>) -> Outcome<()> {
        let sender = self.world.client("abl", "ableiter", "publish subscribe").await?;
        for number in numbers {
            let event = json!({
                "specversion": "1.0", "id": format!("anders-{number}"), "source": "urn:pruefstand:abl:ableiter",
                "type": "de.pruefstand.abl.probe.derived.v1", "datacontenttype": "application/json",
                "data": {"nr": number, "seed": self.seed, "wert": 1.5, "text": "anders"}
            });
            sender
                .publish(&event, stadtbus_harness::Mode::Structured)
                .await?
                .expect(202)?;
        }
        Ok(())
    }

    async fn receive(&self) -> Outcome<()> {
        let subscriber = self.world.client("kom", "empfang", "subscribe").await?;
        let mut left = RECEIVED;
        while left > 0 {
            let events = subscriber
                .receive(PULL, 100, Duration::from_secs(5), Duration::from_secs(60))
                .await?;
            subscriber.settle(PULL, "acknowledge", &events, json!({})).await?;
            left = left.saturating_sub(events.len().max(1));
        }
        Ok(())
    }
}

/// Publishes a batch and expects every event to be taken.
pub(crate) async fn batch(sender: &Client, seed: u64, numbers: std::ops::Range<u64>) -> Outcome<()> {
    let events: Vec<_> = numbers.map(|number| payload::event(seed, number)).collect();
    let kind = [("content-type", "application/cloudevents-batch+json")];
    let body = Bytes::from(format!("[{}]", events.join(",")));
    let send = || async {
        let answer = sender.send("POST", "/v1/events", &kind, body.clone()).await?;
        let text = answer.text();
        let receipts = text.matches("\"position\"").count();
        if (answer.status == 202 || answer.status == 207 || answer.status == 200) && receipts == events.len()
        {
            return Ok(());
        }
        Err(Failure::new(format!("{} {text}", answer.status)))
    };
    eventually(WITHIN, "a batch accepted", send).await
}

fn write_city(folder: &Path) -> Outcome<()> {
    copy_folder(&workspace_dir().join("tests/chaos/city"), folder)?;
    // Nobody listens here: of all subscriptions only the one that is fetched from is left.
    let subscriptions = folder.join("subscriptions");
    let pull = fs::read_to_string(subscriptions.join("kom").join(format!("{PULL}.yaml")))?;
    fs::remove_dir_all(&subscriptions)?;
    fs::create_dir_all(subscriptions.join("kom"))?;
    for name in [PULL, REST] {
        let file = subscriptions.join("kom").join(format!("{name}.yaml"));
        fs::write(file, pull.replace(PULL, name))?;
    }
    Ok(())
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// The logs as the bus tells of them.
pub(crate) async fn logs(operator: &Client) -> Outcome<Value> {
    Ok(operator.get("/v1/logs").await?.expect(200)?.json())
}
