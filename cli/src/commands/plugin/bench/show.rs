//! What was measured, for programs and for people.

use crate::commands::plugin::costs::{compile_ms_max, component_bytes_max};
use crate::duration::millis;
use crate::plugin_test::{decimal, kib, mib};
use crate::say;
use crate::ui::shell::table;
use crate::ui::{Shell, Style, t};
use serde_json::{Value, json};
use stadtbus_plugin_host::Instances;

use super::measure::{Round, Version};
use super::times::Times;

/// Everything; with two versions also the ratio of the first to the second.
pub(super) fn document(versions: &[Version], seconds: u64) -> Value {
    let all: Vec<Value> = versions.iter().map(one).collect();
    json!({"seconds": seconds, "versions": all, "ratio": ratio(versions)})
}

fn one(version: &Version) -> Value {
    let (manifest, report) = (&version.manifest, &version.report);
    let limits = &manifest.limits;
    let rounds = version.rounds.iter().map(|round| {
        json!({
            "threads": round.threads, "events": round.times.len(), "failed": round.failed,
            "per_second": rounded(round.per_second()), "micros": percentiles(&round.times),
        })
    });
    json!({
        "from": version.from, "plugin": manifest.name(), "version": manifest.version, "digest": report.digest,
        "instances": manifest.instances, "inputs": version.samples.inputs.len(), "left_out": version.samples.left_out,
        "component_bytes": report.component_bytes, "component_bytes_max": component_bytes_max(manifest),
        "compile_ms": millis(version.compile), "compile_ms_max": compile_ms_max(manifest),
        "start_micros": percentiles(&version.starts),
        "runs": rounds.collect::<Vec<_>>(),
        "memory_bytes": version.most(|round| round.memory_bytes), "memory_bytes_max": limits.memory_mib << 20,
        "output_bytes": version.most(|round| round.output_bytes), "output_bytes_max": limits.output_bytes_max,
    })
}

fn percentiles(times: &Times) -> Value {
    let [p50, p90, p99] = [50, 90, 99].map(|per_cent| rounded(times.micros(per_cent)));
    json!({"p50": p50, "p90": p90, "p99": p99})
}

/// Two decimal places: no clock tells more.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Each measure of the first version divided by that of the second.
fn ratio(versions: &[Version]) -> Option<Value> {
    let [one, other] = versions else { return None };
    let size = divided(
        one.report.component_bytes as f64,
        other.report.component_bytes as f64,
    );
    let rounds = one.rounds.iter().zip(&other.rounds).map(|(one, other)| {
        json!({
            "threads": one.threads, "per_second": divided(one.per_second(), other.per_second()),
            "p50": divided(one.times.micros(50), other.times.micros(50)),
            "p99": divided(one.times.micros(99), other.times.micros(99)),
        })
    });
    Some(json!({
        "component_bytes": size,
        "start": divided(one.starts.micros(50), other.starts.micros(50)),
        "runs": rounds.collect::<Vec<_>>(),
    }))
}

fn divided(one: f64, other: f64) -> Option<f64> {
    (other > 0.0).then(|| rounded(one / other))
}

/// A row: its name, the value of each version, and the ratio where there are two.
struct Rows<'a> {
    versions: &'a [Version],
    rows: Vec<Vec<String>>,
}

impl Rows<'_> {
    fn add(
        &mut self,
        name: &str,
        text: impl Fn(&Version) -> String,
        number: Option<&dyn Fn(&Version) -> f64>,
    ) {
        let mut row = vec![format!("  {name}")];
        row.extend(self.versions.iter().map(&text));
        if let ([one, other], Some(number)) = (self.versions, number) {
            let ratio = divided(number(one), number(other));
            row.push(ratio.map_or_else(String::new, |ratio| format!("× {}", fixed(ratio))));
        }
        self.rows.push(row);
    }
}

/// For people.
pub(super) fn lines(shell: &Shell, versions: &[Version], seconds: u64) -> Vec<String> {
    let mut rows = Rows {
        versions,
        rows: Vec::new(),
    };
    rows.add("", |version| version.from.clone(), None);
    let kib_of = |bytes: u64| bytes.div_ceil(1_024);
    rows.add(
        t("Größe", "size"),
        |version| {
            let (size, max) = (
                kib_of(version.report.component_bytes),
                kib_of(component_bytes_max(&version.manifest)),
            );
            say!("{size} von {max} KiB", "{size} of {max} KiB")
        },
        Some(&|version| version.report.component_bytes as f64),
    );
    rows.add(
        t("Übersetzen", "compiling"),
        |version| {
            let (took, max) = (
                decimal(millis(version.compile), 1_000),
                compile_ms_max(&version.manifest) / 1_000,
            );
            say!("{took} von {max} s", "{took} of {max} s")
        },
        // Once and not by turns: no ratio.
        None,
    );
    rows.add(
        t("Anlauf", "start"),
        |version| format!("{} µs", fixed(version.starts.micros(50))),
        Some(&|version| version.starts.micros(50)),
    );
    for number in 0..versions.first().map_or(0, |version| version.rounds.len()) {
        per_event(&mut rows, number);
    }
    memory(&mut rows);
    let mut lines = versions
        .first()
        .map_or_else(Vec::new, |version| head(shell, version, seconds));
    lines.extend(table(&rows.rows));
    lines.extend(remarks(shell, versions));
    lines
}

fn head(shell: &Shell, version: &Version, seconds: u64) -> Vec<String> {
    let name = format!("{}@{}", version.manifest.name(), version.manifest.version);
    let inputs = version.samples.inputs.len();
    let instances = match version.manifest.instances {
        Instances::Fresh => t("frische Instanzen", "fresh instances"),
        Instances::Warm => t("warme Instanzen", "warm instances"),
    };
    let how = say!(
        "{inputs} Eingaben, {instances}, je {seconds} s",
        "{inputs} inputs, {instances}, {seconds} s each"
    );
    vec![format!("{}  {how}", shell.paint(Style::Strong, &name))]
}

/// The two rows of one number of threads.
fn per_event(rows: &mut Rows<'_>, number: usize) {
    let round = |version: &Version| version.rounds.get(number).cloned().unwrap_or_default();
    let threads = rows.versions.first().map_or(0, |version| round(version).threads);
    let name = match threads {
        1 => t("1 Kern", "1 core").to_owned(),
        _ => say!("{threads} Kerne", "{threads} cores"),
    };
    rows.add(
        &name,
        |version| {
            let per_second = round(version).per_second().round();
            say!("{per_second} Ereignisse/s", "{per_second} events/s")
        },
        Some(&|version| round(version).per_second()),
    );
    rows.add(
        "",
        |version| {
            let Round { times, .. } = round(version);
            let [p50, p90, p99] = [50, 90, 99].map(|per_cent| fixed(times.micros(per_cent)));
            format!("p50 {p50} · p90 {p90} · p99 {p99} µs")
        },
        Some(&|version| round(version).times.micros(50)),
    );
}

fn memory(rows: &mut Rows<'_>) {
    let memory = |version: &Version| version.most(|round| round.memory_bytes);
    let output = |version: &Version| version.most(|round| round.output_bytes);
    rows.add(
        t("Speicher", "memory"),
        |version| {
            let (most, max) = (mib(memory(version)), version.manifest.limits.memory_mib);
            say!("{most} von {max} MiB", "{most} of {max} MiB")
        },
        Some(&|version| memory(version) as f64),
    );
    rows.add(
        t("Ausgabe", "output"),
        |version| {
            let (most, max) = (
                kib(output(version)),
                kib(version.manifest.limits.output_bytes_max),
            );
            say!("{most} von {max} KiB", "{most} of {max} KiB")
        },
        Some(&|version| output(version) as f64),
    );
}

fn remarks(shell: &Shell, versions: &[Version]) -> Vec<String> {
    let mut lines = Vec::new();
    if versions.len() > 1 {
        let what = t(
            "× = erste Fassung geteilt durch zweite, im Wechsel gemessen",
            "× = first version divided by the second, measured by turns",
        );
        lines.push(format!("  {}", shell.paint(Style::Dim, what)));
    }
    for version in versions {
        let failed = version
            .rounds
            .iter()
            .map(|round| round.failed)
            .fold(0, u64::saturating_add);
        let (left_out, from) = (version.samples.left_out, &version.from);
        if left_out > 0 {
            let line = say!(
                "{from}: {left_out} Eingaben wurden nicht gemessen, weil der Aufruf mit ihnen scheitert",
                "{from}: {left_out} inputs were not measured, because the call with them fails"
            );
            lines.push(format!("  {}", shell.paint(Style::Warn, &line)));
        }
        if failed > 0 {
            let line = say!(
                "{from}: {failed} Aufrufe sind beim Messen gescheitert (zu langsam?)",
                "{from}: {failed} calls failed while measuring (too slow?)"
            );
            lines.push(format!("  {}", shell.paint(Style::Warn, &line)));
        }
    }
    lines
}

/// Two decimal places, in the language's own comma.
fn fixed(value: f64) -> String {
    format!("{value:.2}").replace('.', t(",", "."))
}
