//! `stadtbus subscription secret`: the secret by which deliveries to a webhook are signed.

use super::path;
use crate::client::Call;
use crate::commands::send::{read, text};
use crate::duration;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Failure, Outcome, Style, t};
use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zustellungen unterschreiben lassen (Standard Webhooks)", "Have deliveries signed (Standard Webhooks)"),
    after_help = example(&["stadtbus subscription secret rotate fb37-stromausfall --overlap 24h"]),
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
        about = t("Ein neues Geheimnis; es wird nur dieses eine Mal gezeigt", "A new secret; it is shown this once"),
        after_help = example(&["stadtbus subscription secret rotate fb37-stromausfall", "stadtbus subscription secret rotate fb37-stromausfall --from geheimnis.txt --overlap 7d"])
    )]
    Rotate {
        #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
        id: String,
        #[arg(long, value_name = t("DAUER", "TIME"), default_value = "24h", value_parser = duration::parse, help = t("So lange unterschreibt auch das alte (Vorgabe 24h, höchstens 30d)", "The old one signs as well for so long (default 24h, at most 30d)"))]
        overlap: Duration,
        #[arg(long, value_name = t("DATEI", "FILE"), help = t("Das Geheimnis des Empfängers (whsec_…) statt eines neuen; - für die Standardeingabe", "The receiver's secret (whsec_…) instead of a new one; - for standard input"))]
        from: Option<String>,
    },
    #[command(
        about = t("Ob unterschrieben wird und seit wann", "Whether it signs, and since when"),
        after_help = example(&["stadtbus subscription secret show fb37-stromausfall"])
    )]
    Show {
        #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
        id: String,
    },
    #[command(
        about = t("Nicht mehr mit einem Geheimnis unterschreiben", "Sign by no secret any more"),
        after_help = example(&["stadtbus subscription secret remove fb37-stromausfall"])
    )]
    Remove {
        #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
        id: String,
    },
}

/// Runs one of the verbs.
pub(super) fn run(session: &Session, args: Args) -> Outcome {
    match args.verb {
        Verb::Rotate { id, overlap, from } => rotate(session, &id, overlap, from.as_deref()),
        Verb::Show { id } => {
            let client = session.client(Scope::Subscribe)?;
            wait(async {
                let answer = client.get(&place(&id)).await?;
                session.shell.show(&answer, || vec![standing(&answer)]);
                Ok(Exit::Done)
            })
        }
        Verb::Remove { id } => remove(session, &id),
    }
}

fn rotate(session: &Session, id: &str, overlap: Duration, from: Option<&str>) -> Outcome {
    let mut body = Map::new();
    body.insert("overlap_s".to_owned(), json!(overlap.as_secs()));
    if let Some(file) = from {
        let secret = String::from_utf8(read(file)?).map_err(|_| {
            let message = say!("{file} ist kein Text.", "{file} is no text.");
            Failure::new("SB-2031", Exit::Usage, message)
        })?;
        body.insert("secret".to_owned(), json!(secret.trim()));
    }
    let client = session.client(Scope::Subscribe)?;
    wait(async {
        let answer = client.post(&place(id), &Value::Object(body)).await?;
        let head = session.shell.paint(Style::Good, t("unterschreibt", "signs"));
        session.shell.show(&answer, || {
            let mut lines = vec![format!("{head}  {id}"), text(&answer, "secret")];
            lines.extend(overlapping(&answer));
            lines
        });
        session.shell.notice(t(
            "Das Geheimnis wird nicht noch einmal gezeigt.",
            "The secret is not shown again.",
        ));
        Ok(Exit::Done)
    })
}

fn remove(session: &Session, id: &str) -> Outcome {
    let question = say!(
        "{id} nicht mehr mit einem Geheimnis unterschreiben? Wer die Unterschrift prüft, weist dann ab.",
        "Sign {id} by no secret any more? Whoever checks the signature will refuse."
    );
    session.shell.agree(
        &question,
        format!("stadtbus subscription secret remove {id} --yes"),
    )?;
    let client = session.client(Scope::Subscribe)?;
    wait(async {
        let call = Call {
            method: Method::DELETE,
            path: &place(id),
            content_type: "",
            body: Bytes::new(),
            extra: Duration::ZERO,
        };
        let answer = client.json(call).await?;
        session.shell.show(&answer, || vec![standing(&answer)]);
        Ok(Exit::Done)
    })
}

fn place(id: &str) -> String {
    format!("{}/secret", path(id))
}

fn standing(answer: &Value) -> String {
    let id = text(answer, "subscription");
    if answer.get("signed").and_then(Value::as_bool) != Some(true) {
        return say!("{id}  ohne Geheimnis", "{id}  without a secret");
    }
    let since = text(answer, "since");
    let line = say!("{id}  unterschrieben seit {since}", "{id}  signed since {since}");
    match overlapping(answer) {
        Some(overlap) => format!("{line}, {overlap}"),
        None => line,
    }
}

fn overlapping(answer: &Value) -> Option<String> {
    let until = answer.get("previous_until")?.as_str()?;
    Some(say!(
        "das alte gilt noch bis {until}",
        "the old one holds until {until}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standing_is_one_line() {
        let answer = json!({"subscription": "amt-1", "signed": true, "since": "S", "previous_until": "U"});
        assert_eq!(
            standing(&answer),
            "amt-1  signed since S, the old one holds until U"
        );
        let answer = json!({"subscription": "amt-1", "signed": true, "since": "S", "previous_until": null});
        assert_eq!(standing(&answer), "amt-1  signed since S");
        assert_eq!(
            standing(&json!({"subscription": "amt-1", "signed": false})),
            "amt-1  without a secret"
        );
    }
}
