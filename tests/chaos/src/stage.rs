//! One row on its stage: what is started, what is done to it, and what was expected of it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use stadtbus_harness::{Bus, Failure, Outcome, World, WorldOptions};
use tokio::task::JoinHandle;

use crate::answers::{Answers, SharedAnswers};
use crate::faults::Kills;
use crate::ledger::SUBSCRIPTIONS;
use crate::proxy::Proxy;
use crate::publish::{self, PUBLISHERS, Publishing, Shared, open};
use crate::receive::{self, Behaviour};
use crate::rows::{Net, Row};
use crate::setup::{Ends, Setup};

/// Longest time until everything flows after a start or a fault.
pub(crate) const SETTLE: Duration = Duration::from_secs(120);
/// So many events are accepted and delivered to everybody before the first fault.
const WARM_UP: u64 = 2_000;
/// So many more are when it is said that events flow.
const FLOWING: u64 = 200;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Whether something that a row expects of the bus held.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) what: String,
    pub(crate) kept: bool,
}

/// What a row can do.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) second: Option<Bus>,
    pub(crate) ledger: Shared,
    pub(crate) ends: Ends,
    pub(crate) behaviour: Arc<Behaviour>,
    pub(crate) answers: SharedAnswers,
    pub(crate) random: fastrand::Rng,
    pub(crate) row: Row,
    pub(crate) long: bool,
    pub(crate) kills: Kills,
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) city: PathBuf,
    pub(crate) city_env: Vec<(String, String)>,
    pub(crate) publishing: Publishing,
    load: Option<JoinHandle<()>>,
    puller: JoinHandle<()>,
    // Last: what the row needed goes after what stood on it.
    setup: Setup,
}

impl Stage {
    /// Starts broker, bus, receivers and publishers.
    pub(crate) async fn start(row: &Row, mut setup: Setup, ledger: &Shared) -> Outcome<Self> {
        let behaviour = Arc::<Behaviour>::default();
        let ends = Ends::start(&mut setup, ledger, &behaviour).await?;
        let limits = format!("[limits]\n{}", setup.limits);
        setup.bus.extra_config.push_str(&limits);
        let city_env = vec![("PROBE_WEBHOOK".to_owned(), ends.webhook.to_string())];
        let world = World::start(WorldOptions {
            nats: setup.nats.clone(),
            bus: setup.bus.clone(),
            city: Some(setup.city.clone()),
            city_env: city_env.clone(),
            ..WorldOptions::default()
        })
        .await?;
        let mut buses = vec![address(&world.bus.base())?];
        let mut second = None;
        if setup.second_bus {
            let dir = world.dir().join("bus-2");
            let (url, monitor) = (world.nats.url(), world.nats.monitor_for_clients());
            let bus = Bus::start(&dir, &url, &monitor, &world.issuer, &setup.bus).await?;
            buses.push(address(&bus.base())?);
            second = Some(bus);
        }
        let token = |partner, system, scope| world.issuer.issue_for(partner, system, scope, setup.token_ttl);
        let subscriber = token("kom", "empfang", "subscribe").await?;
        let publishing = Publishing {
            buses: buses.clone(),
            token: token("pub", "sender", "publish").await?,
            events: row.events,
            events_max: row.events_max,
            publishers: PUBLISHERS,
            faults_over: Arc::new(AtomicBool::new(false)),
            answers: SharedAnswers::default(),
        };
        let puller = receive::pull(Arc::clone(ledger), buses, subscriber, Arc::clone(&behaviour));
        Ok(Self {
            puller: tokio::spawn(puller),
            world,
            second,
            ends,
            behaviour,
            answers: Arc::clone(&publishing.answers),
            random: fastrand::Rng::with_seed(open(ledger).seed()),
            row: *row,
            long: setup.long,
            kills: Kills::default(),
            expectations: Vec::new(),
            city: setup.city.clone(),
            city_env,
            publishing,
            load: None,
            ledger: Arc::clone(ledger),
            setup,
        })
    }

    /// Lets the publishers publish.
    pub(crate) fn publish(&mut self) {
        let (ledger, publishing) = (Arc::clone(&self.ledger), self.publishing.clone());
        self.load = Some(tokio::spawn(
            async move { publish::all(&ledger, &publishing).await },
        ));
    }

    /// Waits until the publishers have published what they have to.
    pub(crate) async fn end_of_load(&mut self) -> Outcome<()> {
        self.publishing.faults_over.store(true, Relaxed);
        match self.load.take() {
            Some(load) => load.await.map_err(|error| Failure::new(error.to_string())),
            None => Ok(()),
        }
    }

    /// Ends fetching.
    pub(crate) fn end_of_pull(&self) {
        self.puller.abort();
    }

    /// Waits until the stage is warm.
    pub(crate) async fn warm(&mut self) -> Outcome<()> {
        let enough = WARM_UP.min(self.row.events / 4);
        let warm = self.goes_on_by(enough, SETTLE).await;
        Answers::take(&self.answers);
        warm.ok_or_else(|| Failure::new(format!("not warm: {}", self.where_it_stands())))
            .map(|_| ())
    }

    /// Says whether events are accepted and delivered to everybody again, within the settle time.
    pub(crate) async fn flows(&mut self, after: &str) {
        let time = self.goes_on_by(FLOWING, SETTLE).await;
        if time.is_none() {
            eprintln!("… {}", self.where_it_stands());
        }
        self.expect(
            format!("events flow to everybody again after {after}"),
            time.is_some(),
        );
    }

    /// How long it took until so many more events were accepted and each subscription had met so many more.
    pub(crate) async fn goes_on_by(&self, more: u64, within: Duration) -> Option<Duration> {
        let all: Vec<_> = (0..SUBSCRIPTIONS.len()).collect();
        self.goes_on_at(more, &all, within).await
    }

    /// As [`Stage::goes_on_by`], for some subscriptions.
    pub(crate) async fn goes_on_at(&self, more: u64, whom: &[usize], within: Duration) -> Option<Duration> {
        let (accepted, met) = {
            let ledger = open(&self.ledger);
            (ledger.accepted(), ledger.met())
        };
        let start = Instant::now();
        while start.elapsed() < within {
            let done = {
                let ledger = open(&self.ledger);
                let now = ledger.met();
                let ahead = |at: &usize| now.get(*at) >= met.get(*at).map(|met| met + more).as_ref();
                ledger.accepted() >= accepted + more && whom.iter().all(ahead)
            };
            if done {
                return Some(start.elapsed());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        None
    }

    /// Notes what the row expects, and whether it held.
    pub(crate) fn expect(&mut self, what: impl Into<String>, kept: bool) {
        let what = what.into();
        eprintln!(
            "… {} {what}",
            if kept { "as expected:" } else { "NOT AS EXPECTED:" }
        );
        self.expectations.push(Expectation { what, kept });
    }

    /// What publishers were answered since they were asked last.
    pub(crate) fn answered(&self) -> Answers {
        let answers = Answers::take(&self.answers);
        eprintln!("… answers: {}", answers.text());
        answers
    }

    /// kill -9 of the bus, which stays away for this long.
    pub(crate) async fn kill_bus(&mut self, away: Duration) -> Outcome<()> {
        self.kills.bus += 1;
        kill_and_start(&mut self.world.bus, away).await
    }

    /// As [`Stage::kill_bus`], of the second one.
    pub(crate) async fn kill_second_bus(&mut self, away: Duration) -> Outcome<()> {
        self.kills.bus += 1;
        match &mut self.second {
            Some(second) => kill_and_start(second, away).await,
            None => Err(Failure::new("this row has no second bus")),
        }
    }

    /// kill -9 of the broker, which stays away for this long.
    pub(crate) async fn kill_broker(&mut self, away: Duration) -> Outcome<()> {
        self.world.nats.kill_hard().await?;
        tokio::time::sleep(away).await;
        self.kills.broker += 1;
        let back = self.world.nats.start_again().await;
        back.map_err(|failure| failure.while_("the killed broker did not come back"))
    }

    /// What was delivered more than once, for each subscription.
    pub(crate) fn duplicates(&self) -> [u64; SUBSCRIPTIONS.len()] {
        open(&self.ledger).duplicates()
    }

    /// The proxies before the receivers and before the broker.
    pub(crate) fn proxies(&self) -> Outcome<(&Proxy, &Proxy)> {
        let both = self
            .ends
            .before_receivers
            .as_ref()
            .zip(self.ends.before_broker.as_ref());
        both.ok_or_else(|| Failure::new("this row has no proxy in the way"))
    }

    /// The namespaces.
    pub(crate) fn net(&self) -> Outcome<Net> {
        let net = self.setup.net.clone();
        net.ok_or_else(|| Failure::new("this row has no namespaces"))
    }

    /// The disk, or its throttle.
    pub(crate) fn disk(&self) -> Outcome<PathBuf> {
        let disk = self.setup.disk.clone();
        disk.ok_or_else(|| Failure::new("this row has no disk"))
    }

    /// The number of the disk's device.
    pub(crate) fn device(&self) -> String {
        self.setup.device.clone()
    }

    /// The file that shifts the clock.
    pub(crate) fn clock(&self) -> Outcome<&Path> {
        let clock = self.setup.clock.as_deref();
        clock.ok_or_else(|| Failure::new("this row has no clock"))
    }

    /// Deliveries of events so far, and those of them that were repeats.
    pub(crate) fn deliveries(&self) -> (u64, u64) {
        let ledger = open(&self.ledger);
        (ledger.met().iter().sum(), ledger.duplicates().iter().sum())
    }

    /// Resident memory of the bus in MiB.
    pub(crate) fn bus_mib(&self) -> u64 {
        let process = self.world.bus.process().ok();
        process
            .and_then(|process| process.resident_bytes())
            .unwrap_or_default()
            >> 20
    }

    /// Open files of the bus.
    pub(crate) fn bus_files(&self) -> usize {
        let id = self.world.bus.process().ok().and_then(|process| process.id());
        let files = id.and_then(|id| std::fs::read_dir(format!("/proc/{id}/fd")).ok());
        files.map_or(0, Iterator::count)
    }

    /// Whether the bus is still the process that was started.
    pub(crate) fn bus_lives(&self) -> bool {
        let id = self.world.bus.process().ok().and_then(|process| process.id());
        let status = id.and_then(|id| std::fs::read_to_string(format!("/proc/{id}/stat")).ok());
        status.is_some_and(|status| !status.contains(") Z "))
    }

    /// Ends all processes.
    pub(crate) async fn end(&mut self) -> Outcome<()> {
        if let Some(second) = &mut self.second {
            second.kill_hard().await?;
        }
        self.world.bus.kill_hard().await?;
        self.world.nats.kill_hard().await
    }

    /// Where the run stands, for whoever must find out why it does not go on.
    pub(crate) fn where_it_stands(&self) -> String {
        let ledger = open(&self.ledger);
        let met = SUBSCRIPTIONS
            .iter()
            .zip(ledger.met())
            .map(|(name, met)| format!("{met} met at {name}"));
        format!(
            "{} claimed, {} accepted, {}; the last answer but 202: {}",
            ledger.claimed(),
            ledger.accepted(),
            met.collect::<Vec<_>>().join(", "),
            ledger.trouble()
        )
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.puller.abort();
        if let Some(load) = &self.load {
            load.abort();
        }
    }
}

async fn kill_and_start(bus: &mut Bus, away: Duration) -> Outcome<()> {
    bus.kill_hard().await?;
    tokio::time::sleep(away).await;
    let back = bus.start_again().await;
    back.map_err(|failure| failure.while_("the killed bus did not come back"))
}

fn address(base: &str) -> Outcome<SocketAddr> {
    let address = base.trim_start_matches("http://").parse();
    address.map_err(|_| Failure::new(format!("{base} is not an address")))
}
