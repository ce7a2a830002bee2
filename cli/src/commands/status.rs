//! `stadtbus status`: the bus in one look, and every subscription with what it is behind.

use crate::commands::send::text;
use crate::commands::subscription;
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
        let list = subscriptions.as_array().map_or(&[][..], Vec::as_slice);
        let both = json!({"status": status, "subscriptions": list});
        session.shell.show(&both, || lines(&session.shell, &status, list));
        Ok(Exit::Done)
    })
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
        let status = subscription::status(entry);
        vec![
            text(entry, "id"),
            subscription::state(status),
            text(status, "lag"),
            age(status),
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
    lines.extend(
        subscriptions
            .iter()
            .filter_map(|entry| subscription::flag(shell, entry)),
    );
    lines
}

fn age(entry: &Value) -> String {
    match entry.get("oldest_age_s").and_then(Value::as_f64) {
        None => String::new(),
        Some(seconds) if seconds < 600.0 => format!("{seconds:.1} s"),
        Some(seconds) if seconds < 36_000.0 => format!("{:.0} min", seconds / 60.0),
        Some(seconds) => format!("{:.0} h", seconds / 3_600.0),
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
            Value::Null => {}
            _ => rows.push(vec![path, text(value, name)]),
        }
    }
}
