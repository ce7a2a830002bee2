//! `stadtbus plugin check`: what a bus would say to a component, without a bus.

use super::{Target, component, host_failure, manifest};
use crate::grammar::example;
use crate::plugin_test::repeat;
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, Style, t};
use serde_json::json;

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Manifest und Komponente prüfen: Importe, Größe, Bauform, Wiederholbarkeit", "Check manifest and component: imports, size, shape, repeatability"),
    after_help = example(&["stadtbus plugin check plugins/krefeld/outage-redact"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
}

/// Checks.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let (manifest, _) = manifest(&args.target.folder)?;
    let component = component(&args.target.folder, &manifest.plugin)?;
    let report = stadtbus_plugin_host::check(&component, &manifest).map_err(|error| host_failure(&error))?;
    let repeated = repeat(&args.target.folder, &manifest, &component)?;
    if let Some(case) = repeated.different.first() {
        let message = say!(
            "{} antwortet auf dieselbe Eingabe verschieden.",
            "{} answers the same input in different ways.",
            manifest.name()
        );
        let count = repeated.different.len();
        return Err(Failure::new("SB-4011", Exit::Failed, message).detail(say!(
            "Von {} Eingaben {count}; die erste: {case}",
            "Of {} inputs {count}; the first: {case}",
            repeated.inputs
        )));
    }
    let shell = &session.shell;
    shell.show(
        &json!({"plugin": manifest.name(), "version": manifest.version, "report": report, "repeated": repeated}),
        || {
            let row = |name: &str, value: String| format!("  {name:<12} {value}");
            let kib = report.component_bytes.div_ceil(1024);
            let (memory_kib, functions) =
                (report.counts.memory_bytes.div_ceil(1024), report.counts.functions);
            vec![
                format!(
                    "{}  {}@{}",
                    shell.paint(Style::Good, t("in Ordnung", "in order")),
                    manifest.name(),
                    manifest.version
                ),
                row(
                    t("Rolle", "role"),
                    format!("{} · {}", manifest.role.as_str(), report.exports.join(", ")),
                ),
                row(t("Importe", "imports"), report.imports.join(", ")),
                row(
                    t("Größe", "size"),
                    say!(
                        "{kib} KiB · {functions} Funktionen · Speicher beim Start {memory_kib} KiB",
                        "{kib} KiB · {functions} functions · memory at start {memory_kib} KiB"
                    ),
                ),
                row(t("Antworten", "answers"), answers(repeated.inputs)),
                row("sha256", report.digest.clone()),
            ]
        },
    );
    Ok(Exit::Done)
}

fn answers(inputs: usize) -> String {
    match inputs {
        0 => t(
            "nicht wiederholt, es gibt keine *_test.yaml",
            "not repeated, there is no *_test.yaml",
        )
        .to_owned(),
        _ => say!(
            "{inputs} Eingaben, je zweimal in frischen Instanzen: dieselben",
            "{inputs} inputs, each twice in fresh instances: the same"
        ),
    }
}
