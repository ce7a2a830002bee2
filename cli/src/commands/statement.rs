//! `stadtbus statement`: the daily statements, and whether they are what was signed.

use std::path::{Path, PathBuf};

use crate::client::segment;
use crate::commands::balance::heads;
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use serde_json::{Value, json};
use stadtbus_flow::statement::signed::{self, Keys, Wrong};

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Tagesabschlüsse zeigen und prüfen", "Show and verify daily statements"),
    after_help = example(&["stadtbus statement list", "stadtbus statement show 2026-11-28"]),
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
        about = t("Die Tage auflisten, zu denen es einen gibt", "List the days that have one"),
        after_help = example(&["stadtbus statement list"])
    )]
    List,
    #[command(
        about = t("Den eines Tages zeigen", "Show that of a day"),
        after_help = example(&["stadtbus statement show 2026-11-28", "stadtbus statement show 2026-11-28 --signed > 2026-11-28.jws"])
    )]
    Show {
        #[arg(value_name = t("TAG", "DAY"), help = t("Der Tag, zum Beispiel 2026-11-28", "The day, for example 2026-11-28"))]
        day: String,
        #[arg(long, help = t("Wie er unterschrieben ist (JWS), zum Aufheben", "As it is signed (JWS), to be kept"))]
        signed: bool,
    },
    #[command(
        about = t("Unterschrift und Kette aufgehobener prüfen, ohne den Bus", "Verify signature and chain of kept ones, without the bus"),
        after_help = example(&["stadtbus statement verify 2026-11-27.jws 2026-11-28.jws --keys webhook-keys.json"])
    )]
    Verify {
        #[arg(value_name = t("DATEI", "FILE"), required = true, help = t("Abschlüsse, ältester zuerst; jeder muss auf den vor ihm folgen", "Statements, oldest first; each must follow the one before it"))]
        files: Vec<PathBuf>,
        #[arg(long, value_name = t("DATEI", "FILE"), help = t("Öffentliche Schlüssel, wie /.well-known/webhook-keys sie nennt", "Public keys as /.well-known/webhook-keys names them"))]
        keys: PathBuf,
    },
}

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    match args.verb {
        Verb::List => list(session),
        Verb::Show { day, signed } => show(session, &day, signed),
        Verb::Verify { files, keys } => verify(&session.shell, &files, &keys),
    }
}

fn list(session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let answer = client.get("/v1/statements").await?;
        let days = answer
            .get("statements")
            .and_then(Value::as_array)
            .ok_or_else(|| client.not_understood("statements"))?;
        session.shell.show(&answer, || {
            let head = [t("Tag", "day"), t("erstellt", "made"), t("Ergebnis", "result")];
            let mut rows = vec![head.map(str::to_owned).to_vec()];
            rows.extend(
                days.iter()
                    .map(|day| vec![text(day, "day"), text(day, "made"), result(day).to_owned()]),
            );
            table(&rows)
        });
        if days.is_empty() {
            let none = t("Noch ist kein Tag abgeschlossen.", "No day is closed yet.");
            session.shell.notice(none);
        }
        Ok(Exit::Done)
    })
}

fn is(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool) == Some(true)
}

fn result(statement: &Value) -> &'static str {
    match (is(statement, "even"), is(statement, "complete")) {
        (true, true) => t("geht auf, vollständig", "adds up, complete"),
        (true, false) => t("geht auf, Quellen mit Lücken", "adds up, sources with gaps"),
        (false, true) => t("GEHT NICHT AUF", "DOES NOT ADD UP"),
        (false, false) => t(
            "GEHT NICHT AUF, Quellen mit Lücken",
            "DOES NOT ADD UP, sources with gaps",
        ),
    }
}

fn show(session: &Session, day: &str, raw: bool) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let answer = client.get(&format!("/v1/statements/{}", segment(day))).await?;
        let jws = text(&answer, "jws");
        let statement = signed::read(&jws)
            .ok()
            .and_then(|statement| serde_json::to_value(statement).ok())
            .ok_or_else(|| client.not_understood("jws"))?;
        if raw {
            session.shell.show(&answer, || vec![jws.clone()]);
        } else {
            session.shell.show(&statement, || {
                lines(&session.shell, &statement, &signed::digest(&jws))
            });
        }
        Ok(Exit::Done)
    })
}

fn list_of<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice)
}

/// The statement as somebody reads it.
fn lines(shell: &Shell, statement: &Value, sha256: &str) -> Vec<String> {
    let (day, zone, made) = (
        text(statement, "day"),
        text(statement, "zone"),
        text(statement, "made"),
    );
    let title = say!("Tagesabschluss {day} ({zone})", "Daily statement {day} ({zone})");
    let mut lines = vec![
        shell.paint(Style::Strong, &title),
        say!("Erstellt {made}", "Made {made}"),
        format!("SHA-256 {sha256}"),
    ];
    lines.push(
        match statement.get("previous").filter(|previous| previous.is_object()) {
            Some(previous) => {
                let (day, sha256) = (text(previous, "day"), text(previous, "sha256"));
                say!(
                    "Folgt auf {day}, SHA-256 {sha256}",
                    "Follows {day}, SHA-256 {sha256}"
                )
            }
            None => t("Der erste", "The first").to_owned(),
        },
    );
    lines.push(String::new());
    lines.extend(accounts(shell, statement));
    lines.push(String::new());
    lines.extend(sources(statement));
    lines.push(String::new());
    lines.extend(logs(statement));
    lines.push(String::new());
    let good = is(statement, "even") && is(statement, "complete");
    lines.push(shell.paint(if good { Style::Good } else { Style::Bad }, result(statement)));
    lines
}

/// Of each subscription what it opened with, what moved, and what it closed with.
fn accounts(shell: &Shell, statement: &Value) -> Vec<String> {
    let mut row = vec![t("Abonnement", "subscription").to_owned(), String::new()];
    let columns = || heads().into_iter().filter(|(name, _)| *name != "difference");
    row.extend(columns().map(|(_, called)| called.to_owned()));
    let mut rows = vec![row];
    for account in list_of(statement, "subscriptions") {
        let parts = [
            ("opening", t("Anfang", "opening"), text(account, "subscription")),
            ("movement", t("Bewegung", "movement"), String::new()),
            ("closing", t("Ende", "closing"), String::new()),
        ];
        for (part, called, subscription) in parts {
            let part = account.get(part).unwrap_or(&Value::Null);
            let mut row = vec![subscription, called.to_owned()];
            row.extend(columns().map(|(name, _)| text(part, name)));
            rows.push(row);
        }
    }
    let mut lines = table(&rows);
    for account in list_of(statement, "subscriptions") {
        let difference = account.get("difference").and_then(Value::as_i64).unwrap_or(0);
        if difference != 0 {
            let name = text(account, "subscription");
            let line = say!(
                "{name}: Differenz {difference} (SB-1512)",
                "{name}: difference {difference} (SB-1512)"
            );
            lines.push(shell.paint(Style::Bad, &line));
        }
    }
    lines
}

fn sources(statement: &Value) -> Vec<String> {
    let head = [
        t("Quelle", "source"),
        t("Positionen", "positions"),
        t("Ereignisse", "events"),
        t("fehlen", "missing"),
        t("verloren", "lost"),
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for stretch in list_of(statement, "sources") {
        let (log, from, to) = (text(stretch, "log"), text(stretch, "from"), text(stretch, "to"));
        for source in list_of(stretch, "sources") {
            rows.push(vec![
                text(source, "source"),
                format!("{log} {from}–{to}"),
                text(source, "events"),
                text(source, "missing"),
                text(stretch, "lost"),
            ]);
        }
    }
    table(&rows)
}

fn logs(statement: &Value) -> Vec<String> {
    let head = [
        t("Protokoll", "log"),
        t("Positionen", "positions"),
        t("Kette", "chain"),
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for log in list_of(statement, "logs") {
        let chain = log.get("chain").filter(|chain| chain.is_object());
        let chain = chain.map(|chain| format!("{} @ {}", text(chain, "hash"), text(chain, "to")));
        rows.push(vec![
            text(log, "log"),
            format!("{}–{}", text(log, "first"), text(log, "last")),
            [chain.unwrap_or_else(|| "-".to_owned()), text(log, "damage")]
                .join(" ")
                .trim_end()
                .to_owned(),
        ]);
    }
    table(&rows)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = std::fs::metadata(path)
        .map_err(|error| Failure::file(path, &error))?
        .len();
    if size > FILE_BYTES_MAX {
        let bound = say!(
            "sie ist größer als {FILE_BYTES_MAX} Bytes",
            "it is larger than {FILE_BYTES_MAX} bytes"
        );
        return Err(Failure::file(path, &bound));
    }
    std::fs::read(path).map_err(|error| Failure::file(path, &error))
}

fn verify(shell: &Shell, files: &[PathBuf], keys: &Path) -> Outcome {
    let keys = Keys::parse(&read(keys)?).map_err(|wrong| Failure::file(keys, &because(&wrong)))?;
    let mut before: Option<String> = None;
    let mut days = Vec::new();
    for file in files {
        let disbelieved = |wrong: &Wrong| {
            let name = file.display();
            let message = say!(
                "{name} ist nicht, was der Bus unterschrieben hat.",
                "{name} is not what the bus signed."
            );
            Failure::new("SB-6006", Exit::Failed, message).detail(because(wrong))
        };
        let compact =
            String::from_utf8(read(file)?).map_err(|_| disbelieved(&Wrong::Form("it is no text")))?;
        let statement = signed::verify(&compact, &keys).map_err(|wrong| disbelieved(&wrong))?;
        if let Some(before) = &before {
            signed::follows(&statement, before).map_err(|wrong| disbelieved(&wrong))?;
        }
        days.push(statement.day);
        before = Some(compact);
    }
    shell.show(&json!({ "verified": days }), || {
        let days = days.join(", ");
        let told = say!(
            "Unverändert, Kette geschlossen: {days}",
            "Unchanged, chain unbroken: {days}"
        );
        vec![shell.paint(Style::Good, &told)]
    });
    Ok(Exit::Done)
}

/// Why, in the language of the run.
fn because(wrong: &Wrong) -> String {
    match wrong {
        Wrong::Form(what) => say!("Form: {what}", "form: {what}"),
        Wrong::UnknownKey(key) => say!(
            "Der Schlüssel `{key}` ist nicht unter den genannten.",
            "The key `{key}` is not among those given."
        ),
        Wrong::Signature => t(
            "Die Unterschrift passt nicht: Es wurde etwas geändert.",
            "The signature does not fit: something was changed.",
        )
        .to_owned(),
        Wrong::Chain { named, found } => say!(
            "Er folgt auf {named}, der davor hat {found}.",
            "It follows {named}, the one before has {found}."
        ),
    }
}
