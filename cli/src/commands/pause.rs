//! `stadtbus pause` and `stadtbus resume`: stop deliveries of one subscription for a while.

use crate::client::segment;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Outcome, t};

/// The arguments of `pause`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein Abonnement anhalten; nichts geht verloren", "Pause a subscription; nothing is lost"),
    after_help = example(&["stadtbus pause fb37-stromausfall"])
)]
pub(crate) struct PauseArgs {
    #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
    subscription: String,
}

/// The arguments of `resume`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Ein angehaltenes Abonnement fortsetzen", "Resume a paused subscription"),
    after_help = example(&["stadtbus resume fb37-stromausfall"])
)]
pub(crate) struct ResumeArgs {
    #[arg(value_name = "ID", help = t("Das Abonnement", "The subscription"))]
    subscription: String,
}

/// Pauses.
pub(crate) fn pause(args: &PauseArgs, session: &Session) -> Outcome {
    let id = &args.subscription;
    change(
        session,
        id,
        "pause",
        say!("{id} ist angehalten.", "{id} is paused."),
    )
}

/// Resumes.
pub(crate) fn resume(args: &ResumeArgs, session: &Session) -> Outcome {
    let id = &args.subscription;
    change(
        session,
        id,
        "resume",
        say!("{id} läuft wieder.", "{id} is running again."),
    )
}

fn change(session: &Session, id: &str, verb: &str, done: String) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let path = format!("/v1/subscriptions/{}/{verb}", segment(id));
        let answer = client.post(&path, &serde_json::json!({})).await?;
        session.shell.show(&answer, || vec![done]);
        Ok(Exit::Done)
    })
}
