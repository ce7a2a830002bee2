//! New versions of plugins: what they would change, tried beside the one in service, taken, and taken back.

mod asked;
mod diff;
mod shown;

use std::{sync::Arc, time::SystemTime};

use axum::{Json, extract::State, http::HeaderMap};
use stadtbus_flow::{
    Refusal,
    authenticate::{Principal, Scope},
    rollout::{By, WHY_CHARS_MAX, Wish},
};

#[allow(unused_imports, reason = "the macro of routes names it beside the handler")]
pub(super) use self::diff::__path_diff;
pub(super) use self::diff::diff;
use self::{
    asked::{CanaryOrder, Decision, ShadowOrder, candidate, decision, policy, share},
    shown::{RolloutView, view},
};
use super::{
    Problem, Shared,
    city::brought,
    extract::{Path, Payload},
    principal, subscriptions,
};
use crate::{
    Bus,
    describe::{
        params::PluginPath,
        refusals::{BODY, BROKER, CITY, DOCUMENTS, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
    },
};

refusals! {
    /// Of a look.
    ShowRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, PARAMETER, &["SB-1311", "SB-4009"]
}
refusals! {
    /// Of a trial.
    TrialRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, BODY, DOCUMENTS, CITY, &[
        "SB-1105", "SB-1311", "SB-4031", "SB-4032", "SB-4033",
    ]
}
refusals! {
    /// Of a decision.
    DecisionRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, BODY, &["SB-1311", "SB-4009", "SB-4030", "SB-4031", "SB-5011"]
}

/// `GET /v1/plugins/{partner}/{name}/rollout`
#[utoipa::path(
    get, path = "/v1/plugins/{partner}/{name}/rollout", tag = "integrators", operation_id = "showRollout",
    summary = "Which version of a plugin is in service?",
    description = "And the new one beside it, if there is one: where it stands, who decided that and why, what was counted, and the first events that \
        came out differently, by place and field, without what they say.",
    params(PluginPath),
    responses((status = 200, description = "How it stands.", body = RolloutView), ShowRefused),
    security(("bearer" = ["publish"]), ("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(super) async fn show(
    State(bus): Shared,
    Path((partner, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<RolloutView>, Problem> {
    let by = principal(&bus, &headers)?;
    let own =
        by.partner.as_str() == partner && (by.require_publish().is_ok() || by.require_subscribe().is_ok());
    if !own && by.require(Scope::Operate).is_err() {
        return Err(foreign());
    }
    Ok(Json(view(&bus, &format!("{partner}/{name}")).await?))
}

/// `POST /v1/plugins/{partner}/{name}/shadow`
#[utoipa::path(
    post, path = "/v1/plugins/{partner}/{name}/shadow", tag = "integrators", operation_id = "shadowPlugin",
    summary = "Let a new version run beside the old one",
    description = "It gets what the version in service gets, after it, and delivers nothing. Its state is its own, begun key by key as a copy. \
        Differences and failures are counted.",
    params(PluginPath),
    request_body(content = ShadowOrder, content_type = "application/json"),
    responses((status = 200, description = "It runs.", body = RolloutView), TrialRefused),
    security(("bearer" = ["publish"]), ("bearer" = ["operate"])),
)]
pub(super) async fn shadow(
    State(bus): Shared,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<RolloutView>, Problem> {
    let who = decider(&bus, &headers, &path.0)?;
    let asked: ShadowOrder = subscriptions::parsed(&body)?;
    let plugin = format!("{}/{}", path.0, path.1);
    let by = by(&who, asked.why)?;
    let brought = brought(asked.manifest, &asked.component, asked.signature, asked.sigstore)?;
    let candidate = candidate(&bus, &plugin, brought, &who).await?;
    bus.rollouts
        .decide(&plugin, Some(&candidate), Wish::Shadow, by)
        .await?;
    Ok(Json(view(&bus, &plugin).await?))
}

/// `POST /v1/plugins/{partner}/{name}/canary`
#[utoipa::path(
    post, path = "/v1/plugins/{partner}/{name}/canary", tag = "integrators", operation_id = "canaryPlugin",
    summary = "Give a new version a share of the events",
    description = "Which ones is decided by the key of the plugin's state, else by that of the subscription's order, else by the event itself, so that what \
        belongs together goes through one version. What fails in it goes through the version in service. It stops by itself for errors, for time, and where \
        `stop` says so for differences. With the version that is on trial already the share is changed.",
    params(PluginPath),
    request_body(content = CanaryOrder, content_type = "application/json"),
    responses((status = 200, description = "It takes its share.", body = RolloutView), TrialRefused),
    security(("bearer" = ["publish"]), ("bearer" = ["operate"])),
)]
pub(super) async fn canary(
    State(bus): Shared,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<RolloutView>, Problem> {
    let who = decider(&bus, &headers, &path.0)?;
    let asked: CanaryOrder = subscriptions::parsed(&body)?;
    let plugin = format!("{}/{}", path.0, path.1);
    let by = by(&who, asked.why)?;
    let wish = Wish::Canary {
        share: share(asked.percent)?,
        policy: policy(asked.stop)?,
    };
    let brought = brought(asked.manifest, &asked.component, asked.signature, asked.sigstore)?;
    let candidate = candidate(&bus, &plugin, brought, &who).await?;
    bus.rollouts.decide(&plugin, Some(&candidate), wish, by).await?;
    Ok(Json(view(&bus, &plugin).await?))
}

/// `POST /v1/plugins/{partner}/{name}/promote`
#[utoipa::path(
    post, path = "/v1/plugins/{partner}/{name}/promote", tag = "integrators", operation_id = "promotePlugin",
    summary = "Put the new version into service",
    description = "The one that runs as a shadow or canary. Each event goes through one version; none is lost and none is held up.",
    params(PluginPath),
    request_body(content = Decision, content_type = "application/json"),
    responses((status = 200, description = "It is in service.", body = RolloutView), DecisionRefused),
    security(("bearer" = ["publish"]), ("bearer" = ["operate"])),
)]
pub(super) async fn promote(
    State(bus): Shared,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<RolloutView>, Problem> {
    decide(&bus, &headers, &path, &body, Wish::Promote).await
}

/// `POST /v1/plugins/{partner}/{name}/rollback`
#[utoipa::path(
    post, path = "/v1/plugins/{partner}/{name}/rollback", tag = "integrators", operation_id = "rollbackPlugin",
    summary = "Take the old version again",
    description = "Ends a shadow or canary, or puts the version back into service that was there before the last promotion.",
    params(PluginPath),
    request_body(content = Decision, content_type = "application/json"),
    responses((status = 200, description = "The old version is in service.", body = RolloutView), DecisionRefused),
    security(("bearer" = ["publish"]), ("bearer" = ["operate"])),
)]
pub(super) async fn rollback(
    State(bus): Shared,
    Path(path): Path<(String, String)>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<RolloutView>, Problem> {
    decide(&bus, &headers, &path, &body, Wish::RollBack).await
}

async fn decide(
    bus: &Bus,
    headers: &HeaderMap,
    (partner, name): &(String, String),
    body: &[u8],
    wish: Wish,
) -> Result<Json<RolloutView>, Problem> {
    let who = decider(bus, headers, partner)?;
    let by = by(&who, decision(body)?.why)?;
    let plugin = format!("{partner}/{name}");
    bus.rollouts.decide(&plugin, None, wish, by).await?;
    Ok(Json(view(bus, &plugin).await?))
}

/// Who may decide which version is in service: whoever may deploy one.
fn decider(bus: &Bus, headers: &HeaderMap, partner: &str) -> Result<Arc<Principal>, Problem> {
    let by = principal(bus, headers)?;
    let own = by.partner.as_str() == partner && by.require_publish().is_ok();
    if !own && by.require(Scope::Operate).is_err() {
        return Err(foreign());
    }
    Ok(by)
}

fn foreign() -> Problem {
    Refusal::new("SB-1311", "This plugin belongs to another partner.").into()
}

/// Who decides now, and why.
pub(super) fn by(who: &Principal, why: Option<String>) -> Result<By, Problem> {
    let why = why.unwrap_or_default();
    if why.chars().count() > WHY_CHARS_MAX {
        let detail = format!("`why` has more than {WHY_CHARS_MAX} characters.");
        return Err(Refusal::new("SB-1119", detail).at("/why").into());
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Ok(By {
        who: format!("{}/{}", who.partner, who.system),
        at_ms: now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX)),
        why,
    })
}
