//! What plugins use, and what they say.

use std::sync::atomic::Ordering;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use stadtbus_plugin_host::{Answer, Cost, Failure, LogLine, Manifest, Observer, Verdict};

use super::Facts;

/// Upper bounds of the time of a call, in seconds. A compiled guest takes microseconds; no deadline is longer than the last.
const SECONDS: [f64; 12] = [
    0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.25, 1.0,
];

/// Name of the lines of plugins in the log of the bus.
const TARGET: &str = "stadtbus_plugin";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PluginLabels {
    plugin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    plugin: String,
    outcome: &'static str,
}

/// The metrics of plugins, by `partner/name`.
#[derive(Debug)]
pub(super) struct PluginMetrics {
    calls: Family<CallLabels, Counter>,
    seconds: Family<PluginLabels, Histogram, fn() -> Histogram>,
    memory: Family<PluginLabels, Gauge>,
    output: Family<PluginLabels, Counter>,
    lines: Family<PluginLabels, Counter>,
    lines_dropped: Family<PluginLabels, Counter>,
}

impl Default for PluginMetrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            memory: Family::default(),
            output: Family::default(),
            lines: Family::default(),
            lines_dropped: Family::default(),
        }
    }
}

impl PluginMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "plugin_calls",
            "Calls of a plugin, by outcome: events, encoded, dropped, rejected, or the code of what it did wrong.",
            self.calls.clone(),
        );
        registry.register(
            "plugin_call_duration_seconds",
            "From the start of an instance to the checked answer.",
            self.seconds.clone(),
        );
        registry.register(
            "plugin_memory_peak_bytes",
            "Most linear memory that a call of the plugin used in this process.",
            self.memory.clone(),
        );
        registry.register(
            "plugin_output_bytes",
            "Size of what the plugin handed out.",
            self.output.clone(),
        );
        registry.register(
            "plugin_log_lines",
            "Lines that the plugin logged.",
            self.lines.clone(),
        );
        registry.register(
            "plugin_log_lines_dropped",
            "Lines that the plugin logged beyond its budget.",
            self.lines_dropped.clone(),
        );
    }

    fn called(&self, plugin: String, outcome: &'static str, cost: &Cost, lines: usize) {
        let labels = PluginLabels { plugin };
        #[allow(
            clippy::cast_precision_loss,
            reason = "a call takes far less than 2^52 microseconds"
        )]
        let seconds = cost.micros as f64 / 1e6;
        self.seconds.get_or_create(&labels).observe(seconds);
        let memory = i64::try_from(cost.memory_bytes).unwrap_or(i64::MAX);
        self.memory
            .get_or_create(&labels)
            .inner()
            .fetch_max(memory, Ordering::Relaxed);
        let counted = |family: &Family<PluginLabels, Counter>, many: u64| {
            if many > 0 {
                family.get_or_create(&labels).inc_by(many);
            }
        };
        counted(&self.output, cost.output_bytes);
        counted(&self.lines, lines as u64);
        counted(&self.lines_dropped, cost.log_lines_dropped);
        let PluginLabels { plugin } = labels;
        self.calls.get_or_create(&CallLabels { plugin, outcome }).inc();
    }
}

impl Observer for Facts {
    fn called(&self, manifest: &Manifest, outcome: &Result<Answer, Failure>) {
        let plugin = manifest.name();
        let (word, cost, lines) = match outcome {
            Ok(answer) => (word(&answer.verdict), &answer.cost, &answer.logs),
            Err(failure) => (failure.code, &failure.cost, &failure.logs),
        };
        for line in lines {
            tell(&plugin, &manifest.version, line);
        }
        self.metrics.plugins.called(plugin, word, cost, lines.len());
    }
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Events(_) => "events",
        Verdict::Encoded { .. } => "encoded",
        Verdict::Drop(_) => "dropped",
        Verdict::Reject(_) => "rejected",
    }
}

/// A line of a plugin in the log of the bus, below a name of its own, so that an operator can keep them apart or silence them.
fn tell(plugin: &str, version: &str, line: &LogLine) {
    let text = line.text.as_str();
    match line.level {
        "error" => tracing::error!(target: TARGET, plugin, version, "{text}"),
        "warn" => tracing::warn!(target: TARGET, plugin, version, "{text}"),
        "info" => tracing::info!(target: TARGET, plugin, version, "{text}"),
        _ => tracing::debug!(target: TARGET, plugin, version, "{text}"),
    }
}
