//! The bus as a process: configuration, wiring, the HTTP interface, telemetry.
//!
//! Nothing here decides anything about events. It builds the parts in the order in which they depend on each
//! other, binds, runs, and drains; and it turns HTTP into calls of the flow and answers of the flow into HTTP.

mod assemble;
mod broker;
mod config;
mod describe;
mod http;
mod keys;
mod rollouts;
mod telemetry;
mod witness;

use std::{io::Write, net::SocketAddr, sync::Arc};

pub use assemble::Bus;
pub use config::{Config, ConfigError, print_config};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Why the bus does not start.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct StartError {
    code: &'static str,
    detail: String,
}

impl StartError {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }
}

impl From<stadtbus_broker::BrokerError> for StartError {
    fn from(error: stadtbus_broker::BrokerError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// A bus that runs.
pub struct Running {
    address: SocketAddr,
    bus: Arc<Bus>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Running {
    /// Base URL of its HTTP interface.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, lets what is under way end, writes all cursors, leaves the broker.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.bus.stop_dispatch().await;
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "The HTTP interface ended badly.");
        }
        self.bus.close().await;
    }
}

/// Builds, binds and runs; returns when the interface answers.
///
/// # Errors
/// What is wrong with configuration, broker or address, with its code.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let listener = tokio::net::TcpListener::bind(&config.listen)
        .await
        .map_err(|error| {
            StartError::new("SB-1006", format!("cannot listen on {}: {error}", config.listen))
        })?;
    let address = listener
        .local_addr()
        .map_err(|error| StartError::new("SB-1006", error.to_string()))?;
    let bus = Arc::new(Bus::assemble(config, address).await?);
    bus.start_dispatch().await;
    let stop = CancellationToken::new();
    let serving = tokio::spawn(http::serve(listener, Arc::clone(&bus), stop.clone()));
    Ok(Running {
        address,
        bus,
        stop,
        serving,
    })
}

/// Runs the bus until SIGTERM or Ctrl-C, then drains.
///
/// # Errors
/// As [`start`].
pub async fn run(config: Config) -> Result<(), StartError> {
    telemetry::log_lines(&config);
    let running = start(config).await?;
    announce(&running.url());
    wait_for_signal().await;
    tracing::info!("Shutting down.");
    running.shutdown().await;
    Ok(())
}

/// The one line that a supervisor may wait for.
fn announce(url: &str) {
    // Nobody waits for it where it cannot be written.
    drop(writeln!(std::io::stderr(), "ready {url}"));
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
