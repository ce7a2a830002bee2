//! `stadtbus plugin diff`: what a new version would change of what is in the log already.

use super::rollout::brought;
use crate::client::{problem::clean, segment};
use crate::commands::send::text;
use crate::duration;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Outcome, Style, t};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// The bus compiles the version and runs it over a day.
const RUNNING: Duration = Duration::from_secs(270);

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zeigen, was eine neue Version an vergangenen Ereignissen ändern würde", "Show what a new version would change of past events"),
    after_help = example(&["stadtbus plugin diff plugins/krefeld/outage-redact --subscription fb37-stromausfall --replay 24h"])
)]
pub(super) struct Args {
    #[arg(value_name = t("ORDNER", "FOLDER"), help = t("Der Ordner der neuen Version, gebaut", "The folder of the new version, built"))]
    folder: PathBuf,
    #[arg(long, value_name = "ID", help = t("Wessen Ereignisse; das Abonnement benutzt das Plugin", "Whose events; the subscription uses the plugin"))]
    subscription: String,
    #[arg(long, value_name = t("DAUER", "DURATION"), default_value = "24h", value_parser = duration::parse, help = t("Wie weit zurück (Vorgabe: 24h)", "How far back (default: 24h)"), hide_default_value = true)]
    replay: Duration,
    #[arg(long, value_name = t("ZAHL", "NUMBER"), help = t("Höchstens so viele Ereignisse (Vorgabe: 10000)", "At most so many events (default: 10000)"))]
    events_max: Option<u64>,
    #[arg(long, value_name = t("ZAHL", "NUMBER"), help = t("So viele Beispiele (Vorgabe: 20)", "So many examples (default: 20)"))]
    examples_max: Option<u64>,
}

/// Compares.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let (partner, name, mut body) = brought(&args.folder)?;
    body.insert("subscription".to_owned(), json!(args.subscription));
    body.insert("replay_s".to_owned(), json!(args.replay.as_secs()));
    for (name, value) in [
        ("events_max", args.events_max),
        ("examples_max", args.examples_max),
    ] {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    let client = session.client_of(&partner, Scope::Subscribe)?;
    wait(async {
        let path = format!("/v1/plugins/{}/{}/diff", segment(&partner), segment(&name));
        let answer = client.post_waiting(&path, &Value::Object(body), RUNNING).await?;
        session.shell.show(&answer, || lines(session, &answer));
        if answer.get("complete") == Some(&Value::Bool(false)) {
            session.shell.notice(t(
                "Nicht alle Ereignisse der Zeit wurden verglichen: --replay kürzer oder --events-max höher wählen.",
                "Not all events of that time were compared: choose a shorter --replay or a higher --events-max.",
            ));
        }
        Ok(Exit::Done)
    })
}

fn lines(session: &Session, answer: &Value) -> Vec<String> {
    let (compared, different) = (text(answer, "compared"), text(answer, "different"));
    let (verdicts, failed) = (text(answer, "verdicts"), text(answer, "failed"));
    let style = if failed == "0" { Style::Good } else { Style::Bad };
    let head = say!(
        "{different} von {compared} Ereignissen kämen anders heraus",
        "{different} of {compared} events would come out differently"
    );
    let mut lines = vec![session.shell.paint(style, &head)];
    let mut rows = vec![
        vec![t("anderer Ausgang", "another verdict").to_owned(), verdicts],
        vec![
            t("nur neu gescheitert", "failed in the new one alone").to_owned(),
            failed,
        ],
        vec![
            t("nicht erlaubt", "not permitted").to_owned(),
            text(answer, "refused"),
        ],
    ];
    let none = Value::Null;
    for (name, title) in [("old", t("alt", "old")), ("new", t("neu", "new"))] {
        let costs = answer.get(name).unwrap_or(&none);
        let (mean, most) = (text(costs, "micros_mean"), text(costs, "micros_max"));
        rows.push(vec![
            title.to_owned(),
            say!(
                "{mean} µs im Mittel, {most} µs höchstens",
                "{mean} µs on average, {most} µs at most"
            ),
        ]);
    }
    let kinds = answer.get("by_kind").and_then(Value::as_object);
    for (kind, count) in kinds.into_iter().flatten() {
        rows.push(vec![clean(kind), count.to_string()]);
    }
    lines.extend(table(&rows));
    let examples = answer.get("examples").and_then(Value::as_array);
    for one in examples.into_iter().flatten() {
        lines.push(format!("{}:{}", text(one, "log"), text(one, "position")));
        let fields = one.get("fields").and_then(Value::as_array);
        let rows: Vec<Vec<String>> = fields.into_iter().flatten().map(field).collect();
        lines.extend(table(&rows).into_iter().map(|line| format!("  {line}")));
    }
    lines
}

/// Kind, place, and what both make of it where that is shown.
fn field(field: &Value) -> Vec<String> {
    let value = |name: &str| match field.get(name) {
        None => "—".to_owned(),
        Some(value) => clean(&value.to_string()),
    };
    let shown = field.get("old").is_some() || field.get("new").is_some();
    let values = if shown {
        format!("{} → {}", value("old"), value("new"))
    } else {
        String::new()
    };
    vec![text(field, "kind"), text(field, "path"), values]
}
