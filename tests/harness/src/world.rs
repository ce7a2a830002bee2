//! Everything at once: broker, bus, issuer and a city, in a directory that goes away with them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

use crate::{Bus, BusOptions, Client, Failure, Issuer, NatsOptions, NatsServer, Outcome};

/// What to start.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// The broker.
    pub nats: NatsOptions,
    /// The bus.
    pub bus: BusOptions,
    /// A city folder to apply once the bus is ready.
    pub city: Option<PathBuf>,
    /// Variables for the city's webhook addresses.
    pub city_env: Vec<(String, String)>,
    /// Partner and system that may operate.
    pub operator: (String, String),
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            nats: NatsOptions::default(),
            bus: BusOptions::default(),
            city: None,
            city_env: Vec::new(),
            operator: ("stadt".to_owned(), "betrieb".to_owned()),
        }
    }
}

/// A broker, a bus on it and the means to speak with it.
#[derive(Debug)]
pub struct World {
    /// The bus.
    pub bus: Bus,
    /// The broker below it.
    pub nats: NatsServer,
    /// The bus's issuer.
    pub issuer: Issuer,
    operator: (String, String),
    tokens: Mutex<HashMap<String, String>>,
    // Last, so that the processes are gone before their files are.
    dir: tempfile::TempDir,
}

const LOG_LINES_SHOWN: usize = 60;

impl World {
    /// Starts everything and applies the city, if one is given.
    pub async fn start(options: WorldOptions) -> Outcome<Self> {
        let mut dir = tempfile::Builder::new().prefix("stadtbus-").tempdir()?;
        dir.disable_cleanup(std::env::var_os("STADTBUS_KEEP").is_some());
        let nats = NatsServer::start(dir.path().join("nats"), options.nats).await?;
        let issuer = Issuer::create(dir.path()).await?;
        let bus = Bus::start(
            &dir.path().join("bus"),
            &nats.url(),
            &nats.monitor_for_clients(),
            &issuer,
            &options.bus,
        )
        .await?;
        let tokens = Mutex::default();
        let world = Self {
            bus,
            nats,
            issuer,
            operator: options.operator,
            tokens,
            dir,
        };
        if let Some(city) = options.city {
            world.apply(&city, &options.city_env).await?;
        }
        Ok(world)
    }

    /// The directory of all its files.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A client for one system of a partner.
    pub async fn client(&self, partner: &str, system: &str, scope: &str) -> Outcome<Client> {
        let key = format!("{partner}/{system} {scope}");
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(&key) {
            return Ok(self.bus.client(token));
        }
        let token = self.issuer.issue(partner, system, scope).await?;
        tokens.insert(key, token.clone());
        Ok(self.bus.client(&token))
    }

    /// A client for the operator.
    pub async fn operator(&self) -> Outcome<Client> {
        self.client(&self.operator.0, &self.operator.1, "operate").await
    }

    /// Applies a city folder and expects it to be taken.
    pub async fn apply(&self, folder: &Path, env: &[(String, String)]) -> Outcome<()> {
        let operator = self.operator().await?;
        let done = self.bus.apply(operator.token(), folder, env).await?;
        done.success(&format!("stadtbus apply {}", folder.display()))
            .map(|_| ())
    }

    /// Fails with the bus's log when it has ended by itself.
    pub fn still_running(&mut self) -> Outcome<()> {
        match self.bus.process() {
            Ok(process) if process.id().is_some() => Ok(()),
            _ => Err(Failure::new(self.bus.log_text()).while_("the bus has ended")),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.bus.log_text();
            let lines: Vec<_> = log.lines().collect();
            let shown = lines.len().saturating_sub(LOG_LINES_SHOWN);
            eprintln!(
                "--- last lines of the bus's log ---\n{}",
                lines.get(shown..).unwrap_or_default().join("\n")
            );
        }
    }
}
