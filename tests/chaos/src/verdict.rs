//! The verdict as a table, and the dead letters it takes into account.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use stadtbus_harness::{Client, Outcome};

use crate::campaign::Dead;
use crate::faults::Kills;
use crate::ledger::{SUBSCRIPTIONS, Verdict};

/// One finished run.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) verdict: Verdict,
    pub(crate) kills: Kills,
    pub(crate) dead: u64,
    /// How long a fresh event took to all receivers; `None` if it did not get there.
    pub(crate) fresh: Option<Duration>,
    pub(crate) load_time: Duration,
    pub(crate) time: Duration,
}

const SHOWN_MAX: usize = 5;
const DEAD_LETTERS_MAX: u32 = 1_000;

impl Run {
    pub(crate) fn is_clean(&self) -> bool {
        self.fresh.is_some()
            && self
                .verdict
                .violations()
                .iter()
                .all(|(_, found)| found.is_empty())
    }

    pub(crate) fn table(&self) -> String {
        let Verdict {
            claimed,
            accepted,
            maybe,
            maybe_received,
            duplicates,
            ..
        } = &self.verdict;
        let mut table = format!(
            "\nseed {} · {claimed} events · {} kills of the bus, {} of the broker · {:.0} s under load, {:.0} s in all\n\n",
            self.seed,
            self.kills.bus,
            self.kills.broker,
            self.load_time.as_secs_f64(),
            self.time.as_secs_f64(),
        );
        let mut line = |what: &str, count: String, verdict: &str| {
            let _ = writeln!(table, "{what:<34}{count:>12}  {verdict}");
        };
        line("accepted (202)", accepted.to_string(), "");
        line("maybe (no 202)", maybe.to_string(), "");
        line("  of which received all the same", maybe_received.to_string(), "");
        for (name, found) in self.verdict.violations() {
            line(
                name,
                found.len().to_string(),
                if found.is_empty() { "ok" } else { "VIOLATION" },
            );
        }
        match self.fresh {
            Some(time) => line("fresh event to all, ms", time.as_millis().to_string(), "ok"),
            None => line("fresh event to all", "no".to_owned(), "VIOLATION"),
        }
        for (subscription, count) in SUBSCRIPTIONS.iter().zip(duplicates) {
            line(
                &format!("duplicates at {subscription}"),
                count.to_string(),
                "counted",
            );
        }
        line("dead letters", self.dead.to_string(), "counted");
        table.push_str(&self.closing());
        table
    }

    fn closing(&self) -> String {
        if self.is_clean() {
            return "\nchaos: no violation\n".to_owned();
        }
        let mut closing = "\nchaos: VIOLATION".to_owned();
        for (name, found) in self.verdict.violations() {
            if !found.is_empty() {
                let shown = found.get(..SHOWN_MAX).unwrap_or(found).join(", ");
                let _ = write!(closing, "; {name} {}: {shown}", found.len());
            }
        }
        closing.push('\n');
        closing
    }
}

/// All dead letters, by (subscription, event id).
pub(crate) async fn dead_letters(operator: &Client) -> Outcome<Dead> {
    let mut dead = Dead::new();
    for subscription in SUBSCRIPTIONS.iter().chain(&["probe-derive"]) {
        let path = format!("/v1/dead-letters?subscription={subscription}&limit={DEAD_LETTERS_MAX}");
        let answer = operator.get(&path).await?.expect(200)?.json();
        let letters = answer
            .as_array()
            .or_else(|| answer.get("dead_letters").and_then(Value::as_array));
        for letter in letters.into_iter().flatten() {
            let id = letter
                .pointer("/event/id")
                .or_else(|| letter.get("id"))
                .and_then(Value::as_str);
            let key = ((*subscription).to_owned(), id.unwrap_or_default().to_owned());
            *dead.entry(key).or_default() += 1;
        }
    }
    Ok(dead)
}
