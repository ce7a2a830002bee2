//! `stadtbus conformance`: does an HTTP endpoint keep what CloudEvents demands? Any endpoint, not only a Stadtbus.

use crate::client::wire::Wire;
use crate::commands::send;
use crate::conformance::cases::{self, Case, Claim, Level, Takes};
use crate::conformance::judge::Verdict;
use crate::conformance::message::Plain;
use crate::conformance::readback::Source;
use crate::conformance::report;
use crate::conformance::run::{self, Target};
use crate::duration;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Failure, Outcome, t};
use http::Uri;
use std::path::PathBuf;
use std::time::Duration;

/// What `dataschema` the case about it names, unless the endpoint's contract wants another.
const DATASCHEMA: &str = "https://conformance.example/Schema/./%7Esuite?v=1";

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Prüfen, ob ein HTTP-Endpunkt CloudEvents einhält", "Check whether an HTTP endpoint keeps to CloudEvents"),
    after_help = example(&[
        "stadtbus conformance https://empfaenger.example/events --echo",
        "stadtbus conformance http://127.0.0.1:7700/v1/events --as werk/sender --source urn:stadt:werk --type de.stadt.werk.v1 --takes json",
        "stadtbus conformance --list",
    ])
)]
pub(crate) struct Args {
    #[arg(value_name = "URL", required_unless_present = "list", help = t("Der Endpunkt, der Ereignisse per POST annimmt", "The endpoint that takes events by POST"))]
    url: Option<String>,
    #[arg(long = "header", value_name = "NAME:WERT", value_parser = header, help = t("Kopfzeile jeder Anfrage (mehrfach möglich)", "Header field of every request (may be repeated)"))]
    headers: Vec<(String, Vec<u8>)>,
    #[arg(long, value_name = "URI", default_value = "urn:stadtbus:conformance", value_parser = plain, help = t("source der Ereignisse (Vorgabe urn:stadtbus:conformance)", "source of the events (default urn:stadtbus:conformance)"))]
    source: String,
    #[arg(long = "type", value_name = "TYPE", default_value = "stadtbus.conformance.v1", value_parser = plain, help = t("type der Ereignisse (Vorgabe stadtbus.conformance.v1)", "type of the events (default stadtbus.conformance.v1)"))]
    ty: String,
    #[arg(long, value_name = t("DATEI", "FILE"), help = t("JSON-Daten, die der Endpunkt annimmt", "JSON data that the endpoint takes"))]
    data: Option<String>,
    #[arg(long, value_name = "URI", default_value = DATASCHEMA, value_parser = plain_uri, help = t("dataschema, das der Endpunkt annimmt", "dataschema that the endpoint takes"))]
    dataschema: String,
    #[arg(long, value_name = "ART", help = t("Welche Daten er annimmt: given (nur --data), json oder any (Vorgabe any; mit --data given)", "What data it takes: given (--data only), json or any (default any; with --data given)"))]
    takes: Option<Takes>,
    #[arg(long = "claim", value_name = "NAME", value_delimiter = ',', help = t("Was er außerdem beansprucht: batch, webhook, query-token, extensions", "What it claims besides: batch, webhook, query-token, extensions"))]
    claims: Vec<Claim>,
    #[arg(long, conflicts_with = "readback", help = t("Er antwortet mit dem Ereignis selbst", "It answers with the event itself"))]
    echo: bool,
    #[arg(long, value_name = "URL", help = t("Hier kommen Ereignisse heraus: …/v1/subscriptions/ID/receive oder eine Adresse mit Ereignissen als JSON", "Here events come out: …/v1/subscriptions/ID/receive, or an address with events as JSON"))]
    readback: Option<String>,
    #[arg(long, value_name = "TOKEN", env = "STADTBUS_READBACK_TOKEN", hide_env_values = true, requires = "readback", help = t("Ausweis für --readback", "Token for --readback"))]
    readback_token: Option<String>,
    #[arg(long, value_name = t("STUFE", "LEVEL"), default_value = "should", help = t("must: nur MUST; should: alles (Vorgabe)", "must: MUST only; should: everything (default)"))]
    level: Level,
    #[arg(long, value_name = "ID", help = t("Nur diese Anforderung oder dieser Fall (mehrfach möglich)", "Only this requirement or case (may be repeated)"))]
    only: Vec<String>,
    #[arg(long, help = t("Die Fälle nennen, nichts senden", "List the cases, send nothing"))]
    list: bool,
    #[arg(long, value_name = t("DATEI", "FILE"), help = t("Ergebnisse als JUnit-Datei schreiben", "Write the results as a JUnit file"))]
    junit: Option<PathBuf>,
    #[arg(long, value_name = t("DAUER", "TIME"), default_value = "10s", value_parser = duration::parse, help = t("So lange auf eine Antwort warten (Vorgabe 10s)", "Wait this long for an answer (default 10s)"))]
    timeout: Duration,
}

/// Runs the suite, or lists it.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let cases = chosen(args)?;
    if args.list {
        return Ok(list(session, &cases));
    }
    let target = target(args, session)?;
    let endpoint = target.uri.to_string();
    let wire = Wire::new(args.timeout);
    wait(async {
        let judged = run::run(&wire, &target, cases).await;
        report::show(&session.shell, &endpoint, &judged);
        if let Some(path) = &args.junit {
            std::fs::write(path, report::junit(&judged)).map_err(|error| Failure::file(path, &error))?;
        }
        let broken = report::count(&judged, Some(Level::Must), Verdict::Fail);
        let passed = report::count(&judged, None, Verdict::Pass);
        // A run that could tell nothing proves nothing.
        Ok(if broken == 0 && passed > 0 {
            Exit::Done
        } else {
            Exit::Failed
        })
    })
}

fn chosen(args: &Args) -> Result<Vec<Case>, Failure> {
    let mut cases = cases::all()?;
    let named = |case: &Case, only: &str| {
        case.case.eq_ignore_ascii_case(only) || case.covers.iter().any(|id| id.eq_ignore_ascii_case(only))
    };
    for only in &args.only {
        if !cases.iter().any(|case| named(case, only)) {
            let message = say!(
                "Eine Anforderung oder einen Fall `{only}` gibt es nicht.",
                "There is no requirement or case `{only}`."
            );
            return Err(Failure::usage(message).hint("stadtbus conformance --list"));
        }
    }
    cases.retain(|case| {
        let asked_for = args.only.is_empty() || args.only.iter().any(|only| named(case, only));
        // Without its baseline a refusal says nothing.
        case.level <= args.level && asked_for || case.baseline && !args.list
    });
    Ok(cases)
}

fn list(session: &Session, cases: &[Case]) -> Exit {
    let document: Vec<_> = cases.iter().map(report::listing).collect();
    session.shell.show(&serde_json::json!({ "cases": document }), || {
        let row = |case: &Case| {
            vec![
                case.case.clone(),
                case.covers.join(" "),
                case.level.word().to_owned(),
                report::place(case),
                report::title(case).to_owned(),
            ]
        };
        crate::ui::shell::table(&cases.iter().map(row).collect::<Vec<_>>())
    });
    Exit::Done
}

fn target(args: &Args, session: &Session) -> Result<Target, Failure> {
    let uri = address(args.url.as_deref().unwrap_or_default())?;
    let data = match &args.data {
        Some(file) => String::from_utf8(send::read(file)?).ok(),
        None => Some(r#"{"suite":"conformance"}"#.to_owned()),
    };
    let data = data.filter(|data| serde_json::from_str::<serde_json::Value>(data).is_ok());
    let data = data.ok_or_else(|| {
        let message = t(
            "Die Daten aus --data sind kein JSON.",
            "The data of --data is not JSON.",
        );
        Failure::usage(message).hint("stadtbus conformance --help")
    })?;
    let readback = match &args.readback {
        Some(url) => Some(Source {
            uri: address(url)?,
            headers: bearer(args.readback_token.as_deref()),
            patience: args.timeout,
        }),
        None => None,
    };
    let otherwise = if args.data.is_some() {
        Takes::Given
    } else {
        Takes::Any
    };
    Ok(Target {
        token: session.token_to(&uri, Scope::Publish)?,
        uri,
        headers: args.headers.clone(),
        claims: args.claims.clone(),
        takes: args.takes.unwrap_or(otherwise),
        echo: args.echo,
        readback,
        plain: Plain {
            source: args.source.clone(),
            ty: args.ty.clone(),
            data: data.trim().to_owned(),
            dataschema: args.dataschema.clone(),
            run: format!("suite-{}", uuid::Uuid::new_v4().simple()),
        },
    })
}

fn bearer(token: Option<&str>) -> Vec<(String, Vec<u8>)> {
    let value = |token: &str| format!("Bearer {}", token.trim()).into_bytes();
    token
        .map(|token| ("authorization".to_owned(), value(token)))
        .into_iter()
        .collect()
}

fn address(text: &str) -> Result<Uri, Failure> {
    let uri = text.parse::<Uri>().ok();
    uri.filter(|uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")))
        .ok_or_else(|| {
            let shown = text.escape_debug();
            let message = say!(
                "`{shown}` ist keine HTTP-Adresse.",
                "`{shown}` is no HTTP address."
            );
            Failure::usage(message).hint("stadtbus conformance http://127.0.0.1:7700/v1/events")
        })
}

fn header(text: &str) -> Result<(String, Vec<u8>), String> {
    let wrong = || t("erwartet wird NAME:WERT", "NAME:VALUE is expected").to_owned();
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim());
    http::HeaderName::try_from(name).map_err(|_| wrong())?;
    http::HeaderValue::try_from(value).map_err(|_| wrong())?;
    Ok((name.to_owned(), value.as_bytes().to_vec()))
}

/// Values that read the same as JSON and as a header field, so that a case may put them anywhere.
fn plain(text: &str) -> Result<String, String> {
    let fine = |byte: u8| (0x21..0x7f).contains(&byte) && !b"%\"\\".contains(&byte);
    if !text.is_empty() && text.bytes().all(fine) {
        Ok(text.to_owned())
    } else {
        Err(t(
            "nur druckbares ASCII ohne Leerzeichen, %, \" und \\",
            "printable ASCII only, without spaces, %, \" and \\",
        )
        .to_owned())
    }
}

/// The same for what only stands in JSON.
fn plain_uri(text: &str) -> Result<String, String> {
    plain(&text.replace('%', "~")).map(|_| text.to_owned())
}
