//! Broker, bus, city and receivers, set up before the first event and left standing after the last.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use stadtbus_harness::{
    BusOptions, Client, Failure, Outcome, World, WorldOptions, eventually, stadtbus_bin, vouched_city,
    workspace_dir,
};

use crate::arguments::Arguments;
use crate::ears::Ears;
use crate::play::Tally;
use crate::scenario::Script;

/// What stands.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) ears: Ears,
    operator: Client,
}

const QUIET_WITHIN: Duration = Duration::from_secs(30);

impl Stage {
    pub(crate) async fn set(script: &Script) -> Outcome<Self> {
        let mut ears = Ears::open(script).await?;
        let options = WorldOptions {
            bus: BusOptions {
                strict_plugins: true,
                ..BusOptions::default()
            },
            operator: ("stadtbus-betrieb".to_owned(), "leitstand".to_owned()),
            ..WorldOptions::default()
        };
        let world = World::start(options).await?;
        // As in operation: the plugins are signed, and a second person approves what they ask for.
        let folder = workspace_dir().join("deploy/cities/krefeld");
        let folder = vouched_city(&folder, &world.dir().join("krefeld")).await?;
        let second = ("stadtbus-betrieb", "aufsicht");
        world
            .apply_approved(&folder, &ears.addresses(script), second)
            .await?;
        ears.fetch_from(script, &world).await?;
        let operator = world.operator().await?;
        Ok(Self {
            world,
            ears,
            operator,
        })
    }

    /// Waits until every lane has settled all there is, twice in a row with nothing new between: then nothing more can come.
    pub(crate) async fn quiet(&mut self) -> Outcome<()> {
        let mut before = None;
        loop {
            eventually(QUIET_WITHIN, "every subscription is level", || async {
                let lanes = self.operator.get("/v1/subscriptions").await?.expect(200)?.json();
                let lanes = lanes.as_array().cloned().unwrap_or_default();
                let busy = lanes.iter().filter_map(|lane| lane.get("status")).find(|lane| {
                    lane.get("level").is_none()
                        || number(lane, "lag") > 0 && number(lane, "leased") < number(lane, "lag")
                });
                match busy {
                    None if !lanes.is_empty() => Ok(()),
                    busy => Err(Failure::new(format!("{busy:?}"))),
                }
            })
            .await?;
            self.ears.listen().await?;
            let now = self.ears.unclaimed().len();
            if before == Some(now) {
                return Ok(());
            }
            before = Some(now);
        }
    }

    /// Tells a person what to try, and waits for Ctrl-C.
    pub(crate) async fn stay(&self, arguments: &Arguments, tally: &Tally) -> Outcome<()> {
        let language = arguments.language;
        let operator = self.token_file("leitstand.token", self.operator.token())?;
        let publisher = self.world.client("ngn", "leitwarte", "publish").await?;
        let publisher = self.token_file("leitwarte.token", publisher.token())?;
        let binary = stadtbus_bin()?;
        let here = std::env::current_dir()?;
        let binary = binary.strip_prefix(&here).unwrap_or(&binary).display();
        let id = tally.traceable.as_deref().unwrap_or("ID");
        println!();
        println!(
            "{}",
            language.choose(
                "Der Bus läuft weiter bis Strg-C:",
                "The bus stays up until Ctrl-C:"
            )
        );
        let own = [("Bus", self.world.bus.base()), ("Broker", self.world.nats.url())];
        for (name, url) in own.into_iter().chain(self.ears.urls()) {
            println!("  {name:16} {url}");
        }
        println!();
        println!(
            "{}",
            language.choose(
                "Zum Ausprobieren, in einem zweiten Fenster:",
                "To try, in a second window:"
            )
        );
        println!(
            "  export STADTBUS_SERVER={} STADTBUS_TOKEN=\"$(cat {})\"",
            self.world.bus.base(),
            operator.display()
        );
        println!("  {binary} trace {id} --partner ngn");
        println!("  {binary} tap");
        println!(
            "  curl -sS -H \"authorization: Bearer $(cat {})\" -H 'content-type: application/json' --data @tests/demo/inputs/s1-1-revision-2.json {}/v1/ingest/ngn-stoerung",
            publisher.display(),
            self.world.bus.base()
        );
        tokio::signal::ctrl_c().await?;
        Ok(())
    }

    fn token_file(&self, name: &str, token: &str) -> Outcome<PathBuf> {
        let path = self.world.dir().join(name);
        std::fs::write(&path, token)?;
        Ok(path)
    }
}

fn number(lane: &Value, name: &str) -> u64 {
    lane.get(name).and_then(Value::as_u64).unwrap_or(0)
}
