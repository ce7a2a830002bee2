//! `stadtbus subscription`: order subscriptions over the API, look at them, replace and cancel them.
//!
//! The document is the one of the CloudEvents Subscriptions API, in JSON or YAML. What a folder defines is shown too;
//! it is changed in the folder.

mod secret;

use crate::client::{Call, segment};
use crate::commands::send::{read, text};
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use bytes::Bytes;
use http::Method;
use serde_json::Value;
use std::time::Duration;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Abonnements bestellen, zeigen, ersetzen, löschen", "Order, show, replace and delete subscriptions"),
    after_help = example(&["stadtbus subscription list", "stadtbus subscription create bestellung.yaml --as fb37/leitstelle"]),
    arg_required_else_help = true,
    subcommand_value_name = t("BEFEHL", "COMMAND")
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    #[command(
        about = t("Auflisten, mit Herkunft und Zustand", "List, with origin and state"),
        after_help = example(&["stadtbus subscription list"])
    )]
    List,
    #[command(
        about = t("Eines zeigen", "Show one"),
        after_help = example(&["stadtbus subscription show fb37-stromausfall"])
    )]
    Show {
        #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
        id: String,
    },
    #[command(
        about = t("Eines bestellen; der Bus vergibt die Kennung", "Order one; the bus assigns its id"),
        after_help = example(&["stadtbus subscription create bestellung.yaml --as fb37/leitstelle"])
    )]
    Create {
        #[arg(value_name = t("DATEI", "FILE"), help = t("Bestellung in JSON oder YAML; - für die Standardeingabe", "Order in JSON or YAML; - for standard input"))]
        file: String,
    },
    #[command(
        about = t("Ein bestelltes ersetzen; nichts geht dabei verloren", "Replace an ordered one; nothing is lost"),
        after_help = example(&["stadtbus subscription replace fb37-3f9c2a41b07e bestellung.yaml"])
    )]
    Replace {
        #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
        id: String,
        #[arg(value_name = t("DATEI", "FILE"), help = t("Bestellung in JSON oder YAML; - für die Standardeingabe", "Order in JSON or YAML; - for standard input"))]
        file: String,
    },
    #[command(
        about = t("Ein bestelltes löschen; es wird nichts mehr zugestellt", "Delete an ordered one; nothing more is delivered"),
        after_help = example(&["stadtbus subscription delete fb37-3f9c2a41b07e"])
    )]
    Delete {
        #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
        id: String,
    },
    Secret(secret::Args),
}

const PATH: &str = "/v1/subscriptions";

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    match args.verb {
        Verb::List => list(session),
        Verb::Show { id } => {
            let client = session.client(Scope::Subscribe)?;
            wait(async {
                let one = client.get(&path(&id)).await?;
                session.shell.show(&one, || details(&session.shell, &one));
                Ok(Exit::Done)
            })
        }
        Verb::Create { file } => {
            let order = document(&file)?;
            let client = session.client(Scope::Subscribe)?;
            wait(async {
                let one = client.post(PATH, &order).await?;
                let head = session.shell.paint(Style::Good, t("bestellt", "ordered"));
                session.shell.show(&one, || ordered(&session.shell, &head, &one));
                Ok(Exit::Done)
            })
        }
        Verb::Replace { id, file } => {
            let order = document(&file)?;
            let client = session.client(Scope::Subscribe)?;
            wait(async {
                let one = client.put(&path(&id), &order).await?;
                let head = session.shell.paint(Style::Good, t("ersetzt", "replaced"));
                session.shell.show(&one, || ordered(&session.shell, &head, &one));
                Ok(Exit::Done)
            })
        }
        Verb::Delete { id } => delete(session, &id),
        Verb::Secret(args) => secret::run(session, args),
    }
}

fn list(session: &Session) -> Outcome {
    let client = session.client(Scope::Subscribe)?;
    wait(async {
        let answer = client.get(PATH).await?;
        let list = answer
            .as_array()
            .ok_or_else(|| client.not_understood(t("keine Liste", "not a list")))?;
        session.shell.show(&answer, || rows(list));
        if list.is_empty() {
            let notice = t("Es gibt keine Abonnements.", "There are no subscriptions.");
            session.shell.notice(notice);
        }
        Ok(Exit::Done)
    })
}

fn delete(session: &Session, id: &str) -> Outcome {
    let client = session.client(Scope::Subscribe)?;
    let question = say!(
        "{id} löschen? Was noch nicht zugestellt ist, wird nicht mehr zugestellt.",
        "Delete {id}? What is not delivered yet will not be delivered."
    );
    session
        .shell
        .agree(&question, format!("stadtbus subscription delete {id} --yes"))?;
    wait(async {
        let call = Call {
            method: Method::DELETE,
            path: &path(id),
            content_type: "",
            body: Bytes::new(),
            extra: Duration::ZERO,
        };
        let answer = client.json(call).await?;
        let head = session.shell.paint(Style::Good, t("gelöscht", "deleted"));
        session.shell.show(&answer, || vec![format!("{head}  {id}")]);
        Ok(Exit::Done)
    })
}

fn path(id: &str) -> String {
    format!("{PATH}/{}", segment(id))
}

/// An order from a file. JSON is YAML, so one reader does for both.
pub(crate) fn document(file: &str) -> Result<Value, Failure> {
    let bytes = read(file)?;
    let broken = |why: String| {
        let message = say!(
            "{file} ist keine lesbare Bestellung.",
            "{file} is no readable order."
        );
        Failure::new("SB-5002", Exit::Usage, message).detail(why)
    };
    let text = String::from_utf8(bytes).map_err(|error| broken(error.utf8_error().to_string()))?;
    let mut options = serde_saphyr::Options::default();
    // A line of the order may hold a credential; it is not shown.
    options.with_snippet = false;
    let order: Value = serde_saphyr::from_str_with_options(&text, options)
        .map_err(|error| broken(error.without_snippet().to_string()))?;
    if order.is_object() {
        Ok(order)
    } else {
        Err(broken(
            t("eine Zuordnung wird erwartet", "a mapping is expected").to_owned(),
        ))
    }
}

fn rows(list: &[Value]) -> Vec<String> {
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|entry| {
            let config = entry.get("config").unwrap_or(&Value::Null);
            vec![
                text(entry, "id"),
                origin(entry),
                text(entry, "protocol"),
                state(status(entry)),
                text(config, "title"),
            ]
        })
        .collect();
    table(&rows)
}

fn details(shell: &Shell, entry: &Value) -> Vec<String> {
    let mut lines = rows(std::slice::from_ref(entry));
    lines.extend(flag(shell, entry));
    let pretty = serde_json::to_string_pretty(entry).unwrap_or_default();
    lines.extend(pretty.lines().map(|line| format!("  {line}")));
    lines
}

fn ordered(shell: &Shell, head: &str, entry: &Value) -> Vec<String> {
    let mut lines = vec![format!("{head}  {}", text(entry, "id"))];
    let warnings = status(entry).get("warnings").and_then(Value::as_array);
    for warning in warnings.into_iter().flatten() {
        let line = format!(
            "{} {}: {}",
            text(warning, "code"),
            text(warning, "pointer"),
            text(warning, "detail")
        );
        lines.push(shell.paint(Style::Warn, &format!("  {line}")));
    }
    lines
}

/// The part of an answer that says how the subscription stands.
pub(crate) fn status(entry: &Value) -> &Value {
    entry.get("status").unwrap_or(&Value::Null)
}

fn origin(entry: &Value) -> String {
    match text(status(entry), "origin").as_str() {
        "folder" => t("Ordner", "folder").to_owned(),
        "ordered" => t("bestellt", "ordered").to_owned(),
        other => other.to_owned(),
    }
}

/// Standing still, quiet, level, or on its way there, in the person's language.
pub(crate) fn state(status: &Value) -> String {
    if let Some(pause) = status.get("paused").filter(|pause| pause.is_object()) {
        let (code, reason) = (text(pause, "code"), text(pause, t("reason_de", "reason")));
        // Nobody paused it, and nobody need resume it.
        if code == "SB-3010" {
            return say!("wartet ({code} {reason})", "waits ({code} {reason})");
        }
        return say!("angehalten ({code} {reason})", "paused ({code} {reason})");
    }
    if let Some(breaker) = status.get("breaker").filter(|breaker| breaker.is_object()) {
        let (code, failures) = (text(breaker, "code"), text(breaker, "failures"));
        return say!(
            "Empfänger gestört ({code}, {failures} Fehlschläge)",
            "receiver in trouble ({code}, {failures} failures)"
        );
    }
    if let Some(breaker) = status.get("plugin_breaker").filter(|breaker| breaker.is_object()) {
        let (code, failures) = (text(breaker, "code"), text(breaker, "failures"));
        return say!(
            "Plugin gestört ({code}, {failures} Fehlschläge)",
            "plugin in trouble ({code}, {failures} failures)"
        );
    }
    if status.get("quiet").is_some_and(Value::is_object) {
        return t("still", "quiet").to_owned();
    }
    match status.get("level").and_then(Value::as_bool) {
        Some(true) => t("aktuell", "level").to_owned(),
        Some(false) => t("holt auf", "catching up").to_owned(),
        None => t("anderswo bedient", "served elsewhere").to_owned(),
    }
}

/// The sentence about a subscription that has matched nothing for long.
pub(crate) fn flag(shell: &Shell, entry: &Value) -> Option<String> {
    let quiet = status(entry).get("quiet").filter(|quiet| quiet.is_object())?;
    let id = text(entry, "id");
    let hours = quiet.get("for_s").and_then(Value::as_u64).unwrap_or(0) / 3_600;
    let why = match text(quiet, "reason").as_str() {
        "no-match" => t(
            "Ereignisse seiner Typen kamen, Quelle und Filter passten auf keines.",
            "Events of its types came, and its source and filters fitted none of them.",
        ),
        "not-permitted" => t(
            "Keine Nutzungsvereinbarung erlaubt ihm zurzeit einen seiner Typen.",
            "No usage agreement lets it have any of its types at this time.",
        ),
        _ => t(
            "Von einem Ereignis seiner Typen ist nichts bekannt.",
            "No event of its types is known to have come.",
        ),
    };
    let code = text(quiet, "code");
    let line = say!(
        "{code} {id}: seit {hours} h hat nichts zugetroffen. {why}",
        "{code} {id}: nothing has matched for {hours} h. {why}"
    );
    Some(shell.paint(Style::Warn, &line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_flag_says_why_nothing_came() {
        let shell = Shell::new(crate::ui::Format::Text, false, false, true);
        let entry = |reason: &str| json!({"id": "amt-1", "status": {"quiet": {"code": "SB-2013", "reason": reason, "for_s": 90_000}}});
        for (reason, said) in [
            (
                "no-match",
                "SB-2013 amt-1: nothing has matched for 25 h. Events of its types came",
            ),
            ("not-permitted", "No usage agreement"),
            ("no-events", "No event of its types"),
        ] {
            let line = flag(&shell, &entry(reason)).unwrap_or_default();
            assert!(line.contains(said), "{reason}: {line}");
        }
        assert_eq!(
            flag(&shell, &json!({"id": "amt-1", "status": {"quiet": null}})),
            None
        );
        assert_eq!(state(&json!({"quiet": {}, "level": true})), "quiet");
        assert_eq!(
            state(&json!({"quiet": null, "level": true, "paused": null})),
            "level"
        );
        assert_eq!(state(&json!({"origin": "folder"})), "served elsewhere");
    }
}
