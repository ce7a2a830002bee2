//! `stadtbus route`: who would get this event, and which clause decides. Nothing is sent.
//!
//! The bus answers with the evaluator that routes. With `--city` the same evaluator answers from a folder, without a
//! bus: what a change of the folder would do is seen before it is applied.

use crate::city;
use crate::client::Client;
use crate::commands::send::{read, text};
use crate::commands::subscription::document;
use crate::commands::trace::sentence;
use crate::findings;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use bytes::Bytes;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use stadtbus_contracts::Registry;
use stadtbus_event::Event;
use stadtbus_flow::journey;
use stadtbus_flow::route::Rule;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

#[cfg(test)]
mod tests;

/// Most events tried in one run.
const EVENTS_MAX: usize = 10_000;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zeigen, wer ein Ereignis bekäme und warum; nichts wird gesendet", "Show who would get an event and why; nothing is sent"),
    after_help = example(&[
        "stadtbus route ereignis.json",
        "stadtbus route ereignis.json --subscription bestellung.yaml",
        "stadtbus route ereignis.json --city deploy/cities/krefeld",
    ])
)]
pub(crate) struct Args {
    #[arg(
        value_name = t("DATEI", "FILE"), required = true,
        help = t("CloudEvents in JSON, je Datei eines oder eine Liste; - für die Standardeingabe", "CloudEvents in JSON, one or a list a file; - for standard input")
    )]
    files: Vec<String>,
    #[arg(long, value_name = t("DATEI", "FILE"), conflicts_with = "city", help = t("Dazu eine Bestellung erproben, ohne sie aufzugeben", "Also try an order without placing it"))]
    subscription: Option<String>,
    #[arg(long, value_name = t("ORDNER", "FOLDER"), help = t("Ohne Bus, nach diesem Stadtordner", "Without a bus, by this city folder"))]
    city: Option<PathBuf>,
    #[arg(long, help = t("Auch zeigen, wer nach anderen Typen fragt", "Also show who asks for other types"))]
    all: bool,
}

/// Tries the events.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let mut events = Vec::new();
    for file in &args.files {
        events.extend(events_of(file)?);
    }
    if events.is_empty() || events.len() > EVENTS_MAX {
        let count = events.len();
        return Err(Failure::usage(say!(
            "{count} Ereignisse: möglich sind 1 bis {EVENTS_MAX}.",
            "{count} events: 1 to {EVENTS_MAX} are possible."
        ))
        .hint("stadtbus route --help"));
    }
    if let Some(folder) = &args.city {
        return offline(args, session, folder, &events);
    }
    let order = args.subscription.as_deref().map(document).transpose()?;
    let client = session.client(Scope::Subscribe)?;
    wait(async {
        let mut answers = Vec::new();
        for event in &events {
            answers.push(ask(&client, event, order.as_ref()).await?);
        }
        Ok(told(&session.shell, &answers, args.all))
    })
}

async fn ask(client: &Client, event: &RawValue, order: Option<&Value>) -> Result<Value, Failure> {
    // The event's own JSON is passed on as it stands: numbers and spelling are its sender's.
    let order = order
        .map(|order| format!(r#","subscription":{order}"#))
        .unwrap_or_default();
    let trial = format!(r#"{{"event":{}{order}}}"#, event.get());
    client.post_raw("/v1/subscriptions:test", trial).await
}

fn offline(args: &Args, session: &Session, folder: &Path, events: &[Box<RawValue>]) -> Outcome {
    let shell = &session.shell;
    let city = stadtbus_contracts::load_documents(folder, &city::variable)
        .map_err(|found| findings::failure(shell, folder, &found.0))?;
    let registry = Registry::compile(city).map_err(|found| findings::failure(shell, folder, &found.0))?;
    let registry = Arc::new(registry);
    let rules: Vec<Rule> = registry
        .subscriptions()
        .map(|subscription| Rule::new(subscription.as_routed(), Arc::clone(&registry)))
        .collect();
    let mut answers = Vec::new();
    for event in events {
        let event = parsed(event)?;
        let run = journey::dry_run(&registry, &rules, None, &event, SystemTime::now());
        answers.push(serde_json::to_value(run).unwrap_or_default());
    }
    Ok(told(shell, &answers, args.all))
}

/// One event, or each of a list, as it stands in the file.
fn events_of(file: &str) -> Result<Vec<Box<RawValue>>, Failure> {
    let bytes = read(file)?;
    let batch = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let found = if batch {
        serde_json::from_slice(&bytes)
    } else {
        serde_json::from_slice(&bytes).map(|event| vec![event])
    };
    found.map_err(|error| {
        let message = say!(
            "{file} ist kein CloudEvent in JSON.",
            "{file} is no CloudEvent in JSON."
        );
        let (line, column) = (error.line(), error.column());
        Failure::new("SB-1102", Exit::Usage, message).detail(say!(
            "Zeile {line}, Spalte {column}",
            "line {line}, column {column}"
        ))
    })
}

fn parsed(event: &RawValue) -> Result<Event, Failure> {
    stadtbus_event::json::parse(&Bytes::copy_from_slice(event.get().as_bytes())).map_err(|error| {
        let message = t(
            "Das ist kein gültiges CloudEvent.",
            "This is no valid CloudEvent.",
        );
        Failure::new(error.code(), Exit::Usage, message).detail(error.detail())
    })
}

/// One answer stands by itself, several as a list. The exit code says whether each event would be accepted.
fn told(shell: &Shell, answers: &[Value], all: bool) -> Exit {
    let value = match answers {
        [one] => one.clone(),
        several => json!(several),
    };
    shell.show(&value, || {
        answers
            .iter()
            .flat_map(|answer| lines(shell, answer, all))
            .collect()
    });
    let accepted =
        |answer: &Value| answer.pointer("/acceptable/accepted").and_then(Value::as_bool) == Some(true);
    if answers.iter().all(accepted) {
        Exit::Done
    } else {
        Exit::Failed
    }
}

fn lines(shell: &Shell, answer: &Value, all: bool) -> Vec<String> {
    let empty = Value::Null;
    let event = answer.get("event").unwrap_or(&empty);
    let head = format!("{}  {}", text(event, "id"), text(event, "type"));
    let mut lines = vec![shell.paint(Style::Strong, &head)];
    lines.push(acceptable(shell, answer.get("acceptable").unwrap_or(&empty)));
    let verdicts: Vec<&Value> = answer
        .get("subscriptions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let other = |verdict: &Value| text(verdict, "detail") == "asks for other types";
    let shown: Vec<&Value> = verdicts
        .iter()
        .copied()
        .filter(|verdict| all || !other(verdict))
        .collect();
    let rows: Vec<Vec<String>> = shown.iter().map(|verdict| row(verdict)).collect();
    lines.extend(
        table(&rows)
            .iter()
            .zip(&shown)
            .map(|(line, verdict)| painted(shell, verdict, &format!("  {line}"))),
    );
    let hidden = verdicts.len().saturating_sub(shown.len());
    if hidden > 0 {
        let line = say!(
            "  {hidden} weitere fragen nach anderen Typen",
            "  {hidden} more ask for other types"
        );
        lines.push(shell.paint(Style::Dim, &line));
    }
    if let Some(verdict) = answer.get("proposed") {
        let mut cells = row(verdict);
        if let Some(first) = cells.first_mut() {
            *first = t("die Bestellung", "the order").to_owned();
        }
        lines.push(painted(shell, verdict, &format!("  {}", cells.join("  "))));
    }
    lines
}

fn acceptable(shell: &Shell, answer: &Value) -> String {
    let publisher = text(answer, "publisher");
    if answer.get("accepted").and_then(Value::as_bool) == Some(true) {
        let contract = text(answer, "contract");
        let line = say!(
            "  würde angenommen von {publisher}, Vertrag {contract}",
            "  would be accepted from {publisher}, contract {contract}"
        );
        return shell.paint(Style::Good, &line);
    }
    let code = text(answer, "code");
    let why = if publisher.is_empty() {
        t(
            "Diesen Ereignistyp regelt kein Vertrag; niemand kann ihn senden oder bekommen.",
            "No contract governs this event type; nobody can publish or get it.",
        )
        .to_owned()
    } else {
        let parts = [text(answer, "pointer"), text(answer, "detail")];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(": ")
    };
    let hint = text(answer, "hint");
    let line = say!(
        "  würde abgelehnt: {code} {why} {hint}",
        "  would be refused: {code} {why} {hint}"
    );
    shell.paint(Style::Bad, line.trim_end())
}

/// Subscription, verdict, what decided, agreement.
fn row(verdict: &Value) -> Vec<String> {
    let outcome = match text(verdict, "outcome").as_str() {
        "matched" => t("bekäme es", "would get it").to_owned(),
        "not-matched" => t("trifft nicht zu", "not matched").to_owned(),
        "refused" => t("nicht berechtigt", "refused").to_owned(),
        other => other.to_owned(),
    };
    let agreement = text(verdict, "agreement");
    let agreement = if agreement.is_empty() {
        agreement
    } else {
        say!("Vereinbarung {agreement}", "agreement {agreement}")
    };
    let rule = text(verdict, "rule");
    let refused = text(verdict, "code");
    let reason = if refused.is_empty() {
        String::new()
    } else {
        sentence(verdict)
    };
    let why: Vec<String> = [refused, format!("[{rule}]"), reason, agreement]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    vec![text(verdict, "subscription"), outcome, why.join(" ")]
}

fn painted(shell: &Shell, verdict: &Value, line: &str) -> String {
    let style = match text(verdict, "outcome").as_str() {
        "matched" => Style::Good,
        "refused" => Style::Bad,
        _ => Style::Dim,
    };
    shell.paint(style, line)
}
