//! `stadtbus trace`: the journey of one event, one line per step, and why somebody did not get it.

use crate::catalogue;
use crate::client::{query, segment};
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

#[cfg(test)]
mod tests;

/// Digits of a table's version that are shown: enough to tell two apart.
const VERSION_SHOWN: usize = 12;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Den Weg eines Ereignisses zeigen, Schritt für Schritt", "Show the way of an event, step by step"),
    after_help = example(&["stadtbus trace 4711-1 --partner ngn", "stadtbus trace LOG_NGN:1284"])
)]
pub(crate) struct Args {
    #[arg(value_name = "ID", help = t("Kennung des Ereignisses, oder seine Stelle LOG:POSITION", "Id of the event, or its place LOG:POSITION"))]
    id: String,
    #[arg(long, value_name = "PARTNER", help = t("Wer das Ereignis veröffentlicht hat", "Who published the event"))]
    partner: Option<String>,
    #[arg(long, value_name = "URI", requires = "partner", help = t("Quelle, wenn die Kennung mehrfach vorkommt", "Source, if the id occurs more than once"))]
    source: Option<String>,
}

/// Shows the journey.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let path = path(args)?;
    let client = session.client(Scope::Subscribe)?;
    wait(async {
        let journey = client.get(&path).await?;
        let steps = journey.get("steps").and_then(Value::as_array);
        let steps = steps.ok_or_else(|| client.not_understood("steps"))?;
        session.shell.show(&journey, || {
            lines(&session.shell, &journey, steps, TimeZone::system())
        });
        Ok(Exit::Done)
    })
}

fn path(args: &Args) -> Result<String, Failure> {
    if let Some(partner) = &args.partner {
        let query = query(&[("source", args.source.clone())]);
        return Ok(format!(
            "/v1/events/{}/{}/journey{query}",
            segment(partner),
            segment(&args.id)
        ));
    }
    let place = args
        .id
        .rsplit_once(':')
        .filter(|(log, position)| !log.is_empty() && position.parse::<u64>().is_ok());
    let (log, position) = place.ok_or_else(|| {
        Failure::usage(t(
            "Es fehlt --partner: wer das Ereignis veröffentlicht hat.",
            "--partner is missing: who published the event.",
        ))
        .hint(format!("stadtbus trace {} --partner PARTNER", args.id))
    })?;
    Ok(format!("/v1/journey/{}/{position}", segment(log)))
}

/// The times of a journey, as a clock shows them: the date stands above, and again where a line is of another day.
struct Calendar {
    zone: TimeZone,
    day: Option<Date>,
}

impl Calendar {
    fn of(steps: &[Value], zone: TimeZone) -> Self {
        let mut calendar = Self { zone, day: None };
        let first = steps.iter().find_map(|step| calendar.read(step, "at"));
        calendar.day = first.map(|at| at.date());
        calendar
    }

    fn read(&self, line: &Value, member: &str) -> Option<Zoned> {
        let at = text(line, member).parse::<Timestamp>().ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }

    /// The time of day in this form, with its date if that is not the one above.
    fn time(&self, line: &Value, member: &str, form: &str) -> Option<String> {
        let at = self.read(line, member)?;
        let time = at.strftime(form);
        Some(if self.day == Some(at.date()) {
            time.to_string()
        } else {
            format!("{} {time}", at.strftime("%Y-%m-%d"))
        })
    }
}

fn lines(shell: &Shell, journey: &Value, steps: &[Value], zone: TimeZone) -> Vec<String> {
    let calendar = Calendar::of(steps, zone);
    let event = journey.get("event").unwrap_or(&Value::Null);
    let mut lines = vec![shell.paint(
        Style::Strong,
        &format!("{}  {}", text(event, "id"), text(event, "type")),
    )];
    let cause = text(event, "cause");
    let cause = if cause.is_empty() {
        cause
    } else {
        say!("abgeleitet aus {cause}", "derived from {cause}")
    };
    let facts = [text(event, "source"), cause, day(steps, &calendar)];
    lines.push(format!(
        "  {}",
        facts
            .into_iter()
            .filter(|fact| !fact.is_empty())
            .collect::<Vec<_>>()
            .join("  ")
    ));
    lines.extend(stands(shell, journey, &calendar));
    let rows: Vec<Vec<String>> = steps.iter().map(|step| row(step, &calendar)).collect();
    let table = table(&rows);
    lines.extend(table.iter().zip(steps).map(|(line, step)| {
        let line = format!("  {line}");
        match style(&text(step, "outcome"), step) {
            Some(style) => shell.paint(style, &line),
            None => line,
        }
    }));
    if steps.is_empty() {
        lines.push(format!("  {}", t("noch kein Schritt", "no step yet")));
    }
    lines
}

/// How it stands with each subscription: who, where, since when, on what that rests.
fn stands(shell: &Shell, journey: &Value, calendar: &Calendar) -> Vec<String> {
    let stands = journey.get("subscriptions").and_then(Value::as_array);
    let stands: &[Value] = stands.map_or(&[], Vec::as_slice);
    let rows: Vec<Vec<String>> = stands.iter().map(|stand| stand_row(stand, calendar)).collect();
    let table = table(&rows);
    table
        .iter()
        .zip(stands)
        .map(|(line, stand)| {
            let line = format!("  {line}");
            match style(&text(stand, "state"), stand) {
                Some(style) => shell.paint(style, &line),
                None => line,
            }
        })
        .collect()
}

fn stand_row(stand: &Value, calendar: &Calendar) -> Vec<String> {
    let attempts = text(stand, "attempts");
    let attempts = match attempts.as_str() {
        "" => attempts,
        "1" => t("1 Versuch", "1 attempt").to_owned(),
        _ => say!("{attempts} Versuche", "{attempts} attempts"),
    };
    let more = [
        text(stand, "code"),
        attempts,
        next(stand, calendar),
        format!("({})", basis_name(&text(stand, "basis"))),
    ];
    vec![
        t("Stand", "state").to_owned(),
        format!("{}/{}", text(stand, "partner"), text(stand, "subscription")),
        outcome_name(&text(stand, "state")),
        joined(more),
    ]
}

/// When it is tried again.
fn next(line: &Value, calendar: &Calendar) -> String {
    let at = calendar.time(line, "next", "%H:%M:%S");
    at.map_or_else(String::new, |at| {
        say!("nächster Versuch {at}", "next attempt {at}")
    })
}

/// On what a statement rests, in the person's language.
fn basis_name(basis: &str) -> String {
    match basis {
        "recorded" => t("aufgezeichnet", "recorded").to_owned(),
        "present" => t("jetzt", "now").to_owned(),
        "evaluated" => t("nach heutiger Konfiguration", "by today's configuration").to_owned(),
        other => other.to_owned(),
    }
}

/// Time, step, who, decision, attempt, then the rule and the reason.
fn row(step: &Value, calendar: &Calendar) -> Vec<String> {
    let time = calendar.time(step, "at", "%H:%M:%S%.3f");
    let time = time.unwrap_or_else(|| "-".to_owned());
    let attempt = text(step, "attempt");
    let attempt = if attempt.is_empty() {
        attempt
    } else {
        say!("Versuch {attempt}", "attempt {attempt}")
    };
    let rule = text(step, "rule");
    let rule = if rule.is_empty() {
        rule
    } else {
        format!("[{rule}]")
    };
    let agreement = text(step, "agreement");
    // Where a filter decided, it is beside the point.
    let agreement = if agreement.is_empty() || text(step, "outcome") == "not-matched" {
        String::new()
    } else {
        say!("(Vereinbarung {agreement})", "(agreement {agreement})")
    };
    let reason = joined([
        text(step, "code"),
        rule,
        tables(step),
        sentence(step),
        agreement,
        next(step, calendar),
    ]);
    vec![
        time,
        step_name(&text(step, "step")),
        text(step, "subscription"),
        outcome_name(&text(step, "outcome")),
        attempt,
        reason,
    ]
}

/// The lookup tables that a plugin was given, each with the beginning of its version.
fn tables(step: &Value) -> String {
    let tables = step.get("tables").and_then(Value::as_object);
    let named = tables.into_iter().flatten().map(|(name, version)| {
        let version = version.as_str().unwrap_or_default();
        format!("{name}@{}", version.get(..VERSION_SHOWN).unwrap_or(version))
    });
    let named = named.collect::<Vec<_>>().join(", ");
    match named.as_str() {
        "" => named,
        _ if named.contains(',') => say!("[Tabellen {named}]", "[tables {named}]"),
        _ => say!("[Tabelle {named}]", "[table {named}]"),
    }
}

/// The parts that say something, one after another.
fn joined<const N: usize>(parts: [String; N]) -> String {
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

fn day(steps: &[Value], calendar: &Calendar) -> String {
    let first = steps.iter().find_map(|step| calendar.read(step, "at"));
    first.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %:z").to_string())
}

/// The step in the person's language; a step this program does not know keeps its name.
fn step_name(step: &str) -> String {
    let german = match step {
        "authenticate" => "Ausweis",
        "validate" => "Prüfung",
        "log" => "Log",
        "route" => "Weg",
        "transform" => "Umformung",
        "deliver" => "Zustellung",
        other => other,
    };
    t(german, step).to_owned()
}

fn outcome_name(outcome: &str) -> String {
    let german = match outcome {
        "known" => "bekannt",
        "valid" => "gültig",
        "accepted" => "angenommen",
        "matched" => "trifft zu",
        "not-matched" => "trifft nicht zu",
        "not-subscribed" => "noch nicht abonniert",
        "refused" => "nicht berechtigt",
        "delivered" => "zugestellt",
        "derived" => "abgeleitet",
        "filtered" => "weggelassen",
        "canary" => "Canary",
        "fallback" => "an die alte Version",
        "in-service" => "in Betrieb",
        "shadow" => "Schatten",
        "failed" => "gescheitert",
        "retry" => "wird wiederholt",
        "pending" => "wartet",
        "paused" => "angehalten",
        "parked" => "geparkt",
        "replayed" => "nachgeliefert",
        "dead-lettered" => "zurückgestellt",
        "expired" => "abgelaufen",
        "cancelled" => "gekündigt",
        "unknown" => "nicht bekannt",
        other => other,
    };
    t(german, outcome).to_owned()
}

/// The reason in the person's language. A plugin's or receiver's words are shown as they came, in German after the
/// title of the code's page.
pub(crate) fn sentence(step: &Value) -> String {
    let detail = text(step, "detail");
    let own = text(step, "detail_de");
    let page = catalogue::find(&text(step, "code"));
    let german = match page {
        _ if !own.is_empty() => own,
        Some(page) if !detail.is_empty() => format!("{}: {detail}", page.title().trim_end_matches('.')),
        Some(page) => page.title().to_owned(),
        None => detail.clone(),
    };
    t(german, detail)
}

fn style(outcome: &str, step: &Value) -> Option<Style> {
    match outcome {
        "delivered" | "derived" => Some(Style::Good),
        "filtered" | "not-matched" | "not-subscribed" | "cancelled" => Some(Style::Dim),
        "retry" | "pending" | "paused" | "parked" => Some(Style::Warn),
        _ if step.get("code").is_some_and(|code| !code.is_null()) => Some(Style::Bad),
        _ => None,
    }
}
