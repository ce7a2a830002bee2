//! `stadtbus log`: is every log of the broker what it was, and what is to hold if one is not.

use crate::client::segment;
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use serde_json::{Value, json};
use std::time::Duration;

/// The bus reads all of the log before it answers.
const READING_ALL: Duration = Duration::from_secs(3_600);

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Protokolle des Brokers: unversehrt oder nicht", "Logs of the broker: whole or not"),
    after_help = example(&["stadtbus log list", "stadtbus log show LOG_NGN"]),
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
        about = t("Alle auflisten, mit Zustand", "List all, with their state"),
        after_help = example(&["stadtbus log list"])
    )]
    List,
    #[command(
        about = t("Eines zeigen, mit Schaden und Entscheidungen", "Show one, with its damage and the decisions"),
        after_help = example(&["stadtbus log show LOG_NGN"])
    )]
    Show {
        #[arg(value_name = "LOG", help = t("Der Name aus der Liste", "The name from the list"))]
        log: String,
    },
    #[command(
        name = "accept-truth",
        about = t("Gelten lassen, was der Broker jetzt hat", "Let hold what the broker has now"),
        after_help = example(&["stadtbus log accept-truth LOG_NGN --reason \"Platte getauscht, keine Sicherung, Ticket 4711\""])
    )]
    AcceptTruth {
        #[arg(value_name = "LOG", help = t("Der Name aus der Liste", "The name from the list"))]
        log: String,
        #[arg(long, value_name = "TEXT", help = t("Was geschehen ist, und warum es nichts Besseres gibt", "What happened, and why nothing better can be had"))]
        reason: String,
    },
}

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    let shell = &session.shell;
    wait(async {
        match args.verb {
            Verb::List => {
                let answer = client.get("/v1/logs").await?;
                shell.show(&answer, || list(shell, &answer));
                let stopped = answer.get("stopped").and_then(Value::as_bool) == Some(true);
                Ok(if stopped { Exit::Failed } else { Exit::Done })
            }
            Verb::Show { log } => {
                let answer = client.get(&format!("/v1/logs/{}", segment(&log))).await?;
                shell.show(&answer, || details(shell, &answer));
                Ok(Exit::Done)
            }
            Verb::AcceptTruth { log, reason } => {
                let path = format!("/v1/logs/{}", segment(&log));
                let before = client.get(&path).await?;
                agree(session, &log, &before)?;
                let answer = client
                    .post_waiting(
                        &format!("{path}/accept-truth"),
                        &json!({"reason": reason}),
                        READING_ALL,
                    )
                    .await?;
                shell.show(&answer, || decided(&answer));
                Ok(Exit::Done)
            }
        }
    })
}

/// What is lost by this is said before.
fn agree(session: &Session, log: &str, before: &Value) -> Result<(), Failure> {
    let Some(damage) = before.get("damage") else {
        return Ok(());
    };
    session.shell.notice(&sentence(damage));
    let question = say!(
        "Was in {log} fehlt, wird damit endgültig verloren gegeben. Wirklich?",
        "What is missing in {log} is given up for good by this. Really?"
    );
    session.shell.agree(
        &question,
        format!("stadtbus log accept-truth {log} --reason … --yes"),
    )
}

fn list(shell: &Shell, answer: &Value) -> Vec<String> {
    if answer.get("witness").and_then(Value::as_bool) == Some(false) {
        let none = t(
            "Dieser Prozess merkt sich nichts ([witness] dir ist leer).",
            "This process remembers nothing ([witness] dir is empty).",
        );
        return vec![none.to_owned()];
    }
    let heads = [
        "Log",
        t("Zustand", "state"),
        t("bis", "up to"),
        t("verglichen", "compared"),
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let logs = answer.get("logs").and_then(Value::as_array);
    let logs = logs.map_or(&[][..], Vec::as_slice);
    rows.extend(logs.iter().map(|log| {
        vec![
            text(log, "log"),
            state(log),
            text(log, "mark"),
            text(log, "compared"),
        ]
    }));
    let mut lines = table(&rows);
    if let Some(head) = lines.first_mut() {
        *head = shell.paint(Style::Strong, head);
    }
    for log in logs {
        if let Some(damage) = log.get("damage") {
            let line = format!("{}: {}", text(log, "log"), sentence(damage));
            lines.push(shell.paint(Style::Bad, &line));
        }
    }
    if answer.get("stopped").and_then(Value::as_bool) == Some(true) {
        let stopped = t(
            "Nichts wird angenommen (SB-1508). Weiter: stadtbus explain SB-1508",
            "Nothing is accepted (SB-1508). Go on: stadtbus explain SB-1508",
        );
        lines.push(shell.paint(Style::Bad, stopped));
    }
    lines
}

fn state(log: &Value) -> String {
    match text(log, "state").as_str() {
        "whole" => t("unversehrt", "whole").to_owned(),
        "comparing" => t("wird verglichen", "being compared").to_owned(),
        "damaged" => t("BESCHÄDIGT", "DAMAGED").to_owned(),
        other => other.to_owned(),
    }
}

/// What is wrong, in the person's language.
fn sentence(damage: &Value) -> String {
    let (position, expected, found) = (
        text(damage, "position"),
        text(damage, "expected"),
        text(damage, "found"),
    );
    let german = match text(damage, "kind").as_str() {
        "missing" => format!("ist nicht mehr da; zuletzt bestätigt war {expected}"),
        "truncated" => format!("endet bei {found}; bestätigt war bis {expected}"),
        "beheaded" => format!("beginnt bei {found}; Position {position} ist dafür nicht alt genug"),
        "hole" => format!("Position {position} war bestätigt und fehlt"),
        "altered" => format!("Position {position} ist nicht, was bestätigt wurde"),
        "unreadable" => format!("Position {position} lässt sich nicht lesen"),
        "reused" => format!("Position {position} wurde noch einmal vergeben; bestätigt war schon {expected}"),
        "rolled-back" => format!("ein Wert wurde als Fassung {expected} geschrieben und ist als {found} da"),
        _ => text(damage, "detail"),
    };
    t(german, text(damage, "detail"))
}

fn details(shell: &Shell, log: &Value) -> Vec<String> {
    let mut rows = vec![
        vec!["Log".to_owned(), text(log, "log")],
        vec![t("Zustand", "state").to_owned(), state(log)],
        vec![
            t("bestätigt bis", "acknowledged up to").to_owned(),
            text(log, "mark"),
        ],
        vec![t("beginnt bei", "begins at").to_owned(), text(log, "first")],
        vec![
            t("Kette bis", "chain up to").to_owned(),
            text(log, "chain_position"),
        ],
        vec![t("Kette", "chain").to_owned(), text(log, "chain")],
        vec![
            t("ganz verglichen", "compared as a whole").to_owned(),
            text(log, "compared"),
        ],
    ];
    rows.retain(|row| row.last().is_some_and(|value| !value.is_empty()));
    let mut lines = table(&rows);
    if let Some(damage) = log.get("damage") {
        let since = text(damage, "since");
        lines.push(shell.paint(Style::Bad, &format!("{} ({since})", sentence(damage))));
    }
    let decisions = log.get("decisions").and_then(Value::as_array);
    for decision in decisions.into_iter().flatten() {
        lines.push(String::new());
        lines.extend(decided(decision));
    }
    lines
}

fn decided(decision: &Value) -> Vec<String> {
    let what = decision.get("damage").map(sentence).unwrap_or_default();
    let rows = vec![
        vec![t("entschieden", "decided").to_owned(), text(decision, "time")],
        vec![t("von", "by").to_owned(), text(decision, "by")],
        vec![t("Grund", "reason").to_owned(), text(decision, "reason")],
        vec![t("Schaden", "damage").to_owned(), what],
        vec![
            t("bestätigt bis", "acknowledged up to").to_owned(),
            text(decision, "mark"),
        ],
        vec![
            t("vorhanden bis", "there up to").to_owned(),
            text(decision, "last"),
        ],
        vec![
            t("als verloren gefüllt", "filled as lost").to_owned(),
            text(decision, "filled"),
        ],
    ];
    table(&rows)
}
