//! How hard the bus tries to deliver: concurrency, attempts, pauses, patience.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::finding::Text;
use crate::reader::Reader;
use crate::yaml::Node;

/// Bounds of the oldest age: a second and a year.
const AGE_MS: (u64, u64) = (1_000, 31_536_000_000);
/// Attempts in one second.
const RATE_PER_S_MAX: u64 = 10_000;

/// Delivery policy of a subscription. Every field has a default and a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// Deliveries under way at once, 1–256.
    pub concurrency: u32,
    /// Attempts before the event is dead-lettered, 1–100.
    pub attempts_max: u32,
    /// Pause before the second attempt, in ms, 10–3 600 000; doubles from there, with jitter.
    pub first_delay_ms: u64,
    /// Longest pause between attempts, in ms, up to one day.
    pub delay_ms_max: u64,
    /// How long one attempt may take, in ms, 100–120 000.
    pub timeout_ms: u64,
    /// How old an event may be for a further attempt, in ms since its acceptance, one second to one year; as old as it is,
    /// where it does not say. The first attempt is made all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_ms_max: Option<u64>,
    /// Attempts in one second, 1–10 000; as many as the receiver takes, where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_s: Option<u32>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            concurrency: 8,
            attempts_max: 12,
            first_delay_ms: 500,
            delay_ms_max: 3_600_000,
            timeout_ms: 15_000,
            age_ms_max: None,
            rate_per_s: None,
        }
    }
}

impl Delivery {
    /// Pause before the second attempt.
    pub fn first_delay(&self) -> Duration {
        Duration::from_millis(self.first_delay_ms)
    }

    /// Longest pause between attempts.
    pub fn delay_max(&self) -> Duration {
        Duration::from_millis(self.delay_ms_max)
    }

    /// How long one attempt may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The name of the first field out of its bounds, with the bounds.
    pub(crate) fn out_of_bounds(&self) -> Option<(&'static str, u64, u64)> {
        let fields = [
            ("concurrency", u64::from(self.concurrency), 1, 256),
            ("attempts_max", u64::from(self.attempts_max), 1, 100),
            ("first_delay_ms", self.first_delay_ms, 10, 3_600_000),
            ("delay_ms_max", self.delay_ms_max, self.first_delay_ms, 86_400_000),
            ("timeout_ms", self.timeout_ms, 100, 120_000),
            (
                "age_ms_max",
                self.age_ms_max.unwrap_or(AGE_MS.1),
                AGE_MS.0,
                AGE_MS.1,
            ),
            (
                "rate_per_s",
                self.rate_per_s.map_or(1, u64::from),
                1,
                RATE_PER_S_MAX,
            ),
        ];
        fields
            .into_iter()
            .find(|(_, value, min, max)| value < min || value > max)
            .map(|(name, _, min, max)| (name, min, max))
    }
}

pub(crate) fn read(reader: &Reader, node: &Node) -> Option<Delivery> {
    let names = &[
        "concurrency",
        "attempts_max",
        "first_delay_ms",
        "delay_ms_max",
        "timeout_ms",
        "age_ms_max",
        "rate_per_s",
    ];
    let fields = reader.fields(node, names)?;
    let otherwise = Delivery::default();
    let whole = |name: &str, value: u64| fields.or(name, value, |r, n| r.number(n, 0..=u64::from(u32::MAX)));
    let concurrency = whole("concurrency", otherwise.concurrency.into());
    let attempts_max = whole("attempts_max", otherwise.attempts_max.into());
    let first_delay_ms = whole("first_delay_ms", otherwise.first_delay_ms);
    let delay_ms_max = whole("delay_ms_max", otherwise.delay_ms_max);
    let timeout_ms = whole("timeout_ms", otherwise.timeout_ms);
    let some = |name: &str| fields.optional(name, |r, n| r.number(n, 0..=AGE_MS.1));
    let age_ms_max = some("age_ms_max");
    let rate_per_s = some("rate_per_s");
    let delivery = Delivery {
        concurrency: u32::try_from(concurrency?).ok()?,
        attempts_max: u32::try_from(attempts_max?).ok()?,
        first_delay_ms: first_delay_ms?,
        delay_ms_max: delay_ms_max?,
        timeout_ms: timeout_ms?,
        age_ms_max: age_ms_max?,
        rate_per_s: rate_per_s?.map(|rate| u32::try_from(rate).unwrap_or(u32::MAX)),
    };
    if let Some((name, min, max)) = delivery.out_of_bounds() {
        let text = bounds_text(name, min, max);
        reader.bad(node.get(name).unwrap_or(node), text);
        return None;
    }
    Some(delivery)
}

pub(crate) fn bounds_text(name: &str, min: u64, max: u64) -> Text {
    Text::new(
        format!("„{name}“ muss zwischen {min} und {max} liegen."),
        format!("`{name}` must be between {min} and {max}"),
    )
}
