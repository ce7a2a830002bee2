//! A real `stadtbus serve`, which can be stopped, killed and started again on the same port.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{
    Client, Failure, Finished, Issuer, Outcome, Process, eventually, free_port, stadtbus_bin, target_dir,
};

/// How the bus is to run.
#[derive(Debug, Clone, Default)]
pub struct BusOptions {
    /// Lines of TOML appended to the generated configuration (whole tables or keys of the last table).
    pub extra_config: String,
    /// Environment variables of the process.
    pub env: Vec<(String, String)>,
    /// Base address of an OTLP/HTTP receiver.
    pub otlp_endpoint: Option<String>,
    /// The address it listens on; loopback if none is given.
    pub host: Option<String>,
    /// The port it listens on; a free one if none is given.
    pub port: Option<u16>,
    /// Where it reaches the broker, if not at the broker's own address.
    pub broker_url: Option<String>,
    /// A command that becomes the bus, to start it behind.
    pub wrapper: Vec<String>,
    /// Whether plugins have to be signed and what they use approved, as in operation. What tests build is neither.
    pub strict_plugins: bool,
    /// Where it keeps compiled plugins, if not where all tests do.
    pub plugin_cache: Option<PathBuf>,
    /// Where configuration and log lie, if not below the world's directory.
    pub dir: Option<PathBuf>,
}

/// A running (or killed) bus.
#[derive(Debug)]
pub struct Bus {
    dir: PathBuf,
    port: u16,
    broker_url: String,
    monitor: String,
    key_file: PathBuf,
    options: BusOptions,
    process: Option<Process>,
}

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_WITHIN: Duration = Duration::from_secs(30);
const COMMAND_WITHIN: Duration = Duration::from_secs(120);
const START_TRIES: usize = 3;

impl Bus {
    /// Starts a bus on `broker_url`; configuration and log lie in `dir`. Waits for its `ready` line.
    pub async fn start(
        dir: &Path,
        broker_url: &str,
        monitor: &str,
        issuer: &Issuer,
        options: &BusOptions,
    ) -> Outcome<Self> {
        let dir = options.dir.as_deref().unwrap_or(dir);
        std::fs::create_dir_all(dir)?;
        let mut last = Failure::new("the bus was not tried");
        for _ in 0..START_TRIES {
            let mut bus = Self {
                dir: dir.to_path_buf(),
                port: options.port.map_or_else(free_port, Ok)?,
                broker_url: broker_url.to_owned(),
                monitor: monitor.to_owned(),
                key_file: issuer.key_file().to_path_buf(),
                options: options.clone(),
                process: None,
            };
            match bus.start_again().await {
                Ok(()) => return Ok(bus),
                Err(failure) if failure.to_string().contains("SB-1006") => last = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(last)
    }

    /// The options for the next start.
    pub fn options_mut(&mut self) -> &mut BusOptions {
        &mut self.options
    }

    /// Starts it again, on the same port, after it was stopped or killed.
    pub async fn start_again(&mut self) -> Outcome<()> {
        let before = self.log_text().len();
        let args = [
            "serve".to_owned(),
            "--config".to_owned(),
            self.config_file().display().to_string(),
        ];
        std::fs::write(self.config_file(), self.configuration()?)?;
        let log = self.log_file();
        self.process = Some(Process::start_behind(
            &self.options.wrapper,
            &stadtbus_bin()?,
            &args,
            &self.options.env,
            &log,
        )?);
        let process = &mut self.process;
        let ready = eventually(READY_WITHIN, "`ready http://…` from stadtbus serve", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let new = text.get(before..).unwrap_or_default().to_owned();
            let running = process.as_mut().is_some_and(Process::is_running);
            async move {
                match (new.contains("ready http://"), running) {
                    (true, _) => Ok(None),
                    (false, false) => Ok(Some(new)),
                    (false, true) => Err(Failure::new(new)),
                }
            }
        });
        match ready.await? {
            None => Ok(()),
            Some(text) => Err(Failure::new(text).while_("stadtbus serve ended before it was ready")),
        }
    }

    /// The base address of its API.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}:{}", self.host(), self.port)
    }

    fn host(&self) -> &str {
        self.options.host.as_deref().unwrap_or("127.0.0.1")
    }

    /// Its configuration file.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.dir.join("stadtbus.toml")
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("stadtbus.log")
    }

    /// The directory of its files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The running process.
    pub fn process(&self) -> Outcome<&Process> {
        self.process
            .as_ref()
            .ok_or_else(|| Failure::new("the bus is not running"))
    }

    /// All it has logged, over all its starts.
    #[must_use]
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// A client with this token.
    #[must_use]
    pub fn client(&self, token: &str) -> Client {
        Client::new(self.base(), token)
    }

    /// SIGTERM and the exit code.
    pub async fn stop(&mut self) -> Outcome<Option<i32>> {
        match self.process.take() {
            Some(mut process) => process.stop(STOP_WITHIN).await,
            None => Err(Failure::new("the bus is not running")),
        }
    }

    /// kill -9.
    pub async fn kill_hard(&mut self) -> Outcome<()> {
        match self.process.take() {
            Some(mut process) => process.kill_hard().await,
            None => Ok(()),
        }
    }

    /// Runs a `stadtbus` command against this bus: `--server` and `--token` are appended.
    pub async fn command(&self, token: &str, args: &[&str], env: &[(String, String)]) -> Outcome<Finished> {
        let base = self.base();
        let mut all = args.to_vec();
        all.extend(["--server", &base, "--token", token]);
        Process::run(&stadtbus_bin()?, &all, env, COMMAND_WITHIN).await
    }

    /// `stadtbus apply FOLDER --yes`, with the variables its webhook addresses name.
    pub async fn apply(&self, token: &str, folder: &Path, env: &[(String, String)]) -> Outcome<Finished> {
        self.command(token, &["apply", &folder.display().to_string(), "--yes"], env)
            .await
    }

    fn configuration(&self) -> Outcome<String> {
        // Compiled plugins are keyed by digest and engine, so all tests may share them; the bus makes the directory.
        let shared = target_dir()?.join("plugin-cache");
        let cache = self.options.plugin_cache.as_ref().unwrap_or(&shared);
        let (signatures, grants) = match self.options.strict_plugins {
            true => ("required", "approved"),
            false => ("optional", "automatic"),
        };
        let otlp = self.options.otlp_endpoint.as_ref();
        let otlp = otlp.map(|endpoint| format!("[telemetry]\notlp_endpoint = {endpoint:?}\n"));
        Ok(format!(
            "listen = \"{}:{}\"\n[broker]\nurl = {:?}\nmonitor = {:?}\n[issuer]\nkey_file = {:?}\n[plugins]\ncache_dir = {:?}\nsignatures = {signatures:?}\ngrants = {grants:?}\n[witness]\ndir = {:?}\n[journey]\nindex_dir = {:?}\n{}{}\n",
            self.host(),
            self.port,
            self.options.broker_url.as_ref().unwrap_or(&self.broker_url),
            self.monitor,
            self.key_file,
            cache,
            self.dir.join("witness"),
            self.dir.join("journey"),
            otlp.unwrap_or_default(),
            self.options.extra_config,
        ))
    }
}
