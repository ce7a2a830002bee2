//! A real nats-server on loopback, which can be killed and started again on the same port and store.

use std::path::PathBuf;
use std::time::Duration;

use crate::{Failure, HttpClient, Outcome, Process, eventually, free_port, nats_server_bin};

/// How the broker is to run.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// `sync_interval: always` (every acknowledgement after fsync) or the server's default of two minutes.
    pub sync_always: bool,
    /// Upper bound of JetStream's file store in bytes: small for tests of "storage full".
    pub store_bytes_max: u64,
    /// The address it listens on.
    pub host: String,
    /// It listens on all addresses, `host` is the one at which it is looked after.
    pub listen_everywhere: bool,
    /// The address at which clients reach it, if not at `host`.
    pub reached_at: Option<String>,
    /// The port for clients; a free one if none is given.
    pub port: Option<u16>,
    /// A command that becomes the server, to start it behind.
    pub wrapper: Vec<String>,
    /// Where JetStream stores; beside the configuration if nothing is given.
    pub store: Option<PathBuf>,
    /// Lines appended to the generated configuration.
    pub extra_config: String,
}

impl Default for NatsOptions {
    fn default() -> Self {
        Self {
            sync_always: true,
            // JetStream reserves what each log may grow to: this must exceed their sum, not their content.
            store_bytes_max: 1 << 40,
            host: "127.0.0.1".to_owned(),
            listen_everywhere: false,
            reached_at: None,
            port: None,
            wrapper: Vec::new(),
            store: None,
            extra_config: String::new(),
        }
    }
}

/// A running (or killed) nats-server.
#[derive(Debug)]
pub struct NatsServer {
    options: NatsOptions,
    dir: PathBuf,
    port: u16,
    monitor_port: u16,
    process: Option<Process>,
}

const START_TRIES: usize = 5;
const STOP_WITHIN: Duration = Duration::from_secs(20);
const READY_WITHIN: Duration = Duration::from_secs(20);

impl NatsServer {
    /// Starts a server whose configuration, store and log lie in `dir`, and waits until JetStream is ready.
    pub async fn start(dir: PathBuf, options: NatsOptions) -> Outcome<Self> {
        std::fs::create_dir_all(&dir)?;
        let mut last = Failure::new("nats-server was not tried");
        for _ in 0..START_TRIES {
            let port = options.port.map_or_else(free_port, Ok)?;
            let monitor_port = free_port()?;
            let mut server = Self {
                options: options.clone(),
                dir: dir.clone(),
                port,
                monitor_port,
                process: None,
            };
            match server.start_again().await {
                Ok(()) => return Ok(server),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    /// Starts it again after [`NatsServer::kill_hard`], on the same ports and store.
    pub async fn start_again(&mut self) -> Outcome<()> {
        let config = self.dir.join("nats.conf");
        std::fs::write(&config, self.config())?;
        let args = ["--config".to_owned(), config.display().to_string()];
        self.process = Some(Process::start_behind(
            &self.options.wrapper,
            &nats_server_bin()?,
            &args,
            &[],
            &self.dir.join("nats-out.log"),
        )?);
        self.wait_ready().await
    }

    fn config(&self) -> String {
        let sync = if self.options.sync_always {
            "sync_interval: always"
        } else {
            ""
        };
        let host = if self.options.listen_everywhere {
            "0.0.0.0"
        } else {
            &self.options.host
        };
        let store = self.store();
        format!(
            "listen: {host}:{}\nhttp: {host}:{}\nlog_file: \"{}\"\njetstream {{\n  store_dir: \"{}\"\n  max_file_store: {}\n  {sync}\n}}\n{}",
            self.port,
            self.monitor_port,
            self.dir.join("nats.log").display(),
            store.display(),
            self.options.store_bytes_max,
            self.options.extra_config,
        )
    }

    async fn wait_ready(&mut self) -> Outcome<()> {
        let client = HttpClient::new();
        let health = format!("{}/healthz?js-enabled-only=true", self.monitor());
        let log = self.dir.join("nats.log");
        let process = self.process.as_mut();
        if !process.is_some_and(Process::is_running) {
            return Err(Failure::new("nats-server ended at once"));
        }
        let ready = eventually(READY_WITHIN, "nats-server ready", || async {
            let answer = client.get(&health, &[]).await?;
            if answer.status == 200 {
                Ok(())
            } else {
                Err(Failure::new(answer.text()))
            }
        })
        .await;
        let alive = self.process.as_mut().is_some_and(Process::is_running);
        if !alive {
            return Err(
                Failure::new(std::fs::read_to_string(log).unwrap_or_default()).while_("nats-server ended")
            );
        }
        ready
    }

    /// The URL clients connect to.
    #[must_use]
    pub fn url(&self) -> String {
        let host = self.options.reached_at.as_ref().unwrap_or(&self.options.host);
        format!("nats://{host}:{}", self.port)
    }

    /// The base of the monitoring endpoints.
    #[must_use]
    pub fn monitor(&self) -> String {
        format!("http://{}:{}", self.options.host, self.monitor_port)
    }

    /// The base of the monitoring endpoints as clients of the broker reach it.
    #[must_use]
    pub fn monitor_for_clients(&self) -> String {
        let host = self.options.reached_at.as_ref().unwrap_or(&self.options.host);
        format!("http://{host}:{}", self.monitor_port)
    }

    /// The running process.
    pub fn process(&self) -> Outcome<&Process> {
        self.process
            .as_ref()
            .ok_or_else(|| Failure::new("nats-server is not running"))
    }

    /// SIGTERM, and until it has ended.
    pub async fn stop(&mut self) -> Outcome<()> {
        match self.process.take() {
            Some(mut process) => process.stop(STOP_WITHIN).await.map(|_| ()),
            None => Ok(()),
        }
    }

    fn store(&self) -> PathBuf {
        let beside = || self.dir.join("store");
        self.options.store.clone().unwrap_or_else(beside)
    }

    /// Where JetStream keeps its streams, one directory each.
    #[must_use]
    pub fn streams_dir(&self) -> PathBuf {
        self.store().join("jetstream/$G/streams")
    }

    /// kill -9.
    pub async fn kill_hard(&mut self) -> Outcome<()> {
        match self.process.take() {
            Some(mut process) => process.kill_hard().await,
            None => Ok(()),
        }
    }

    /// The limit of the file store for the next start.
    pub fn set_store_bytes_max(&mut self, bytes: u64) {
        self.options.store_bytes_max = bytes;
    }
}
