//! Rollouts as they are shown.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::Serialize;
use stadtbus_flow::rollout::{Costs, Counts, Example, Moved, Rollout, SHARE_PARTS, Stage, Version};
use utoipa::ToSchema;

use crate::{Bus, http::Problem};

/// A version of a plugin.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct VersionView {
    /// As its manifest names it.
    version: String,
    /// SHA-256 of the component.
    digest: String,
}

/// Which version is in service, and the new one beside it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct RolloutView {
    /// `partner/name`.
    plugin: String,
    /// The version that takes the events, or all but a canary's share.
    in_service: VersionView,
    /// The version that the city's document names.
    city: VersionView,
    /// The last rollout, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    rollout: Option<RolloutShown>,
}

/// A new version on its way into service.
#[derive(Serialize, ToSchema)]
struct RolloutShown {
    /// `shadow`, `canary`, `stopped`, `promoted`, `rolled-back` or `replaced`.
    #[schema(pattern = "^(shadow|canary|stopped|promoted|rolled-back|replaced)$")]
    stage: &'static str,
    /// Whether it says which version runs. It does not where somebody deployed another one since.
    governs: bool,
    /// What was in service when it began.
    old: VersionView,
    /// What is to be.
    new: VersionView,
    /// How many of a hundred events a canary takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
    /// When a canary stops by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<StopView>,
    /// What happened, the oldest first.
    history: Vec<MovedView>,
    /// What was counted, by all processes together.
    counts: CountsView,
}

/// When a canary stops by itself.
#[derive(Serialize, ToSchema)]
struct StopView {
    failures_min: u32,
    error_percent_max: f64,
    latency_ratio_max: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference_percent_max: Option<f64>,
}

/// One move of a rollout.
#[derive(Serialize, ToSchema)]
struct MovedView {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who: `<partner>/<system>`, or `bus`.
    by: String,
    /// Whereto.
    stage: &'static str,
    /// How many of a hundred events, of a canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

/// What was counted.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct CountsView {
    /// Events that came by.
    events: u64,
    /// Of them, those that the new version was given.
    taken: u64,
    /// Those of which both outcomes are known.
    pub(super) compared: u64,
    /// Those that come out differently.
    different: u64,
    /// Those at which only the new version failed. A canary's went through the old one.
    pub(super) failed: u64,
    /// Those at which both failed.
    pub(super) both_failed: u64,
    /// Those that a shadow had no time for.
    skipped: u64,
    /// How often what differed, or failed: kind and field.
    pub(super) by_kind: BTreeMap<String, u64>,
    /// The first ones, by place and field.
    examples: Vec<ExampleView>,
    /// What the old version cost.
    pub(super) old: CostsView,
    /// What the new one cost.
    pub(super) new: CostsView,
}

/// An event that went otherwise, without what it says.
#[derive(Serialize, ToSchema)]
struct ExampleView {
    /// The subscription, or the route.
    place: String,
    /// Its log.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    /// Its position there.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Kind and field of each difference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<String>,
    /// The code with which the new version failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

/// What the calls of a version cost.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct CostsView {
    /// Calls.
    calls: u64,
    /// Their time on average, in microseconds.
    micros_mean: u64,
    /// The longest, in microseconds.
    micros_max: u64,
    /// The most memory one used, in bytes.
    memory_bytes_max: u64,
    /// Their outputs, in bytes.
    output_bytes: u64,
}

/// How it stands with a plugin.
pub(super) async fn view(bus: &Bus, plugin: &str) -> Result<RolloutView, Problem> {
    let (city, stored) = bus.rollouts.standing(plugin).await?;
    let in_service = match &stored {
        Some((rollout, true)) => version(rollout.in_service()),
        _ => version(&city),
    };
    let rollout = match stored {
        Some((rollout, governs)) => {
            let counts = bus.rollouts.counts(&rollout).await?;
            Some(shown(rollout, governs, counts))
        }
        None => None,
    };
    Ok(RolloutView {
        plugin: plugin.to_owned(),
        in_service,
        city: version(&city),
        rollout,
    })
}

fn shown(rollout: Rollout, governs: bool, counts: Counts) -> RolloutShown {
    let is_canary = matches!(rollout.stage, Stage::Canary | Stage::Stopped);
    let policy = rollout.policy;
    RolloutShown {
        stage: rollout.stage.word(),
        governs,
        old: version(&rollout.old),
        new: version(&rollout.new),
        percent: is_canary.then(|| percent(rollout.share)),
        stop: is_canary.then_some(StopView {
            failures_min: policy.failures_min,
            error_percent_max: policy.error_percent_max,
            latency_ratio_max: policy.latency_ratio_max,
            difference_percent_max: policy.difference_percent_max,
        }),
        history: rollout.history.into_iter().map(moved).collect(),
        counts: counted(counts),
    }
}

fn version(version: &Version) -> VersionView {
    VersionView {
        version: version.version.clone(),
        digest: version.digest.clone(),
    }
}

fn percent(share: u32) -> f64 {
    f64::from(share) * 100.0 / f64::from(SHARE_PARTS)
}

fn moved(moved: Moved) -> MovedView {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(moved.at_ms);
    MovedView {
        at: jiff::Timestamp::try_from(at).map_or_else(|_| String::new(), |at| format!("{at:.3}")),
        by: moved.by,
        stage: moved.stage.word(),
        percent: moved.share.map(percent),
        why: moved.why,
    }
}

/// Counts as they are shown.
pub(super) fn counted(counts: Counts) -> CountsView {
    CountsView {
        events: counts.events,
        taken: counts.taken,
        compared: counts.compared,
        different: counts.different,
        failed: counts.failed,
        both_failed: counts.both_failed,
        skipped: counts.skipped,
        by_kind: counts.by_kind,
        examples: counts.examples.into_iter().map(example).collect(),
        old: cost(&counts.old),
        new: cost(&counts.new),
    }
}

fn example(example: Example) -> ExampleView {
    ExampleView {
        place: example.place,
        log: example.log,
        position: example.position,
        differences: example.differences,
        code: example.code,
    }
}

fn cost(costs: &Costs) -> CostsView {
    CostsView {
        calls: costs.calls,
        micros_mean: costs.mean_us(),
        micros_max: costs.micros_max,
        memory_bytes_max: costs.memory_bytes_max,
        output_bytes: costs.output_bytes,
    }
}
