//! What operators see of the lanes.

use std::time::Duration;

use super::{Lanes, lane::Pause};
use crate::facts::LaneGauges;

/// One lane as an operator sees it.
#[derive(Debug, Clone)]
pub struct LaneReport {
    /// The subscription.
    pub subscription: String,
    /// Its owner.
    pub partner: String,
    /// Events accepted and neither settled nor passed.
    pub lag: u64,
    /// Events waiting for a retry inside the lane.
    pub waiting: usize,
    /// Events leased by a receiver.
    pub leased: usize,
    /// Age of the oldest unsettled event.
    pub oldest_age: Duration,
    /// Whether the lane hangs on the shared readers.
    pub level: bool,
    /// Why it stands still, if it does.
    pub paused: Option<Pause>,
}

impl Lanes {
    /// All lanes of this process.
    #[must_use]
    pub fn report(&self) -> Vec<LaneReport> {
        let feeds = self.feeds().clone();
        self.working()
            .values()
            .map(|working| {
                let figures = working.lane.figures();
                let unread = |log, seen, level: bool| {
                    let last = feeds
                        .get(log)
                        .map_or(0, |feed: &std::sync::Arc<super::Feed>| feed.position());
                    if level { 0 } else { last.saturating_sub(seen) }
                };
                let behind: u64 = figures
                    .seen
                    .iter()
                    .map(|(log, seen, level)| unread(log, *seen, *level))
                    .sum();
                LaneReport {
                    subscription: working.lane.order.id().to_string(),
                    partner: working.lane.order.partner().to_string(),
                    lag: behind + figures.open as u64,
                    waiting: figures.waiting,
                    leased: figures.leased,
                    oldest_age: figures.oldest_age,
                    level: figures.seen.iter().all(|(_, _, level)| *level),
                    paused: figures.paused,
                }
            })
            .collect()
    }

    /// The same for a scrape.
    #[must_use]
    pub fn gauges(&self) -> Vec<LaneGauges> {
        self.report()
            .into_iter()
            .map(|report| LaneGauges {
                subscription: report.subscription,
                lag: report.lag,
                oldest_age_s: report.oldest_age.as_secs_f64(),
                paused: report.paused.is_some(),
            })
            .collect()
    }
}
