//! `stadtbus status`: the bus in one look, and every subscription with what it is behind.

use crate::commands::send::text;
use crate::grammar::example;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Outcome, Shell, Style, t};
use serde_json::{Map, Value, json};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zustand des Busses und der Abonnements", "State of the bus and its subscriptions"),
    after_help = example(&["stadtbus status", "stadtbus status --output json"])
)]
pub(crate) struct Args {}

/// Shows the state.
pub(crate) fn run(_: &Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let status = client.get("/v1/status").await?;
        let subscriptions = client.get("/v1/subscriptions").await?;
        let list = entries(&subscriptions);
        let both = json!({"status": status, "subscriptions": list});
        session.shell.show(&both, || lines(&session.shell, &status, list));
        Ok(Exit::Done)
    })
}

/// The list in an answer, whether it stands by itself or under its name.
fn entries(answer: &Value) -> &[Value] {
    let list = answer
        .as_array()
        .or_else(|| answer.get("subscriptions").and_then(Value::as_array));
    list.map_or(&[], Vec::as_slice)
}

fn lines(shell: &Shell, status: &Value, subscriptions: &[Value]) -> Vec<String> {
    let mut rows = Vec::new();
    facts(status, "", &mut rows);
    let mut lines = table(&rows);
    if subscriptions.is_empty() {
        return lines;
    }
    lines.push(String::new());
    let heads = [
        t("Abonnement", "subscription"),
        t("Zustand", "state"),
        t("Rückstand", "lag"),
        t("Ältestes", "oldest"),
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(subscriptions.iter().map(|entry| {
        let id = [text(entry, "subscription"), text(entry, "id")]
            .into_iter()
            .find(|id| !id.is_empty());
        vec![
            id.unwrap_or_default(),
            text(entry, "state"),
            text(entry, "lag"),
            age(entry),
        ]
    }));
    let body = table(&rows);
    lines.extend(body.into_iter().enumerate().map(|(at, line)| {
        if at == 0 {
            shell.paint(Style::Strong, &line)
        } else {
            line
        }
    }));
    lines
}

fn age(entry: &Value) -> String {
    let millis = ["oldest_age_ms", "oldest_ms"]
        .into_iter()
        .find_map(|name| entry.get(name)?.as_u64());
    match millis {
        None => text(entry, "oldest_age_s"),
        Some(millis) if millis < 10_000 => format!("{millis} ms"),
        Some(millis) if millis < 600_000 => format!("{} s", millis / 1_000),
        Some(millis) if millis < 36_000_000 => format!("{} min", millis / 60_000),
        Some(millis) => format!("{} h", millis / 3_600_000),
    }
}

/// Nested facts as `broker.version  2.15.1`; lists show how long they are.
fn facts(value: &Value, prefix: &str, rows: &mut Vec<Vec<String>>) {
    let empty = Map::new();
    for (name, inner) in value.as_object().unwrap_or(&empty) {
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match inner {
            Value::Object(_) => facts(inner, &path, rows),
            Value::Array(list) => rows.push(vec![path, list.len().to_string()]),
            _ => rows.push(vec![path, text(value, name)]),
        }
    }
}
