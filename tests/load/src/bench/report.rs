//! The report: rows, their ratio to the raw broker, a table and JSON.

use std::fmt::Write;

use serde::Serialize;
use stadtbus_harness::{Failure, Outcome};
use stadtbus_load::Latencies;

use super::args::Durability;
use super::usage::Spent;

/// One measurement. What a measurement does not have is `null`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    name: &'static str,
    durability: Durability,
    /// What came out at the other end, per second.
    events_per_s: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    p999_ms: Option<f64>,
    /// `events_per_s` through that of the row `ratio_base`, from the same run.
    ratio_to_raw: Option<f64>,
    /// Resident memory of the bus at the end of its load (of the broker in the raw rows, of this program in `plugin.fresh`).
    rss_mib: Option<f64>,
    ratio_base: Option<&'static str>,
    broker_rss_mib: Option<f64>,
    /// Cores in use while throughput was measured.
    bus_cores: Option<f64>,
    broker_cores: Option<f64>,
    load_cores: Option<f64>,
    /// Answers other than expected. Anything but 0 makes the row worthless.
    errors: u64,
    note: Option<String>,
}

impl Row {
    pub(crate) fn new(name: &'static str, durability: Durability) -> Self {
        Self {
            name,
            durability,
            events_per_s: None,
            p50_ms: None,
            p99_ms: None,
            p999_ms: None,
            ratio_to_raw: None,
            rss_mib: None,
            ratio_base: base_of(name),
            broker_rss_mib: None,
            bus_cores: None,
            broker_cores: None,
            load_cores: None,
            errors: 0,
            note: None,
        }
    }

    pub(crate) fn rate(mut self, events_per_s: f64) -> Self {
        self.events_per_s = Some(round(events_per_s, 1.0));
        self
    }

    pub(crate) fn latency(mut self, latencies: Latencies) -> Self {
        if let Some([p50, p99, p999]) = latencies.percentiles([0.5, 0.99, 0.999]) {
            self.p50_ms = Some(p50);
            self.p99_ms = Some(p99);
            self.p999_ms = Some(p999);
        }
        self
    }

    pub(crate) fn errors(mut self, errors: u64) -> Self {
        self.errors += errors;
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    pub(crate) fn bus_rss(mut self, mib: Option<f64>) -> Self {
        self.rss_mib = mib.map(|mib| round(mib, 10.0));
        self
    }

    pub(crate) fn broker_rss(mut self, mib: Option<f64>) -> Self {
        self.broker_rss_mib = mib.map(|mib| round(mib, 10.0));
        self
    }

    pub(crate) fn spent(mut self, spent: Spent) -> Self {
        let cores = |cores: f64| Some(round(cores, 100.0));
        self.bus_cores = spent.bus.and_then(cores);
        self.broker_cores = spent.broker.and_then(cores);
        self.load_cores = cores(spent.load);
        self
    }

    /// One line for whoever is watching.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} /s", number(self.events_per_s, 0));
        let figures = [
            ("p50", self.p50_ms, 3),
            ("p99", self.p99_ms, 3),
            ("p99.9", self.p999_ms, 3),
            ("RSS MiB", self.rss_mib, 1),
            ("broker MiB", self.broker_rss_mib, 1),
            ("cores bus", self.bus_cores, 2),
            ("broker", self.broker_cores, 2),
            ("load", self.load_cores, 2),
        ];
        for (what, figure, digits) in figures {
            if figure.is_some() {
                let _ = write!(line, " · {what} {}", number(figure, digits));
            }
        }
        if self.errors > 0 {
            let _ = write!(line, " · {} ERRORS", self.errors);
        }
        if let Some(note) = &self.note {
            let _ = write!(line, " · {note}");
        }
        line
    }
}

/// Which raw row a row is compared with.
fn base_of(name: &str) -> Option<&'static str> {
    match name {
        "accept.single" => Some("raw.publish"),
        "accept.batch100" => Some("raw.publish.atomic"),
        "dispatch.webhook" | "transform.loop" | "end_to_end" | "fanout.100" | "lanes.1000" => {
            Some("raw.loop")
        }
        _ => None,
    }
}

/// All rows of one run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    missed: Vec<String>,
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn miss(&mut self, name: &str, durability: Durability, failure: &Failure) {
        self.missed.push(format!("{name} ({durability}): {failure}"));
    }

    /// Whether everything asked for was measured, without errors.
    pub(crate) fn is_complete(&self) -> bool {
        self.missed.is_empty() && self.rows.iter().all(|row| row.errors == 0)
    }

    /// Puts each row in relation to the raw one of the same run and settings.
    pub(crate) fn finish(&mut self) {
        let rates: Vec<_> = self
            .rows
            .iter()
            .map(|row| (row.name, row.durability, row.events_per_s))
            .collect();
        for row in &mut self.rows {
            let base = rates
                .iter()
                .find(|(name, durability, _)| Some(*name) == row.ratio_base && *durability == row.durability)
                .and_then(|(_, _, rate)| *rate);
            row.ratio_to_raw = base
                .zip(row.events_per_s)
                .map(|(base, rate)| round(rate / base, 1_000.0));
        }
    }

    pub(crate) fn json(&self) -> Outcome<String> {
        Ok(serde_json::to_string_pretty(&self.rows)?)
    }

    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "{:<19}{:<9}{:>10}{:>9}{:>9}{:>9}{:>7} {:<19}{:>9}{:>8}{:>7}{:>7}{:>7}\n",
            "name",
            "fsync",
            "events/s",
            "p50 ms",
            "p99 ms",
            "p99.9",
            "ratio",
            "to",
            "RSS MiB",
            "broker",
            "bus",
            "broker",
            "load"
        );
        for row in &self.rows {
            let _ = writeln!(
                table,
                "{:<19}{:<9}{:>10}{:>9}{:>9}{:>9}{:>7} {:<19}{:>9}{:>8}{:>7}{:>7}{:>7}{}",
                row.name,
                row.durability.to_string(),
                number(row.events_per_s, 0),
                number(row.p50_ms, 3),
                number(row.p99_ms, 3),
                number(row.p999_ms, 3),
                number(row.ratio_to_raw, 2),
                row.ratio_base
                    .filter(|_| row.ratio_to_raw.is_some())
                    .unwrap_or("–"),
                number(row.rss_mib, 1),
                number(row.broker_rss_mib, 1),
                number(row.bus_cores, 2),
                number(row.broker_cores, 2),
                number(row.load_cores, 2),
                if row.errors > 0 {
                    format!("  {} errors", row.errors)
                } else {
                    String::new()
                },
            );
        }
        for row in &self.rows {
            if let Some(note) = &row.note {
                let _ = writeln!(table, "{} ({}): {note}", row.name, row.durability);
            }
        }
        for missed in &self.missed {
            let _ = writeln!(table, "not measured: {missed}");
        }
        table
    }
}

fn round(value: f64, per: f64) -> f64 {
    (value * per).round() / per
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}
