//! What operators see of the lanes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use stadtbus_broker::{BrokerError, LogName};

use super::{
    Balance, Feed, Lane, Lanes,
    breaker::Broken,
    lane::Pause,
    watch::{Quiet, Surroundings, Watch, quiet},
};
use crate::{city::Order, clock, facts::LaneGauges, written::millis};

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
    /// Events in the log of parked events: they belong to keys that do not move on, or wait behind too many of their key.
    pub parked: usize,
    /// Keys of which something stands there.
    pub parked_keys: usize,
    /// Events leased by a receiver.
    pub leased: usize,
    /// Age of the oldest unsettled event.
    pub oldest_age: Duration,
    /// Whether the lane hangs on the shared readers.
    pub level: bool,
    /// Its receiver's breaker, while it is open.
    pub breaker: Option<Broken>,
    /// Its plugin's, while it is open.
    pub plugin_breaker: Option<Broken>,
    /// Why it stands still, if it does.
    pub paused: Option<Pause>,
    /// Whether it gets anything.
    pub sight: Sight,
    /// What was accepted for it and what became of it, when that was last compared.
    pub balance: Option<Balance>,
}

/// Whether a subscription gets anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// Since when it is watched, and when it last matched.
    pub watch: Watch,
    /// Why it is flagged, if it is.
    pub quiet: Option<Quiet>,
    /// How long nothing has matched.
    pub unmatched_for: Duration,
}

type Feeds = BTreeMap<LogName, Arc<Feed>>;

impl Lanes {
    /// All lanes of this process.
    #[must_use]
    pub fn report(&self) -> Vec<LaneReport> {
        let feeds = self.feeds().clone();
        self.working()
            .values()
            .filter(|working| working.lane.order.replay.is_none())
            .map(|working| self.report_lane(&working.lane, &feeds))
            .collect()
    }

    /// The lane of one subscription, if it works in this process.
    #[must_use]
    pub fn report_of(&self, subscription: &str) -> Option<LaneReport> {
        let feeds = self.feeds().clone();
        self.lane(subscription)
            .map(|lane| self.report_lane(&lane, &feeds))
    }

    fn report_lane(&self, lane: &Lane, feeds: &Feeds) -> LaneReport {
        let figures = lane.figures();
        let unread = |log, seen, level: bool| {
            let last = feeds.get(log).map_or(0, |feed| feed.position());
            if level { 0 } else { last.saturating_sub(seen) }
        };
        let behind: u64 = figures
            .seen
            .iter()
            .map(|(log, seen, level)| unread(log, *seen, *level))
            .sum();
        let level = figures.seen.iter().all(|(_, _, level)| *level);
        LaneReport {
            subscription: lane.order.id().to_string(),
            partner: lane.order.partner().to_string(),
            lag: behind + figures.open as u64,
            waiting: figures.waiting,
            parked: figures.parked,
            parked_keys: figures.parked_keys,
            leased: figures.leased,
            oldest_age: figures.oldest_age,
            level,
            sight: self.sight(&lane.order, figures.watch, figures.open, !level, feeds),
            breaker: figures.breaker,
            plugin_breaker: figures.plugin_breaker,
            paused: figures.paused,
            balance: lane.balance(),
        }
    }

    /// What the cursor of a subscription tells that works in another process.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn sight_elsewhere(&self, order: &Order) -> Result<Sight, BrokerError> {
        let (marks, _) = self.ledger.marks(&order.key()).await?;
        let open = marks.logs.values().map(|mark| mark.open.len()).sum();
        let feeds = self.feeds().clone();
        Ok(self.sight(order, marks.watch, open, false, &feeds))
    }

    fn sight(&self, order: &Order, watch: Watch, open: usize, behind: bool, feeds: &Feeds) -> Sight {
        let now = clock::now();
        let refusals: Vec<_> = order
            .types()
            .map(|ty| order.grounds(ty, now).err().map(|refusal| refusal.code))
            .collect();
        let around = Surroundings {
            open,
            behind,
            types_seen_ms: order
                .types()
                .flat_map(|ty| feeds.values().map(move |feed| feed.type_seen(ty)))
                .max()
                .unwrap_or(0),
            refused: if refusals.iter().all(Option::is_some) {
                refusals.into_iter().flatten().next()
            } else {
                None
            },
        };
        let after = Duration::from_secs(self.limits.subscription_quiet_s);
        Sight {
            quiet: quiet(&watch, &around, millis(now), after),
            unmatched_for: watch.unmatched_for(millis(now)),
            watch,
        }
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
                parked: report.parked,
                parked_keys: report.parked_keys,
                broken: report.breaker.is_some(),
                plugin_broken: report.plugin_breaker.is_some(),
                paused: report.paused.is_some(),
                unmatched_s: report.sight.unmatched_for.as_secs_f64(),
                quiet: report.sight.quiet.is_some(),
                balance: report.balance,
            })
            .collect()
    }
}
