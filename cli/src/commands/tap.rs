//! `stadtbus tap`: watch events go by. Events on stdout, one per line; remarks on stderr.

use crate::client::query;
use crate::commands::send::text;
use crate::grammar::example;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Format, Outcome, t};
use serde_json::Value;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ereignisse beim Vorbeifahren ansehen", "Watch events go by"),
    after_help = example(&["stadtbus tap --partner ngn --limit 10", "stadtbus tap --output json | jq .type"])
)]
pub(crate) struct Args {
    #[arg(long = "type", value_name = "TYPE", help = t("Nur dieser Ereignistyp", "Only this event type"))]
    kind: Option<String>,
    #[arg(long, value_name = "PARTNER", help = t("Nur Ereignisse dieses Partners", "Only events of this partner"))]
    partner: Option<String>,
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help = t("Nach N Ereignissen enden", "End after N events"))]
    limit: Option<u64>,
}

/// Shows events until the limit, the end of the stream, or Ctrl-C.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Subscribe)?;
    let limit = args.limit.map(|limit| limit.to_string());
    let path = format!(
        "/v1/tap{}",
        query(&[
            ("type", args.kind.clone()),
            ("partner", args.partner.clone()),
            ("limit", limit)
        ])
    );
    wait(async {
        let mut events = client.events(&path).await?;
        session
            .shell
            .notice(t("Verbunden. Ende mit Strg-C.", "Connected. End with Ctrl-C."));
        let mut left = args.limit.unwrap_or(u64::MAX);
        while left > 0 && !session.shell.closed() {
            let Some(message) = events.next().await else { break };
            let Ok(event) = serde_json::from_str::<Value>(&message.data) else {
                continue;
            };
            session.shell.line(&match session.shell.format() {
                Format::Json => event.to_string(),
                Format::Text => line(&event),
            });
            left = left.saturating_sub(1);
        }
        if left > 0 && args.limit.is_some() {
            session.shell.notice(t(
                "Der Bus hat den Strom beendet.",
                "The bus has ended the stream.",
            ));
        }
        Ok(Exit::Done)
    })
}

fn line(event: &Value) -> String {
    let place = format!("{}:{}", text(event, "log"), text(event, "position"));
    let parts = [
        place,
        text(event, "time"),
        text(event, "partner"),
        text(event, "type"),
        text(event, "id"),
    ];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}
