//! The wiring: what is built in which order, and why in this one.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use stadtbus_broker::{Broker, Health};
use stadtbus_flow::{
    Limits, Refusal,
    accept::Acceptor,
    authenticate::Verifier,
    city::{Admission, Cities, LiveCity},
    deliver::{
        consents::Consents,
        credential::Keeper,
        egress::{Egress, EgressConfig, addresses_of},
        secrets::Secrets,
        webhook::Webhook,
    },
    dispatch::{DeadLetters, Dispatcher},
    facts::Facts,
    journey::Places,
    lanes::{Lanes, lease::Holder},
    log::LogWriter,
    rollout::Rollouts,
    statement::{Statements, Zone},
};
use stadtbus_plugin_host::{CompilerCommand, Host, HostConfig, Observer, Pool};
use tokio::{sync::Semaphore, task::JoinHandle};

use crate::{
    StartError, broker,
    config::{BrokerKind, Config},
    http::Bodies,
    keys::{keeper, signing_keys, verifier},
    rollouts::rollouts,
    telemetry::{self, Spans},
    witness::{Watch, witnessed},
};

/// How long the start waits for the city that the broker holds.
const CITY_WITHIN: Duration = Duration::from_secs(30);

/// All parts of one bus process.
pub struct Bus {
    pub(crate) config: Config,
    pub(crate) limits: Limits,
    pub(crate) bodies: Bodies,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) witness: Option<Watch>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) cities: Arc<Cities>,
    pub(crate) egress: Arc<Egress>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) consents: Option<Arc<Consents>>,
    pub(crate) acceptor: Acceptor,
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) places: Option<Arc<Places>>,
    pub(crate) statements: Arc<Statements>,
    pub(crate) rollouts: Arc<Rollouts>,
    pub(crate) facts: Arc<Facts>,
    pub(crate) degraded: Option<String>,
    /// Places for WebSockets.
    pub(crate) sockets: Arc<Semaphore>,
    spans: Spans,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Bus {
    /// Builds everything; nothing is read or delivered yet.
    ///
    /// # Errors
    /// The first part that cannot be built, with its code.
    pub async fn assemble(config: Config, address: SocketAddr) -> Result<Self, StartError> {
        let limits = config.limits.clone();
        let verifier = Arc::new(verifier(&config)?);
        // The broker comes first: what it cannot promise, nobody after it can.
        let broker = broker::connect(&config.broker).await?;
        let degraded = broker::prove(&*broker, &config.broker).await?;
        let (spans, facts) = telemetry::facts(&config);
        // Before anything writes: what was lost while nobody looked must not be hidden by what comes.
        let (broker, witness) = witnessed(&config, broker, &facts).await?;
        let egress = egress(own_addresses(&config, address).await)?;
        let (keeper, keys) = (keeper(&config)?, signing_keys(&config)?);
        let secrets = Arc::new(Secrets::new(Arc::clone(&broker), keeper.clone(), keys));
        let consents = consents(&config, &broker, keeper.as_ref());
        let cities = cities(&config, &broker, (&egress, &facts), keeper).await?;
        let log = LogWriter::new(Arc::clone(&broker));
        let webhook = Webhook::new(Arc::clone(&egress))
            .with_origin(origin(&config, address)?)
            .with_secrets(Arc::clone(&secrets))
            .with_consents(consents.clone());
        let rollouts = rollouts(&broker, &cities, &facts);
        let dispatcher = Dispatcher::new(
            Arc::clone(&broker),
            log.clone(),
            webhook,
            Arc::clone(&facts),
            limits.clone(),
        );
        let dispatcher = Arc::new(dispatcher.with_rollouts(Arc::clone(&rollouts)));
        let lanes = Lanes::open(
            Arc::clone(&broker),
            Arc::clone(&cities),
            Arc::clone(&dispatcher),
            limits.clone(),
            &holder(&config, address),
        )
        .await?;
        let acceptor = Acceptor::new(
            Arc::clone(&cities),
            Arc::clone(&verifier),
            log,
            Arc::clone(&facts),
            limits.clone(),
        )
        .with_rollouts(Arc::clone(&rollouts));
        let statements = statements(&config, (&broker, witness.as_ref()), (&cities, &lanes), &secrets)?;
        let bus = Self {
            places: places(&config),
            config,
            bodies: Bodies::new(limits.bodies_bytes_max),
            sockets: Arc::new(Semaphore::new(limits.websockets_max)),
            limits,
            dead_letters: DeadLetters::new(Arc::clone(&broker)),
            broker,
            witness,
            verifier,
            cities,
            egress,
            secrets,
            consents,
            acceptor,
            dispatcher,
            lanes,
            statements,
            rollouts,
            facts,
            degraded,
            spans,
            tasks: Mutex::default(),
        };
        bus.load_secrets().await?;
        bus.load_city().await?;
        bus.build_index();
        Ok(bus)
    }

    /// Knows all secrets and consents before anything is delivered, and follows their changes.
    async fn load_secrets(&self) -> Result<(), StartError> {
        let unread = |refusal: Refusal| StartError::new(refusal.code, refusal.detail);
        self.secrets.load().await.map_err(unread)?;
        if let Some(consents) = &self.consents {
            consents.load().await.map_err(unread)?;
            let consents = Arc::clone(consents);
            self.keep(tokio::spawn(async move { consents.follow().await }));
        }
        let secrets = Arc::clone(&self.secrets);
        self.keep(tokio::spawn(async move { secrets.follow().await }));
        Ok(())
    }

    /// Builds the index of events behind everything else.
    fn build_index(&self) {
        if let Some(places) = &self.places {
            let (broker, cities) = (Arc::clone(&self.broker), Arc::clone(&self.cities));
            self.keep(tokio::spawn(Arc::clone(places).run(broker, cities)));
        }
    }

    /// Follows the city that the broker holds, and waits for it if there is one: a bus that answers has its city.
    async fn load_city(&self) -> Result<(), StartError> {
        let mut changes = self.cities.changes();
        let cities = Arc::clone(&self.cities);
        self.keep(tokio::spawn(async move {
            while let Err(refusal) = Arc::clone(&cities).watch().await {
                tracing::warn!(%refusal, "The city cannot be followed yet.");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }));
        let stored = self
            .cities
            .is_stored()
            .await
            .map_err(|refusal| StartError::new(refusal.code, refusal.detail))?;
        if stored
            && tokio::time::timeout(CITY_WITHIN, changes.wait_for(|digest| !digest.is_empty()))
                .await
                .is_err()
        {
            tracing::error!(
                "The city that the broker holds could not be put in force; this process is not ready."
            );
        }
        self.load_rollouts().await
    }

    /// Starts half two.
    pub(crate) async fn start_dispatch(&self) {
        if self.config.dispatch {
            self.lanes.begin().await;
            self.keep(tokio::spawn(Arc::clone(&self.lanes).run()));
            self.keep(tokio::spawn(Arc::clone(&self.statements).run()));
        }
    }

    /// Ends half two: what is under way ends, cursors are written.
    pub(crate) async fn stop_dispatch(&self) {
        if self.config.dispatch {
            self.lanes.shutdown().await;
            self.rollouts.write_counts().await;
        }
    }

    /// Leaves the broker and the collector.
    pub(crate) async fn close(&self) {
        for task in std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner)) {
            task.abort();
        }
        if let Some(watch) = &self.witness {
            watch.end().await;
        }
        self.broker.close().await;
        self.spans.shutdown();
    }

    /// Whether this process can do its work now.
    pub(crate) fn readiness(&self) -> Result<(), String> {
        if let Health::Down(why) = &*self.broker.health().borrow() {
            return Err(format!("broker: {why}"));
        }
        if let Some(why) = self.witness.as_ref().and_then(|watch| watch.witness.stopped()) {
            return Err(format!("SB-1508: {why}"));
        }
        match self.cities.current() {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.detail),
        }
    }

    pub(crate) fn keep(&self, task: JoinHandle<()>) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task);
    }
}

/// This process, as the others see it.
fn holder(config: &Config, address: SocketAddr) -> Holder {
    Holder {
        member: uuid::Uuid::new_v4().to_string(),
        url: Some(advertised(config, address)),
    }
}

fn advertised(config: &Config, address: SocketAddr) -> String {
    if config.advertise.is_empty() {
        format!("http://{address}")
    } else {
        config.advertise.trim_end_matches('/').to_owned()
    }
}

/// The name by which receivers know this bus.
fn origin(config: &Config, address: SocketAddr) -> Result<HeaderValue, StartError> {
    let advertised = advertised(config, address).parse::<http::Uri>().ok();
    let host = advertised.as_ref().and_then(http::Uri::host);
    let named = |name: &&str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        !name.is_empty() && name.bytes().all(letter)
    };
    let name = if config.webhook_origin.is_empty() {
        // An address of IPv6 is no DNS name.
        Some(host.filter(named).unwrap_or("stadtbus"))
    } else {
        Some(config.webhook_origin.as_str()).filter(named)
    };
    name.and_then(|name| HeaderValue::from_str(name).ok())
        .ok_or_else(|| StartError::new("SB-1002", "webhook_origin must be a DNS name"))
}

/// Where a webhook may never go: to the bus itself, to its broker, to the broker's monitor. Their names are looked up
/// once, here: a zone for the network they are in must not open them.
async fn own_addresses(config: &Config, address: SocketAddr) -> Vec<SocketAddr> {
    let mut own = vec![address];
    if config.broker.kind == BrokerKind::Nats {
        let urls = [&config.broker.url, &config.broker.monitor];
        for url in urls
            .into_iter()
            .flat_map(|urls| urls.split(','))
            .filter(|url| !url.is_empty())
        {
            let authority = url.rsplit("://").next().unwrap_or_default();
            let authority = authority.split('/').next().unwrap_or_default();
            let authority = authority.rsplit('@').next().unwrap_or_default();
            match addresses_of(authority).await {
                Ok(found) => own.extend(found),
                Err(error) => {
                    tracing::warn!(%error, "An address of the broker is not known; no zone may contain it.")
                }
            }
        }
    }
    own
}

async fn cities(
    config: &Config,
    broker: &Arc<dyn Broker>,
    (egress, facts): (&Arc<Egress>, &Arc<Facts>),
    keeper: Option<Arc<Keeper>>,
) -> Result<Arc<Cities>, StartError> {
    let plugins = |error: stadtbus_plugin_host::PluginError| StartError::new(error.code(), error.to_string());
    // This very program compiles components, as a child of its own with limits of its own.
    let compiler = CompilerCommand::this_program(&["plugin-compile"]).map_err(plugins)?;
    let host_config = HostConfig {
        cache_dir: config.plugins.cache_dir.clone(),
        instances_max: config.plugins.instances_max,
        compiler,
    };
    let host = Arc::new(Host::new(host_config).map_err(plugins)?);
    let pool = Arc::new(Pool::new(config.plugins.threads, config.limits.lane_queue_max).map_err(plugins)?);
    pool.observe(Arc::clone(facts) as Arc<dyn Observer>);
    let egress = Arc::clone(egress);
    let on_change = Box::new(move |city: &LiveCity| egress.set_zones(city.registry.city().zones.clone()));
    let cities = Cities::new(Arc::clone(broker), host, pool, config.limits.clone(), on_change);
    let admission = Admission {
        signatures: config.plugins.signatures,
        grants: config.plugins.grants,
    };
    Ok(Arc::new(cities.with_keeper(keeper).with_admission(admission)))
}

/// The index of events. It only makes journeys quick: a bus that cannot keep it works without.
fn places(config: &Config) -> Option<Arc<Places>> {
    let dir = &config.journey.index_dir;
    if dir.as_os_str().is_empty() {
        return None;
    }
    match Places::open(dir) {
        Ok(places) => Some(Arc::new(places)),
        Err(error) => {
            tracing::warn!(code = "SB-1412", dir = %dir.display(), %error, "The directory of the index cannot be used; journeys read the logs instead.");
            None
        }
    }
}

/// The daily statements, by the calendar that the configuration names.
fn statements(
    config: &Config,
    (broker, witness): (&Arc<dyn Broker>, Option<&Watch>),
    (cities, lanes): (&Arc<Cities>, &Arc<Lanes>),
    secrets: &Arc<Secrets>,
) -> Result<Arc<Statements>, StartError> {
    let zone = Zone::parse(&config.statements.time_zone)
        .map_err(|why| StartError::new("SB-1002", format!("statements.time_zone: {why}")))?;
    Ok(Arc::new(Statements::new(
        Arc::clone(broker),
        (Arc::clone(cities), Arc::clone(lanes)),
        witness.map(|watch| Arc::clone(&watch.witness)),
        Arc::clone(secrets),
        zone,
        config.limits.clone(),
    )))
}

/// The one way out; never to these addresses.
fn egress(own: Vec<SocketAddr>) -> Result<Arc<Egress>, StartError> {
    let config = EgressConfig {
        own,
        ..EgressConfig::default()
    };
    let door = Egress::new(config).map_err(|error| StartError::new(error.code(), error.to_string()))?;
    Ok(Arc::new(door))
}

/// Consents by callback need an address for receivers to call, and a key that makes it hard to guess.
fn consents(
    config: &Config,
    broker: &Arc<dyn Broker>,
    keeper: Option<&Arc<Keeper>>,
) -> Option<Arc<Consents>> {
    if config.webhook_callback.is_empty() {
        return None;
    }
    let Some(keeper) = keeper else {
        tracing::warn!("webhook_callback is set, but credentials.key_file is not: no callback is offered.");
        return None;
    };
    let consents = Consents::new(Arc::clone(broker), Arc::clone(keeper), &config.webhook_callback);
    Some(Arc::new(consents))
}
