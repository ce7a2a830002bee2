//! One bus process, wired as the server wires it, but for what it stands on.

use std::{sync::Arc, time::Duration};

use stadtbus_broker::Broker;
use stadtbus_flow::{
    Limits,
    accept::Acceptor,
    city::{Admission, Cities, Proposal},
    deliver::{
        egress::{Egress, EgressConfig},
        webhook::Webhook,
    },
    dispatch::{DeadLetters, Dispatcher},
    facts::Facts,
    lanes::{Lanes, lease::Holder},
    log::LogWriter,
};
use stadtbus_plugin_host::Pool;

use crate::{
    broker::{Life, Severable},
    net::Net,
    stage::Stage,
    world::World,
};

/// How long a start waits for the city.
const CITY_WITHIN: Duration = Duration::from_secs(30);

/// A process.
pub(crate) struct Bus {
    pub(crate) name: String,
    pub(crate) life: Life,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) cities: Arc<Cities>,
    pub(crate) acceptor: Acceptor,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) dead_letters: DeadLetters,
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The limits of a run: small, so that what they bound is met.
pub(crate) fn limits() -> Limits {
    Limits {
        lane_queue_max: 16,
        lane_retries_max: 4,
        lane_retry_delay_ms_max: 2_000,
        lease_groups: 4,
        lease_ttl_ms: 6_000,
        catch_up_readers_max: 2,
        drain_timeout_ms: 3_000,
        key_backlog_max: 2,
        parked_events_max: 16,
        breaker_failures_max: 4,
        breaker_delay_ms: 1_000,
        breaker_delay_ms_max: 6_000,
        replay_queue_max: 16,
        ..Limits::default()
    }
}

impl Bus {
    /// Starts a process, unless the broker does not let it: then it ends with the reason, and somebody starts it again.
    pub(crate) async fn start(world: &Arc<World>, stage: &Stage, name: String) -> Result<Self, String> {
        let life = Life::with_latency(world.dice.latency);
        let broker: Arc<dyn Broker> = Arc::new(Severable {
            inner: Arc::new(world.broker.clone()),
            life: life.clone(),
        });
        match Self::wire(world, stage, name, &life, broker).await {
            Ok(bus) => Ok(bus),
            Err(reason) => {
                life.end();
                Err(reason)
            }
        }
    }

    async fn wire(
        world: &Arc<World>,
        stage: &Stage,
        name: String,
        life: &Life,
        broker: Arc<dyn Broker>,
    ) -> Result<Self, String> {
        let limits = limits();
        let net = || Net {
            world: Arc::clone(world),
            life: life.clone(),
            process: name.as_str().into(),
        };
        let egress =
            Egress::with_net(EgressConfig::default(), Arc::new(net()), Arc::new(net())).map_err(said)?;
        let egress = Arc::new(egress);
        let zones = Arc::clone(&egress);
        let cities = Cities::new(
            Arc::clone(&broker),
            Arc::clone(&stage.host),
            Arc::new(Pool::in_place()),
            limits.clone(),
            Box::new(move |city| zones.set_zones(city.registry.city().zones.clone())),
        );
        // Its guests are built on the spot; who vouches for them is not what is simulated.
        let cities = Arc::new(cities.with_admission(Admission::DEVELOPMENT));
        let facts = Arc::new(Facts::default());
        let log = LogWriter::new(Arc::clone(&broker));
        let dispatcher = Arc::new(Dispatcher::new(
            Arc::clone(&broker),
            log.clone(),
            Webhook::new(egress),
            Arc::clone(&facts),
            limits.clone(),
        ));
        let holder = Holder {
            member: name.clone(),
            url: None,
        };
        let lanes = Lanes::open(
            Arc::clone(&broker),
            Arc::clone(&cities),
            Arc::clone(&dispatcher),
            limits.clone(),
            &holder,
        )
        .await
        .map_err(said)?;
        let verifier = Arc::new(stage.verifier()?);
        let acceptor = Acceptor::new(Arc::clone(&cities), verifier, log, facts, limits);
        let bus = Self {
            name,
            life: life.clone(),
            dead_letters: DeadLetters::new(Arc::clone(&broker)),
            broker,
            cities,
            acceptor,
            dispatcher,
            lanes,
        };
        bus.load_city(stage).await?;
        bus.lanes.begin().await;
        tokio::spawn(Arc::clone(&bus.lanes).run());
        Ok(bus)
    }

    /// Takes the city that the broker holds, or brings it if there is none.
    async fn load_city(&self, stage: &Stage) -> Result<(), String> {
        if !self.cities.is_stored().await.map_err(said)? {
            let proposal = Proposal {
                city: stage.city.clone(),
                components: stage.components.clone(),
                expect: String::new(),
                by: "simulation".to_owned(),
            };
            self.cities.apply(proposal).await.map_err(said)?;
        }
        let mut changes = self.cities.changes();
        let cities = Arc::clone(&self.cities);
        tokio::spawn(async move {
            while Arc::clone(&cities).watch().await.is_err() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let there = changes.wait_for(|digest| !digest.is_empty());
        match tokio::time::timeout(CITY_WITHIN, there).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err("the city did not come".to_owned()),
        }
    }
}
