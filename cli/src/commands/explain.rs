//! `stadtbus explain`: what a code means, without network and without a bus.

use crate::catalogue::{self, PAGES, Page};
use crate::grammar::example;
use crate::say;
use crate::session::Session;
use crate::ui::shell::table;
use crate::ui::{Exit, Failure, Format, Outcome, Style, t};
use serde_json::{Value, json};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Einen Fehlercode erklären: Ursache, was tun, Beispiel", "Explain an error code: cause, what to do, example"),
    after_help = example(&["stadtbus explain SB-1203", "stadtbus explain"])
)]
pub(crate) struct Args {
    #[arg(value_name = "CODE", help = t("Der Code, zum Beispiel SB-1203; ohne ihn: alle", "The code, for instance SB-1203; without it: all"))]
    code: Option<String>,
}

/// Explains one code, or lists all.
pub(crate) fn run(args: &Args, session: &Session) -> Outcome {
    let shell = &session.shell;
    let Some(code) = &args.code else {
        let all: Vec<Value> = PAGES
            .iter()
            .map(|page| json!({"code": page.code, "title": page.title()}))
            .collect();
        shell.show(&json!(all), || {
            table(
                &PAGES
                    .iter()
                    .map(|page| vec![page.code.to_owned(), page.title().to_owned()])
                    .collect::<Vec<_>>(),
            )
        });
        return Ok(Exit::Done);
    };
    let page = catalogue::find(code).ok_or_else(|| unknown(code))?;
    if shell.format() == Format::Json {
        shell.show(&document(page), Vec::new);
        return Ok(Exit::Done);
    }
    for line in page.text().trim_end().lines() {
        let heading = line.strip_prefix("# ").or_else(|| line.strip_prefix("## "));
        match heading {
            Some(heading) => shell.line(&shell.paint(Style::Strong, heading)),
            None if line.starts_with("```") => {}
            None => shell.line(line),
        }
    }
    Ok(Exit::Done)
}

fn document(page: &Page) -> Value {
    json!({
        "code": page.code, "title": page.title(),
        "cause": page.section(0), "remedy": page.section(1), "example": page.section(2),
    })
}

fn unknown(code: &str) -> Failure {
    let message = say!(
        "Den Code `{}` gibt es nicht.",
        "There is no code `{}`.",
        code.escape_debug()
    );
    let similar = catalogue::similar(code);
    let failure = Failure::usage(message);
    match similar.first() {
        None => failure.hint("stadtbus explain"),
        Some(first) => similar
            .iter()
            .fold(failure, |failure, page| {
                failure.detail(say!(
                    "Meinten Sie: {} {}",
                    "did you mean: {} {}",
                    page.code,
                    page.title()
                ))
            })
            .hint(format!("stadtbus explain {}", first.code)),
    }
}
