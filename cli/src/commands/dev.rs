//! `stadtbus dev`: a whole bus on this machine, for trying out and developing.
//!
//! Same code and same limits as in operation, on loopback only, with a key made for this run. Broker, bus and
//! their files end together, unless `--keep` names a folder for them.

use crate::bus::{self, Broker, Dev, Running};
use crate::city::{self, Folder};
use crate::client::Client;
use crate::commands::send::text;
use crate::duration::millis;
use crate::grammar::example;
use crate::issuer::{self, Names, Wanted};
use crate::nats::{self, Nats};
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Long enough for a day's work; the key dies with the folder.
const TOKEN_TTL: Duration = Duration::from_secs(12 * 3600);
/// Who applies the city.
const OPERATOR: (&str, &str) = ("stadtbus", "dev");

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Einen Bus zum Ausprobieren starten (nicht für den Betrieb)", "Start a bus for trying out (not for operation)"),
    after_help = example(&["stadtbus dev --city deploy/cities/krefeld", "stadtbus dev --broker memory"])
)]
pub(crate) struct Args {
    #[arg(
        long, value_name = "BROKER", default_value = "nats",
        help = t("nats (braucht nats-server) oder memory (braucht nichts)", "nats (needs nats-server) or memory (needs nothing)")
    )]
    broker: Kind,
    #[arg(long, value_name = t("ORDNER", "FOLDER"), help = t("Diesen Stadtordner gleich einspielen", "Apply this city folder at once"))]
    city: Option<PathBuf>,
    #[arg(long, value_name = "PORT", default_value = "7700", help = t("Port auf 127.0.0.1 (Vorgabe 7700; 0: irgendein freier)", "Port on 127.0.0.1 (default 7700; 0: any free one)"))]
    port: u16,
    #[arg(long, value_name = t("ORDNER", "FOLDER"), help = t("Daten hier behalten statt sie am Ende zu löschen", "Keep the data here instead of deleting it at the end"))]
    keep: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Nats,
    Memory,
}

/// Starts everything, waits for Ctrl-C or SIGTERM, ends everything.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let shell = &session.shell;
    let began = Instant::now();
    // What can be found wrong before anything runs is found before anything runs.
    let city = args
        .city
        .as_deref()
        .map(|folder| city::load(shell, folder))
        .transpose()?;
    let program = (args.broker == Kind::Nats).then(nats::find).transpose()?;
    let place = Place::new(args.keep.as_deref())?;
    let key = place.folder.join("issuer.pem");
    if !key.exists() {
        issuer::make_key(&key)?;
    }
    warn(shell);
    let nats = program
        .as_ref()
        .map(|found| Nats::start(&found.program, &place.folder))
        .transpose()?;
    let broker = match &nats {
        Some(nats) => Broker::Nats {
            url: nats.url(),
            monitor: nats.monitor(),
        },
        None => Broker::Memory,
    };
    let dev = Dev {
        listen: format!("127.0.0.1:{}", args.port),
        broker,
        key: key.clone(),
        cache: place.folder.join("plugins"),
        witness: place.folder.join("witness"),
        index: place.folder.join("journey"),
    };
    let storage = program.as_ref().map_or_else(
        || t("im Speicher, weg am Ende", "in memory, gone at the end").to_owned(),
        |found| format!("nats-server {}", found.version),
    );
    let outcome = bus::block_on(async {
        let running = bus::start(&dev).await?;
        let tokens = Tokens {
            key: &key,
            names: session.names(),
        };
        let result = live(shell, &running, city.as_ref(), &tokens, &storage, began).await;
        running.shutdown().await;
        result
    });
    // The broker ends after the bus has drained, and the folder goes last.
    drop(nats);
    drop(place);
    outcome
}

async fn live(
    shell: &Shell,
    running: &Running,
    city: Option<&Folder>,
    tokens: &Tokens<'_>,
    storage: &str,
    began: Instant,
) -> Outcome {
    let operator = tokens.issue(OPERATOR.0, OPERATOR.1, "operate")?;
    if let Some(folder) = city {
        let client = Client::new(&running.url(), Some(&operator))?;
        let plan = folder.plan(&client).await?;
        if !plan.changes.is_empty() {
            folder.apply(&client, &plan).await?;
        }
    }
    let document = json!({
        "url": running.url(), "key": tokens.key, "broker": storage,
        "identities": tokens.identities(operator, city)?, "ready_ms": millis(began.elapsed()),
    });
    shell.show(&document, || welcome(shell, &document, city));
    bus::ended().await;
    shell.notice(t("Der Bus wird beendet …", "The bus is ending …"));
    Ok(Exit::Done)
}

/// The issuer of this run.
struct Tokens<'a> {
    key: &'a Path,
    names: &'a Names,
}

impl Tokens<'_> {
    fn issue(&self, partner: &str, system: &str, scope: &str) -> Result<String, Failure> {
        issuer::issue(
            self.key,
            self.names,
            &Wanted {
                partner,
                system,
                scope,
                ttl: TOKEN_TTL,
            },
        )
    }

    /// Everybody one can be on this bus, the operator first.
    fn identities(&self, operator: String, city: Option<&Folder>) -> Result<Vec<Value>, Failure> {
        let name = format!("{}/{}", OPERATOR.0, OPERATOR.1);
        let mut all = vec![json!({"as": name, "scope": "operate", "token": operator})];
        for partner in city.iter().flat_map(|folder| folder.city.partners.values()) {
            for system in &partner.systems {
                let scope = system
                    .may
                    .iter()
                    .map(|may| may.as_str())
                    .collect::<Vec<_>>()
                    .join(" ");
                if scope.is_empty() {
                    continue;
                }
                let token = self.issue(partner.partner.as_str(), system.system.as_str(), &scope)?;
                let name = format!("{}/{}", partner.partner, system.system);
                all.push(json!({"as": name, "scope": scope, "token": token}));
            }
        }
        Ok(all)
    }
}

fn warn(shell: &Shell) {
    let text = t(
        "Entwicklungsmodus: nicht für den Betrieb, nur auf dieser Maschine",
        "development mode: not for operation, on this machine only",
    );
    let line = "─".repeat(text.chars().count().saturating_add(2));
    for row in [format!("┌{line}┐"), format!("│ {text} │"), format!("└{line}┘")] {
        shell.notice(&shell.paint_error(Style::Warn, &row));
    }
}

fn welcome(shell: &Shell, document: &Value, city: Option<&Folder>) -> Vec<String> {
    let (url, key, ready_ms) = (
        text(document, "url"),
        text(document, "key"),
        text(document, "ready_ms"),
    );
    let version = env!("CARGO_PKG_VERSION");
    let head = say!(
        "stadtbus {version} · bereit in {ready_ms} ms",
        "stadtbus {version} · ready in {ready_ms} ms"
    );
    let title = city.map_or_else(
        || t("noch keine", "none yet").to_owned(),
        |folder| folder.city.title.clone(),
    );
    let operator = format!("{}/{}", OPERATOR.0, OPERATOR.1);
    let mut lines = vec![
        shell.paint(Style::Strong, &head),
        row(t("Annahme", "accept"), &format!("{url}/v1/events")),
        row(t("Zustand", "health"), &format!("{url}/readyz  {url}/metrics")),
        row("Broker", &text(document, "broker")),
        row(t("Stadt", "city"), &title),
        String::new(),
        t(
            "Zum Ausprobieren in einem zweiten Fenster:",
            "To try in a second window:",
        )
        .to_owned(),
        format!("  export STADTBUS_SERVER={url} STADTBUS_KEY={key}"),
        format!("  stadtbus status --as {operator}"),
    ];
    if city.is_none() {
        lines.push(format!("  stadtbus apply deploy/cities/krefeld --as {operator}"));
    }
    let known = document
        .get("identities")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    if let Some(publisher) = known.iter().find(|one| text(one, "scope").contains("publish")) {
        let (name, token) = (text(publisher, "as"), text(publisher, "token"));
        lines.push(format!("  stadtbus send ereignis.json --as {name}"));
        lines.push(String::new());
        lines.push(say!(
            "Token für {name} (12 Stunden), etwa für curl:",
            "Token for {name} (12 hours), for instance for curl:"
        ));
        lines.push(format!("  {token}"));
    }
    lines.push(String::new());
    lines.push(t("Ende mit Strg-C.", "End with Ctrl-C.").to_owned());
    lines
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:<10} {value}")
}

/// Where key, store and cache lie; removed at the end unless it is to be kept.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    keep: bool,
}

impl Place {
    fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        let folder = match keep {
            Some(folder) => folder.to_owned(),
            None => std::env::temp_dir().join(format!("stadtbus-dev-{}", uuid::Uuid::new_v4().simple())),
        };
        std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, &error))?;
        let folder = folder
            .canonicalize()
            .map_err(|error| Failure::file(&folder, &error))?;
        Ok(Self {
            folder,
            keep: keep.is_some(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.keep {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}
