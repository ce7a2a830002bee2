//! The verdict as a table, and the dead letters it takes into account.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;
use stadtbus_harness::{Client, Outcome};

use crate::faults::Kills;
use crate::ledger::{DeadLetter, SUBSCRIPTIONS, Verdict};
use crate::stage::Expectation;

/// One finished run.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) verdict: Verdict,
    pub(crate) kills: Kills,
    pub(crate) dead: Vec<DeadLetter>,
    /// How long a fresh event took to all receivers; `None` if it did not get there.
    pub(crate) fresh: Option<Duration>,
    /// What the row expects of the bus beside the oracle's verdict.
    pub(crate) expectations: Vec<Expectation>,
    pub(crate) load_time: Duration,
    pub(crate) time: Duration,
}

const SHOWN_MAX: usize = 5;
const DEAD_LETTERS_MAX: u32 = 1_000;

impl Run {
    pub(crate) fn is_clean(&self) -> bool {
        self.fresh.is_some()
            && self.expectations.iter().all(|expectation| expectation.kept)
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
        line("dead letters", self.dead.len().to_string(), "counted");
        let reasons: BTreeSet<&str> = self.dead.iter().map(|letter| letter.reason.as_str()).collect();
        for reason in reasons.iter().take(SHOWN_MAX) {
            let _ = writeln!(table, "  {reason}");
        }
        for Expectation { what, kept } in &self.expectations {
            let _ = writeln!(
                table,
                "{:<11}{what}",
                if *kept { "expected" } else { "VIOLATION" }
            );
        }
        table.push_str(&self.closing());
        table
    }

    pub(crate) fn closing(&self) -> String {
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
        if self.fresh.is_none() {
            closing.push_str("; no fresh event gets through");
        }
        for broken in self.expectations.iter().filter(|expectation| !expectation.kept) {
            let _ = write!(closing, "; not as expected: {}", broken.what);
        }
        closing.push('\n');
        closing
    }
}

/// All dead letters. A derivation's letter stands for the derived event that its receiver will not see; the event inside a
/// letter says by its data which one it is, for derived events have ids of the bus's own.
pub(crate) async fn dead_letters(operator: &Client) -> Outcome<Vec<DeadLetter>> {
    let mut dead = Vec::new();
    let derivation = [("probe-derive", "probe-derived")];
    for (subscription, receiver) in SUBSCRIPTIONS
        .map(|name| (name, name))
        .into_iter()
        .chain(derivation)
    {
        let path = format!("/v1/dead-letters?subscription={subscription}&limit={DEAD_LETTERS_MAX}");
        let answer = operator.get(&path).await?.expect(200)?.json();
        let letters = answer.get("dead_letters").and_then(Value::as_array).cloned();
        for letter in letters.unwrap_or_default() {
            let text = |name: &str| {
                letter
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let position = letter
                .get("dead_letter")
                .and_then(Value::as_u64)
                .unwrap_or_default();
            let shown = operator
                .get(&format!("/v1/dead-letters/{position}"))
                .await?
                .expect(200)?
                .json();
            dead.push(DeadLetter {
                receiver,
                number: shown.pointer("/event/data/nr").and_then(Value::as_u64),
                reason: format!("{subscription}: {} {}", text("code"), text("detail")),
            });
        }
    }
    Ok(dead)
}
