//! What a new version would change of what is in the log already.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stadtbus_contracts::PluginSignature;
use stadtbus_flow::{
    Refusal,
    dispatch::{Apart, Diff, Trial},
    lanes::replay::{Place, Span, resolve},
    rollout::compare::Difference,
};
use utoipa::ToSchema;

use super::{
    asked::{base64, candidate},
    shown::{CostsView, counted},
};
use crate::{
    describe::{
        params::PluginPath,
        refusals::{BODY, BROKER, CITY, DOCUMENTS, NOT_YET, SCOPE, WHO, refusals},
    },
    http::{
        Problem, Shared,
        city::{brought, bundle, envelope},
        extract::{Path, Payload, field_within, whole_or_none},
        principal, subscriptions,
    },
};

/// How far back is looked if nobody says: a day, in seconds.
const REPLAY_S: u64 = 86_400;
/// How far back at most: a year.
const REPLAY_S_MAX: u64 = 366 * 86_400;
/// Events run if nobody says.
const EVENTS: u64 = 10_000;
/// And at most.
const EVENTS_MAX: u64 = 100_000;
/// Events told with what differs, if nobody says.
const EXAMPLES: u64 = 20;
/// And at most.
const EXAMPLES_MAX: u64 = 200;

refusals! {
    /// Of a comparison.
    DiffRefused = &["SB-1402"], WHO, SCOPE, NOT_YET, BROKER, BODY, DOCUMENTS, CITY, &[
        "SB-1105", "SB-2001", "SB-4032", "SB-4035",
    ]
}

/// A new version to hold against the one in service.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct DiffOrder {
    /// `plugin.yaml` as text.
    manifest: String,
    /// The WebAssembly component, base64.
    #[schema(schema_with = base64)]
    component: String,
    /// Who vouches for it: the DSSE envelope of `stadtbus plugin sign`.
    #[serde(default)]
    #[schema(schema_with = envelope)]
    signature: Option<PluginSignature>,
    /// A Sigstore bundle, which is carried and not judged.
    #[serde(default)]
    #[schema(schema_with = bundle)]
    sigstore: Option<Value>,
    /// Whose events. It uses the plugin.
    subscription: String,
    /// How far back, in seconds; a day if absent.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 31622400)]
    replay_s: Option<u64>,
    /// Events run at most; 10000 if absent.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 1, maximum = 100000)]
    events_max: Option<u64>,
    /// Events told with what differs, at most; 20 if absent.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 200)]
    examples_max: Option<u64>,
}

/// What a new version would change.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DiffView {
    /// Whose events.
    subscription: String,
    /// SHA-256 of the version in service.
    old_digest: String,
    /// SHA-256 of the new one.
    new_digest: String,
    /// Events looked at.
    read: u64,
    /// Events that the subscription would get now, and that both versions were given.
    compared: u64,
    /// Events that its owner may not have now; they were not run.
    refused: u64,
    /// Those that come out the same.
    same: u64,
    /// Those that come out differently.
    different: u64,
    /// Of them, those whose verdict changes: events, encoded, dropped, failed.
    verdicts: u64,
    /// Those at which only the new version fails.
    failed: u64,
    /// Those at which both fail.
    both_failed: u64,
    /// How many events differ in what: kind and field.
    by_kind: BTreeMap<String, u64>,
    /// The first that come out differently.
    examples: Vec<ApartView>,
    /// What the version in service cost.
    old: CostsView,
    /// What the new one cost.
    new: CostsView,
    /// Whether the examples say what the fields contain: to the subscription's owner.
    values_shown: bool,
    /// Whether all events of the time were looked at.
    complete: bool,
}

/// An event that comes out differently.
#[derive(Serialize, ToSchema)]
struct ApartView {
    /// Its log.
    log: String,
    /// Its position.
    position: u64,
    /// What differs.
    fields: Vec<FieldView>,
}

/// A field that differs.
#[derive(Serialize, ToSchema)]
struct FieldView {
    /// In which way.
    #[schema(pattern = "^(verdict|count|added|removed|changed)$")]
    kind: &'static str,
    /// JSON pointer into what came out; empty for all of it.
    path: String,
    /// What the version in service makes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<Value>,
    /// What the new one makes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<Value>,
}

/// `POST /v1/plugins/{partner}/{name}/diff`
#[utoipa::path(
    post, path = "/v1/plugins/{partner}/{name}/diff", tag = "integrators", operation_id = "diffPlugin",
    summary = "What would a new version change?",
    description = "The version in service and the new one are run over events of the log, as far as the subscription would get them now, and held against \
        each other field by field. Nothing is delivered and nothing is written; state begins empty, for both alike. It ends after some seconds or \
        `events_max`, and says so.",
    params(PluginPath),
    request_body(content = DiffOrder, content_type = "application/json"),
    responses((status = 200, description = "So much.", body = DiffView), DiffRefused),
    security(("bearer" = ["subscribe"]), ("bearer" = ["operate"])),
)]
pub(in crate::http) async fn diff(
    State(bus): Shared,
    Path((partner, name)): Path<(String, String)>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<DiffView>, Problem> {
    let by = principal(&bus, &headers)?;
    let asked: DiffOrder = subscriptions::parsed(&body)?;
    let order = subscriptions::owned(&bus, &headers, &asked.subscription)?;
    let plugin = format!("{partner}/{name}");
    let placed = order
        .transform
        .as_ref()
        .filter(|placed| placed.plugin_name() == plugin)
        .ok_or_else(|| {
            let detail = format!(
                "The subscription {} does not use the plugin {plugin}.",
                order.id()
            );
            Refusal::new("SB-4035", detail).at("/subscription")
        })?;
    let seconds = field_within("replay_s", asked.replay_s.unwrap_or(REPLAY_S), 1, REPLAY_S_MAX)?;
    let events_max = field_within("events_max", asked.events_max.unwrap_or(EVENTS), 1, EVENTS_MAX)?;
    let examples_max = field_within(
        "examples_max",
        asked.examples_max.unwrap_or(EXAMPLES),
        0,
        EXAMPLES_MAX,
    )?;
    let brought = brought(asked.manifest, &asked.component, asked.signature, asked.sigstore)?;
    let candidate = candidate(&bus, &plugin, brought, &by).await?;
    let city = bus.cities.current()?;
    let since = SystemTime::now() - Duration::from_secs(seconds);
    let span = Span {
        log: None,
        from: Place::Time(since),
        to: None,
    };
    let logs = city.logs_of(&order).map_err(Refusal::from)?;
    let ranges = resolve(&*bus.broker, &logs, &span).await?;
    let live = bus.rollouts.of(placed);
    let old = match &live {
        Some(live) => live.in_service(placed).into_owned(),
        None => placed.clone(),
    };
    let trial = Trial {
        order: &order,
        registry: &city.registry,
        old: &old,
        new: &placed.with(&candidate.plugin),
        events_max,
        examples_max: usize::try_from(examples_max).unwrap_or(usize::MAX),
    };
    let found = stadtbus_flow::dispatch::diff(&*bus.broker, &trial, &ranges).await?;
    // Whoever runs the bus is no recipient.
    let values = by.partner == *order.partner();
    let digests = (old.digest().to_owned(), candidate.version.digest);
    Ok(Json(shown(order.id().to_string(), digests, found, values)))
}

fn shown(subscription: String, digests: (String, String), found: Diff, values: bool) -> DiffView {
    let (old_digest, new_digest) = digests;
    let Diff {
        read,
        refused,
        verdicts,
        apart,
        complete,
        counts,
    } = found;
    let examples = apart.into_iter().map(|one| example(one, values)).collect();
    let (same, different) = (counts.compared - counts.different, counts.different);
    let counts = counted(counts);
    DiffView {
        subscription,
        old_digest,
        new_digest,
        read,
        refused,
        compared: counts.compared,
        same,
        different,
        verdicts,
        failed: counts.failed,
        both_failed: counts.both_failed,
        by_kind: counts.by_kind,
        examples,
        old: counts.old,
        new: counts.new,
        values_shown: values,
        complete,
    }
}

fn example(apart: Apart, values: bool) -> ApartView {
    let field = |one: Difference| FieldView {
        kind: one.kind.word(),
        path: one.path,
        old: one.old.filter(|_| values),
        new: one.new.filter(|_| values),
    };
    ApartView {
        log: apart.log,
        position: apart.position,
        fields: apart.differences.into_iter().map(field).collect(),
    }
}
