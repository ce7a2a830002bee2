//! `stadtbus replay`: events of a subscription once more, from the log.

use crate::client::{Client, segment};
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Outcome, Style, t};
use serde_json::{Map, Value, json};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Nachlieferung: Ereignisse eines Abonnements noch einmal", "Replay: events of a subscription once more"),
    after_help = example(&["stadtbus replay start fb37-stromausfall --from 2026-11-23T00:00:00Z --only-missing --dry-run"]),
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
        about = t("Beginnen", "Begin"),
        after_help = example(&[
            "stadtbus replay start fb37-stromausfall --from 2026-11-23T00:00:00Z --to 2026-11-24T00:00:00Z",
            "stadtbus replay start fb37-stromausfall --log LOG_NGN --from-position 1200 --only-missing --dry-run",
        ])
    )]
    Start(Start),
    #[command(
        about = t("Nachlieferungen eines Abonnements auflisten", "List the replays of a subscription"),
        after_help = example(&["stadtbus replay list fb37-stromausfall"])
    )]
    List {
        #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
        subscription: String,
    },
    #[command(
        about = t("Zeigen, wie weit eine ist", "Show how far one is"),
        after_help = example(&["stadtbus replay show fb37-stromausfall 5f0c1a2b3c4d"])
    )]
    Show(Named),
    #[command(
        about = t("Anhalten", "Let it stand still"),
        after_help = example(&["stadtbus replay pause fb37-stromausfall 5f0c1a2b3c4d"])
    )]
    Pause(Named),
    #[command(
        about = t("Fortsetzen", "Let it go on"),
        after_help = example(&["stadtbus replay resume fb37-stromausfall 5f0c1a2b3c4d"])
    )]
    Resume(Named),
    #[command(
        about = t("Abbrechen", "End it"),
        after_help = example(&["stadtbus replay cancel fb37-stromausfall 5f0c1a2b3c4d"])
    )]
    Cancel(Named),
}

#[derive(Debug, clap::Args)]
struct Named {
    #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
    subscription: String,
    #[arg(value_name = "REPLAY", help = t("Die Nachlieferung, wie die Liste sie nennt", "The replay, as the list names it"))]
    replay: String,
}

#[derive(Debug, clap::Args)]
struct Start {
    #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
    subscription: String,
    #[arg(long, value_name = "TIME", required_unless_present = "from_position", conflicts_with = "from_position", help = t("Ab dieser Zeit (RFC 3339)", "From this time on (RFC 3339)"))]
    from: Option<String>,
    #[arg(long, value_name = "TIME", conflicts_with = "to_position", help = t("Vor dieser Zeit; ohne Angabe bis jetzt", "Before this time; up to now if absent"))]
    to: Option<String>,
    #[arg(long, value_name = "LOG", help = t("Nur dieses Log", "This log alone"))]
    log: Option<String>,
    #[arg(long, value_name = "N", help = t("Ab dieser Position", "From this position on"))]
    from_position: Option<u64>,
    #[arg(long, value_name = "N", help = t("Bis einschließlich dieser Position", "Up to and with this position"))]
    to_position: Option<u64>,
    #[arg(long, help = t("Nur, was noch nicht zugestellt wurde", "Only what was not delivered yet"))]
    only_missing: bool,
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help = t("Höchstens so viele in der Sekunde", "At most this many a second"))]
    rate: Option<u32>,
    #[arg(long, value_name = "URL", help = t("An einen anderen Empfänger", "To another receiver"))]
    sink: Option<String>,
    #[arg(long, help = t("Nur zählen", "Only count"))]
    dry_run: bool,
}

impl Start {
    fn body(&self) -> Value {
        let said = [
            ("from", self.from.as_ref().map(|from| json!(from))),
            ("to", self.to.as_ref().map(|to| json!(to))),
            ("log", self.log.as_ref().map(|log| json!(log))),
            (
                "from_position",
                self.from_position.map(|position| json!(position)),
            ),
            ("to_position", self.to_position.map(|position| json!(position))),
            ("only_missing", Some(json!(self.only_missing))),
            ("rate_per_s", self.rate.map(|rate| json!(rate))),
            ("sink", self.sink.as_ref().map(|url| json!({ "url": url }))),
        ];
        let members: Map<String, Value> = said
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        Value::Object(members)
    }
}

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        match args.verb {
            Verb::Start(start) => begin(&client, session, &start).await,
            Verb::List { subscription } => list(&client, session, &subscription).await,
            Verb::Show(named) => {
                let answer = client.get(&path(&named.subscription, &named.replay)).await?;
                session.shell.show(&answer, || details(&answer));
                Ok(Exit::Done)
            }
            Verb::Pause(named) => change(&client, session, &named, "pause").await,
            Verb::Resume(named) => change(&client, session, &named, "resume").await,
            Verb::Cancel(named) => change(&client, session, &named, "cancel").await,
        }
    })
}

/// Counted first, and begun only after a question that names the count.
async fn begin(client: &Client, session: &Session, start: &Start) -> Outcome {
    let id = &start.subscription;
    let replays = format!("/v1/subscriptions/{}/replays", segment(id));
    let would = client.post(&format!("{replays}/count"), &start.body()).await?;
    let count = would
        .get("matching")
        .and_then(Value::as_u64)
        .ok_or_else(|| client.not_understood("matching"))?;
    let about = match would.get("complete").and_then(Value::as_bool) {
        Some(true) => count.to_string(),
        _ => say!("mindestens {count}", "at least {count}"),
    };
    if start.dry_run {
        session.shell.show(&would, || vec![counted(&about, &would)]);
        return Ok(Exit::Done);
    }
    let question = say!(
        "{about} Ereignisse an {id} noch einmal zustellen?",
        "Deliver {about} events to {id} once more?"
    );
    session.shell.agree(&question, "stadtbus replay start --yes …")?;
    let answer = client.post(&replays, &start.body()).await?;
    let head = session.shell.paint(Style::Good, t("begonnen", "begun"));
    session
        .shell
        .show(&answer, || vec![format!("{head}  {}", text(&answer, "replay"))]);
    Ok(Exit::Done)
}

fn counted(about: &str, would: &Value) -> String {
    let (read, skipped, refused) = (
        text(would, "read"),
        text(would, "skipped"),
        text(would, "refused"),
    );
    say!(
        "{about} würden zugestellt; {read} angesehen, {skipped} schon zugestellt, {refused} nicht erlaubt",
        "{about} would be delivered; {read} looked at, {skipped} delivered before, {refused} not allowed"
    )
}

async fn list(client: &Client, session: &Session, subscription: &str) -> Outcome {
    let answer = client
        .get(&format!("/v1/subscriptions/{}/replays", segment(subscription)))
        .await?;
    let list = answer.get("replays").and_then(Value::as_array);
    let list = list.ok_or_else(|| client.not_understood("replays"))?;
    session.shell.show(&answer, || rows(list));
    if list.is_empty() {
        let none = t("Keine Nachlieferung.", "There are no replays.");
        session.shell.notice(none);
    }
    Ok(Exit::Done)
}

async fn change(client: &Client, session: &Session, named: &Named, verb: &str) -> Outcome {
    let path = format!("{}/{verb}", path(&named.subscription, &named.replay));
    let answer = client.post(&path, &json!({})).await?;
    session
        .shell
        .show(&answer, || rows(std::slice::from_ref(&answer)));
    Ok(Exit::Done)
}

fn path(subscription: &str, replay: &str) -> String {
    format!(
        "/v1/subscriptions/{}/replays/{}",
        segment(subscription),
        segment(replay)
    )
}

fn state(entry: &Value) -> &'static str {
    match entry.get("state").and_then(Value::as_str) {
        Some("running") => t("läuft", "running"),
        Some("paused") => t("angehalten", "paused"),
        Some("cancelled") => t("abgebrochen", "cancelled"),
        Some("done") => t("fertig", "done"),
        _ => t("gescheitert", "failed"),
    }
}

fn rows(list: &[Value]) -> Vec<String> {
    let rows: Vec<Vec<String>> = list
        .iter()
        .map(|entry| {
            let (read, all) = (text(entry, "positions_read"), text(entry, "positions"));
            let none = Value::Null;
            let delivered = text(entry.get("counts").unwrap_or(&none), "delivered");
            vec![
                text(entry, "replay"),
                state(entry).to_owned(),
                say!("{read} von {all} angesehen", "{read} of {all} looked at"),
                say!("{delivered} zugestellt", "{delivered} delivered"),
                format!("{} {}", text(entry, "code"), text(entry, "detail"))
                    .trim()
                    .to_owned(),
            ]
        })
        .collect();
    table(&rows)
}

/// The row, then everything there is to tell.
fn details(entry: &Value) -> Vec<String> {
    let mut lines = rows(std::slice::from_ref(entry));
    let fields = [
        "subscription",
        "by",
        "created",
        "ended",
        "only_missing",
        "rate_per_s",
        "url",
    ];
    let mut more: Vec<Vec<String>> = fields
        .iter()
        .filter(|name| entry.get(**name).is_some())
        .map(|name| vec![(*name).to_owned(), text(entry, name)])
        .collect();
    for range in entry
        .get("ranges")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let span = format!("{} – {}", text(range, "first"), text(range, "last"));
        more.push(vec![text(range, "log"), span]);
    }
    for (name, count) in entry
        .get("counts")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        more.push(vec![name.clone(), count.to_string()]);
    }
    lines.extend(table(&more));
    lines
}
