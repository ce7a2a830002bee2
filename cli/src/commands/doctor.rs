//! `stadtbus doctor`: is the bus fit to keep its promises? One line per question, worst first in the exit code.
//!
//! Made for people and for monitoring alike: exit 0 all well, 1 something needs a look, 2 something is broken.

use crate::client::{Client, Probe, problem};
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// The oldest broker the bus runs on.
pub(crate) const BROKER_MIN: (u32, u32) = (2, 14);
/// Tokens tolerate this much; beyond it they are refused.
const CLOCK_FAULT_S: i64 = 30;
const CLOCK_WARN_S: i64 = 2;
const DISK_WARN_PERCENT: u64 = 15;
const DISK_FAULT_PERCENT: u64 = 5;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Prüfen, ob Bus, Broker, Platte und Uhr in Ordnung sind", "Check that bus, broker, disk and clock are in order"),
    after_help = example(&["stadtbus doctor", "stadtbus doctor --disk /var/lib/nats --output json"])
)]
pub(crate) struct Args {
    #[arg(
        long, value_name = t("ORDNER", "FOLDER"), default_value = ".",
        help = t("Wo der Broker auf dieser Maschine speichert (Vorgabe: hier)", "Where the broker stores on this machine (default: here)")
    )]
    disk: PathBuf,
}

/// How a check came out; the order is that of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warning,
    Fault,
}

#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    state: State,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Check {
    fn new(check: &'static str, state: State, detail: impl Into<String>) -> Self {
        Self {
            check,
            state,
            detail: detail.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = (self.state != State::Ok).then(|| hint.into());
        self
    }
}

/// Asks all the questions that can be asked.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let mut checks = Vec::new();
        match client.probe("/healthz").await {
            Ok(alive) => {
                checks.push(Check::new("server", State::Ok, client.server()));
                checks.push(clock(alive.date.as_deref(), Timestamp::now()));
                checks.push(ready(client.probe("/readyz").await));
                checks.extend(inside(&client).await);
            }
            Err(failure) => {
                checks.push(Check::new("server", State::Fault, failure.message()).hint("stadtbus dev"))
            }
        }
        checks.push(disk(&args.disk));
        Ok(report(&session.shell, &checks))
    })
}

fn report(shell: &Shell, checks: &[Check]) -> Exit {
    let worst = checks.iter().map(|check| check.state).max().unwrap_or(State::Ok);
    shell.show(&json!({"state": worst, "checks": checks}), || {
        let rows: Vec<Vec<String>> = checks
            .iter()
            .map(|check| {
                vec![
                    word(check.state).to_owned(),
                    name(check.check).to_owned(),
                    check.detail.clone(),
                ]
            })
            .collect();
        table(&rows)
            .into_iter()
            .zip(checks)
            .map(|(line, check)| shell.paint(style(check.state), &line))
            .collect()
    });
    for hint in checks.iter().filter_map(|check| check.hint.as_ref()) {
        shell.notice(&format!("{}: {hint}", t("Hinweis", "hint")));
    }
    match worst {
        State::Ok => Exit::Done,
        State::Warning => Exit::Failed,
        State::Fault => Exit::Usage,
    }
}

fn ready(probe: Result<Probe, Failure>) -> Check {
    match probe {
        Ok(probe) if probe.status == StatusCode::OK => {
            Check::new("ready", State::Ok, t("nimmt an", "accepting"))
        }
        Ok(probe) => {
            let reason: String = problem::clean(probe.body.trim()).chars().take(300).collect();
            Check::new("ready", State::Fault, reason).hint("stadtbus status")
        }
        Err(failure) => Check::new("ready", State::Fault, failure.message()).hint("stadtbus explain SB-6001"),
    }
}

/// What only an operator may know.
async fn inside(client: &Client) -> Vec<Check> {
    match client.get("/v1/status").await {
        Ok(status) => vec![broker(&status), durable(&status), city(&status)],
        Err(failure) => {
            let detail = say!(
                "nicht geprüft ({}): {}",
                "not checked ({}): {}",
                failure.code(),
                failure.message()
            );
            let hint = "stadtbus token issue --key issuer.pem --partner PARTNER --system SYSTEM --scope operate --ttl 1h";
            vec![Check::new("broker", State::Warning, detail).hint(hint)]
        }
    }
}

fn broker(status: &Value) -> Check {
    let proof = proof(status);
    let (kind, version) = (text(proof, "name"), text(proof, "version"));
    let line = format!("{kind} {version}");
    match numbers(&version) {
        _ if kind.contains("memory") => Check::new(
            "broker",
            State::Warning,
            say!("{line}: nur zum Ausprobieren", "{line}: for trying out only"),
        )
        .hint("stadtbus dev"),
        Some(found) if found >= BROKER_MIN => Check::new("broker", State::Ok, line),
        Some(_) => Check::new("broker", State::Fault, line).hint("stadtbus explain SB-1005"),
        None => {
            Check::new("broker", State::Fault, t("unbekannt", "unknown")).hint("stadtbus explain SB-1501")
        }
    }
}

fn durable(status: &Value) -> Check {
    let proof = proof(status);
    let detail = text(proof, "detail");
    if proof.get("durable").and_then(Value::as_bool) == Some(true) {
        return Check::new("durability", State::Ok, detail);
    }
    // The memory broker never claims to be durable; that is already said by the check of the broker.
    let state = if text(proof, "name").contains("memory") {
        State::Warning
    } else {
        State::Fault
    };
    Check::new("durability", state, detail).hint("stadtbus explain SB-1004")
}

fn city(status: &Value) -> Check {
    let city = status.get("city").unwrap_or(&Value::Null);
    let known = [text(city, "name"), text(city, "digest")];
    match known.into_iter().find(|text| !text.is_empty()) {
        Some(name) => Check::new("city", State::Ok, name),
        None => Check::new(
            "city",
            State::Warning,
            t("noch keine eingespielt", "none applied yet"),
        )
        .hint("stadtbus apply deploy/cities/krefeld"),
    }
}

/// What the bus knows of its broker.
fn proof(status: &Value) -> &Value {
    status.get("broker").unwrap_or(&Value::Null)
}

fn clock(date: Option<&str>, now: Timestamp) -> Check {
    let there = date.and_then(|date| {
        jiff::fmt::rfc2822::DateTimeParser::new()
            .parse_timestamp(date)
            .ok()
    });
    let Some(there) = there else {
        return Check::new(
            "clock",
            State::Warning,
            t("der Bus nennt keine Zeit", "the bus tells no time"),
        );
    };
    let off_s = now.as_second().saturating_sub(there.as_second()).abs();
    let detail = say!("{off_s} s Abweichung", "{off_s} s apart");
    let state = if off_s > CLOCK_FAULT_S {
        State::Fault
    } else if off_s > CLOCK_WARN_S {
        State::Warning
    } else {
        State::Ok
    };
    Check::new("clock", state, detail).hint("timedatectl status")
}

fn disk(folder: &Path) -> Check {
    let stat = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat,
        Err(error) => {
            return Check::new("disk", State::Warning, format!("{}: {error}", folder.display()))
                .hint("stadtbus doctor --disk /var/lib/nats");
        }
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    let percent = free.saturating_mul(100).checked_div(total).unwrap_or(0);
    let gib = free >> 30;
    let detail = say!(
        "{percent} % frei ({gib} GiB) in {}",
        "{percent} % free ({gib} GiB) in {}",
        folder.display()
    );
    let state = if percent < DISK_FAULT_PERCENT {
        State::Fault
    } else if percent < DISK_WARN_PERCENT {
        State::Warning
    } else {
        State::Ok
    };
    Check::new("disk", state, detail).hint("stadtbus explain SB-1502")
}

/// The first two numbers of a version.
pub(crate) fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warning => t("Warnung", "warning"),
        State::Fault => t("Fehler", "fault"),
    }
}

fn name(check: &str) -> &str {
    let german = match check {
        "server" => "Bus",
        "ready" => "Bereitschaft",
        "broker" => "Broker",
        "durability" => "Dauerhaftigkeit",
        "city" => "Stadt",
        "clock" => "Uhr",
        "disk" => "Platte",
        other => other,
    };
    t(german, check)
}

fn style(state: State) -> Style {
    match state {
        State::Ok => Style::Good,
        State::Warning => Style::Warn,
        State::Fault => Style::Bad,
    }
}
