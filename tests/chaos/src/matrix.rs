//! All rows, one after another, and the table of how they ended.

use std::fmt::Write;
use std::time::{Duration, Instant};

use stadtbus_harness::{Failure, Outcome};

use crate::args::Args;
use crate::campaign::{Performed, perform};
use crate::rows::{ROWS, Row};
use crate::verdict::Run;

/// The rows, with what each does.
pub(crate) fn list() -> String {
    ROWS.iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{:<24}{}", row.name, row.what);
        text
    })
}

/// Runs the rows that were asked for; `true` if nothing was violated.
pub(crate) async fn run(args: &Args) -> Outcome<bool> {
    let rows = chosen(&args.rows)?;
    let seed = args.seed();
    println!("seed {seed}: {} rows", rows.len());
    let mut table = Table::default();
    for row in rows {
        eprintln!("\n=== {}: {}", row.name, row.what);
        let start = Instant::now();
        let performed = Box::pin(perform(row, seed, args)).await;
        if let Ok(Performed::Done(run)) = &performed {
            eprintln!("{}", run.table());
        }
        table.add(row.name, &performed, start.elapsed());
    }
    print!("{}", table.text());
    Ok(table.clean)
}

fn chosen(names: &[String]) -> Outcome<Vec<&'static Row>> {
    if names.is_empty() {
        return Ok(ROWS.iter().collect());
    }
    names
        .iter()
        .map(|name| {
            let row = ROWS.iter().find(|row| row.name == name);
            row.ok_or_else(|| Failure::new(format!("there is no row {name:?}: see --list")))
        })
        .collect()
}

struct Table {
    lines: String,
    notes: String,
    total: Totals,
    clean: bool,
}

#[derive(Default)]
struct Totals {
    events: u64,
    accepted: u64,
    kills: u32,
    lost: usize,
    foreign: usize,
    corrupted: usize,
    order: usize,
    duplicates: u64,
    skipped: usize,
    time: Duration,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            lines: String::new(),
            notes: String::new(),
            total: Totals::default(),
            clean: true,
        }
    }
}

impl Table {
    fn add(&mut self, name: &str, performed: &Outcome<Performed>, time: Duration) {
        self.total.time += time;
        match performed {
            Ok(Performed::Done(run)) => self.add_run(name, run, time),
            Ok(Performed::Skipped(why)) => {
                self.total.skipped += 1;
                let _ = writeln!(self.lines, "{name:<22} skipped: {why}");
            }
            Err(failure) => {
                self.clean = false;
                let _ = writeln!(self.lines, "{name:<22} FAILED, see below");
                let _ = writeln!(self.notes, "{name}: {failure}");
            }
        }
    }

    fn add_run(&mut self, name: &str, run: &Run, time: Duration) {
        let verdict = &run.verdict;
        let kept = run
            .expectations
            .iter()
            .filter(|expectation| expectation.kept)
            .count();
        let duplicates: u64 = verdict.duplicates.iter().sum();
        let kills = run.kills.bus + run.kills.broker;
        let corrupted = verdict.corrupted.len() + verdict.changed_receipts.len() + verdict.twice_in_log.len();
        let _ = writeln!(
            self.lines,
            "{name:<22}{:>9}{:>9}{kills:>6}{:>6}{:>8}{corrupted:>10}{:>7}{duplicates:>11}  {kept} of {}{:>7.0}  {}",
            verdict.claimed,
            verdict.accepted,
            verdict.lost.len(),
            verdict.foreign.len(),
            verdict.disordered.len(),
            run.expectations.len(),
            time.as_secs_f64(),
            if run.is_clean() { "ok" } else { "VIOLATION" },
        );
        if !run.is_clean() {
            self.clean = false;
            let _ = writeln!(self.notes, "{name} (seed {}):{}", run.seed, run.closing());
        }
        let total = &mut self.total;
        total.events += verdict.claimed;
        total.accepted += verdict.accepted;
        total.kills += kills;
        total.lost += verdict.lost.len();
        total.foreign += verdict.foreign.len();
        total.corrupted += corrupted;
        total.order += verdict.disordered.len();
        total.duplicates += duplicates;
    }

    fn text(&self) -> String {
        let total = &self.total;
        let head = format!(
            "\n{:<22}{:>9}{:>9}{:>6}{:>6}{:>8}{:>10}{:>7}{:>11}  {}{:>8}\n",
            "row",
            "events",
            "202",
            "kills",
            "lost",
            "foreign",
            "corrupted",
            "order",
            "duplicates",
            "kept",
            "s"
        );
        let sum = format!(
            "{:<22}{:>9}{:>9}{:>6}{:>6}{:>8}{:>10}{:>7}{:>11}  {:>13.0}\n",
            "all",
            total.events,
            total.accepted,
            total.kills,
            total.lost,
            total.foreign,
            total.corrupted,
            total.order,
            total.duplicates,
            total.time.as_secs_f64(),
        );
        let closing = match (self.clean, total.skipped) {
            (true, 0) => "chaos: no violation\n".to_owned(),
            (true, skipped) => format!("chaos: no violation; {skipped} rows skipped\n"),
            (false, _) => "chaos: VIOLATION\n".to_owned(),
        };
        format!("{head}{}{sum}\n{}{closing}", self.lines, self.notes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::{Table, chosen};
    use crate::campaign::Performed;
    use crate::rows::ROWS;
    use std::time::Duration;

    #[test]
    fn rows_have_names_of_their_own_and_are_found_by_them() {
        let names: HashSet<_> = ROWS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), ROWS.len());
        assert_eq!(chosen(&[]).unwrap().len(), ROWS.len());
        assert_eq!(chosen(&["router-kill".to_owned()]).unwrap().len(), 1);
        assert!(chosen(&["router-kil".to_owned()]).is_err());
    }

    #[test]
    fn a_skipped_row_is_seen_and_a_failed_one_is_a_violation() {
        let mut table = Table::default();
        table.add(
            "a",
            &Ok(Performed::Skipped("needs root".to_owned())),
            Duration::ZERO,
        );
        assert!(table.text().contains("needs root") && table.text().contains("1 rows skipped"));
        assert!(table.clean);
        table.add(
            "b",
            &Err(stadtbus_harness::Failure::new("did not come back")),
            Duration::ZERO,
        );
        assert!(table.text().contains("did not come back") && !table.clean);
    }
}
