//! `stadtbus parked`: keys of a subscription that do not move on because one of their events failed, and what somebody
//! decides about them.

use crate::client::segment;
use crate::commands::{dlq::edit_order, send::text};
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Style, t};
use serde_json::Value;

/// What a decision without anything else to say posts.
const NOTHING: &str = "{}";

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Geparkte Schlüssel eines geordneten Abonnements", "Parked keys of a subscription in order"),
    after_help = example(&["stadtbus parked list fb37-stromausfall"]),
    arg_required_else_help = true,
    subcommand_value_name = t("BEFEHL", "COMMAND")
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// Which key of which subscription.
#[derive(Debug, clap::Args)]
struct Named {
    #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
    subscription: String,
    #[arg(value_name = t("SCHLÜSSEL", "KEY"), help = t("Der Name des Schlüssels aus der Liste", "The key's name from the list"))]
    name: String,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    #[command(
        about = t("Auflisten, mit Grund", "List, with reason"),
        after_help = example(&["stadtbus parked list fb37-stromausfall"])
    )]
    List {
        #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
        subscription: String,
    },
    #[command(
        about = t("Einen zeigen, mit seinen Ereignissen", "Show one, with its events"),
        after_help = example(&["stadtbus parked show fb37-stromausfall 5f0c9a1b2c3d4e5f60718293"])
    )]
    Show(Named),
    #[command(
        about = t("Fortsetzen, vom ersten Ereignis an", "Resume, from the first event on"),
        after_help = example(&["stadtbus parked resume fb37-stromausfall 5f0c9a1b2c3d4e5f60718293"])
    )]
    Resume(Named),
    #[command(
        about = t("Das erste Ereignis überspringen (dead letter) und fortsetzen", "Skip the first event (dead letter) and resume"),
        after_help = example(&["stadtbus parked skip fb37-stromausfall 5f0c9a1b2c3d4e5f60718293"])
    )]
    Skip(Named),
    #[command(
        about = t("Den ganzen Rückstand aufgeben (dead letters)", "Give up the whole backlog (dead letters)"),
        after_help = example(&["stadtbus parked bury fb37-stromausfall 5f0c9a1b2c3d4e5f60718293"])
    )]
    Bury(Named),
    #[command(
        about = t("Den Inhalt des ersten Ereignisses ersetzen und fortsetzen", "Replace the payload of the first event and resume"),
        after_help = example(&["stadtbus parked edit fb37-stromausfall 5f0c9a1b2c3d4e5f60718293 daten.json --reason Einheitenfehler"])
    )]
    Edit {
        #[command(flatten)]
        named: Named,
        #[arg(value_name = t("DATEI", "FILE"), help = t("Datei mit den neuen Daten (JSON), - für die Standardeingabe", "File with the new data (JSON), - for standard input"))]
        file: String,
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, help = t("Warum; ohne Personenbezug", "Why; without personal data"))]
        reason: String,
    },
}

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    match args.verb {
        Verb::List { subscription } => list(session, &subscription),
        Verb::Show(named) => show(session, &named),
        Verb::Resume(named) => decide(session, &named, "resume", NOTHING),
        Verb::Skip(named) => decide(session, &named, "skip", NOTHING),
        Verb::Bury(named) => {
            agree(session, &named)?;
            decide(session, &named, "bury", NOTHING)
        }
        Verb::Edit { named, file, reason } => decide(session, &named, "edit", &edit_order(&file, &reason)?),
    }
}

fn list(session: &Session, subscription: &str) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let path = format!("/v1/subscriptions/{}/parked", segment(subscription));
        let answer = client.get(&path).await?;
        let keys = answer
            .get("parked")
            .and_then(Value::as_array)
            .ok_or_else(|| client.not_understood("parked"))?;
        session.shell.show(&answer, || rows(keys));
        if keys.is_empty() {
            session
                .shell
                .notice(t("Kein Schlüssel ist geparkt.", "No key is parked."));
        }
        Ok(Exit::Done)
    })
}

fn show(session: &Session, named: &Named) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let answer = client.get(&path(named, "")).await?;
        session.shell.show(&answer, || {
            let mut lines = rows(std::slice::from_ref(&answer));
            let backlog = answer.get("backlog").unwrap_or(&Value::Null);
            let pretty = serde_json::to_string_pretty(backlog).unwrap_or_default();
            lines.extend(pretty.lines().map(|line| format!("  {line}")));
            lines
        });
        Ok(Exit::Done)
    })
}

fn decide(session: &Session, named: &Named, verb: &str, body: &str) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let answer = client
            .post_raw(&path(named, &format!("/{verb}")), body.to_owned())
            .await?;
        let word = match text(&answer, "change").as_str() {
            "resumed" => t("läuft wieder", "is running again").to_owned(),
            "skipped" => t("erstes Ereignis übersprungen", "first event skipped").to_owned(),
            "burying" => t("Rückstand wird aufgegeben", "backlog is being given up").to_owned(),
            "edited" => t("erstes Ereignis berichtigt", "first event corrected").to_owned(),
            other => other.to_owned(),
        };
        let head = session.shell.paint(Style::Good, &word);
        let count = text(&answer, "events");
        let line = say!("{head}  {count} Ereignisse", "{head}  {count} events");
        session.shell.show(&answer, || vec![line]);
        Ok(Exit::Done)
    })
}

/// A backlog is given up only after a question.
fn agree(session: &Session, named: &Named) -> Result<(), Failure> {
    let (id, key) = (&named.subscription, &named.name);
    let question = say!(
        "Alle Ereignisse des Schlüssels {key} von {id} aufgeben?",
        "Give up all events of key {key} of {id}?"
    );
    session.shell.agree(&question, "stadtbus parked bury --yes …")
}

fn path(named: &Named, call: &str) -> String {
    format!(
        "/v1/subscriptions/{}/parked/{}{call}",
        segment(&named.subscription),
        segment(&named.name)
    )
}

fn rows(keys: &[Value]) -> Vec<String> {
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let events = text(key, "events");
            vec![
                text(key, "id"),
                state(key),
                text(key, "key"),
                text(key, "source"),
                say!("{events} Ereignisse", "{events} events"),
                format!("{} {}", text(key, "code"), text(key, "detail"))
                    .trim()
                    .to_owned(),
            ]
        })
        .collect();
    table(&rows)
}

fn state(key: &Value) -> String {
    match text(key, "state").as_str() {
        "parked" => t("geparkt", "parked").to_owned(),
        "waiting" => t("wartet", "waiting").to_owned(),
        "draining" => t("holt auf", "draining").to_owned(),
        "burying" => t("wird aufgegeben", "burying").to_owned(),
        other => other.to_owned(),
    }
}
