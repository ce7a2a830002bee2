//! `stadtbus completeness`: is anything missing between what a source sent and what the bus has?

use crate::client::query;
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
    about = t("Prüfen, ob Ereignisse einer Quelle fehlen", "Check whether events of a source are missing"),
    after_help = example(&["stadtbus completeness ngn", "stadtbus completeness ngn --source urn:stadt:ngn:leitwarte --from 1 --to 100000"])
)]
pub(crate) struct Args {
    #[arg(value_name = "PARTNER", help = t("Wessen Ereignisse", "Whose events"))]
    partner: String,
    #[arg(long, value_name = "URI", help = t("Nur diese Quelle", "Only this source"))]
    source: Option<String>,
    #[arg(long, value_name = "POSITION", help = t("Ab dieser Position (Vorgabe: die neuesten 100000)", "From this position (default: the newest 100000)"))]
    from: Option<u64>,
    #[arg(long, value_name = "POSITION", help = t("Bis zu dieser Position", "Up to this position"))]
    to: Option<u64>,
}

/// Asks and shows; fails when something is missing.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let path = format!(
            "/v1/completeness{}",
            query(&[
                ("partner", Some(args.partner.clone())),
                ("source", args.source.clone()),
                ("from", args.from.map(|from| from.to_string())),
                ("to", args.to.map(|to| to.to_string())),
            ])
        );
        let answer = client.get(&path).await?;
        session.shell.show(&answer, || lines(&session.shell, &answer));
        let complete = answer.get("complete").and_then(Value::as_bool) == Some(true);
        Ok(if complete { Exit::Done } else { Exit::Failed })
    })
}

fn lines(shell: &Shell, answer: &Value) -> Vec<String> {
    let (log, from, to) = (text(answer, "log"), text(answer, "from"), text(answer, "to"));
    let mut lines = vec![say!(
        "{log}, Positionen {from} bis {to}",
        "{log}, positions {from} to {to}"
    )];
    let heads = [
        t("Quelle", "source"),
        t("Ereignisse", "events"),
        t("ohne Nummer", "unnumbered"),
        t("Nummern", "numbers"),
        t("fehlen", "missing"),
        t("doppelt", "repeated"),
        t("verspätet", "out of order"),
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for source in list(answer, "sources") {
        let numbers = match (text(source, "first"), text(source, "last")) {
            (first, _) if first.is_empty() => "-".to_owned(),
            (first, last) => format!("{first}–{last}"),
        };
        rows.push(vec![
            text(source, "source"),
            text(source, "events"),
            text(source, "unnumbered"),
            numbers,
            text(source, "missing"),
            text(source, "repeated"),
            text(source, "out_of_order"),
        ]);
    }
    lines.extend(table(&rows));
    for source in list(answer, "sources")
        .iter()
        .filter(|source| !list(source, "gaps").is_empty())
    {
        let (name, gaps) = (text(source, "source"), stretches(source, "gaps"));
        let line = say!("{name}: es fehlen {gaps}", "{name}: missing {gaps}");
        lines.push(shell.paint(Style::Bad, &line));
    }
    if !list(answer, "lost_at").is_empty() {
        let (lost, at) = (text(answer, "lost"), stretches(answer, "lost_at"));
        let line = say!(
            "{lost} Positionen sind verloren: {at}",
            "{lost} positions are lost: {at}"
        );
        lines.push(shell.paint(Style::Bad, &line));
    }
    if answer.get("complete").and_then(Value::as_bool) == Some(true) {
        lines.push(shell.paint(Style::Good, t("Nichts fehlt.", "Nothing is missing.")));
    }
    lines
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
}

fn stretches(value: &Value, name: &str) -> String {
    let one = |gap: &Value| match (text(gap, "from"), text(gap, "to")) {
        (from, to) if from == to => from,
        (from, to) => format!("{from}–{to}"),
    };
    list(value, name).iter().map(one).collect::<Vec<_>>().join(", ")
}
