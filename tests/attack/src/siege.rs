//! The siege: every target is ordered and tried; what is taken is delivered to, and must lead nowhere.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stadtbus_harness::{
    BusOptions, Client, Failure, Mode, Outcome, Receiver, Reply, World, WorldOptions, eventually,
    workspace_dir,
};

use crate::corpus::{self, LATER};
use crate::decoys::Decoys;
use crate::{dns, space};

const PURPOSE: &str = "https://w3id.org/dpv#ServiceMonitoring";
const TYPE: &str = "de.pruefstand.pub.probe.sent.v1";
const SUBSCRIPTIONS: &str = "/v1/subscriptions";
/// How long everything that was taken may need to its end.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);
const REDIRECTS: &[u16] = &[301, 302, 303, 307, 308];
/// Somebody's proxy is no way out either.
const PROXIES: &[&str] = &[
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
];

/// What was found.
#[derive(Default)]
struct Report {
    wrong: Vec<String>,
}

impl Report {
    fn note(&mut self, what: String) {
        self.wrong.push(what);
    }
}

/// The stage of the bus.
pub(crate) async fn run() -> Outcome<bool> {
    let start = Instant::now();
    let decoys = Decoys::start().await?;
    let folder = tempfile::Builder::new().prefix("stadtbus-attack-").tempdir()?;
    dns::serve().await?;
    space::use_names(folder.path())?;
    let live = decoys.prove().await?;
    let receiver = Receiver::start_with(|request| {
        let status = REDIRECTS
            .iter()
            .find(|status| request.path == format!("/r{status}"));
        status.map_or(Reply::Status(204), |status| {
            let there = if status % 2 == 0 {
                "http://10.1.2.3/"
            } else {
                "http://169.254.169.254/latest/"
            };
            Reply::with_header(*status, "location", there)
        })
    })
    .await?;
    let city = city(folder.path(), &receiver)?;
    let proxy = |name: &&str| ((*name).to_owned(), "http://10.1.2.3:8080".to_owned());
    let world = World::start(WorldOptions {
        bus: BusOptions {
            env: PROXIES.iter().map(proxy).collect(),
            ..BusOptions::default()
        },
        city: Some(city),
        ..WorldOptions::default()
    })
    .await?;
    let mut report = Report::default();
    let targets = corpus::refused(&own_ports(&world));
    refuse(&world, &targets, &mut report).await?;
    let taken = deliver(&world, &receiver, &mut report).await?;
    for hit in decoys.hits().await? {
        report.note(format!("a decoy was hit: {hit}"));
    }
    for line in &report.wrong {
        println!("WRONG {line}");
    }
    println!(
        "attack: {} targets refused twice, {taken} delivered to, {live} decoys live, {} things wrong, {:.1} s",
        targets.len(),
        report.wrong.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(report.wrong.is_empty())
}

/// A city with one publisher, one subscriber, and a zone for one port of one receiver.
fn city(folder: &Path, receiver: &Receiver) -> Outcome<std::path::PathBuf> {
    let (from, to) = (workspace_dir().join("tests/chaos/city"), folder.join("city"));
    for part in [
        "partners",
        "contracts/pub/probe/v1",
        "contracts/pub/probe/v1/usage",
        "contracts/pub/probe/v1/examples",
    ] {
        std::fs::create_dir_all(to.join(part))?;
        for entry in std::fs::read_dir(from.join(part))? {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.file_name() != "abl.yaml" {
                std::fs::copy(entry.path(), to.join(part).join(entry.file_name()))?;
            }
        }
    }
    let port = receiver.url("").rsplit(':').next().unwrap_or_default().to_owned();
    let text = format!(
        "city: belagert\ntitle: Belagerte Stadt\ncontracts: contracts\nplugins: plugins\nzones:\n  - {{zone: pruefstand, cidr: 127.0.0.1/32, \
         ports: [{port}], plaintext: true, owner: it-betrieb, reason: Der eine Empfänger des Prüfstands}}\n"
    );
    std::fs::write(to.join("city.yaml"), text)?;
    Ok(to)
}

/// The ports of the bus, its broker, and the broker's monitor.
fn own_ports(world: &World) -> Vec<String> {
    let port = |url: String| {
        url.rsplit(':')
            .next()
            .map(|port| port.trim_end_matches('/').to_owned())
    };
    [world.bus.base(), world.nats.url(), world.nats.monitor()]
        .into_iter()
        .filter_map(port)
        .collect()
}

fn order(sink: &str) -> Value {
    json!({
        "types": [TYPE], "protocol": "HTTP", "sink": sink,
        "config": {
            "purpose": PURPOSE, "title": "Angriff",
            "delivery": {"attempts_max": 1, "timeout_ms": 3000},
        },
    })
}

fn event(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "urn:pruefstand:pub:sender", "type": TYPE, "time": "2026-11-23T09:00:00Z",
        "datacontenttype": "application/json", "data": {"nr": 7, "seed": 1, "wert": 1.5, "text": "Straße"},
    })
}

async fn subscriber(world: &World) -> Outcome<Client> {
    world.client("kom", "empfang", "subscribe").await
}

/// What must be refused is refused with a code, and with the same one by a dry run.
async fn refuse(world: &World, targets: &[String], report: &mut Report) -> Outcome<()> {
    let client = subscriber(world).await?;
    for target in targets {
        let ordered = client.post(SUBSCRIPTIONS, &order(target)).await?;
        let trial = json!({"event": event("probe"), "subscription": order(target)});
        let tried = client.post("/v1/subscriptions:test", &trial).await?;
        for (what, answer) in [("ordered", &ordered), ("tried", &tried)] {
            if !(400..500).contains(&answer.status) || !answer.code().starts_with("SB-") {
                report.note(format!("{target:?} {what}: {} {}", answer.status, answer.text()));
            }
        }
        if ordered.code() != tried.code() {
            report.note(format!(
                "{target:?}: {} when ordered, {} when tried",
                ordered.code(),
                tried.code()
            ));
        }
    }
    Ok(())
}

/// What looks harmless when it is ordered is delivered to, and found out then.
async fn deliver(world: &World, receiver: &Receiver, report: &mut Report) -> Outcome<usize> {
    let client = subscriber(world).await?;
    let mut awaited = Vec::new();
    for (name, code) in LATER {
        awaited.push((format!("https://{name}.attack.test/x"), *code));
    }
    for status in REDIRECTS {
        awaited.push((receiver.url(&format!("/r{status}")), "SB-3007"));
    }
    let mut taken = Vec::new();
    for (target, code) in awaited {
        let made = client.post(SUBSCRIPTIONS, &order(&target)).await?;
        match made.json().get("id").and_then(Value::as_str) {
            Some(id) if made.status == 201 => taken.push((target, id.to_owned(), code)),
            _ => report.note(format!("{target}: {} {}", made.status, made.text())),
        }
    }
    client
        .post(SUBSCRIPTIONS, &order(&receiver.url("/gut")))
        .await?
        .expect(201)?;
    let publisher = world.client("pub", "sender", "publish").await?;
    publisher
        .publish(&event("angriff-1"), Mode::Structured)
        .await?
        .expect(202)?;
    receiver.wait_for("/gut", 1, SETTLED_WITHIN).await?;
    for (target, id, code) in &taken {
        let letters = format!("/v1/dead-letters?subscription={id}");
        let letter = eventually(
            SETTLED_WITHIN,
            &format!("the dead letter of {target}"),
            || async {
                let text = client.get(&letters).await?.expect(200)?.text();
                if text.contains("angriff-1") {
                    Ok(text)
                } else {
                    Err(Failure::new(text))
                }
            },
        )
        .await?;
        if !letter.contains(code) {
            report.note(format!("{target}: not {code}, but {letter}"));
        }
    }
    for status in REDIRECTS {
        let count = receiver.requests_to(&format!("/r{status}")).len();
        if count != 1 {
            report.note(format!("a redirect with {status} was asked for {count} times"));
        }
    }
    Ok(taken.len())
}
