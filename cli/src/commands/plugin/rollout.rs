//! `stadtbus plugin shadow|canary|promote|rollback|status`: a new version beside the one in service, and what becomes of it.

use super::{Target, beside, component, manifest};
use crate::client::segment;
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Style, t};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;

/// The first time a version comes to the bus it is compiled there.
const COMPILING: Duration = Duration::from_secs(270);

/// Why, for whoever looks later.
#[derive(Debug, clap::Args)]
struct Why {
    #[arg(long, value_name = "TEXT", help = t("Warum; steht in der Geschichte der Umstellung", "Why; stands in the history of the rollout"))]
    why: Option<String>,
}

/// `stadtbus plugin shadow`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Eine neue Version neben der alten laufen lassen; sie liefert nichts", "Let a new version run beside the old one; it delivers nothing"),
    after_help = example(&["stadtbus plugin shadow plugins/krefeld/outage-redact"])
)]
pub(super) struct Shadow {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    why: Why,
}

/// `stadtbus plugin canary`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Einen Anteil der Ereignisse durch die neue Version schicken", "Send a share of the events through the new version"),
    after_help = example(&["stadtbus plugin canary plugins/krefeld/outage-redact --percent 1"])
)]
pub(super) struct Canary {
    #[command(flatten)]
    target: Target,
    #[arg(long, value_name = t("ZAHL", "NUMBER"), default_value_t = 1.0, hide_default_value = true, help = t("Wie viele von hundert Ereignissen (Vorgabe: 1)", "How many of a hundred events (default: 1)"))]
    percent: f64,
    #[arg(long, value_name = t("ZAHL", "NUMBER"), help = t("Anhalten erst ab so vielen Fehlern (Vorgabe: 3)", "Stop only from so many failures on (default: 3)"))]
    failures_min: Option<u64>,
    #[arg(long, value_name = t("PROZENT", "PERCENT"), help = t("Anhalten, wenn mehr scheitert (Vorgabe: 1)", "Stop when more fails (default: 1)"))]
    error_percent_max: Option<f64>,
    #[arg(long, value_name = t("FAKTOR", "FACTOR"), help = t("Anhalten, wenn sie im Mittel länger braucht (Vorgabe: 4; 0: nie)", "Stop when it takes longer on average (default: 4; 0: never)"))]
    latency_ratio_max: Option<f64>,
    #[arg(long, value_name = t("PROZENT", "PERCENT"), help = t("Anhalten, wenn mehr anders herauskommt (Vorgabe: nie)", "Stop when more comes out differently (default: never)"))]
    difference_percent_max: Option<f64>,
    #[command(flatten)]
    why: Why,
}

/// Which plugin of the city.
#[derive(Debug, clap::Args)]
struct Named {
    #[arg(value_name = t("PARTNER/NAME", "PARTNER/NAME"), help = t("Das Plugin", "The plugin"))]
    plugin: String,
}

/// `stadtbus plugin promote`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Die neue Version in Betrieb nehmen", "Put the new version into service"),
    after_help = example(&["stadtbus plugin promote ngn/outage-redact"])
)]
pub(super) struct Promote {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    why: Why,
}

/// `stadtbus plugin rollback`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Die alte Version wieder in Betrieb nehmen", "Put the old version into service again"),
    after_help = example(&["stadtbus plugin rollback ngn/outage-redact --why falsche-Einheit"])
)]
pub(super) struct Rollback {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    why: Why,
}

/// `stadtbus plugin status`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zeigen, welche Version in Betrieb ist und was die neue tut", "Show which version is in service, and what the new one does"),
    after_help = example(&["stadtbus plugin status ngn/outage-redact"])
)]
pub(super) struct Status {
    #[command(flatten)]
    named: Named,
}

/// Lets a version run as a shadow.
pub(super) fn shadow(args: &Shadow, session: &Session) -> Outcome {
    try_out(session, &args.target.folder, "shadow", args.why.member())
}

/// Gives a version a share.
pub(super) fn canary(args: &Canary, session: &Session) -> Outcome {
    let mut more = args.why.member();
    more.insert("percent".to_owned(), json!(args.percent));
    let stop = [
        ("failures_min", args.failures_min.map(Value::from)),
        ("error_percent_max", args.error_percent_max.map(Value::from)),
        ("latency_ratio_max", args.latency_ratio_max.map(Value::from)),
        (
            "difference_percent_max",
            args.difference_percent_max.map(Value::from),
        ),
    ];
    let stop: Map<String, Value> = stop
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    if !stop.is_empty() {
        more.insert("stop".to_owned(), Value::Object(stop));
    }
    try_out(session, &args.target.folder, "canary", more)
}

/// Takes the new version.
pub(super) fn promote(args: &Promote, session: &Session) -> Outcome {
    decide(session, &args.named.plugin, "promote", args.why.member())
}

/// Takes the old version again.
pub(super) fn rollback(args: &Rollback, session: &Session) -> Outcome {
    decide(session, &args.named.plugin, "rollback", args.why.member())
}

/// Shows how it stands.
pub(super) fn status(args: &Status, session: &Session) -> Outcome {
    let (partner, name) = named(&args.named.plugin)?;
    let client = session.client_of(partner, Scope::Subscribe)?;
    wait(async {
        let path = format!("/v1/plugins/{}/{}/rollout", segment(partner), segment(name));
        let answer = client.get(&path).await?;
        session.shell.show(&answer, || lines(session, &answer));
        Ok(Exit::Done)
    })
}

impl Why {
    fn member(&self) -> Map<String, Value> {
        self.why
            .iter()
            .map(|why| ("why".to_owned(), json!(why)))
            .collect()
    }
}

/// Manifest and component of a folder, looked at as the bus will.
pub(super) fn brought(folder: &Path) -> Result<(String, String, Map<String, Value>), Failure> {
    let (manifest, yaml) = manifest(folder)?;
    let component = component(folder, &manifest.plugin)?;
    stadtbus_plugin_host::check(&component, &manifest).map_err(|error| super::host_failure(&error))?;
    let mut body = Map::new();
    body.insert("manifest".to_owned(), json!(yaml));
    body.insert("component".to_owned(), json!(STANDARD.encode(&component)));
    body.insert(
        "signature".to_owned(),
        json!(beside::signature(folder, &manifest.plugin)?),
    );
    body.insert(
        "sigstore".to_owned(),
        json!(beside::sigstore(folder, &manifest.plugin)?),
    );
    Ok((manifest.partner.to_string(), manifest.plugin, body))
}

fn try_out(session: &Session, folder: &Path, verb: &str, more: Map<String, Value>) -> Outcome {
    let (partner, name, mut body) = brought(folder)?;
    body.extend(more);
    post(session, (&partner, &name), verb, body)
}

fn decide(session: &Session, plugin: &str, verb: &str, body: Map<String, Value>) -> Outcome {
    post(session, named(plugin)?, verb, body)
}

fn post(session: &Session, (partner, name): (&str, &str), verb: &str, body: Map<String, Value>) -> Outcome {
    let client = session.client_of(partner, Scope::Publish)?;
    wait(async {
        let path = format!("/v1/plugins/{}/{}/{verb}", segment(partner), segment(name));
        let answer = client
            .post_waiting(&path, &Value::Object(body), COMPILING)
            .await?;
        session.shell.show(&answer, || lines(session, &answer));
        Ok(Exit::Done)
    })
}

fn named(plugin: &str) -> Result<(&str, &str), Failure> {
    plugin
        .split_once('/')
        .filter(|(partner, name)| !partner.is_empty() && !name.is_empty())
        .ok_or_else(|| {
            let message = say!(
                "`{plugin}` ist nicht PARTNER/NAME.",
                "`{plugin}` is not PARTNER/NAME."
            );
            Failure::usage(message).hint("stadtbus plugin status ngn/outage-redact")
        })
}

fn stage(rollout: &Value) -> (Style, &'static str) {
    match rollout.get("stage").and_then(Value::as_str) {
        Some("shadow") => (Style::Good, t("Schatten", "shadow")),
        Some("canary") => (Style::Good, t("Canary", "canary")),
        Some("stopped") => (Style::Bad, t("von selbst angehalten", "stopped itself")),
        Some("promoted") => (Style::Good, t("in Betrieb genommen", "promoted")),
        Some("rolled-back") => (Style::Good, t("zurückgenommen", "rolled back")),
        _ => (Style::Good, t("direkt ersetzt", "replaced directly")),
    }
}

fn short(version: Option<&Value>) -> String {
    let Some(version) = version else {
        return String::new();
    };
    let digest: String = text(version, "digest").chars().take(12).collect();
    format!("{}+{digest}", text(version, "version"))
}

/// What a person reads of a rollout.
fn lines(session: &Session, answer: &Value) -> Vec<String> {
    let service = short(answer.get("in_service"));
    let mut lines = vec![say!(
        "{}  in Betrieb: {service}",
        "{}  in service: {service}",
        text(answer, "plugin")
    )];
    let Some(rollout) = answer.get("rollout") else {
        lines.push(t("Keine Umstellung.", "No rollout.").to_owned());
        return lines;
    };
    let (style, word) = stage(rollout);
    let share = rollout.get("percent").map(|percent| format!(" {percent} %"));
    lines.push(format!(
        "{}{}  {} → {}",
        session.shell.paint(style, word),
        share.unwrap_or_default(),
        short(rollout.get("old")),
        short(rollout.get("new")),
    ));
    let none = Value::Null;
    let counts = rollout.get("counts").unwrap_or(&none);
    lines.extend(table(&counted(counts)));
    let entries = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let examples: Vec<Vec<String>> = entries(counts, "examples").iter().map(example_row).collect();
    lines.extend(table(&examples));
    let moves: Vec<Vec<String>> = entries(rollout, "history")
        .iter()
        .map(|moved| {
            vec![
                text(moved, "at"),
                text(moved, "by"),
                stage(moved).1.to_owned(),
                text(moved, "why"),
            ]
        })
        .collect();
    lines.extend(table(&moves));
    lines
}

fn counted(counts: &Value) -> Vec<Vec<String>> {
    let names = [
        ("events", t("Ereignisse", "events")),
        ("taken", t("durch die neue Version", "through the new version")),
        ("different", t("anders herausgekommen", "came out differently")),
        ("failed", t("nur in ihr gescheitert", "failed in it alone")),
        ("both_failed", t("in beiden gescheitert", "failed in both")),
        ("skipped", t("ausgelassen", "left out")),
    ];
    let mut rows: Vec<Vec<String>> = names
        .iter()
        .map(|(name, title)| vec![(*title).to_owned(), text(counts, name)])
        .collect();
    let none = Value::Null;
    for (name, title) in [
        ("old", t("alt, µs je Ereignis", "old, µs for each event")),
        ("new", t("neu, µs je Ereignis", "new, µs for each event")),
    ] {
        rows.push(vec![
            title.to_owned(),
            text(counts.get(name).unwrap_or(&none), "micros_mean"),
        ]);
    }
    let kinds = counts.get("by_kind").and_then(Value::as_object);
    for (kind, count) in kinds.into_iter().flatten() {
        rows.push(vec![crate::client::problem::clean(kind), count.to_string()]);
    }
    rows
}

fn example_row(example: &Value) -> Vec<String> {
    let differences = example.get("differences").and_then(Value::as_array);
    let shown: Vec<String> = differences
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(crate::client::problem::clean)
        .collect();
    vec![
        text(example, "place"),
        format!("{}:{}", text(example, "log"), text(example, "position")),
        format!("{} {}", text(example, "code"), shown.join(", "))
            .trim()
            .to_owned(),
    ]
}
