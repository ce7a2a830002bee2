//! New versions of plugins beside those in service.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Facts;
use crate::rollout::{Rollout, Stage};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RanLabels {
    plugin: String,
    part: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    plugin: String,
    stage: &'static str,
}

/// The metrics of rollouts.
#[derive(Debug, Default)]
pub(super) struct RolloutMetrics {
    ran: Family<RanLabels, Counter>,
    stage: Family<StageLabels, Gauge>,
}

impl RolloutMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "plugin_trial_events",
            "Events that a new version of a plugin was given, as a shadow or canary, by what came of it.",
            self.ran.clone(),
        );
        registry.register(
            "plugin_rollout_stage",
            "1 for the stage at which the rollout of a plugin stands.",
            self.stage.clone(),
        );
    }
}

/// A new version ran on an event.
pub(crate) struct RolloutRan<'a> {
    /// The plugin.
    pub(crate) plugin: &'a str,
    /// `shadow` or `canary`.
    pub(crate) part: &'static str,
    /// What came of it.
    pub(crate) result: &'static str,
}

impl RolloutRan<'_> {
    /// Tells it.
    pub(crate) fn emit(self, facts: &Facts) {
        let labels = RanLabels {
            plugin: self.plugin.to_owned(),
            part: self.part,
            result: self.result,
        };
        facts.metrics.rollouts.ran.get_or_create(&labels).inc();
    }
}

/// A rollout stands somewhere else now.
pub(crate) struct RolloutMoved<'a> {
    /// The rollout.
    pub(crate) rollout: &'a Rollout,
}

impl RolloutMoved<'_> {
    /// Tells it.
    pub(crate) fn emit(self, facts: &Facts) {
        let rollout = self.rollout;
        for stage in Stage::ALL {
            let labels = StageLabels {
                plugin: rollout.plugin.clone(),
                stage: stage.word(),
            };
            let here = i64::from(stage == rollout.stage);
            facts.metrics.rollouts.stage.get_or_create(&labels).set(here);
        }
        let (by, why) = rollout
            .history
            .last()
            .map_or(("", ""), |moved| (moved.by.as_str(), moved.why.as_str()));
        let (plugin, stage) = (rollout.plugin.as_str(), rollout.stage.word());
        let (old, new) = (rollout.old.digest.as_str(), rollout.new.digest.as_str());
        if rollout.stage == Stage::Stopped {
            tracing::warn!(
                plugin,
                stage,
                old,
                new,
                why,
                code = "SB-4034",
                "A canary stopped itself."
            );
        } else {
            tracing::info!(plugin, stage, old, new, by, why, "The rollout of a plugin moved.");
        }
    }
}
