//! A subscription as it leaves: the API's members, and beside them how it stands.

use serde::Serialize;
use stadtbus_broker::BrokerError;
use stadtbus_contracts::{
    Sink, Subscription,
    order::{Fault, Representation},
};
use stadtbus_flow::{
    Refusal,
    city::{LiveCity, Order},
    lanes::{Broken, LaneReport, Sight, watch::Quiet},
};

use crate::Bus;

/// Code of the flag that nothing matches.
const QUIET: &str = "SB-2013";
/// Code of a receiver that is left alone.
const BROKEN: &str = "SB-3021";
/// Code of an open breaker of a plugin.
const PLUGIN_BROKEN: &str = "SB-4113";

/// One subscription: what was ordered, and how it stands. Status is the bus's to say and is ignored on input.
#[derive(Serialize)]
pub(in crate::http) struct Shown {
    #[serde(flatten)]
    subscription: Representation,
    status: Status,
}

/// How a subscription stands.
#[derive(Serialize)]
struct Status {
    origin: Origin,
    /// Where a folder defines it.
    #[serde(skip_serializing_if = "Option::is_none")]
    defined_in: Option<String>,
    /// Whether its receiver is shown a credential.
    credential: bool,
    /// Figures of its lane, where it works in this process.
    #[serde(flatten)]
    lane: Option<Figures>,
    #[serde(flatten)]
    sight: SightView,
    /// What was odd about it when it was ordered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

/// Where a subscription comes from.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Origin {
    /// A file; it is changed there.
    Folder,
    /// This API.
    Ordered,
}

/// What was odd.
#[derive(Serialize)]
struct Warning {
    code: &'static str,
    pointer: String,
    detail: String,
}

/// Figures of one lane.
#[derive(Serialize)]
struct Figures {
    lag: u64,
    waiting: usize,
    parked_events: usize,
    parked_keys: usize,
    leased: usize,
    oldest_age_s: f64,
    level: bool,
    breaker: Option<BreakerView>,
    plugin_breaker: Option<BreakerView>,
    paused: Option<PauseView>,
}

/// A receiver, or a plugin, that is left alone after failures in a row.
#[derive(Serialize)]
struct BreakerView {
    code: &'static str,
    /// `open`, or `half-open` while one event is tried.
    state: &'static str,
    since: Option<String>,
    failures: u32,
    /// Until the next event is tried.
    next_s: Option<f64>,
}

/// Why a lane stands still.
#[derive(Serialize)]
struct PauseView {
    code: String,
    reason: String,
    reason_de: String,
}

/// Whether a subscription gets anything. Times in RFC 3339.
#[derive(Serialize)]
struct SightView {
    /// Since when this selection is watched.
    watched_since: Option<String>,
    /// When an event last matched; null: none since then.
    last_match: Option<String>,
    /// Set while nothing has matched for too long.
    quiet: Option<QuietView>,
}

/// Nothing has matched for too long.
#[derive(Serialize)]
struct QuietView {
    code: &'static str,
    /// `no-match`, `no-events` or `not-permitted`.
    reason: &'static str,
    detail: String,
    /// For how long.
    for_s: u64,
    /// The code of the refusal, where it may have nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
}

/// One lane in the status of the bus.
#[derive(Serialize)]
pub(in crate::http) struct LaneView {
    subscription: String,
    partner: String,
    #[serde(flatten)]
    figures: Figures,
    #[serde(flatten)]
    sight: SightView,
}

/// A lane for the status of the bus.
pub(in crate::http) fn lane_view(report: &LaneReport) -> LaneView {
    LaneView {
        subscription: report.subscription.clone(),
        partner: report.partner.clone(),
        figures: figures(report),
        sight: sight(&report.sight),
    }
}

/// The subscription behind an order of the city in force.
pub(super) async fn shown(bus: &Bus, city: &LiveCity, order: &Order) -> Result<Shown, Refusal> {
    // The rule has it as it is evaluated; the registry as it was written.
    let written = city.registry.subscription(order.id().as_str());
    let subscription = written.unwrap_or_else(|| order.subscription());
    let lane = bus.lanes.report_of(order.id().as_str());
    let seen = match &lane {
        Some(report) => report.sight.clone(),
        None => bus.lanes.sight_elsewhere(order).await.map_err(refused)?,
    };
    let ordered = city.registry.city().ordered.contains_key(order.id());
    Ok(Shown::of(subscription, ordered, lane.as_ref(), &seen))
}

fn refused(error: BrokerError) -> Refusal {
    Refusal::from(error)
}

impl Shown {
    fn of(subscription: &Subscription, ordered: bool, lane: Option<&LaneReport>, seen: &Sight) -> Self {
        Self {
            subscription: Representation::of(subscription),
            status: Status {
                origin: if ordered { Origin::Ordered } else { Origin::Folder },
                defined_in: (!ordered).then(|| file(subscription)),
                credential: matches!(&subscription.sink, Sink::Webhook(webhook) if webhook.credential.is_some()),
                lane: lane.map(figures),
                sight: sight(seen),
                warnings: Vec::new(),
            },
        }
    }

    /// The same with what was odd about the order.
    pub(super) fn with(mut self, faults: &[Fault]) -> Self {
        self.status.warnings = faults
            .iter()
            .map(|fault| Warning {
                code: fault.code,
                pointer: fault.pointer.clone(),
                detail: fault.detail.en.to_string(),
            })
            .collect();
        self
    }
}

/// The file that defines a subscription, inside the city's folder.
pub(super) fn file(subscription: &Subscription) -> String {
    format!(
        "subscriptions/{}/{}.yaml",
        subscription.partner, subscription.subscription
    )
}

fn figures(report: &LaneReport) -> Figures {
    Figures {
        lag: report.lag,
        waiting: report.waiting,
        parked_events: report.parked,
        parked_keys: report.parked_keys,
        leased: report.leased,
        oldest_age_s: report.oldest_age.as_secs_f64(),
        level: report.level,
        breaker: report.breaker.as_ref().map(|broken| breaker(BROKEN, broken)),
        plugin_breaker: report
            .plugin_breaker
            .as_ref()
            .map(|broken| breaker(PLUGIN_BROKEN, broken)),
        paused: report.paused.as_ref().map(|pause| PauseView {
            code: pause.code.clone(),
            reason: pause.reason.clone(),
            reason_de: pause.in_words().de.into(),
        }),
    }
}

fn breaker(code: &'static str, broken: &Broken) -> BreakerView {
    BreakerView {
        code,
        state: if broken.next.is_some() {
            "open"
        } else {
            "half-open"
        },
        since: time(broken.since_ms),
        failures: broken.failures,
        next_s: broken.next.map(|next| next.as_secs_f64()),
    }
}

fn sight(sight: &Sight) -> SightView {
    SightView {
        watched_since: time(sight.watch.since_ms),
        last_match: time(sight.watch.matched_ms),
        quiet: sight.quiet.map(|quiet| {
            let for_s = sight.unmatched_for.as_secs();
            QuietView {
                code: QUIET,
                reason: quiet.word(),
                detail: format!(
                    "Nothing has matched for {} h. {}",
                    for_s / 3_600,
                    quiet.sentence()
                ),
                for_s,
                refused: match quiet {
                    Quiet::NotPermitted(code) => Some(code),
                    Quiet::NoMatch | Quiet::NoEvents => None,
                },
            }
        }),
    }
}

fn time(ms: u64) -> Option<String> {
    let ms = i64::try_from(ms).ok().filter(|ms| *ms > 0)?;
    let at = jiff::Timestamp::from_millisecond(ms).ok()?;
    Some(format!("{at:.3}"))
}

/// A subscription and its lane as they leave, for the test of their description.
#[cfg(test)]
pub(crate) fn written(
    subscription: &Subscription,
    ordered: bool,
    lane: Option<&LaneReport>,
    seen: &Sight,
    faults: &[Fault],
) -> serde_json::Value {
    let shown = Shown::of(subscription, ordered, lane, seen).with(faults);
    serde_json::json!({ "shown": shown, "lane": lane.map(lane_view) })
}
