//! Operators: is every log what it was, and if not, what is to hold.

use std::sync::Arc;

use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use stadtbus_flow::{
    Refusal,
    witness::{Asked, Damage, Decision, LogReport, Witness},
};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        ObjectBuilder, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

use super::{
    Problem, Shared,
    extract::{Path, Payload, field_within},
    operator,
};
use crate::{
    Bus,
    describe::refusals::{ALWAYS, BODY, BROKER, PARAMETER, SCOPE, WHO, refusals},
    witness::Watch,
};

/// Longest reason, in characters.
const REASON_MAX: usize = 500;

refusals! {
    /// Of the list.
    ListRefused = ALWAYS, WHO, SCOPE, BROKER
}
refusals! {
    /// Of one log.
    ShowRefused = ALWAYS, WHO, SCOPE, BROKER, PARAMETER, &["SB-1510"]
}
refusals! {
    /// Of a decision.
    AcceptRefused = ALWAYS, WHO, SCOPE, BROKER, BODY, &["SB-1509", "SB-1510"]
}

/// `{log}`
pub(super) struct LogPath;

impl IntoParams for LogPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Za-z0-9_-]{1,64}$"))
            .min_length(Some(1))
            .max_length(Some(64));
        vec![
            ParameterBuilder::new()
                .name("log")
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some("The log or bucket, as the list names it."))
                .schema(Some(name))
                .build(),
        ]
    }
}

/// What is wrong with a log or bucket.
#[derive(Serialize, ToSchema)]
pub(super) struct DamageView {
    /// `missing`, `truncated`, `beheaded`, `hole`, `altered`, `unreadable`, `reused` or `rolled-back`.
    kind: &'static str,
    /// A sentence.
    detail: String,
    /// The position or revision that shows it.
    position: u64,
    /// What was acknowledged.
    expected: u64,
    /// What the broker has.
    found: u64,
    /// When it was noticed, RFC 3339.
    since: String,
}

/// One log as the witness knows it.
#[derive(Serialize, ToSchema)]
pub(super) struct LogView {
    /// Its name.
    log: String,
    /// `whole`, `comparing` (the first comparison of all of it is not done) or `damaged`.
    state: &'static str,
    /// The last position that was acknowledged or seen; absent for a bucket of cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    mark: Option<u64>,
    /// The first position.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<u64>,
    /// Where the hash chain begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_from: Option<u64>,
    /// The last position in the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_position: Option<u64>,
    /// The chain up to there, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
    /// When every record was last compared, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<String>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<DamageView>,
}

/// All logs.
#[derive(Serialize, ToSchema)]
pub(super) struct Logs {
    /// Whether this process has a witness (`[witness] dir`).
    witness: bool,
    /// Whether events are refused because a log is damaged.
    stopped: bool,
    /// The logs, and the buckets that are damaged.
    logs: Vec<LogView>,
}

/// A decision of an operator.
#[derive(Serialize, ToSchema)]
pub(super) struct DecisionView {
    /// The log.
    log: String,
    /// When, RFC 3339.
    time: String,
    /// Who, `partner/system`.
    by: String,
    /// Why.
    reason: String,
    /// What was wrong.
    damage: DamageView,
    /// The last position that had been acknowledged.
    mark: u64,
    /// The first position that was there.
    first: u64,
    /// The last position that was there.
    last: u64,
    /// Positions at the end that were filled with records that say "lost".
    filled: u64,
    /// The chain that ended: its last position.
    chain_position: u64,
    /// And its value, hexadecimal.
    chain: String,
}

/// One log with the decisions on it.
#[derive(Serialize, ToSchema)]
pub(super) struct LogDetails {
    /// The log; absent for a bucket that is whole.
    #[serde(flatten)]
    log: LogView,
    /// Decisions of operators, oldest first.
    decisions: Vec<DecisionView>,
}

/// Why what the broker has is to be the truth.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acceptance {
    /// For whoever reads it later: what happened, and why nothing better could be had.
    #[schema(min_length = 1, max_length = 500, pattern = r"\S")]
    reason: String,
}

/// `GET /v1/logs`
#[utoipa::path(
    get, path = "/v1/logs", tag = "operators", operation_id = "listLogs",
    summary = "Are the logs what they were?",
    description = "What this process remembers of every log, and what is wrong. Each process has a witness of its own.",
    responses((status = 200, description = "The logs.", body = Logs), ListRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn list(State(bus): Shared, headers: HeaderMap) -> Result<Json<Logs>, Problem> {
    operator(&bus, &headers)?;
    let Some(watch) = &bus.witness else {
        return Ok(Json(Logs {
            witness: false,
            stopped: false,
            logs: Vec::new(),
        }));
    };
    Ok(Json(Logs {
        witness: true,
        stopped: watch.witness.stopped().is_some(),
        logs: views(&watch.witness),
    }))
}

/// `GET /v1/logs/{log}`
#[utoipa::path(
    get, path = "/v1/logs/{log}", tag = "operators", operation_id = "showLog",
    summary = "One log, and what was decided about it",
    description = "As in the list, with the decisions of operators.",
    params(LogPath),
    responses((status = 200, description = "The log.", body = LogDetails), ShowRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn show(
    State(bus): Shared,
    Path(log): Path<String>,
    headers: HeaderMap,
) -> Result<Json<LogDetails>, Problem> {
    operator(&bus, &headers)?;
    let watch = watch(&bus)?;
    let decisions = watch.witness.decisions(&log)?;
    let view = views(&watch.witness).into_iter().find(|view| view.log == log);
    let view = match view {
        Some(view) => view,
        // A bucket is listed while it is damaged; what was decided stays.
        None if !decisions.is_empty() => bucket(log, None),
        None => {
            return Err(Refusal::new("SB-1505", "The witness knows no log or bucket of this name.").into());
        }
    };
    Ok(Json(LogDetails {
        log: view,
        decisions: decisions.into_iter().map(decision_view).collect(),
    }))
}

/// `POST /v1/logs/{log}/accept-truth`
#[utoipa::path(
    post, path = "/v1/logs/{log}/accept-truth", tag = "operators", operation_id = "acceptTruthOfLog",
    summary = "Take what the broker has for the truth",
    description = "Ends the alarm of a damaged log for good: what the broker has now is remembered from now on, and positions at its end that are lost \
        are filled, so that they are not given again. The decision is kept. Reads all of the log, which takes its time.",
    params(LogPath),
    request_body(content = Acceptance, content_type = "application/json"),
    responses((status = 200, description = "What was decided.", body = DecisionView), AcceptRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn accept_truth(
    State(bus): Shared,
    Path(log): Path<String>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<DecisionView>, Problem> {
    let by = operator(&bus, &headers)?;
    let ask: Acceptance = serde_json::from_slice(&body)
        .map_err(|_| Refusal::new("SB-1102", "The body is not what this call takes."))?;
    let reason = ask.reason.trim();
    field_within("reason", reason.chars().count() as u64, 1, REASON_MAX as u64)?;
    let watch = watch(&bus)?;
    let asked = Asked {
        by: format!("{}/{}", by.partner, by.system),
        reason: reason.to_owned(),
    };
    let (witness, broker) = (Arc::clone(&watch.witness), Arc::clone(&watch.broker));
    // Goes on when whoever asked has hung up: half a decision helps nobody.
    let deciding = tokio::spawn(async move { witness.accept_truth(&*broker, &log, asked).await });
    let decision = deciding
        .await
        .map_err(|error| Refusal::new("SB-1510", format!("The decision ended badly: {error}")))??;
    Ok(Json(decision_view(decision)))
}

fn watch(bus: &Bus) -> Result<&Watch, Refusal> {
    bus.witness.as_ref().ok_or_else(|| {
        Refusal::new("SB-1505", "This process has no witness.").hint("set [witness] dir in the configuration")
    })
}

fn views(witness: &Witness) -> Vec<LogView> {
    let mut views: Vec<LogView> = witness.report().into_iter().map(log_view).collect();
    let damaged = witness.bucket_damages().into_iter();
    views.extend(damaged.map(|(name, damage)| bucket(name, Some(damage))));
    views
}

fn log_view(report: LogReport) -> LogView {
    LogView {
        log: report.log,
        state: match (&report.damage, report.compared_ms, report.comparing_at) {
            (Some(_), ..) => "damaged",
            (None, 0, _) | (None, _, Some(_)) => "comparing",
            _ => "whole",
        },
        mark: Some(report.mark),
        first: Some(report.first),
        chain_from: Some(report.chain_from),
        chain_position: Some(report.chain_position),
        chain: Some(report.chain),
        compared: (report.compared_ms > 0).then(|| time(report.compared_ms)),
        damage: report.damage.map(damage_view),
    }
}

fn bucket(log: String, damage: Option<Damage>) -> LogView {
    LogView {
        log,
        state: if damage.is_some() { "damaged" } else { "whole" },
        mark: None,
        first: None,
        chain_from: None,
        chain_position: None,
        chain: None,
        compared: None,
        damage: damage.map(damage_view),
    }
}

fn damage_view(damage: Damage) -> DamageView {
    DamageView {
        kind: damage.kind.word(),
        detail: damage.sentence(),
        position: damage.position,
        expected: damage.expected,
        found: damage.found,
        since: time(damage.since_ms),
    }
}

fn decision_view(decision: Decision) -> DecisionView {
    DecisionView {
        log: decision.log,
        time: decision.time,
        by: decision.by,
        reason: decision.reason,
        damage: damage_view(decision.damage),
        mark: decision.mark,
        first: decision.first,
        last: decision.last,
        filled: decision.filled,
        chain_position: decision.chain_position,
        chain: decision.chain,
    }
}

fn time(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}
