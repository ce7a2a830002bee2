//! `stadtbus plugin grants` and `approve`: what plugins may use, and the second person who says so.

use crate::client::{Client, segment};
use crate::commands::send::text;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use serde_json::{Value, json};

/// The arguments of `grants`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Zeigen, was Plugins dürfen und was sie mehr möchten", "Show what plugins may use and what more they ask for"),
    after_help = example(&["stadtbus plugin grants", "stadtbus plugin grants ngn/outage-redact"])
)]
pub(super) struct ListArgs {
    #[arg(value_name = "PARTNER/NAME", help = t("Nur dieses Plugin", "Only this plugin"))]
    plugin: Option<String>,
}

/// The arguments of `approve`.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Als zweite Person freigeben, was ein Plugin möchte", "Approve as the second person what a plugin asks for"),
    after_help = example(&["stadtbus plugin approve ngn/outage-redact"])
)]
pub(super) struct ApproveArgs {
    #[arg(value_name = "PARTNER/NAME", help = t("Welches Plugin", "Which plugin"))]
    plugin: String,
}

/// Shows.
pub(super) fn list(args: &ListArgs, session: &Session) -> Outcome {
    let client = session.client(Scope::Operate)?;
    wait(async {
        let mut all = standings(&client).await?;
        if let Some(wanted) = &args.plugin {
            all.retain(|one| text(one, "plugin") == *wanted);
        }
        let shell = &session.shell;
        shell.show(&json!({"plugins": all}), || {
            if all.is_empty() {
                return vec![t("Keine Plugins.", "No plugins.").to_owned()];
            }
            all.iter().flat_map(|one| lines(shell, one)).collect()
        });
        Ok(Exit::Done)
    })
}

/// Shows the difference, asks, approves.
pub(super) fn approve(args: &ApproveArgs, session: &Session) -> Outcome {
    let name = &args.plugin;
    let (partner, plugin) = name.split_once('/').ok_or_else(|| {
        let message = say!(
            "`{name}` ist nicht PARTNER/NAME.",
            "`{name}` is not PARTNER/NAME."
        );
        Failure::usage(message).hint("stadtbus plugin grants")
    })?;
    let client = session.client(Scope::Operate)?;
    let shell = &session.shell;
    wait(async {
        let all = standings(&client).await?;
        let found = all.iter().find(|one| text(one, "plugin") == *name);
        let request = found.and_then(|one| one.get("request"));
        let (Some(standing), Some(request)) = (found, request) else {
            let message = say!(
                "{name} wartet auf keine Freigabe.",
                "{name} waits for nobody's approval."
            );
            return Err(Failure::new("SB-4024", Exit::Refused, message).hint("stadtbus plugin grants"));
        };
        for line in lines(shell, standing) {
            shell.notice(&line);
        }
        shell.agree(
            &say!("{name} das gewähren?", "Grant this to {name}?"),
            format!("stadtbus plugin approve {name} --yes"),
        )?;
        let path = format!(
            "/v1/plugin-grants/{}/{}/approve",
            segment(partner),
            segment(plugin)
        );
        let body = json!({"digest": request.get("digest"), "grants": request.get("grants")});
        let answer = client.post(&path, &body).await?;
        let head = shell.paint(Style::Good, t("freigegeben", "approved"));
        shell.show(&answer, || {
            let asked_by = text(request, "asked_by");
            vec![
                format!("{head}  {name}@{}", text(request, "version")),
                say!(
                    "  {asked_by} kann die Änderung jetzt noch einmal vornehmen.",
                    "  {asked_by} can now make the change again."
                ),
            ]
        });
        Ok(Exit::Done)
    })
}

async fn standings(client: &Client) -> Result<Vec<Value>, Failure> {
    let answer = client.get("/v1/plugin-grants").await?;
    let list = answer.get("plugins").and_then(Value::as_array).cloned();
    list.ok_or_else(|| client.not_understood("plugins"))
}

/// What a plugin may use (`=`), asks for besides (`+`), and has no longer any use for (`-`).
fn lines(shell: &Shell, standing: &Value) -> Vec<String> {
    let version = standing.pointer("/in_force/version").and_then(Value::as_str);
    let head = match version {
        Some(version) => say!(
            "{}  in Kraft: {version}",
            "{}  in force: {version}",
            text(standing, "plugin")
        ),
        None => say!(
            "{}  noch nicht in Kraft",
            "{}  not in force yet",
            text(standing, "plugin")
        ),
    };
    let mut lines = vec![shell.paint(Style::Strong, &head)];
    let granted = entries(standing, "/granted");
    let used = names(standing, "/in_force/grants");
    let asked = names(standing, "/request/grants");
    let missing = names(standing, "/missing");
    let waits = standing.get("request").is_some();
    for grant in &granted {
        let name = text(grant, "grant");
        let idle = waits && !asked.contains(&name);
        let line = say!(
            "  {} {name}  (freigegeben von {} am {}, vorgelegt von {})",
            "  {} {name}  (approved by {} on {}, put forward by {})",
            if idle { '-' } else { '=' },
            text(grant, "approved_by"),
            text(grant, "approved_at"),
            text(grant, "asked_by")
        );
        lines.push(shell.paint(if idle { Style::Dim } else { Style::Good }, &line));
    }
    let approved = |name: &String| granted.iter().any(|grant| text(grant, "grant") == *name);
    for name in used.iter().filter(|name| !approved(name)) {
        let sign = if waits && !asked.contains(name) { '-' } else { '=' };
        lines.push(say!(
            "  {sign} {name}  (in Gebrauch)",
            "  {sign} {name}  (in use)"
        ));
    }
    for name in &missing {
        let line = say!(
            "  + {name}  (möchte {}, vorgelegt von {}; jemand anderes muss es freigeben)",
            "  + {name}  (asked for by {}, put forward by {}; somebody else has to approve it)",
            standing
                .pointer("/request/version")
                .and_then(Value::as_str)
                .unwrap_or_default(),
            standing
                .pointer("/request/asked_by")
                .and_then(Value::as_str)
                .unwrap_or_default()
        );
        lines.push(shell.paint(Style::Warn, &line));
    }
    lines
}

fn entries(value: &Value, pointer: &str) -> Vec<Value> {
    let found = value.pointer(pointer).and_then(Value::as_array);
    found.cloned().unwrap_or_default()
}

fn names(value: &Value, pointer: &str) -> Vec<String> {
    let all = entries(value, pointer);
    all.iter()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}
