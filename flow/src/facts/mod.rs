//! What the bus tells about itself: one struct for each fact worth knowing, which emits the log line, the metric
//! and the span together, so that they cannot tell different stories.
//!
//! No fact carries payload, a token or personal data (P10); attributes that may hold them (`subject`, `id`) stay
//! out of metrics and out of log lines above debug.

mod metrics;
mod plugins;
mod rollouts;
mod trace;

pub use metrics::{LaneGauges, Metrics};
pub(crate) use rollouts::{RolloutMoved, RolloutRan};
pub use trace::{Span, SpanKind, Traces};

use crate::{Refusal, lanes::Outcome, log::Receipt};

/// Where facts go. Shared by both halves.
#[derive(Default)]
pub struct Facts {
    /// Counters and histograms for `/metrics`.
    pub metrics: Metrics,
    /// Spans, if a collector is configured.
    pub traces: Traces,
}

/// An event was accepted; the promise is given.
pub struct EventAccepted<'a> {
    /// The receipt that goes out.
    pub receipt: &'a Receipt,
    /// Seconds from the request to the receipt.
    pub seconds: f64,
}

impl EventAccepted<'_> {
    /// Tells it.
    pub fn emit(self, facts: &Facts) {
        facts
            .metrics
            .accepted(&self.receipt.partner, self.receipt.duplicate, self.seconds);
        tracing::debug!(
            partner = %self.receipt.partner, log = %self.receipt.log, position = self.receipt.position,
            duplicate = self.receipt.duplicate, "Event accepted."
        );
    }
}

/// A request, or one event of a batch, was refused.
pub struct EventRefused<'a> {
    /// Why.
    pub refusal: &'a Refusal,
    /// The publisher, once it is known.
    pub partner: Option<&'a str>,
}

impl EventRefused<'_> {
    /// Tells it.
    pub fn emit(self, facts: &Facts) {
        let partner = self.partner.unwrap_or("unknown");
        facts.metrics.refused(partner, self.refusal.code);
        tracing::info!(partner, code = self.refusal.code, "Event refused.");
    }
}

/// A route's plugin dropped its input.
pub struct InputDropped<'a> {
    /// The route.
    pub route: &'a str,
    /// The plugin's code.
    pub code: &'a str,
}

impl InputDropped<'_> {
    /// Tells it.
    pub fn emit(self, facts: &Facts) {
        facts.metrics.dropped(self.route);
        tracing::debug!(
            route = self.route,
            code = self.code,
            "Input dropped by its plugin."
        );
    }
}

/// One attempt at a delivery failed.
pub struct AttemptFailed<'a> {
    /// The subscription.
    pub subscription: &'a str,
    /// `SB-30xx` or `SB-41xx`.
    pub code: &'a str,
    /// Attempts made so far.
    pub attempts: u32,
}

impl AttemptFailed<'_> {
    /// Tells it.
    pub fn emit(self, facts: &Facts) {
        facts.metrics.attempt(self.subscription);
        tracing::info!(
            subscription = self.subscription,
            code = self.code,
            attempts = self.attempts,
            "Delivery attempt failed."
        );
    }
}

/// A receiver's breaker opened or closed, or that of a plugin.
pub struct BreakerMoved<'a> {
    /// The subscription.
    pub subscription: &'a str,
    /// The plugin, `partner/name@version+digest`, if it is the plugin's.
    pub plugin: Option<&'a str>,
    /// Whether it is open now.
    pub open: bool,
    /// Failures in a row.
    pub failures: u32,
}

impl BreakerMoved<'_> {
    /// Tells it. The gauge is read from the lane.
    pub fn emit(self) {
        match self.plugin {
            None => tracing::warn!(
                subscription = self.subscription,
                open = self.open,
                failures = self.failures,
                code = "SB-3021",
                "The receiver's breaker moved."
            ),
            Some(plugin) => tracing::warn!(
                subscription = self.subscription,
                plugin,
                open = self.open,
                failures = self.failures,
                code = "SB-4113",
                "The plugin's breaker moved."
            ),
        }
    }
}

/// A subscription stands still because its receiver may not be delivered to, or goes on.
pub struct SubscriptionHeld<'a> {
    /// The subscription.
    pub subscription: &'a str,
    /// Why.
    pub code: &'static str,
    /// Whether it stands still now.
    pub held: bool,
}

impl SubscriptionHeld<'_> {
    /// Tells it. The gauge is read from the lane.
    pub fn emit(self) {
        tracing::warn!(
            subscription = self.subscription,
            code = self.code,
            held = self.held,
            "A subscription stands still for its receiver, or goes on."
        );
    }
}

/// The two sides of a subscription's books differ, or do not differ any more.
pub struct BalanceOff {
    /// The subscription.
    pub subscription: String,
    /// Accepted events less all that is known of them.
    pub difference: i64,
}

impl BalanceOff {
    /// Tells it. The gauge is read from the lane.
    pub fn emit(&self) {
        let (subscription, difference) = (self.subscription.as_str(), self.difference);
        if difference == 0 {
            tracing::warn!(subscription, code = "SB-1512", "The balance is even again.");
        } else {
            tracing::error!(
                subscription,
                difference,
                code = "SB-1512",
                "SB-1512: what was accepted for the subscription and what became of it do not add up: `stadtbus balance {subscription}`."
            );
        }
    }
}

/// One delivery ended.
pub struct Settled<'a> {
    /// The subscription.
    pub subscription: &'a str,
    /// How.
    pub outcome: Outcome,
    /// Why, if there is a reason.
    pub code: Option<&'a str>,
    /// Seconds from acceptance to the end.
    pub seconds: f64,
}

impl Settled<'_> {
    /// Tells it.
    pub fn emit(self, facts: &Facts) {
        if self.outcome == Outcome::Delivered {
            facts.metrics.attempt(self.subscription);
        }
        facts
            .metrics
            .settled(self.subscription, self.outcome.word(), self.seconds);
        if self.outcome == Outcome::DeadLettered {
            tracing::warn!(
                subscription = self.subscription,
                code = self.code.unwrap_or_default(),
                "Event dead-lettered."
            );
        }
    }
}
