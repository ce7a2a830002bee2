//! What each event of a trial adds to its counts, and when a canary has seen enough.

use stadtbus_plugin_host::Cost;

use super::{
    Live, Rollouts, Seen,
    compare::{Outcome, differences},
};
use crate::{
    facts::RolloutRan,
    transform::{BUSY, Run},
};

/// What became of an event that a canary took.
pub struct Taken<'a> {
    /// Where it was met.
    pub seen: Seen,
    /// What the new version made of it.
    pub new: &'a Run<Outcome>,
    /// What the old one made of it, if it ran: because the new one failed, or to compare.
    pub old: Option<&'a Run<Outcome>>,
}

impl Rollouts {
    /// Counts an event that went through the version in service alone, while a canary is on.
    pub fn count_old(&self, live: &Live, cost: &Cost) {
        live.tally.old(cost);
    }

    /// Counts an event that a canary took, and stops it where its policy says so.
    pub fn count_taken(&self, live: &Live, taken: &Taken<'_>) {
        let Taken { seen, new, old } = taken;
        live.tally.taken(&new.cost);
        let result = match (&new.outcome, old) {
            (Outcome::Failed { code }, _) if code == BUSY => "busy",
            (Outcome::Failed { code }, old) => {
                let both = old.is_some_and(|old| old.outcome.is_failure());
                live.tally.failed(seen, code, both);
                if both { "both-failed" } else { "failed" }
            }
            (_, None) => "ok",
            (_, Some(old)) => {
                let found = differences(&old.outcome, &new.outcome);
                live.tally.compared(seen, &old.cost, &found);
                if found.is_empty() { "same" } else { "different" }
            }
        };
        self.tell(live, "canary", result);
        if let Some(why) = live.tally.judged(&live.rollout.policy) {
            self.stop(live, why);
        }
    }

    /// Counts what a shadow made of an event.
    pub fn count_shadow(&self, live: &Live, seen: &Seen, old: &Run<Outcome>, new: &Run<Outcome>) {
        if matches!(&new.outcome, Outcome::Failed { code } if code == BUSY) {
            return self.count_skipped(live);
        }
        live.tally.taken(&new.cost);
        let found = differences(&old.outcome, &new.outcome);
        live.tally.compared(seen, &old.cost, &found);
        let result = match &new.outcome {
            Outcome::Failed { code } => {
                let both = old.outcome.is_failure();
                live.tally.failed(seen, code, both);
                if both { "both-failed" } else { "failed" }
            }
            _ if found.is_empty() => "same",
            _ => "different",
        };
        self.tell(live, "shadow", result);
    }

    /// A shadow had no time for an event.
    pub fn count_skipped(&self, live: &Live) {
        live.tally.skipped();
        self.tell(live, "shadow", "skipped");
    }

    fn tell(&self, live: &Live, part: &'static str, result: &'static str) {
        let plugin = live.rollout.plugin.as_str();
        RolloutRan { plugin, part, result }.emit(&self.facts);
    }
}
