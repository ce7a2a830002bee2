//! What publishers were answered, beside what the ledger makes of it: how often which status, and how long a refusal took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Counts since the last [`Answers::take`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    by_status: BTreeMap<u16, u64>,
    /// Connections that broke or were refused.
    pub(crate) broken: u64,
    /// Requests that nobody answered in time.
    pub(crate) silent: u64,
    /// The longest time until 429 or 5xx.
    pub(crate) slowest_refusal: Duration,
}

/// Shared by all publishers of one run.
pub(crate) type SharedAnswers = Arc<Mutex<Answers>>;

impl Answers {
    pub(crate) fn status(&mut self, status: u16, after: Duration) {
        *self.by_status.entry(status).or_default() += 1;
        if status == 429 || status >= 500 {
            self.slowest_refusal = self.slowest_refusal.max(after);
        }
    }

    /// How often this status was answered.
    pub(crate) fn count(&self, status: u16) -> u64 {
        self.by_status.get(&status).copied().unwrap_or_default()
    }

    /// Answers with a status that is not among these.
    pub(crate) fn other_than(&self, expected: &[u16]) -> u64 {
        let other = self
            .by_status
            .iter()
            .filter(|(status, _)| !expected.contains(status));
        other.map(|(_, count)| count).sum()
    }

    /// In one line.
    pub(crate) fn text(&self) -> String {
        let statuses = self
            .by_status
            .iter()
            .map(|(status, count)| format!("{count} × {status}"));
        let statuses = statuses.collect::<Vec<_>>().join(", ");
        format!(
            "{statuses}; {} broken, {} silent; slowest refusal {} ms",
            self.broken,
            self.silent,
            self.slowest_refusal.as_millis()
        )
    }

    /// What was counted until now; counting starts anew.
    pub(crate) fn take(shared: &SharedAnswers) -> Self {
        std::mem::take(&mut *shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Answers, SharedAnswers};
    use std::time::Duration;

    #[test]
    fn only_refusals_are_timed() {
        let mut answers = Answers::default();
        answers.status(202, Duration::from_secs(9));
        answers.status(503, Duration::from_secs(1));
        answers.status(401, Duration::from_secs(5));
        assert_eq!(answers.slowest_refusal, Duration::from_secs(1));
        assert_eq!(answers.other_than(&[202, 503]), 1);
        let shared = SharedAnswers::default();
        *shared.lock().unwrap() = answers;
        assert_eq!(Answers::take(&shared).count(202), 1);
        assert_eq!(Answers::take(&shared).count(202), 0);
    }
}
