//! `stadtbus dlq`: dead letters, the deliveries the bus has given up on. Nothing in them is lost: each keeps
//! its payload, reason and attempts until it is delivered again.

use crate::client::{Client, query};
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Style, t};
use serde_json::{Value, json};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zurückgestellte Ereignisse (dead letters)", "Dead letters"),
    after_help = example(&["stadtbus dlq list"]),
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
        about = t("Auflisten, mit Grund", "List, with reason"),
        after_help = example(&["stadtbus dlq list --subscription fb37-stromausfall"])
    )]
    List {
        #[arg(long, value_name = "ID", help = t("Nur dieses Abonnement", "Only this subscription"))]
        subscription: Option<String>,
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000), help = t("Höchstens so viele (Vorgabe 100)", "At most this many (default 100)"))]
        limit: u32,
    },
    #[command(
        about = t("Eines zeigen, mit Versuchen und Inhalt", "Show one, with attempts and payload"),
        after_help = example(&["stadtbus dlq show 17"])
    )]
    Show {
        #[arg(value_name = "POSITION", help = t("Die Nummer aus der Liste", "The number from the list"))]
        position: u64,
    },
    #[command(
        about = t("Erneut zustellen", "Deliver again"),
        after_help = example(&["stadtbus dlq retry 17 18", "stadtbus dlq retry --subscription fb37-stromausfall --dry-run"])
    )]
    Retry {
        #[arg(value_name = "POSITION", conflicts_with = "subscription", required_unless_present = "subscription", help = t("Die Nummern aus der Liste", "The numbers from the list"))]
        positions: Vec<u64>,
        #[arg(long, value_name = "ID", help = t("Alle dieses Abonnements", "All of this subscription"))]
        subscription: Option<String>,
        #[arg(long, help = t("Nur zeigen, was geschähe", "Only show what would happen"))]
        dry_run: bool,
    },
}

const PATH_RETRY: &str = "/v1/dead-letters/retry";

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        match args.verb {
            Verb::List { subscription, limit } => {
                let answer = client.get(&list_path(subscription, limit)).await?;
                let list = letters(&answer).ok_or_else(|| client.not_understood("dead_letters"))?;
                session.shell.show(&answer, || rows(list));
                if list.is_empty() {
                    session
                        .shell
                        .notice(t("Nichts ist zurückgestellt.", "There are no dead letters."));
                }
                Ok(Exit::Done)
            }
            Verb::Show { position } => {
                let answer = client.get(&format!("/v1/dead-letters/{position}")).await?;
                session.shell.show(&answer, || details(&answer));
                Ok(Exit::Done)
            }
            Verb::Retry {
                positions,
                subscription,
                dry_run,
            } => retry(&client, session, positions, subscription, dry_run).await,
        }
    })
}

async fn retry(
    client: &Client,
    session: &Session,
    positions: Vec<u64>,
    subscription: Option<String>,
    dry_run: bool,
) -> Outcome {
    let ask = |dry_run: bool| match &subscription {
        Some(subscription) => json!({"subscription": subscription, "dry_run": dry_run}),
        None => json!({"positions": positions, "dry_run": dry_run}),
    };
    let would = client.post(PATH_RETRY, &ask(true)).await?;
    let count = would
        .get("retried")
        .and_then(Value::as_u64)
        .ok_or_else(|| client.not_understood("retried"))?;
    if dry_run {
        session.shell.show(&would, || {
            vec![say!(
                "{count} würden erneut zugestellt",
                "{count} would be delivered again"
            )]
        });
        return Ok(Exit::Done);
    }
    agree(session, count, subscription.as_deref())?;
    let answer = client.post(PATH_RETRY, &ask(false)).await?;
    let head = session
        .shell
        .paint(Style::Good, t("erneut eingereiht", "queued again"));
    session
        .shell
        .show(&answer, || vec![format!("{head}  {}", text(&answer, "retried"))]);
    Ok(Exit::Done)
}

/// More than one delivery is repeated only after a question that names the count.
fn agree(session: &Session, count: u64, subscription: Option<&str>) -> Result<(), Failure> {
    if count <= 1 {
        return Ok(());
    }
    let whom = subscription
        .map(|id| say!(" an {id}", " to {id}"))
        .unwrap_or_default();
    let question = say!(
        "{count} Ereignisse{whom} erneut zustellen?",
        "Deliver {count} events{whom} again?"
    );
    match session.shell.confirm(&question) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::new(
            "SB-6002",
            Exit::Refused,
            t("Nichts wurde geändert.", "Nothing was changed."),
        )),
        None => Err(Failure::usage(say!(
            "Rückfrage nicht möglich: {question}",
            "Cannot ask: {question}"
        ))
        .hint("stadtbus dlq retry --yes …")),
    }
}

fn list_path(subscription: Option<String>, limit: u32) -> String {
    format!(
        "/v1/dead-letters{}",
        query(&[("subscription", subscription), ("limit", Some(limit.to_string()))])
    )
}

fn letters(answer: &Value) -> Option<&Vec<Value>> {
    answer.get("dead_letters").and_then(Value::as_array)
}

fn rows(list: &[Value]) -> Vec<String> {
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|entry| {
            let attempts = text(entry, "attempts_count");
            vec![
                text(entry, "dead_letter"),
                text(entry, "subscription"),
                text(entry, "id"),
                say!("{attempts} Versuche", "{attempts} attempts"),
                format!("{} {}", text(entry, "code"), text(entry, "detail"))
                    .trim()
                    .to_owned(),
            ]
        })
        .collect();
    table(&rows)
}

/// All fields, the payload as indented JSON at the end.
fn details(entry: &Value) -> Vec<String> {
    let Some(fields) = entry.as_object() else {
        return Vec::new();
    };
    let (short, long): (Vec<_>, Vec<_>) = fields
        .iter()
        .partition(|(_, value)| !value.is_object() && !value.is_array());
    let mut lines = table(
        &short
            .iter()
            .map(|(name, _)| vec![(*name).clone(), text(entry, name)])
            .collect::<Vec<_>>(),
    );
    for (name, value) in long {
        lines.push(format!("{name}:"));
        let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
        lines.extend(pretty.lines().map(|line| format!("  {line}")));
    }
    lines
}
