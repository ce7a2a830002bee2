//! The one place where the command line meets the bus itself.

use crate::catalogue::{self, Page};
use crate::say;
use crate::ui::{Exit, Failure, Outcome, t};
use stadtbus_server::{Config, ConfigError, StartError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) use stadtbus_server::{Running, print_config};

/// The word with which the bus calls this program to compile a plugin in a process of its own. Not for people, so it
/// is not in the grammar.
pub(crate) const PLUGIN_COMPILE: &str = "plugin-compile";

/// Compiles one plugin from stdin to stdout; limits itself before anything else.
pub(crate) fn plugin_compile() -> ExitCode {
    stadtbus_plugin_host::compile_child()
}

/// Runs the bus until it is told to end.
pub(crate) fn serve(path: Option<&Path>) -> Outcome {
    let config =
        Config::load(path, &|name| std::env::var(name).ok()).map_err(|error| bad_config(&error, path))?;
    block_on(async {
        stadtbus_server::run(config)
            .await
            .map_err(|error| not_started(&error))?;
        Ok(Exit::Done)
    })
}

/// Which broker a bus for trying out runs on.
#[derive(Debug)]
pub(crate) enum Broker {
    /// In the same process.
    Memory,
    /// A nats-server.
    Nats {
        /// Where it listens.
        url: String,
        /// Where it tells about itself.
        monitor: String,
    },
}

/// What differs between a bus for trying out and one in operation.
#[derive(Debug)]
pub(crate) struct Dev {
    /// Address and port, on loopback.
    pub(crate) listen: String,
    /// The broker.
    pub(crate) broker: Broker,
    /// The issuer's key.
    pub(crate) key: PathBuf,
    /// Where compiled plugins are kept.
    pub(crate) cache: PathBuf,
    /// What is remembered of the broker's logs.
    pub(crate) witness: PathBuf,
    /// Where events are found again.
    pub(crate) index: PathBuf,
}

/// Starts a bus for trying out; everything not said here is as in operation.
pub(crate) async fn start(dev: &Dev) -> Result<Running, Failure> {
    let (kind, url, monitor) = match &dev.broker {
        Broker::Memory => ("memory", "", ""),
        Broker::Nats { url, monitor } => ("nats", url.as_str(), monitor.as_str()),
    };
    let own = |name: &str| match name {
        "STADTBUS_LISTEN" => Some(dev.listen.clone()),
        "STADTBUS_BROKER_KIND" => Some(kind.to_owned()),
        "STADTBUS_BROKER_URL" => Some(url.to_owned()),
        "STADTBUS_BROKER_MONITOR" => Some(monitor.to_owned()),
        // A broker in memory cannot prove what it does not promise; the warning of `dev` says so.
        "STADTBUS_BROKER_DURABILITY" if kind == "memory" => Some("degraded".to_owned()),
        "STADTBUS_ISSUER_KEY_FILE" => Some(dev.key.display().to_string()),
        "STADTBUS_PLUGINS_CACHE_DIR" => Some(dev.cache.display().to_string()),
        "STADTBUS_WITNESS_DIR" => Some(dev.witness.display().to_string()),
        "STADTBUS_JOURNEY_INDEX_DIR" => Some(dev.index.display().to_string()),
        // Here people write plugins: nobody has to vouch for them yet, unless the environment wants to try that.
        "STADTBUS_PLUGINS_SIGNATURES" => Some(own_or(name, "optional")),
        "STADTBUS_PLUGINS_GRANTS" => Some(own_or(name, "automatic")),
        // Room for a demonstration, not for a city's year: the broker reserves what each log may grow to, and all of them must
        // fit into its store (`nats::nats_conf`).
        "STADTBUS_LIMITS_LOG_BYTES_MAX"
        | "STADTBUS_LIMITS_DEAD_LETTERS_BYTES_MAX"
        | "STADTBUS_LIMITS_PARKED_BYTES_MAX" => Some((256_u64 << 20).to_string()),
        _ => None,
    };
    let config = Config::load(None, &|name| own(name).or_else(|| std::env::var(name).ok()));
    let config = config.map_err(|error| bad_config(&error, None))?;
    stadtbus_server::start(config)
        .await
        .map_err(|error| not_started(&error))
}

fn own_or(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.to_owned())
}

/// Runs the bus's own work, on all cores.
pub(crate) fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::new("SB-6004", Exit::Failed, error.to_string()))?
        .block_on(work)
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt => {}
            }
        }
        Err(_) => drop(interrupt.await),
    }
}

fn bad_config(error: &ConfigError, path: Option<&Path>) -> Failure {
    let place = path.map_or_else(
        || t("Die Konfiguration", "The configuration").to_owned(),
        |path| path.display().to_string(),
    );
    let title = title(error.code());
    Failure::new(
        error.code(),
        Exit::Config,
        say!("{place}: {title}.", "{place}: {title}."),
    )
    .detail(error.to_string())
    .hint("stadtbus print-config")
}

fn not_started(error: &StartError) -> Failure {
    let exit = if error.code().starts_with("SB-10") {
        Exit::Config
    } else {
        Exit::Failed
    };
    let title = title(error.code());
    let message = say!(
        "Der Bus startet nicht: {title}.",
        "The bus does not start: {title}."
    );
    Failure::new(error.code(), exit, message).detail(error.to_string())
}

fn title(code: &str) -> &'static str {
    catalogue::find(code).map_or("", Page::title)
}
