//! `stadtbus token`: the bus's own issuer, for systems that have no other.

use crate::duration;
use crate::grammar::example;
use crate::issuer::{self, Wanted};
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Outcome, t};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Token ausstellen und Schlüssel erzeugen", "Issue tokens and make keys"),
    after_help = example(&["stadtbus token key --out issuer.pem"]),
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
        about = t("Ein Token ausstellen", "Issue a token"),
        after_help = example(&["stadtbus token issue --key issuer.pem --partner ngn --system leitwarte --scope publish --ttl 1h"])
    )]
    Issue(IssueArgs),
    #[command(
        about = t("Einen Schlüssel für den Aussteller erzeugen (Ed25519)", "Make a key for the issuer (Ed25519)"),
        after_help = example(&["stadtbus token key --out issuer.pem"])
    )]
    Key {
        #[arg(long, value_name = t("DATEI", "FILE"), help = t("Neue Datei; eine vorhandene wird nie überschrieben", "New file; an existing one is never overwritten"))]
        out: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct IssueArgs {
    #[arg(long, value_name = "PARTNER", help = t("Für welchen Partner", "For which partner"))]
    partner: String,
    #[arg(long, value_name = "SYSTEM", help = t("Für welches seiner Systeme", "For which of its systems"))]
    system: String,
    #[arg(
        long, value_name = "SCOPE", value_parser = scope,
        help = t("publish, subscribe, operate; mehrere durch Leerzeichen", "publish, subscribe, operate; several separated by spaces")
    )]
    scope: String,
    #[arg(long, value_name = t("DAUER", "TIME"), default_value = "1h", value_parser = duration::parse, help = t("Gültigkeit (Vorgabe 1h)", "Lifetime (default 1h)"))]
    ttl: Duration,
}

/// Runs one of the verbs.
pub(crate) fn run(args: Args, session: &Session) -> Outcome {
    let shell = &session.shell;
    match args.verb {
        Verb::Issue(args) => {
            let key = session.key()?;
            let wanted = Wanted {
                partner: &args.partner,
                system: &args.system,
                scope: &args.scope,
                ttl: args.ttl,
            };
            let token = issuer::issue(key, session.names(), &wanted)?;
            shell.show(
                &json!({"token": token, "expires_in_s": args.ttl.as_secs()}),
                || vec![token],
            );
        }
        Verb::Key { out } => {
            issuer::make_key(&out)?;
            let path = out.display().to_string();
            shell.show(&json!({"key_file": path}), || vec![path.clone()]);
            shell.notice(&say!(
                "Wer {path} lesen kann, kann für jeden Partner sprechen. Nur das Dienstkonto darf das.",
                "Whoever can read {path} can speak for every partner. Only the service account may."
            ));
        }
    }
    Ok(Exit::Done)
}

fn scope(text: &str) -> Result<String, String> {
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let known = ["publish", "subscribe", "operate"];
    if words.is_empty() || words.iter().any(|word| !known.contains(word)) {
        return Err(say!("möglich sind {}", "possible are {}", known.join(", ")));
    }
    Ok(words.join(" "))
}
