//! Operators and integrators: plan and change the city, deploy a plugin.

use std::{collections::BTreeMap, time::Duration};

use axum::{Json, extract::State, http::HeaderMap};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stadtbus_contracts::{City, PluginSignature, Sink, Subscription};
use stadtbus_flow::{
    Refusal,
    authenticate::Scope,
    city::{Deployment, Proposal},
    deliver::egress::{Egress, EgressError},
};

use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Ref, schema::Array},
};

use super::{
    Problem, Shared,
    extract::{Path, Payload},
    operator,
    orders::follow,
    principal, rollouts,
};
use crate::{
    Bus,
    describe::{
        openapi::schema,
        params::PluginPath,
        refusals::{BROKER, CITY, DOCUMENTS, NOT_YET, SCOPE, WHO, refusals},
    },
};

/// Names of receivers looked up at one time while a city is judged.
const LOOKUPS_AT_ONCE: usize = 32;
/// How long all of them may take; what is not known by then is judged at delivery.
const LOOKUPS_WITHIN: Duration = Duration::from_secs(5);

/// A city and the components that come with it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Proposal)]
pub(super) struct Body {
    /// The city.
    #[schema(schema_with = a_city)]
    city: City,
    /// Components of its plugins that the bus does not have yet: SHA-256 → base64.
    #[serde(default)]
    #[schema(schema_with = components)]
    components: BTreeMap<String, String>,
    /// `PUT`: digest of the city this was planned against; empty for none.
    #[serde(default)]
    expect: String,
}

/// A plugin to deploy.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deploy {
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
}

/// The city in force.
#[derive(ToSchema)]
#[schema(as = CurrentCity)]
#[allow(dead_code, reason = "describes what `current` writes")]
pub(super) struct Current {
    /// SHA-256 over the document.
    digest: String,
    #[schema(schema_with = a_city)]
    city: City,
}

/// What a city would change.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what `plan` writes")]
pub(super) struct Plan {
    #[schema(schema_with = changes)]
    changes: Vec<Value>,
    /// Digest of the city in force; empty for none. What `PUT` takes as `expect`.
    current: String,
    /// Components that must come along, by SHA-256.
    missing_components: Vec<String>,
    #[schema(schema_with = orders)]
    orders: Value,
    /// Plugins that ask for more than is granted; a second person has to approve that first.
    #[schema(schema_with = lacking)]
    lacking: Value,
}

/// What was put in force.
#[derive(Serialize, ToSchema)]
pub(super) struct Applied {
    /// Digest of the city in force.
    applied: String,
}

/// What was deployed.
#[derive(Serialize, ToSchema)]
pub(super) struct Deployed {
    /// `partner/name@version`.
    plugin: String,
    /// SHA-256 of the component.
    digest: String,
    /// `deployed` or `unchanged`.
    change: &'static str,
}

fn a_city() -> Ref {
    schema("City")
}

pub(super) fn envelope() -> Ref {
    schema("PluginSignature")
}

pub(super) fn bundle() -> Ref {
    schema("SigstoreBundle")
}

fn lacking() -> Array {
    Array::new(schema("LackingPlugin"))
}

fn base64() -> Ref {
    schema("Base64")
}

fn components() -> Object {
    ObjectBuilder::new()
        .description(Some(
            "Components of its plugins that the bus does not have yet: SHA-256 → base64.",
        ))
        .additional_properties(Some(base64()))
        .build()
}

fn orders() -> Ref {
    schema("PlannedOrders")
}

fn changes() -> Array {
    Array::new(schema("Change"))
}

refusals! {
    /// Of the city in force.
    CurrentRefused = &["SB-1402"], WHO, SCOPE, NOT_YET
}
refusals! {
    /// Of a plan.
    PlanRefused = &["SB-1402", "SB-1102", "SB-1105", "SB-1401", "SB-4007", "SB-4020", "SB-4022"], WHO, SCOPE, BROKER, DOCUMENTS
}
refusals! {
    /// Of a change.
    ApplyRefused = &["SB-1402", "SB-1102", "SB-1105", "SB-1401"], WHO, SCOPE, BROKER, DOCUMENTS, CITY, &["SB-5016"]
}
refusals! {
    /// Of a plugin.
    DeployRefused = &["SB-1402", "SB-1102", "SB-1105", "SB-1119", "SB-1401"], WHO, SCOPE, NOT_YET, BROKER, DOCUMENTS, CITY, &["SB-1311", "SB-5016"]
}

/// `GET /v1/city`
#[utoipa::path(
    get, path = "/v1/city", tag = "operators", operation_id = "currentCity",
    summary = "The city in force",
    description = "The whole document and its digest.",
    responses((status = 200, description = "The city.", body = Current), CurrentRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn current(State(bus): Shared, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    operator(&bus, &headers)?;
    let city = bus.cities.current()?;
    Ok(Json(
        json!({ "digest": city.digest, "city": city.registry.city() }),
    ))
}

/// `POST /v1/city/plan`
#[utoipa::path(
    post, path = "/v1/city/plan", tag = "operators", operation_id = "planCity",
    summary = "What would this city change?",
    description = "Changes nothing. Documents that do not fit together are refused; plugins are looked at when the city is put in force. \
        Subscriptions that partners ordered stay, and those that the city would make impossible are named.",
    request_body(content = Body, content_type = "application/json"),
    responses((status = 200, description = "The plan.", body = Plan), PlanRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn plan(
    State(bus): Shared,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<Value>, Problem> {
    operator(&bus, &headers)?;
    let (body, _) = parsed(&body)?;
    within_reach(&bus, &body.city).await?;
    let plan = bus.cities.plan(body.city).await?;
    Ok(Json(json!({
        "changes": plan.changes, "current": plan.current, "missing_components": plan.missing_components,
        "orders": { "kept": plan.kept, "impossible": plan.impossible }, "lacking": plan.lacking,
    })))
}

/// `PUT /v1/city`
#[utoipa::path(
    put, path = "/v1/city", tag = "operators", operation_id = "applyCity",
    summary = "Put a city in force",
    description = "Whole or not at all, and only if the city in force is still the one it was planned against (`expect`), subscriptions ordered meanwhile aside. \
        Ordered subscriptions stay; a city that would make one impossible is refused.",
    request_body(content = Body, content_type = "application/json"),
    responses((status = 200, description = "It is in force.", body = Applied), ApplyRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn apply(
    State(bus): Shared,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<Applied>, Problem> {
    let by = operator(&bus, &headers)?;
    let (body, components) = parsed(&body)?;
    within_reach(&bus, &body.city).await?;
    let proposal = Proposal {
        city: body.city,
        components,
        expect: body.expect,
        by: format!("{}/{}", by.partner, by.system),
    };
    let applied = bus.cities.apply(proposal).await?;
    follow(&bus, &applied.digest).await;
    Ok(Json(Applied {
        applied: applied.digest,
    }))
}

/// `PUT /v1/plugins/{partner}/{name}`
#[utoipa::path(
    put, path = "/v1/plugins/{partner}/{name}", tag = "integrators", operation_id = "deployPlugin",
    summary = "Deploy a plugin",
    description = "Adds it to the city in force, or replaces it there. A partner's publishing systems deploy its own.",
    params(PluginPath),
    request_body(content = Deploy, content_type = "application/json"),
    responses((status = 200, description = "It is in force.", body = Deployed), DeployRefused),
    security(("bearer" = ["publish"]), ("bearer" = ["operate"])),
)]
pub(super) async fn deploy(
    State(bus): Shared,
    Path((partner, name)): Path<(String, String)>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<Deployed>, Problem> {
    let by = principal(&bus, &headers)?;
    let own = by.partner.as_str() == partner && by.require_publish().is_ok();
    if !own && by.require(Scope::Operate).is_err() {
        return Err(Refusal::new("SB-1311", "This plugin belongs to another partner.").into());
    }
    let body: Deploy =
        serde_json::from_slice(&body).map_err(|error| Refusal::new("SB-1102", error.to_string()))?;
    let manifest = stadtbus_plugin_host::Manifest::parse(&body.manifest)
        .map_err(|error| Refusal::new(error.code(), error.to_string()))?;
    if manifest.partner.as_str() != partner || manifest.plugin.as_str() != name {
        return Err(Refusal::new("SB-4007", "The manifest names another plugin than the path.").into());
    }
    let deployment = brought(body.manifest, &body.component, body.signature, body.sigstore)?;
    let before = bus.cities.current()?.digest.clone();
    let digest = stadtbus_contracts::component_digest(&deployment.component);
    let applied = bus
        .cities
        .deploy(deployment, &format!("{}/{}", by.partner, by.system))
        .await?;
    follow(&bus, &applied.digest).await;
    // Whoever deploys a version wants that one, whatever a rollout decided before.
    let name = format!("{partner}/{name}");
    let whole = rollouts::by(&by, Some(format!("deployed {}", manifest.version)))?;
    bus.rollouts.replaced(&name, whole).await?;
    let change = if applied.digest == before {
        "unchanged"
    } else {
        "deployed"
    };
    Ok(Json(Deployed {
        plugin: format!("{name}@{}", manifest.version),
        digest,
        change,
    }))
}

/// A version as its orders bring it.
pub(super) fn brought(
    manifest: String,
    component: &str,
    signature: Option<PluginSignature>,
    sigstore: Option<Value>,
) -> Result<Deployment, Problem> {
    Ok(Deployment {
        component: decoded(component)?,
        manifest,
        signature,
        sigstore,
    })
}

/// Targets that are new in this city are looked up and judged as each delivery to them will be. Those that were there
/// before are not: whoever runs their name servers must not be able to stop a change of the city.
async fn within_reach(bus: &Bus, city: &City) -> Result<(), Refusal> {
    Egress::check_zones(&city.zones).map_err(|zone| {
        Refusal::new(
            "SB-5005",
            format!("The certificates of the zone {zone} cannot be used."),
        )
    })?;
    let mut judged = stream::iter(new_targets(bus, city))
        .map(|(subscription, url)| async move {
            let verdict = bus.egress.check(&url, Some(&city.zones)).await;
            (subscription, verdict)
        })
        .buffer_unordered(LOOKUPS_AT_ONCE);
    let first = async {
        while let Some((subscription, verdict)) = judged.next().await {
            // A name that nobody knows yet is looked up again at each delivery.
            if let Err(error @ EgressError::Forbidden(_)) = verdict {
                return Err(Refusal::new(
                    error.code(),
                    format!("subscription {subscription}: {error}"),
                ));
            }
        }
        Ok(())
    };
    tokio::time::timeout(LOOKUPS_WITHIN, first)
        .await
        .unwrap_or(Ok(()))
}

/// Subscription and URL of each webhook that goes elsewhere than in the city in force.
fn new_targets(bus: &Bus, city: &City) -> Vec<(String, String)> {
    let before = bus.cities.current().ok();
    let url = |subscription: &Subscription| match &subscription.sink {
        Sink::Webhook(webhook) => Some(webhook.url.clone()),
        _ => None,
    };
    let mut new = Vec::new();
    for subscription in city.subscriptions.values() {
        let id = subscription.subscription.as_str();
        let known = before
            .as_ref()
            .and_then(|before| before.registry.subscription(id))
            .and_then(url);
        if let Some(target) = url(subscription).filter(|target| known.as_ref() != Some(target)) {
            new.push((id.to_owned(), target));
        }
    }
    new
}

/// The body, and its components as bytes.
fn parsed(body: &[u8]) -> Result<(Body, BTreeMap<String, Bytes>), Problem> {
    let mut body: Body = serde_json::from_slice(body)
        .map_err(|error| Refusal::new("SB-5002", format!("The city cannot be read: {error}")))?;
    let components = std::mem::take(&mut body.components)
        .into_iter()
        .map(|(digest, text)| Ok((digest, decoded(&text)?)))
        .collect::<Result<_, Problem>>()?;
    Ok((body, components))
}

pub(super) fn decoded(text: &str) -> Result<Bytes, Problem> {
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| Refusal::new("SB-1105", "A component is not base64.").into())
}
