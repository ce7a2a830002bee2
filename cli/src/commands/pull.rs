//! `stadtbus receive` and `stadtbus ack`: a pull subscription by hand or from a script.
//!
//! Receiving lends an event for the time of the lease; acknowledging ends it. `--ack` does both in that
//! order: an event counts as handled only after it has been written to stdout.

use crate::client::{Client, segment};
use crate::commands::send::text;
use crate::duration;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Failure, Format, Outcome, t};
use serde_json::{Value, json};
use std::time::Duration;

/// The arguments of `receive`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ereignisse eines Abonnements abholen", "Receive events of a pull subscription"),
    after_help = example(&["stadtbus receive fb66-stromausfall --max 10 --wait 5s", "stadtbus receive fb66-stromausfall --ack --output json"])
)]
pub(crate) struct ReceiveArgs {
    #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
    subscription: String,
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1000), help = t("Höchstens so viele (1 bis 1000, Vorgabe 100)", "At most this many (1 to 1000, default 100)"))]
    max: u32,
    #[arg(long, value_name = t("DAUER", "TIME"), default_value = "0s", value_parser = duration::parse, help = t("So lange auf das erste warten (Vorgabe 0s)", "Wait this long for the first (default 0s)"))]
    wait: Duration,
    #[arg(long, value_name = t("DAUER", "TIME"), default_value = "30s", value_parser = duration::parse, help = t("Leihfrist (Vorgabe 30s)", "Lease (default 30s)"))]
    lease: Duration,
    #[arg(long, help = t("Nach der Ausgabe gleich quittieren", "Acknowledge once printed"))]
    ack: bool,
}

/// The arguments of `ack`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Abgeholte Ereignisse quittieren", "Acknowledge received events"),
    after_help = example(&["stadtbus ack fb66-stromausfall MARKE1 MARKE2", "stadtbus ack fb66-stromausfall MARKE --reject --reason unlesbar"])
)]
pub(crate) struct AckArgs {
    #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
    subscription: String,
    #[arg(value_name = t("MARKE", "HANDLE"), required = true, help = t("Die Marken aus receive", "The handles from receive"))]
    handles: Vec<String>,
    #[arg(long, conflicts_with = "reject", help = t("Nicht quittieren, sondern gleich wieder freigeben", "Do not acknowledge but release again"))]
    release: bool,
    #[arg(long, requires = "reason", help = t("Als nicht verarbeitbar zurückweisen", "Reject as impossible to handle"))]
    reject: bool,
    #[arg(long, value_name = "TEXT", help = t("Der Grund für --reject, ohne personenbezogene Angaben", "The reason for --reject, without personal data"))]
    reason: Option<String>,
}

/// Receives events.
pub(crate) fn receive(args: &ReceiveArgs, session: &Session) -> Outcome {
    let client = session.client(Scope::Subscribe)?;
    wait(async {
        let path = format!("/v1/subscriptions/{}/receive", segment(&args.subscription));
        let body = json!({"max": args.max, "wait_ms": duration::millis(args.wait), "lease_ms": duration::millis(args.lease)});
        let answer = client.post_waiting(&path, &body, args.wait).await?;
        let events = answer.get("events").and_then(Value::as_array);
        let events = events.ok_or_else(|| client.not_understood("events"))?;
        for entry in events {
            session.shell.line(&match session.shell.format() {
                Format::Json => entry.to_string(),
                Format::Text => line(entry),
            });
        }
        if events.is_empty() {
            session
                .shell
                .notice(t("Es liegt nichts bereit.", "There is nothing waiting."));
        }
        // Nobody has read them if stdout is closed; they come again after the lease.
        if args.ack && !events.is_empty() && !session.shell.closed() {
            let handles: Vec<&str> = events
                .iter()
                .filter_map(|entry| entry.get("handle")?.as_str())
                .collect();
            let settled = settle(
                &client,
                &args.subscription,
                "acknowledge",
                &json!({"handles": handles}),
            )
            .await?;
            settled_all(&settled)?;
        }
        Ok(Exit::Done)
    })
}

/// Acknowledges, releases or rejects.
pub(crate) fn acknowledge(args: &AckArgs, session: &Session) -> Outcome {
    let client = session.client(Scope::Subscribe)?;
    let (verb, body) = match (args.release, args.reject) {
        (true, _) => ("release", json!({"handles": args.handles, "delay_ms": 0})),
        (_, true) => ("reject", json!({"handles": args.handles, "reason": args.reason})),
        _ => ("acknowledge", json!({"handles": args.handles})),
    };
    wait(async {
        let answer = settle(&client, &args.subscription, verb, &body).await?;
        let settled = text(&answer, "settled");
        session
            .shell
            .show(&answer, || vec![say!("{settled} erledigt", "{settled} settled")]);
        settled_all(&answer)
    })
}

async fn settle(client: &Client, subscription: &str, verb: &str, body: &Value) -> Result<Value, Failure> {
    client
        .post(
            &format!("/v1/subscriptions/{}/{verb}", segment(subscription)),
            body,
        )
        .await
}

fn settled_all(answer: &Value) -> Outcome {
    let unknown = answer
        .get("unknown")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    if unknown == 0 {
        return Ok(Exit::Done);
    }
    let message = say!(
        "{unknown} Marken sind unbekannt oder ihre Leihfrist ist vorbei.",
        "{unknown} handles are unknown or their lease has ended."
    );
    Err(Failure::new("SB-2008", Exit::Refused, message))
}

fn line(entry: &Value) -> String {
    let event = entry.get("event").unwrap_or(&Value::Null);
    let attempt = text(entry, "attempt");
    let attempt = say!("Versuch {attempt}", "attempt {attempt}");
    let parts = [
        text(entry, "handle"),
        attempt,
        text(event, "type"),
        text(event, "id"),
        event.get("data").map(Value::to_string).unwrap_or_default(),
    ];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}
