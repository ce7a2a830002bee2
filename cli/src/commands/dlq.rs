//! `stadtbus dlq`: dead letters, the deliveries the bus has given up on. Nothing in them is lost: each keeps
//! its payload, reason and attempts until it is delivered again.

use crate::client::{Client, query};
use crate::commands::send::{read, text};
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Failure, Outcome, Style, t};
use serde_json::{Value, json, value::RawValue};

mod shown;

use shown::{array, details, reason_rows, rows};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zurückgestellte Ereignisse (dead letters)", "Dead letters"),
    after_help = example(&["stadtbus dlq list"]),
    arg_required_else_help = true,
    subcommand_value_name = t("BEFEHL", "COMMAND")
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// Which letters, besides those that are named.
#[derive(Debug, Default, clap::Args)]
struct Which {
    #[arg(long, value_name = "ID", help = t("Nur dieses Abonnement", "Only this subscription"))]
    subscription: Option<String>,
    #[arg(long, value_name = "PARTNER", help = t("Nur Abonnements dieses Partners", "Only this partner's subscriptions"))]
    partner: Option<String>,
    #[arg(long, value_name = "SB-NNNN", help = t("Nur dieser Grund", "Only this reason"))]
    code: Option<String>,
    #[arg(long = "type", value_name = "TYPE", help = t("Nur Ereignisse dieses Typs", "Only events of this type"))]
    ty: Option<String>,
    #[arg(long, value_name = "TIME", help = t("Nur ab dieser Zeit (RFC 3339)", "Only from this time on (RFC 3339)"))]
    from: Option<String>,
    #[arg(long, value_name = "TIME", help = t("Nur vor dieser Zeit (RFC 3339)", "Only before this time (RFC 3339)"))]
    to: Option<String>,
}

impl Which {
    fn named(&self) -> [(&'static str, Option<String>); 6] {
        [
            ("subscription", self.subscription.clone()),
            ("partner", self.partner.clone()),
            ("code", self.code.clone()),
            ("type", self.ty.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
        ]
    }

    /// The body that means these letters and those.
    fn body(&self, positions: &[u64], dry_run: bool) -> Value {
        let mut body = json!({"positions": positions, "dry_run": dry_run});
        if let Some(members) = body.as_object_mut() {
            let said = self
                .named()
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            members.extend(said.map(|(name, value)| (name.to_owned(), json!(value))));
        }
        body
    }

    /// Nothing meant is not everything meant.
    fn require(&self, positions: &[u64]) -> Result<(), Failure> {
        if positions.is_empty() && self.named().iter().all(|(_, value)| value.is_none()) {
            return Err(Failure::usage(t(
                "Welche? Nummern aus der Liste nennen, oder wodurch sie sich auszeichnen.",
                "Which ones? Name numbers from the list, or what they have in common.",
            ))
            .hint("stadtbus dlq retry --subscription fb37-stromausfall --dry-run"));
        }
        Ok(())
    }
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    #[command(
        about = t("Auflisten, mit Grund", "List, with reason"),
        after_help = example(&["stadtbus dlq list --subscription fb37-stromausfall"])
    )]
    List {
        #[command(flatten)]
        which: Which,
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..=1_000), help = t("Höchstens so viele (Vorgabe 100)", "At most this many (default 100)"))]
        limit: u32,
    },
    #[command(
        about = t("Nach Grund zählen", "Count by reason"),
        after_help = example(&["stadtbus dlq reasons --partner fb37"])
    )]
    Reasons {
        #[command(flatten)]
        which: Which,
    },
    #[command(
        about = t("Eines zeigen, mit Versuchen, Antworten und Inhalt", "Show one, with attempts, answers and payload"),
        after_help = example(&["stadtbus dlq show 17"])
    )]
    Show {
        #[arg(value_name = "POSITION", help = t("Die Nummer aus der Liste", "The number from the list"))]
        position: u64,
    },
    #[command(
        about = t("Den Inhalt von einem ersetzen", "Replace the payload of one"),
        after_help = example(&["stadtbus dlq edit 17 daten.json --reason Einheitenfehler"])
    )]
    Edit {
        #[arg(value_name = "POSITION", help = t("Die Nummer aus der Liste", "The number from the list"))]
        position: u64,
        #[arg(value_name = "FILE", help = t("Datei mit den neuen Daten (JSON), - für die Standardeingabe", "File with the new data (JSON), - for standard input"))]
        file: String,
        #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, help = t("Warum; ohne Personenbezug", "Why; without personal data"))]
        reason: String,
    },
    #[command(
        about = t("Erneut zustellen", "Deliver again"),
        after_help = example(&["stadtbus dlq retry 17 18", "stadtbus dlq retry --subscription fb37-stromausfall --dry-run"])
    )]
    Retry {
        #[arg(value_name = "POSITION", help = t("Die Nummern aus der Liste", "The numbers from the list"))]
        positions: Vec<u64>,
        #[command(flatten)]
        which: Which,
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000), help = t("Höchstens so viele in der Sekunde", "At most this many a second"))]
        rate: Option<u32>,
        #[arg(long, help = t("Nur zeigen, was geschähe", "Only show what would happen"))]
        dry_run: bool,
    },
    #[command(
        about = t("Verwerfen: nicht mehr zustellen", "Throw away: not to be delivered any more"),
        after_help = example(&["stadtbus dlq delete 17", "stadtbus dlq delete --code SB-3001 --dry-run"])
    )]
    Delete {
        #[arg(value_name = "POSITION", help = t("Die Nummern aus der Liste", "The numbers from the list"))]
        positions: Vec<u64>,
        #[command(flatten)]
        which: Which,
        #[arg(long, help = t("Nur zeigen, was geschähe", "Only show what would happen"))]
        dry_run: bool,
    },
}

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        match args.verb {
            Verb::List { which, limit } => list(&client, session, &which, limit).await,
            Verb::Reasons { which } => reasons(&client, session, &which).await,
            Verb::Show { position } => {
                let answer = client.get(&format!("/v1/dead-letters/{position}")).await?;
                session.shell.show(&answer, || details(&answer));
                Ok(Exit::Done)
            }
            Verb::Edit {
                position,
                file,
                reason,
            } => edit(&client, session, position, &file, &reason).await,
            Verb::Retry {
                positions,
                which,
                rate,
                dry_run,
            } => {
                which.require(&positions)?;
                let change = Change {
                    path: "/v1/dead-letters/retry",
                    counted: "retried",
                    rate,
                    which,
                    positions,
                };
                change.run(&client, session, dry_run).await
            }
            Verb::Delete {
                positions,
                which,
                dry_run,
            } => {
                which.require(&positions)?;
                let change = Change {
                    path: "/v1/dead-letters/delete",
                    counted: "removed",
                    rate: None,
                    which,
                    positions,
                };
                change.run(&client, session, dry_run).await
            }
        }
    })
}

async fn list(client: &Client, session: &Session, which: &Which, limit: u32) -> Outcome {
    let mut parts = which.named().to_vec();
    parts.push(("limit", Some(limit.to_string())));
    let answer = client.get(&format!("/v1/dead-letters{}", query(&parts))).await?;
    let list = array(&answer, "dead_letters").ok_or_else(|| client.not_understood("dead_letters"))?;
    session.shell.show(&answer, || rows(list));
    let matching = answer.get("matching").and_then(Value::as_u64).unwrap_or_default();
    if list.is_empty() {
        session
            .shell
            .notice(t("Nichts ist zurückgestellt.", "There are no dead letters."));
    } else if matching > list.len() as u64 {
        let shown = list.len();
        session.shell.notice(&say!(
            "{shown} von {matching} gezeigt.",
            "{shown} of {matching} shown."
        ));
    }
    Ok(Exit::Done)
}

async fn reasons(client: &Client, session: &Session, which: &Which) -> Outcome {
    let path = format!("/v1/dead-letters/reasons{}", query(&which.named()));
    let answer = client.get(&path).await?;
    let list = array(&answer, "reasons").ok_or_else(|| client.not_understood("reasons"))?;
    session.shell.show(&answer, || reason_rows(list));
    if list.is_empty() {
        session
            .shell
            .notice(t("Nichts ist zurückgestellt.", "There are no dead letters."));
    }
    Ok(Exit::Done)
}

/// The body that puts the data of a file into an event.
pub(super) fn edit_order(file: &str, reason: &str) -> Result<String, Failure> {
    let bytes = read(file)?;
    // The data goes on as it is written: its numbers are not this program's to spell.
    let data: Box<RawValue> = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::usage(say!("{file}: kein JSON: {error}", "{file}: not JSON: {error}")))?;
    Ok(format!(
        "{{\"data\":{},\"reason\":{}}}",
        data.get(),
        json!(reason)
    ))
}

async fn edit(client: &Client, session: &Session, position: u64, file: &str, reason: &str) -> Outcome {
    let answer = client
        .post_raw(
            &format!("/v1/dead-letters/{position}/edit"),
            edit_order(file, reason)?,
        )
        .await?;
    let head = session.shell.paint(Style::Good, t("ersetzt", "replaced"));
    session.shell.show(&answer, || {
        vec![format!("{head}  {}", text(&answer, "dead_letter"))]
    });
    Ok(Exit::Done)
}

/// A change of many letters: counted first, then agreed to, then made.
struct Change {
    path: &'static str,
    counted: &'static str,
    rate: Option<u32>,
    which: Which,
    positions: Vec<u64>,
}

impl Change {
    fn body(&self, dry_run: bool) -> Value {
        let mut body = self.which.body(&self.positions, dry_run);
        if let (Some(rate), Some(members)) = (self.rate, body.as_object_mut()) {
            members.insert("rate_per_s".to_owned(), json!(rate));
        }
        body
    }

    fn throws_away(&self) -> bool {
        self.counted == "removed"
    }

    async fn run(&self, client: &Client, session: &Session, dry_run: bool) -> Outcome {
        let would = client.post(self.path, &self.body(true)).await?;
        let count = would
            .get(self.counted)
            .and_then(Value::as_u64)
            .ok_or_else(|| client.not_understood(self.counted))?;
        if dry_run {
            session.shell.show(&would, || vec![self.would(count, &would)]);
            return Ok(Exit::Done);
        }
        agree(session, count, self)?;
        let answer = client.post(self.path, &self.body(false)).await?;
        let done = if self.throws_away() {
            t("verworfen", "thrown away")
        } else {
            t("erneut eingereiht", "queued again")
        };
        let head = session.shell.paint(Style::Good, done);
        session.shell.show(&answer, || {
            vec![format!("{head}  {}", text(&answer, self.counted))]
        });
        Ok(Exit::Done)
    }

    fn would(&self, count: u64, would: &Value) -> String {
        let matching = text(would, "matching");
        if self.throws_away() {
            return say!(
                "{count} von {matching} würden verworfen",
                "{count} of {matching} would be thrown away"
            );
        }
        let refused = would.get("refused").and_then(Value::as_u64).unwrap_or_default();
        let line = say!(
            "{count} von {matching} würden erneut zugestellt",
            "{count} of {matching} would be delivered again"
        );
        if refused == 0 {
            return line;
        }
        let why = say!(
            "{refused} nicht: Abonnement fort oder Nutzungsvereinbarung abgelaufen",
            "{refused} not: subscription gone, or usage agreement over"
        );
        format!("{line} ({why})")
    }
}

/// More than one delivery is repeated, and anything thrown away, only after a question that names the count.
fn agree(session: &Session, count: u64, change: &Change) -> Result<(), Failure> {
    if count == 0 || (count == 1 && !change.throws_away()) {
        return Ok(());
    }
    let whom = change
        .which
        .subscription
        .as_ref()
        .map(|id| say!(" an {id}", " to {id}"))
        .unwrap_or_default();
    let (question, hint) = if change.throws_away() {
        let question = say!("{count} Ereignisse verwerfen?", "Throw {count} events away?");
        (question, "stadtbus dlq delete --yes …")
    } else {
        let question = say!(
            "{count} Ereignisse{whom} erneut zustellen?",
            "Deliver {count} events{whom} again?"
        );
        (question, "stadtbus dlq retry --yes …")
    };
    session.shell.agree(&question, hint)
}
