//! `stadtbus listen`: read a subscription on and on, from where the last run stopped.
//!
//! What the file of the cursor says has been written to stdout, and only that: an event is shown first, the cursor is
//! saved then, and by asking with it the events are confirmed. A run that is killed in between shows some of them again.

use crate::client::{Client, query, segment};
use crate::commands::send::text;
use crate::grammar::example;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Failure, Format, Outcome, t};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one call waits for the first event.
const WAIT: Duration = Duration::from_secs(30);
/// Most events of one call.
const MAX: u64 = 100;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein Abonnement fortlaufend lesen", "Read a subscription on and on"),
    after_help = example(&["stadtbus listen fb32-stromausfall --cursor-file strom.cursor", "stadtbus listen fb32-stromausfall --cursor-file strom.cursor --output json | jq .event.data"])
)]
pub(crate) struct Args {
    #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
    subscription: String,
    #[arg(long, value_name = t("DATEI", "FILE"), help = t("Merkt sich hier, wie weit gelesen ist; ohne: ab dem ersten unbestätigten Ereignis", "Remembers here how far it has read; without: from the first unconfirmed event on"))]
    cursor_file: Option<PathBuf>,
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help = t("Nach N Ereignissen enden", "End after N events"))]
    limit: Option<u64>,
}

/// Shows events until the limit, a failure, or Ctrl-C.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Subscribe)?;
    let mut cursor = args.cursor_file.as_deref().map(saved).transpose()?.flatten();
    wait(async {
        let mut left = args.limit.unwrap_or(u64::MAX);
        while left > 0 {
            let answer = read(&client, &args.subscription, cursor.as_deref(), left.min(MAX)).await?;
            let events = answer.get("events").and_then(Value::as_array);
            let events = events.ok_or_else(|| client.not_understood("events"))?;
            for entry in events {
                session.shell.line(&match session.shell.format() {
                    Format::Json => entry.to_string(),
                    Format::Text => line(entry),
                });
            }
            // Nobody has read them if stdout is closed; they come again.
            if session.shell.closed() {
                return Ok(Exit::Done);
            }
            left = left.saturating_sub(events.len() as u64);
            let next = text(&answer, "cursor");
            if let Some(file) = &args.cursor_file {
                save(file, &next)?;
            }
            cursor = Some(next);
        }
        confirm(&client, &args.subscription, cursor).await
    })
}

async fn read(client: &Client, subscription: &str, after: Option<&str>, max: u64) -> Result<Value, Failure> {
    let asked = query(&[
        ("after", after.map(str::to_owned)),
        ("max", Some(max.to_string())),
        ("wait_s", Some(WAIT.as_secs().to_string())),
    ]);
    let path = format!("/v1/subscriptions/{}/events{asked}", segment(subscription));
    client.get_waiting(&path, WAIT).await
}

/// Nobody comes back after the last ones.
async fn confirm(client: &Client, subscription: &str, cursor: Option<String>) -> Outcome {
    let path = format!("/v1/subscriptions/{}/confirm", segment(subscription));
    client.post(&path, &json!({ "cursor": cursor })).await?;
    Ok(Exit::Done)
}

/// The cursor of the last run; none if there was none.
fn saved(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file(file, &error)),
    }
}

/// Whole and on the disk, or as it was.
fn save(file: &Path, cursor: &str) -> Result<(), Failure> {
    let mut fresh = file.as_os_str().to_owned();
    fresh.push(".new");
    let written = File::create(&fresh).and_then(|mut fresh| {
        writeln!(fresh, "{cursor}")?;
        fresh.sync_all()
    });
    written
        .and_then(|()| fs::rename(&fresh, file))
        .map_err(|error| Failure::file(file, &error))
}

fn line(entry: &Value) -> String {
    let event = entry.get("event").unwrap_or(&Value::Null);
    let parts = [
        format!("{}:{}", text(entry, "log"), text(entry, "position")),
        text(event, "time"),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_cursor_is_saved_whole_and_read_again() {
        let dir = std::env::temp_dir().join(format!("stadtbus-listen-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("strom.cursor");
        assert_eq!(saved(&file).unwrap(), None);
        for cursor in ["b1.AAAA", "b1.BBBBBBBB", "b1.C"] {
            save(&file, cursor).unwrap();
            assert_eq!(saved(&file).unwrap().as_deref(), Some(cursor));
        }
        assert!(saved(&dir).is_err(), "a folder is no cursor");
        fs::remove_dir_all(&dir).unwrap();
    }
}
