//! What a row asks for before its world is started: other settings, another place, something in between.

use std::any::Any;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stadtbus_harness::{BusOptions, NatsOptions, Outcome, free_port, workspace_dir};
use stadtbus_load::{Guest, Receiver, copy_folder};

use crate::proxy::Proxy;
use crate::publish::Shared;
use crate::receive::{self, Behaviour};
use crate::rows::Net;

const STORE_BYTES_MAX: u64 = 24 << 30;
const LOG_BYTES_MAX: u64 = 2 << 30;

/// The settings of one run, to be changed by its row.
pub(crate) struct Setup {
    pub(crate) nats: NatsOptions,
    pub(crate) bus: BusOptions,
    /// Lines of the table `[limits]` of the bus.
    pub(crate) limits: String,
    /// The address at which receivers listen.
    pub(crate) receivers: String,
    /// Whether a proxy stands in the ways to receivers, broker and bus.
    pub(crate) proxied: bool,
    /// Whether a second bus process shares the work.
    pub(crate) second_bus: bool,
    /// The long form of the row is asked for.
    pub(crate) long: bool,
    /// The city folder, to add to.
    pub(crate) city: PathBuf,
    /// How long tokens hold.
    pub(crate) token_ttl: &'static str,
    /// The namespaces between which the processes lie.
    pub(crate) net: Option<Net>,
    /// The file system, or the throttle of one, that the row plays with.
    pub(crate) disk: Option<PathBuf>,
    /// The number of its device.
    pub(crate) device: String,
    /// The file that shifts the bus's clock.
    pub(crate) clock: Option<PathBuf>,
    /// What must be undone at the end: namespaces, mounts, receivers of the row's own.
    pub(crate) guards: Vec<Box<dyn Any>>,
}

/// Whether a row can be run on this machine.
pub(crate) enum Ready {
    Yes,
    /// Why not.
    Skip(String),
}

impl Setup {
    pub(crate) async fn new(city: &Path, long: bool) -> Outcome<Self> {
        write_city(city).await?;
        Ok(Self {
            nats: NatsOptions {
                store_bytes_max: STORE_BYTES_MAX,
                ..NatsOptions::default()
            },
            bus: BusOptions::default(),
            limits: format!("log_bytes_max = {LOG_BYTES_MAX}\n"),
            receivers: "127.0.0.1".to_owned(),
            proxied: false,
            second_bus: false,
            long,
            city: city.to_path_buf(),
            token_ttl: "6h",
            net: None,
            disk: None,
            device: String::new(),
            clock: None,
            guards: Vec::new(),
        })
    }

    /// Adds a subscription of the recipient to the city.
    pub(crate) fn subscription(&self, name: &str, text: &str) -> Outcome<()> {
        let file = self.city.join(format!("subscriptions/kom/{name}.yaml"));
        Ok(std::fs::write(file, text)?)
    }

    /// Changes a file of the city.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) -> Outcome<()> {
        let file = self.city.join(file);
        let text = std::fs::read_to_string(&file)?;
        Ok(std::fs::write(file, text.replace(from, to))?)
    }

    /// Lets the recipients lie in this network, too.
    pub(crate) fn zone(&self, cidr: &str) -> Outcome<()> {
        let zone = format!(
            "  - {{zone: netz, cidr: {cidr}, ports: [1024-65535], plaintext: true, owner: it-betrieb, reason: Empfänger des Prüfstands in einem Netz des Prüfstands}}\n"
        );
        let file = self.city.join("city.yaml");
        let text = std::fs::read_to_string(&file)?;
        Ok(std::fs::write(file, text + &zone)?)
    }
}

async fn write_city(folder: &Path) -> Outcome<()> {
    let here = workspace_dir().join("tests/chaos");
    copy_folder(&here.join("city"), folder)?;
    Guest::built(here.join("guest"), "pass-on")
        .await?
        .lay_into(folder)
}

/// The receivers of a run, and the proxies before them and before the broker.
pub(crate) struct Ends {
    // Held, not read: dropped, they stop listening.
    _webhooks: Receiver,
    /// What the city calls the receivers' address.
    pub(crate) webhook: SocketAddr,
    /// In the way to the receivers.
    pub(crate) before_receivers: Option<Proxy>,
    /// In the way to the broker.
    pub(crate) before_broker: Option<Proxy>,
}

impl Ends {
    /// Starts them, and points the bus at the proxies where there are any.
    pub(crate) async fn start(
        setup: &mut Setup,
        ledger: &Shared,
        behaviour: &Arc<Behaviour>,
    ) -> Outcome<Self> {
        let webhooks = receive::webhooks(ledger, &setup.receivers, behaviour).await?;
        let mut ends = Self {
            webhook: webhooks.address(),
            _webhooks: webhooks,
            before_receivers: None,
            before_broker: None,
        };
        if setup.proxied {
            let receivers = Proxy::start(ends.webhook).await?;
            ends.webhook = receivers.address();
            ends.before_receivers = Some(receivers);
            let port = free_port()?;
            let broker = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port))).await?;
            setup.nats.port = Some(port);
            let scheme = if setup.nats.extra_config.contains("tls") {
                "tls"
            } else {
                "nats"
            };
            setup.bus.broker_url = Some(format!("{scheme}://localhost:{}", broker.address().port()));
            ends.before_broker = Some(broker);
        }
        Ok(ends)
    }
}
