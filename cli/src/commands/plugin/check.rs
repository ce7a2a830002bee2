//! `stadtbus plugin check`: what a bus would say to a component, without a bus.

use super::claims::{Claim, claims};
use super::costs::{compile_ms_max, component_bytes_max};
use super::{Target, component, host_failure, manifest};
use crate::duration::millis;
use crate::grammar::example;
use crate::plugin_test::{decimal, repeat, sandbox};
use crate::say;
use crate::session::Session;
use crate::ui::{Exit, Failure, Outcome, Shell, Style, t};
use serde_json::json;
use stadtbus_plugin_host::{Manifest, Report};

/// The arguments.
#[derive(Debug, clap::Args)]
#[command(
    about = t("Manifest und Komponente prüfen: Importe, Wünsche, Größe, Bauform, Übersetzen, Wiederholbarkeit", "Check manifest and component: imports, what it asks for, size, shape, compiling, repeatability"),
    after_help = example(&["stadtbus plugin check plugins/krefeld/outage-redact"])
)]
pub(super) struct Args {
    #[command(flatten)]
    target: Target,
}

/// Checks.
pub(super) fn run(args: &Args, session: &Session) -> Outcome {
    let folder = &args.target.folder;
    let (manifest, _) = manifest(folder)?;
    let component = component(folder, &manifest.plugin)?;
    let report = stadtbus_plugin_host::check(&component, &manifest).map_err(|error| host_failure(&error))?;
    // Compiled anew: how long that takes is one of the questions.
    let (plugin, compile) =
        sandbox::deploy_anew(&manifest, &component, 1).map_err(|error| host_failure(&error))?;
    let repeated = repeat(folder, &plugin)?;
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
    let checked = Checked {
        claims: claims(&manifest, &report.imports),
        compile_ms: millis(compile),
        manifest,
        report,
        inputs: repeated.inputs,
    };
    let document = json!({
        "plugin": checked.manifest.name(), "version": checked.manifest.version, "report": checked.report,
        "component_bytes_max": component_bytes_max(&checked.manifest),
        "compile_ms": checked.compile_ms, "compile_ms_max": compile_ms_max(&checked.manifest),
        "grants": checked.claims, "repeated": repeated,
    });
    session.shell.show(&document, || checked.lines(&session.shell));
    Ok(Exit::Done)
}

/// A component that is in order.
struct Checked {
    manifest: Manifest,
    report: Report,
    claims: Vec<Claim>,
    compile_ms: u64,
    inputs: usize,
}

impl Checked {
    fn lines(&self, shell: &Shell) -> Vec<String> {
        let (manifest, report) = (&self.manifest, &self.report);
        let row = |name: &str, value: String| format!("  {name:<12} {value}");
        let head = shell.paint(Style::Good, t("in Ordnung", "in order"));
        let mut lines = vec![
            format!("{head}  {}@{}", manifest.name(), manifest.version),
            row(
                t("Rolle", "role"),
                format!("{} · {}", manifest.role.as_str(), report.exports.join(", ")),
            ),
            row(t("Importe", "imports"), report.imports.join(", ")),
        ];
        let mut name = t("Wünsche", "asks for");
        for claim in &self.claims {
            let line = sentence(claim);
            let style = if claim.fits { Style::Dim } else { Style::Warn };
            lines.push(row(name, shell.paint(style, &line)));
            name = "";
        }
        lines.extend([
            row(t("Größe", "size"), self.size()),
            row(t("Übersetzen", "compiling"), self.compiling()),
            row(t("Antworten", "answers"), answers(self.inputs)),
            row("sha256", report.digest.clone()),
        ]);
        lines
    }

    fn size(&self) -> String {
        let counts = &self.report.counts;
        let kib = self.report.component_bytes.div_ceil(1024);
        let kib_max = component_bytes_max(&self.manifest) / 1024;
        let (memory_kib, functions) = (counts.memory_bytes.div_ceil(1024), counts.functions);
        let memory_kib_max = self.manifest.limits.memory_mib << 10;
        say!(
            "{kib} von {kib_max} KiB · {functions} Funktionen · Speicher beim Start {memory_kib} von {memory_kib_max} KiB",
            "{kib} of {kib_max} KiB · {functions} functions · memory at start {memory_kib} of {memory_kib_max} KiB"
        )
    }

    fn compiling(&self) -> String {
        let took = decimal(self.compile_ms, 1_000);
        let max = compile_ms_max(&self.manifest) / 1_000;
        say!("{took} von {max} s", "{took} of {max} s")
    }
}

/// What a grant is for, or why it is not.
fn sentence(claim: &Claim) -> String {
    match (&claim.grant, &claim.import) {
        (Some(grant), Some(import)) => format!("{grant} · {import}"),
        (Some(grant), None) if claim.fits => grant.clone(),
        (Some(grant), None) if grant == "log" => say!(
            "{grant} · benutzt die Komponente nicht: `log: false` in plugin.yaml erspart die Freigabe",
            "{grant} · the component does not use it: `log: false` in plugin.yaml saves the approval"
        ),
        (Some(grant), None) => say!(
            "{grant} · benutzt die Komponente nicht",
            "{grant} · the component does not use it"
        ),
        (None, import) => say!(
            "{} · ohne `tables` in plugin.yaml findet sie dort nichts",
            "{} · without `tables` in plugin.yaml it finds nothing there",
            import.as_deref().unwrap_or_default()
        ),
    }
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
