//! Metrics in the Prometheus text format (OpenMetrics 1.0), written by `prometheus-client`.

use std::{fmt, sync::PoisonError};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::sync::Mutex;

use crate::lanes::Balance;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartnerLabels {
    partner: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    partner: String,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LogLabels {
    log: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LaneLabels {
    subscription: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SettledLabels {
    subscription: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TermLabels {
    subscription: String,
    term: &'static str,
}

/// Upper bounds of the latency histograms, in seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0, 3600.0,
];

/// What one lane shows at the moment of a scrape.
#[derive(Debug, Clone, Default)]
pub struct LaneGauges {
    /// The subscription.
    pub subscription: String,
    /// Events accepted and not yet settled or passed.
    pub lag: u64,
    /// Age of the oldest unsettled event, in seconds.
    pub oldest_age_s: f64,
    /// Events in the log of parked events.
    pub parked: usize,
    /// Keys of which something stands there.
    pub parked_keys: usize,
    /// 1 while the receiver's breaker is open.
    pub broken: bool,
    /// 1 while the plugin's breaker is open.
    pub plugin_broken: bool,
    /// 1 if the lane stands still.
    pub paused: bool,
    /// How long nothing has matched, in seconds.
    pub unmatched_s: f64,
    /// 1 if that is too long.
    pub quiet: bool,
    /// What was accepted and what became of it, when that was last compared.
    pub balance: Option<Balance>,
}

/// All metrics of one process.
pub struct Metrics {
    registry: Mutex<Registry>,
    accepted: Family<PartnerLabels, Counter>,
    duplicates: Family<PartnerLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    dropped: Family<RouteLabels, Counter>,
    attempts: Family<LaneLabels, Counter>,
    settled: Family<SettledLabels, Counter>,
    accept_seconds: Histogram,
    settle_seconds: Histogram,
    lag: Family<LaneLabels, Gauge>,
    oldest: Family<LaneLabels, Gauge<f64, std::sync::atomic::AtomicU64>>,
    parked: Family<LaneLabels, Gauge>,
    parked_keys: Family<LaneLabels, Gauge>,
    broken: Family<LaneLabels, Gauge>,
    plugin_broken: Family<LaneLabels, Gauge>,
    paused: Family<LaneLabels, Gauge>,
    unmatched: Family<LaneLabels, Gauge<f64, std::sync::atomic::AtomicU64>>,
    quiet: Family<LaneLabels, Gauge>,
    balance: Family<TermLabels, Gauge>,
    difference: Family<LaneLabels, Gauge>,
    broker_up: Gauge,
    log_damaged: Family<LogLabels, Gauge>,
    pub(super) rollouts: super::rollouts::RolloutMetrics,
    pub(super) plugins: super::plugins::PluginMetrics,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("stadtbus")),
            accepted: Family::default(),
            duplicates: Family::default(),
            refused: Family::default(),
            dropped: Family::default(),
            attempts: Family::default(),
            settled: Family::default(),
            accept_seconds: Histogram::new(SECONDS),
            settle_seconds: Histogram::new(SECONDS),
            lag: Family::default(),
            oldest: Family::default(),
            parked: Family::default(),
            parked_keys: Family::default(),
            broken: Family::default(),
            plugin_broken: Family::default(),
            paused: Family::default(),
            unmatched: Family::default(),
            quiet: Family::default(),
            balance: Family::default(),
            difference: Family::default(),
            broker_up: Gauge::default(),
            log_damaged: Family::default(),
            rollouts: super::rollouts::RolloutMetrics::default(),
            plugins: super::plugins::PluginMetrics::default(),
        };
        metrics.register();
        metrics.register_lanes();
        metrics
    }
}

impl Metrics {
    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register(
            "events_accepted",
            "Events accepted, repeats not counted.",
            self.accepted.clone(),
        );
        registry.register(
            "events_repeated",
            "Repeats of accepted events.",
            self.duplicates.clone(),
        );
        registry.register(
            "events_refused",
            "Events and requests refused, by code.",
            self.refused.clone(),
        );
        registry.register(
            "inputs_dropped",
            "Foreign inputs dropped by their plugin.",
            self.dropped.clone(),
        );
        registry.register("delivery_attempts", "Delivery attempts.", self.attempts.clone());
        registry.register(
            "deliveries_settled",
            "Deliveries settled, by outcome.",
            self.settled.clone(),
        );
        registry.register(
            "accept_duration_seconds",
            "From request to receipt.",
            self.accept_seconds.clone(),
        );
        registry.register(
            "settle_duration_seconds",
            "From acceptance to the end of a delivery.",
            self.settle_seconds.clone(),
        );
        registry.register(
            "broker_up",
            "1 while the broker can be used.",
            self.broker_up.clone(),
        );
        registry.register(
            "log_damaged",
            "1 while a log or bucket contradicts what was acknowledged; nothing is accepted then.",
            self.log_damaged.clone(),
        );
        self.rollouts.register(&mut registry);
        self.plugins.register(&mut registry);
    }

    /// What each lane shows.
    fn register_lanes(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register(
            "subscription_lag_events",
            "Events accepted and neither settled nor passed.",
            self.lag.clone(),
        );
        registry.register(
            "subscription_oldest_age_seconds",
            "Age of the oldest unsettled event.",
            self.oldest.clone(),
        );
        registry.register(
            "subscription_parked_events",
            "Events that stand in the log of parked events.",
            self.parked.clone(),
        );
        registry.register(
            "subscription_parked_keys",
            "Keys of which an event stands there.",
            self.parked_keys.clone(),
        );
        registry.register(
            "subscription_breaker_open",
            "1 while a subscription's receiver is left alone after failures in a row.",
            self.broken.clone(),
        );
        registry.register(
            "subscription_plugin_breaker_open",
            "1 while a subscription's plugin is left alone after failures in a row.",
            self.plugin_broken.clone(),
        );
        registry.register(
            "subscription_paused",
            "1 while a subscription stands still.",
            self.paused.clone(),
        );
        registry.register(
            "subscription_unmatched_seconds",
            "How long nothing has matched a subscription.",
            self.unmatched.clone(),
        );
        registry.register(
            "subscription_quiet",
            "1 while a subscription is flagged because nothing has matched it for long.",
            self.quiet.clone(),
        );
        registry.register(
            "subscription_balance_events",
            "Events accepted for a subscription, and how many of them are under each head of its account.",
            self.balance.clone(),
        );
        registry.register(
            "subscription_balance_difference",
            "Events accepted for a subscription that are under no head of its account; anything but 0 is a fault.",
            self.difference.clone(),
        );
    }

    pub(super) fn accepted(&self, partner: &str, duplicate: bool, seconds: f64) {
        let family = if duplicate {
            &self.duplicates
        } else {
            &self.accepted
        };
        family
            .get_or_create(&PartnerLabels {
                partner: partner.to_owned(),
            })
            .inc();
        self.accept_seconds.observe(seconds);
    }

    pub(super) fn refused(&self, partner: &str, code: &str) {
        self.refused
            .get_or_create(&RefusedLabels {
                partner: partner.to_owned(),
                code: code.to_owned(),
            })
            .inc();
    }

    pub(super) fn dropped(&self, route: &str) {
        self.dropped
            .get_or_create(&RouteLabels {
                route: route.to_owned(),
            })
            .inc();
    }

    pub(super) fn attempt(&self, subscription: &str) {
        self.attempts
            .get_or_create(&LaneLabels {
                subscription: subscription.to_owned(),
            })
            .inc();
    }

    pub(super) fn settled(&self, subscription: &str, outcome: &'static str, seconds: f64) {
        self.settled
            .get_or_create(&SettledLabels {
                subscription: subscription.to_owned(),
                outcome,
            })
            .inc();
        self.settle_seconds.observe(seconds);
    }

    /// Whether a log or bucket is what it was.
    pub(crate) fn log_damaged(&self, log: &str, damaged: bool) {
        self.log_damaged
            .get_or_create(&LogLabels { log: log.to_owned() })
            .set(i64::from(damaged));
    }

    fn show(&self, balance: &Balance, of: LaneLabels) {
        for (term, events) in balance.terms() {
            let labels = TermLabels {
                subscription: of.subscription.clone(),
                term,
            };
            self.balance.get_or_create(&labels).set(events);
        }
        self.difference.get_or_create(&of).set(balance.difference);
    }

    /// The text of a scrape, with the gauges as they are now. Lanes that are gone disappear.
    ///
    /// # Errors
    /// When the text cannot be formatted, which does not happen.
    pub fn scrape(&self, lanes: &[LaneGauges], broker_up: bool) -> Result<String, fmt::Error> {
        self.lag.clear();
        self.oldest.clear();
        self.parked.clear();
        self.parked_keys.clear();
        self.broken.clear();
        self.plugin_broken.clear();
        self.paused.clear();
        self.unmatched.clear();
        self.quiet.clear();
        self.balance.clear();
        self.difference.clear();
        for lane in lanes {
            let labels = LaneLabels {
                subscription: lane.subscription.clone(),
            };
            self.lag
                .get_or_create(&labels)
                .set(i64::try_from(lane.lag).unwrap_or(i64::MAX));
            self.oldest.get_or_create(&labels).set(lane.oldest_age_s);
            let count = |many: usize| i64::try_from(many).unwrap_or(i64::MAX);
            self.parked.get_or_create(&labels).set(count(lane.parked));
            self.parked_keys
                .get_or_create(&labels)
                .set(count(lane.parked_keys));
            self.broken.get_or_create(&labels).set(i64::from(lane.broken));
            self.plugin_broken
                .get_or_create(&labels)
                .set(i64::from(lane.plugin_broken));
            self.paused.get_or_create(&labels).set(i64::from(lane.paused));
            self.unmatched.get_or_create(&labels).set(lane.unmatched_s);
            self.quiet.get_or_create(&labels).set(i64::from(lane.quiet));
            if let Some(balance) = &lane.balance {
                self.show(balance, labels);
            }
        }
        self.broker_up.set(i64::from(broker_up));
        let mut text = String::new();
        encode(
            &mut text,
            &self.registry.lock().unwrap_or_else(PoisonError::into_inner),
        )?;
        Ok(text)
    }
}
