//! What a trial is asked for, and whether it can be had.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use stadtbus_contracts::PluginSignature;
use stadtbus_flow::{
    Refusal,
    authenticate::Principal,
    city::{Candidate, Deployment},
    rollout::{Policy, SHARE_PARTS},
};
use utoipa::{ToSchema, openapi::Ref};

use crate::{
    Bus,
    describe::openapi::schema,
    http::{
        Problem,
        city::{bundle, envelope},
    },
};

/// A new version to run as a shadow.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShadowOrder {
    /// `plugin.yaml` as text.
    pub(super) manifest: String,
    /// The WebAssembly component, base64.
    #[schema(schema_with = base64)]
    pub(super) component: String,
    /// Who vouches for it: the DSSE envelope of `stadtbus plugin sign`.
    #[serde(default)]
    #[schema(schema_with = envelope)]
    pub(super) signature: Option<PluginSignature>,
    /// A Sigstore bundle, which is carried and not judged.
    #[serde(default)]
    #[schema(schema_with = bundle)]
    pub(super) sigstore: Option<Value>,
    /// Why, for whoever looks later.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(super) why: Option<String>,
}

/// A new version that takes a share of the events.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryOrder {
    /// `plugin.yaml` as text.
    pub(super) manifest: String,
    /// The WebAssembly component, base64.
    #[schema(schema_with = base64)]
    pub(super) component: String,
    /// Who vouches for it: the DSSE envelope of `stadtbus plugin sign`.
    #[serde(default)]
    #[schema(schema_with = envelope)]
    pub(super) signature: Option<PluginSignature>,
    /// A Sigstore bundle, which is carried and not judged.
    #[serde(default)]
    #[schema(schema_with = bundle)]
    pub(super) sigstore: Option<Value>,
    /// How many of a hundred events.
    #[schema(minimum = 0.01, maximum = 100)]
    pub(super) percent: f64,
    /// When it stops by itself.
    #[serde(default)]
    pub(super) stop: Option<StopOrder>,
    /// Why, for whoever looks later.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(super) why: Option<String>,
}

/// When a canary stops by itself; what is left out keeps its default.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct StopOrder {
    /// Fewer failures, or differences, stop nothing; 3 if absent.
    #[serde(default, deserialize_with = "crate::http::extract::whole_or_none")]
    #[schema(minimum = 1, maximum = 1000)]
    failures_min: Option<u64>,
    /// Percent of its events that may fail in the new version and not in the old one; 1 if absent.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    error_percent_max: Option<f64>,
    /// How many times the time of the old version it may take on average; 4 if absent, 0: any.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000)]
    latency_ratio_max: Option<f64>,
    /// Percent of its events that may come out differently; any if absent. Then both versions run for each of them.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 100)]
    difference_percent_max: Option<f64>,
}

/// A decision.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// Why, for whoever looks later.
    #[serde(default)]
    #[schema(max_length = 500)]
    pub(super) why: Option<String>,
}

pub(super) fn base64() -> Ref {
    schema("Base64")
}

/// A decision needs no reason, and so no body.
pub(super) fn decision(body: &[u8]) -> Result<Decision, Problem> {
    if body.is_empty() {
        return Ok(Decision::default());
    }
    parsed(body)
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    super::super::subscriptions::parsed(body)
}

/// Parts of [`SHARE_PARTS`].
pub(super) fn share(percent: f64) -> Result<u32, Problem> {
    let percent = bounded("percent", percent, 0.01, 100.0)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and ten thousand"
    )]
    let parts = (percent * f64::from(SHARE_PARTS) / 100.0).round() as u32;
    Ok(parts.clamp(1, SHARE_PARTS))
}

/// What is asked for, and the defaults for the rest.
pub(super) fn policy(asked: Option<StopOrder>) -> Result<Policy, Problem> {
    let asked = asked.unwrap_or_default();
    let usual = Policy::default();
    let failures = asked.failures_min.unwrap_or(u64::from(usual.failures_min));
    let failures = crate::http::extract::within("stop.failures_min", failures, 1, 1_000)
        .map_err(|Problem(refusal)| Problem(refusal.at("/stop/failures_min")))?;
    let percent = |name, value: Option<f64>| value.map(|value| bounded(name, value, 0.0, 100.0)).transpose();
    let ratio = asked
        .latency_ratio_max
        .map(|value| bounded("stop/latency_ratio_max", value, 0.0, 1_000.0))
        .transpose()?;
    Ok(Policy {
        failures_min: u32::try_from(failures).unwrap_or(u32::MAX),
        error_percent_max: percent("stop/error_percent_max", asked.error_percent_max)?
            .unwrap_or(usual.error_percent_max),
        latency_ratio_max: ratio.unwrap_or(usual.latency_ratio_max),
        difference_percent_max: percent("stop/difference_percent_max", asked.difference_percent_max)?,
    })
}

fn bounded(name: &str, value: f64, least: f64, most: f64) -> Result<f64, Problem> {
    if value >= least && value <= most {
        return Ok(value);
    }
    let detail = format!("`{name}` must be between {least} and {most}.");
    Err(Refusal::new("SB-1119", detail).at(format!("/{name}")).into())
}

/// The version that `by` brings along, if it could stand in the place of the one in service.
pub(super) async fn candidate(
    bus: &Bus,
    plugin: &str,
    brought: Deployment,
    by: &Principal,
) -> Result<Candidate, Problem> {
    let parsed = stadtbus_plugin_host::Manifest::parse(&brought.manifest)
        .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
    if parsed.name() != plugin {
        return Err(Refusal::new("SB-4007", "The manifest names another plugin than the path.").into());
    }
    let by = format!("{}/{}", by.partner, by.system);
    Ok(bus.cities.candidate(brought, &by).await?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    #[test]
    fn a_share_is_parts_of_ten_thousand() {
        for (percent, parts) in [
            (1.0, Some(100)),
            (0.01, Some(1)),
            (100.0, Some(10_000)),
            (12.345, Some(1_235)),
            (0.0, None),
            (100.01, None),
            (-1.0, None),
            (f64::NAN, None),
        ] {
            assert_eq!(share(percent).ok(), parts, "{percent}");
        }
    }

    #[test]
    fn a_policy_has_defaults_and_bounds() {
        let asked = |text: &str| policy(serde_json::from_str(text).unwrap());
        assert_eq!(asked("null").ok(), Some(Policy::default()));
        let some = asked(r#"{"failures_min": 5.0, "difference_percent_max": 0}"#)
            .ok()
            .unwrap();
        assert_eq!((some.failures_min, some.error_percent_max), (5, 1.0));
        assert_eq!(some.difference_percent_max, Some(0.0));
        for (text, pointer) in [
            (r#"{"failures_min": 0}"#, "/stop/failures_min"),
            (r#"{"error_percent_max": 101}"#, "/stop/error_percent_max"),
            (r#"{"latency_ratio_max": -1}"#, "/stop/latency_ratio_max"),
            (
                r#"{"difference_percent_max": 1e9}"#,
                "/stop/difference_percent_max",
            ),
        ] {
            let Err(Problem(refusal)) = asked(text) else {
                unreachable!("{text} was taken")
            };
            assert_eq!(
                (refusal.code, refusal.pointer.as_deref()),
                ("SB-1119", Some(pointer))
            );
        }
    }
}
