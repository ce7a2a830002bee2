//! `stadtbus balance`: what was accepted for a subscription, what became of it, and whether that adds up.

use crate::client::segment;
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Outcome, Shell, Style, t};
use serde_json::Value;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Bilanz: was angenommen wurde und was daraus geworden ist", "Balance: what was accepted and what became of it"),
    after_help = example(&["stadtbus balance", "stadtbus balance fb37-stromausfall"])
)]
pub(crate) struct Args {
    #[arg(value_name = "ID", help = t("Nur dieses Abonnement, auf diesen Augenblick", "Only this subscription, as of this moment"))]
    subscription: Option<String>,
}

/// Asks and shows; fails when something does not add up.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let answer = match &args.subscription {
            Some(id) => {
                let path = format!("/v1/subscriptions/{}/balance", segment(id));
                client.get(&path).await?
            }
            None => client.get("/v1/balances").await?,
        };
        session.shell.show(&answer, || match args.subscription {
            Some(_) => one(&session.shell, &answer),
            None => all(&session.shell, &answer),
        });
        Ok(if even(&answer) { Exit::Done } else { Exit::Failed })
    })
}

fn even(answer: &Value) -> bool {
    answer.get("even").and_then(Value::as_bool) == Some(true)
}

/// The heads of the account: the name in an answer, and what it is called.
pub(crate) fn heads() -> [(&'static str, &'static str); 9] {
    [
        ("accepted", t("angenommen", "accepted")),
        ("delivered", t("zugestellt", "delivered")),
        ("filtered", t("gefiltert", "filtered")),
        ("refused", t("nicht berechtigt", "refused")),
        ("expired", t("abgelaufen", "expired")),
        ("dead_lettered", t("zurückgestellt", "dead letters")),
        ("parked", t("geparkt", "parked")),
        ("pending", t("wartend", "pending")),
        ("difference", t("Differenz", "difference")),
    ]
}

fn one(shell: &Shell, balance: &Value) -> Vec<String> {
    let (id, partner) = (text(balance, "subscription"), text(balance, "partner"));
    let (since, at) = (text(balance, "since"), text(balance, "at"));
    let title = say!(
        "{id} ({partner}), gezählt seit {since}, Stand {at}",
        "{id} ({partner}), counted since {since}, as of {at}"
    );
    let mut lines = vec![shell.paint(Style::Strong, &title)];
    let rows: Vec<Vec<String>> = heads()
        .iter()
        .map(|(name, called)| {
            // What is accepted is the sum of all that follows.
            let sign = match *name {
                "accepted" => "",
                "delivered" => "=",
                _ => "+",
            };
            vec![sign.to_owned(), (*called).to_owned(), text(balance, name)]
        })
        .collect();
    lines.extend(table(&rows).into_iter().map(|line| format!("  {line}")));
    if let Some(logs) = balance.get("logs").and_then(Value::as_object) {
        for (log, position) in logs {
            lines.push(say!(
                "  {log} bis Position {position}",
                "  {log} up to position {position}"
            ));
        }
    }
    lines.push(verdict(shell, balance));
    lines
}

fn all(shell: &Shell, answer: &Value) -> Vec<String> {
    let balances = answer.get("balances").and_then(Value::as_array);
    let balances = balances.map_or(&[][..], Vec::as_slice);
    let mut row = vec![t("Abonnement", "subscription").to_owned()];
    row.extend(heads().map(|(_, called)| called.to_owned()));
    let mut rows = vec![row];
    rows.extend(balances.iter().map(|balance| {
        let mut row = vec![text(balance, "subscription")];
        row.extend(heads().map(|(name, _)| text(balance, name)));
        row
    }));
    let table = table(&rows).into_iter().enumerate();
    let mut lines: Vec<String> = table
        .map(
            |(at, line)| match at.checked_sub(1).and_then(|at| balances.get(at)) {
                None => shell.paint(Style::Strong, &line),
                Some(balance) if !even(balance) => shell.paint(Style::Bad, &line),
                Some(_) => line,
            },
        )
        .collect();
    lines.push(verdict(shell, answer));
    lines
}

fn verdict(shell: &Shell, answer: &Value) -> String {
    if even(answer) {
        shell.paint(Style::Good, t("Es geht auf.", "It adds up."))
    } else {
        let what = t(
            "Es geht nicht auf (SB-1512): stadtbus explain SB-1512",
            "It does not add up (SB-1512): stadtbus explain SB-1512",
        );
        shell.paint(Style::Bad, what)
    }
}
