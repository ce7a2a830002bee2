//! A broker, a bus and a city for one measurement, and the way to publish to it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use stadtbus_harness::{BusOptions, Failure, NatsOptions, Outcome, World, WorldOptions, eventually};
use stadtbus_load::{Template, request};

use super::Setting;
use super::args::Durability;
use super::city::{self, Subscription};
use super::report::Row;
use super::usage::{Meter, Spent, resident_mib};

/// Everything one measurement runs on. Dropped, all of it is gone.
pub(crate) struct Rig {
    pub(crate) world: World,
    pub(crate) bus: SocketAddr,
    folder: tempfile::TempDir,
}

/// What the broker may store: above the sum of the limits of all logs.
const STORE_BYTES_MAX: u64 = 80 << 30;
/// The bus's own limit per log.
pub(super) const LOG_BYTES_MAX: u64 = 2 << 30;

const BEHIND_SHOWN_MAX: usize = 3;

/// A bus takes over subscriptions within the time of its leases.
const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// The broker's settings for one durability.
pub(crate) fn broker_options(durability: Durability) -> NatsOptions {
    NatsOptions {
        sync_always: durability == Durability::Always,
        store_bytes_max: STORE_BYTES_MAX,
        ..NatsOptions::default()
    }
}

impl Rig {
    /// Starts everything and applies a city with these subscriptions.
    pub(crate) async fn start(setting: Setting, subscriptions: &[Subscription]) -> Outcome<Self> {
        let limits = format!("log_bytes_max = {LOG_BYTES_MAX}\n");
        Self::start_with(setting, subscriptions, &limits).await
    }

    /// The same with these limits, as lines of the bus's configuration.
    pub(crate) async fn start_with(
        setting: Setting,
        subscriptions: &[Subscription],
        limits: &str,
    ) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("stadtbus-load-").tempdir()?;
        city::write(folder.path(), subscriptions).await?;
        let world = World::start(WorldOptions {
            nats: broker_options(setting.durability),
            bus: bus_options(setting.durability, limits),
            city: Some(folder.path().to_path_buf()),
            ..WorldOptions::default()
        })
        .await?;
        let base = world.bus.base();
        let bus = base.trim_start_matches("http://").parse();
        let bus = bus.map_err(|_| Failure::new(format!("{base} is not a loopback address")))?;
        let rig = Self { world, bus, folder };
        rig.served(subscriptions.len()).await?;
        Ok(rig)
    }

    /// Waits until the bus serves so many subscriptions.
    pub(crate) async fn served(&self, subscriptions: usize) -> Outcome<()> {
        let operator = self.world.operator().await?;
        eventually(SERVED_WITHIN, "every subscription served", || async {
            let status = operator.get("/v1/status").await?.expect(200)?.json();
            let lanes = status
                .get("lanes")
                .and_then(|lanes| lanes.as_array())
                .map_or(0, Vec::len);
            if lanes >= subscriptions {
                return Ok(());
            }
            Err(Failure::new(format!("{lanes} of {subscriptions}")))
        })
        .await
    }

    /// Adds subscriptions to the running bus.
    pub(crate) async fn add(&self, subscriptions: &[Subscription]) -> Outcome<()> {
        city::write_subscriptions(self.folder.path(), subscriptions)?;
        self.world.apply(self.folder.path(), &[]).await
    }

    /// A request that publishes `events` events: a structured one, or a batch if it is more than one.
    pub(crate) async fn publish(&self, events: usize) -> Outcome<Template> {
        let client = self.world.client("swk", "fernauslesung", "publish").await?;
        let event = city::event_text();
        let (kind, body) = if events == 1 {
            ("application/cloudevents+json", event)
        } else {
            let all = vec![event; events];
            (
                "application/cloudevents-batch+json",
                format!("[{}]", all.join(",")),
            )
        };
        let bytes = request(self.bus, "/v1/events", client.token(), kind, body.as_bytes());
        Ok(Template::new(bytes, events))
    }

    /// The token of the subscriber whose pull subscriptions are measured.
    pub(crate) async fn subscriber(&self) -> Outcome<String> {
        let client = self.world.client("kom", "leitstand", "subscribe").await?;
        Ok(client.token().to_owned())
    }

    /// Stops (`pause`) or starts (`resume`) the deliveries of one subscription.
    pub(crate) async fn order(&self, subscription: &str, order: &str) -> Outcome<()> {
        let operator = self.world.operator().await?;
        let answer = operator
            .post(&format!("/v1/subscriptions/{subscription}/{order}"), &json!({}))
            .await?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{order} {subscription}: HTTP {} {}",
            answer.status,
            answer.text()
        )))
    }

    /// Which subscriptions the bus says are behind, for the person who reads of a failure.
    pub(crate) async fn behind(&self) -> String {
        let status = async { self.world.operator().await?.get("/v1/status").await?.expect(200) };
        let Ok(status) = status.await else {
            return "the bus does not tell its state".to_owned();
        };
        let status = status.json();
        let lanes = status
            .get("lanes")
            .and_then(|lanes| lanes.as_array())
            .cloned()
            .unwrap_or_default();
        let number = |lane: &serde_json::Value, name: &str| {
            lane.get(name)
                .and_then(serde_json::Value::as_u64)
                .unwrap_or_default()
        };
        let behind: Vec<_> = lanes
            .iter()
            .filter(|lane| number(lane, "lag") > 0)
            .map(ToString::to_string)
            .collect();
        let shown = behind.get(..BEHIND_SHOWN_MAX).unwrap_or(&behind).join(" ");
        format!("{} subscriptions behind: {shown}", behind.len())
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter::start(self.world.bus.process().ok(), self.world.nats.process().ok())
    }

    /// What the bus and the broker hold in memory now, in MiB.
    pub(crate) fn resident(&self) -> (Option<f64>, Option<f64>) {
        let of = |process: Outcome<&stadtbus_harness::Process>| process.ok().and_then(resident_mib);
        (of(self.world.bus.process()), of(self.world.nats.process()))
    }

    /// Adds what the processes took.
    pub(crate) fn costs(&self, row: Row, spent: Spent) -> Row {
        let (bus, broker) = self.resident();
        row.spent(spent).bus_rss(bus).broker_rss(broker)
    }
}

fn bus_options(durability: Durability, limits: &str) -> BusOptions {
    let mut options = BusOptions {
        extra_config: format!("[limits]\n{limits}"),
        ..BusOptions::default()
    };
    if durability == Durability::Default {
        let degraded = ("STADTBUS_BROKER_DURABILITY".to_owned(), "degraded".to_owned());
        options.env.push(degraded);
    }
    options
}
