//! `stadtbus apply`: brings a bus to the state of a city folder. First the plan, then the question, then all
//! of it at once or nothing.

use crate::city;
use crate::commands::send::text;
use crate::findings;
use crate::grammar::example;
use crate::say;
use crate::session::{Scope, Session, wait};
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Einen Stadtordner einspielen: erst der Plan, dann die Änderung", "Apply a city folder: first the plan, then the change"),
    after_help = example(&["stadtbus apply deploy/cities/krefeld --dry-run", "stadtbus apply deploy/cities/krefeld --yes"])
)]
pub(crate) struct Args {
    #[arg(value_name = t("ORDNER", "FOLDER"), help = t("Der Ordner mit city.yaml", "The folder with city.yaml"))]
    folder: PathBuf,
    #[arg(long, help = t("Nur den Plan zeigen", "Only show the plan"))]
    dry_run: bool,
}

/// Plans, asks, applies.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let shell = &session.shell;
    let folder = city::load(shell, &args.folder)?;
    // The bus would say the same, but one thing at a time and without the file.
    let refused = city::configurations(&args.folder)?;
    if !refused.is_empty() {
        return Err(findings::failure(shell, &args.folder, &refused));
    }
    let client = session.client(Scope::Operate)?;
    wait(async {
        let plan = folder.plan(&client).await?;
        orders(shell, &plan.answer, args.dry_run)?;
        approvals(shell, &plan.answer);
        if plan.changes.is_empty() {
            shell.show(&plan.answer, || {
                vec![t("Alles ist schon so.", "Everything is so already.").to_owned()]
            });
            return Ok(Exit::Done);
        }
        if args.dry_run {
            shell.show(&plan.answer, || lines(shell, &plan.changes));
            return Ok(Exit::Done);
        }
        for line in lines(shell, &plan.changes) {
            shell.notice(&line);
        }
        let count = plan.changes.len();
        let question = say!(
            "{count} Änderungen an {} in {} vornehmen?",
            "Make {count} changes to {} at {}?",
            folder.city.title,
            client.server()
        );
        shell.agree(
            &question,
            format!("stadtbus apply {} --yes", args.folder.display()),
        )?;
        let answer = folder.apply(&client, &plan).await?;
        let digest = text(&answer, "applied");
        let head = shell.paint(Style::Good, t("eingespielt", "applied"));
        shell.show(&json!({"applied": digest, "changes": plan.changes}), || {
            vec![format!("{head}  {digest}")]
        });
        Ok(Exit::Done)
    })
}

/// Says which subscriptions ordered over the API stay. One that the folder makes impossible stops the change; a plan only
/// names it.
fn orders(shell: &Shell, answer: &Value, only_planned: bool) -> Result<(), Failure> {
    let orders = answer.get("orders").unwrap_or(&Value::Null);
    let kept = orders.get("kept").and_then(Value::as_u64).unwrap_or(0);
    if kept > 0 {
        shell.notice(&say!(
            "{kept} über die API bestellte Abonnements bleiben.",
            "{kept} subscriptions ordered over the API stay."
        ));
    }
    let impossible = orders.get("impossible").and_then(Value::as_array);
    let lines: Vec<String> = impossible
        .into_iter()
        .flatten()
        .map(|one| {
            let (id, code, detail) = (text(one, "subscription"), text(one, "code"), text(one, "detail"));
            format!("! {id}  {code} {detail}")
        })
        .collect();
    let Some(first) = impossible.and_then(|list| list.first()) else {
        return Ok(());
    };
    if only_planned {
        lines.iter().for_each(|line| shell.notice(line));
        return Ok(());
    }
    let message = t(
        "Der Ordner macht bestellte Abonnements unmöglich; nichts wurde geändert.",
        "The folder makes ordered subscriptions impossible; nothing was changed.",
    );
    let failure = lines
        .into_iter()
        .fold(Failure::new("SB-5016", Exit::Refused, message), Failure::detail);
    Err(failure.hint(format!(
        "stadtbus subscription delete {}",
        text(first, "subscription")
    )))
}

/// Names what a second person has to approve before the plan can be carried out.
fn approvals(shell: &Shell, answer: &Value) {
    let lacking = answer.get("lacking").and_then(Value::as_array);
    for one in lacking.into_iter().flatten() {
        let missing = one.get("missing").and_then(Value::as_array);
        let missing: Vec<&str> = missing.into_iter().flatten().filter_map(Value::as_str).collect();
        shell.notice(&say!(
            "! {} möchte mehr, als gewährt ist: {}. Eine zweite Person muss das freigeben (stadtbus plugin approve).",
            "! {} asks for more than is granted: {}. A second person has to approve that (stadtbus plugin approve).",
            text(one, "plugin"),
            missing.join(", ")
        ));
    }
}

/// `+` added, `~` changed, `-` removed.
fn lines(shell: &Shell, changes: &[Value]) -> Vec<String> {
    let kinds: Vec<String> = changes
        .iter()
        .map(|change| text(change, "kind").to_lowercase())
        .collect();
    let rows: Vec<Vec<String>> = changes
        .iter()
        .zip(&kinds)
        .map(|(change, kind)| {
            let sign = match kind.as_str() {
                "added" => "+",
                "removed" => "-",
                _ => "~",
            };
            vec![
                sign.to_owned(),
                text(change, "what"),
                text(change, "id"),
                text(change, "summary"),
            ]
        })
        .collect();
    let styled = table(&rows).into_iter().zip(&kinds).map(|(line, kind)| {
        let style = match kind.as_str() {
            "added" => Style::Good,
            "removed" => Style::Bad,
            _ => Style::Warn,
        };
        shell.paint(style, &line)
    });
    styled.collect()
}
