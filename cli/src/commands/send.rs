//! `stadtbus send`: hands events to the bus and shows the receipt.
//!
//! The file is sent as it is, byte for byte; nothing is filled in, so that a repeat is the same event and is
//! answered with the same receipt.

use crate::client::{Call, Client, problem, segment};
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

/// More than any bus accepts in one request; protects this program, not the bus.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ereignisse an den Bus senden", "Send events to the bus"),
    after_help = example(&[
        "stadtbus send ereignis.json --as ngn/leitwarte --key issuer.pem",
        "stadtbus send meldung.xml --route kbk-meldung --content-type application/xml",
    ])
)]
pub(crate) struct Args {
    #[arg(
        value_name = t("DATEI", "FILE"),
        help = t("CloudEvent in JSON oder eine Liste davon; - für die Standardeingabe", "CloudEvent in JSON or a list of them; - for standard input")
    )]
    file: String,
    #[arg(long, value_name = "ROUTE", help = t("Die Datei unverändert an diese Route senden", "Send the file unchanged to this route"))]
    route: Option<String>,
    #[arg(
        long, value_name = "TYPE", requires = "route",
        help = t("Medientyp für --route (Vorgabe aus der Dateiendung)", "Media type for --route (default from the file's ending)")
    )]
    content_type: Option<String>,
}

/// Sends the file.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let body = read(&args.file)?;
    let client = session.client(Scope::Publish)?;
    let (path, content_type) = match &args.route {
        Some(route) => {
            let given = args.content_type.as_deref();
            (
                format!("/v1/ingest/{}", segment(route)),
                given.unwrap_or_else(|| media_type(&args.file)),
            )
        }
        None => ("/v1/events".to_owned(), event_format(&body)),
    };
    wait(async {
        let answer = post(&client, &path, content_type, body).await?;
        report(&session.shell, &answer).ok_or_else(|| client.not_understood("receipt"))
    })
}

async fn post(client: &Client, path: &str, content_type: &str, body: Vec<u8>) -> Result<Value, Failure> {
    let body = Bytes::from(body);
    client
        .json(Call {
            method: Method::POST,
            path,
            content_type,
            body,
            extra: Duration::ZERO,
        })
        .await
}

/// Shows what became of each event; `None` if the answer is no receipt.
fn report(shell: &Shell, answer: &Value) -> Option<Exit> {
    let single = answer.get("receipt").is_some().then(|| vec![answer.clone()]);
    let entries = single.or_else(|| answer.get("receipts").and_then(Value::as_array).cloned())?;
    let mut exit = Exit::Done;
    let mut lines = Vec::new();
    for entry in &entries {
        if let Some(error) = entry.get("error") {
            exit = Exit::Refused;
            lines.push(refused(shell, error));
        } else {
            // On a route a receipt may stand by itself.
            lines.push(accepted(shell, entry.get("receipt").unwrap_or(entry)));
        }
    }
    if let Some(dropped) = answer.get("dropped").filter(|dropped| !dropped.is_null()) {
        let reason = text(dropped, "reason");
        let code = text(dropped, "code");
        lines.push(say!(
            "nichts entstanden ({code}): {reason}",
            "nothing came of it ({code}): {reason}"
        ));
    }
    shell.show(answer, || lines);
    Some(exit)
}

fn accepted(shell: &Shell, receipt: &Value) -> String {
    let state = if receipt.get("duplicate").and_then(Value::as_bool) == Some(true) {
        t("schon bekannt", "known already")
    } else {
        t("neu", "new")
    };
    let head = shell.paint(Style::Good, t("angenommen", "accepted"));
    let place = format!("{}:{}", text(receipt, "log"), text(receipt, "position"));
    format!("{head}  {}  ({state})  {place}", text(receipt, "id"))
}

fn refused(shell: &Shell, error: &Value) -> String {
    let head = shell.paint(Style::Bad, t("abgelehnt", "refused"));
    let failure = problem::from_value(StatusCode::UNPROCESSABLE_ENTITY, error);
    let code = text(error, "code");
    let message = failure
        .as_ref()
        .map_or_else(String::new, |failure| failure.message().to_owned());
    let place = [text(error, "pointer"), text(error, "detail")]
        .into_iter()
        .filter(|part| !part.is_empty());
    format!(
        "{head}  {code}  {message}  {}",
        place.collect::<Vec<_>>().join(": ")
    )
    .trim_end()
    .to_owned()
}

/// A field of an answer as clean text; empty if it is absent.
pub(crate) fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => problem::clean(text),
        Some(other) => problem::clean(&other.to_string()),
    }
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let path = Path::new(file);
    let mut bytes = Vec::new();
    let result = if file == "-" {
        std::io::stdin()
            .lock()
            .take(FILE_BYTES_MAX)
            .read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
    };
    result.map(|_| bytes).map_err(|error| Failure::file(path, &error))
}

fn event_format(body: &[u8]) -> &'static str {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => "application/cloudevents-batch+json",
        _ => "application/cloudevents+json",
    }
}

fn media_type(file: &str) -> &'static str {
    match Path::new(file).extension().and_then(|ending| ending.to_str()) {
        Some("json" | "geojson") | None => "application/json",
        Some("xml") => "application/xml",
        Some("csv") => "text/csv",
        Some("txt" | "edi") => "text/plain",
        Some("ics") => "text/calendar",
        Some(_) => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_list_is_a_batch_and_a_file_has_its_type() {
        assert_eq!(event_format(b" \n[{}]"), "application/cloudevents-batch+json");
        assert_eq!(event_format(b"{\"a\":[]}"), "application/cloudevents+json");
        assert_eq!(event_format(b""), "application/cloudevents+json");
        assert_eq!(media_type("a/b.xml"), "application/xml");
        assert_eq!(media_type("-"), "application/json");
        assert_eq!(media_type("x.pb"), "application/octet-stream");
    }

    #[test]
    fn text_from_an_answer_cannot_steer_the_terminal() {
        let value = serde_json::json!({"a": "x\u{1b}[2J", "n": 7, "z": null});
        assert_eq!(text(&value, "a"), "x\u{fffd}[2J");
        assert_eq!(text(&value, "n"), "7");
        assert_eq!(text(&value, "z"), "");
    }
}
