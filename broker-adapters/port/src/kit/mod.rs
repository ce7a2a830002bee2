//! The conformance kit: the promises of a broker as named cases that every adapter must pass.
//!
//! **Purpose.** The flow is written against the promises, and tested mostly against the broker in memory. That is only
//! worth something if the adapters behave alike, in trouble too. So the behaviour is stated once, here, and an adapter's
//! test consists of a [`Fixture`] and a call of [`run`].
//!
//! **How cases judge.** By what is there in the end, waiting with a deadline until it is; no case measures speed.

mod appending;
mod blobs;
mod cells;
mod help;
mod reading;
mod schedules;
mod trouble;
mod watching;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

pub use self::help::Failure;
use crate::Broker;

/// The longest one case may take.
const CASE_TIME_MAX: Duration = Duration::from_secs(90);

/// What an adapter's test gives to the kit: one empty broker, and the means to trouble it.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// The adapter under test; the same one for all cases, so that it goes through outages itself.
    fn broker(&self) -> Arc<dyn Broker>;
    /// The longest a call may take by the adapter's configuration.
    fn deadline(&self) -> Duration;
    /// Takes the broker away, as abruptly as possible.
    async fn stop(&self);
    /// Brings it back with what it had stored; does nothing when it is there.
    async fn start(&self);
    /// From now on the broker's answers are lost, or come through again.
    async fn lose_answers(&self, lose: bool);
}

type Test = fn(Arc<dyn Fixture>) -> BoxFuture<'static, Result<(), Failure>>;

/// One promise.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is promised, in words with underscores.
    pub name: &'static str,
    test: Test,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Case {
    /// Runs this case.
    ///
    /// # Errors
    /// What was not as promised.
    pub async fn run(&self, fixture: Arc<dyn Fixture>) -> Result<(), Failure> {
        let Ok(outcome) = tokio::time::timeout(CASE_TIME_MAX, (self.test)(fixture)).await else {
            return Err(Failure::new(format!("not finished within {CASE_TIME_MAX:?}")));
        };
        outcome
    }
}

macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        vec![$(Case { name: stringify!($name), test: |fixture| Box::pin($module::$name(fixture)) }),*]
    };
}

/// All cases, in the order in which they are to be run: the last one closes the broker.
#[must_use]
pub fn cases() -> Vec<Case> {
    cases![
        appending::appends_are_placed_in_order,
        appending::what_is_appended_comes_back_unchanged,
        appending::what_would_break_a_protocol_is_refused,
        appending::a_repeat_has_the_first_position,
        appending::a_batch_with_duplicates_answers_each_by_itself,
        appending::concurrent_appends_have_distinct_positions,
        appending::logs_are_made_once_and_their_limits_changed,
        appending::get_remove_and_state_agree,
        appending::what_is_too_large_is_said_to_be,
        reading::readers_begin_where_told,
        reading::readers_see_each_record_once_in_order,
        reading::a_slow_reader_loses_nothing,
        reading::removed_records_are_passed_over,
        reading::headers_can_be_read_alone,
        schedules::schedules_fire_once_on_their_target,
        schedules::a_later_schedule_replaces_the_earlier,
        schedules::schedules_need_a_log_made_for_them,
        cells::cells_are_written_read_and_deleted,
        cells::conditions_are_kept,
        cells::all_or_nothing_is_written,
        cells::values_vanish_after_their_ttl,
        watching::watchers_get_what_is_there_then_level_then_changes,
        watching::watchers_see_values_expire,
        blobs::blobs_come_back_whole,
        trouble::a_full_log_says_so_and_recovers,
        trouble::a_lost_answer_is_unknown_and_its_repeat_harmless,
        trouble::an_outage_fails_fast_and_ends,
        trouble::readers_and_watchers_survive_a_restart,
        trouble::closing_ends_readers_and_refuses_calls,
    ]
}

/// Runs every case, in order, and reports each as it ends.
///
/// # Errors
/// The cases that failed, one per line.
pub async fn run(fixture: Arc<dyn Fixture>, report: impl Fn(&str)) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for case in cases() {
        let start = std::time::Instant::now();
        match case.run(Arc::clone(&fixture)).await {
            Ok(()) => report(&format!(
                "ok      {} ({} ms)",
                case.name,
                start.elapsed().as_millis()
            )),
            Err(failure) => {
                let line = format!("FAILED  {}: {failure}", case.name);
                report(&line);
                failed.push(line);
                // It may have ended in the middle of an outage; the next case is not to suffer from it.
                fixture.lose_answers(false).await;
                fixture.start().await;
            }
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(failed.join("\n")))
    }
}
