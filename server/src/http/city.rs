//! Operators and integrators: plan and change the city, deploy a plugin.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use stadtbus_contracts::City;
use stadtbus_flow::{Refusal, authenticate::Scope, city::Proposal};

use super::{Problem, Shared, operator, principal};

/// A city and the components that come with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    city: City,
    #[serde(default)]
    components: BTreeMap<String, String>,
    #[serde(default)]
    expect: String,
}

/// A plugin to deploy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deploy {
    manifest: String,
    component: String,
}

/// `GET /v1/city`
pub(super) async fn current(State(bus): Shared, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    operator(&bus, &headers)?;
    let city = bus.cities.current()?;
    Ok(Json(
        json!({ "digest": city.digest, "city": city.registry.city() }),
    ))
}

/// `POST /v1/city/plan`
pub(super) async fn plan(
    State(bus): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    operator(&bus, &headers)?;
    let body = parsed(&body)?;
    let plan = bus.cities.plan(&body.city).await?;
    Ok(Json(json!({
        "changes": plan.changes, "current": plan.current, "missing_components": plan.missing_components,
        "orders": { "kept": plan.kept, "impossible": plan.impossible },
    })))
}

/// `PUT /v1/city`
pub(super) async fn apply(
    State(bus): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let by = operator(&bus, &headers)?;
    let body = parsed(&body)?;
    let mut components = BTreeMap::new();
    for (digest, text) in body.components {
        components.insert(digest, decoded(&text)?);
    }
    let proposal = Proposal {
        city: body.city,
        components,
        expect: body.expect,
        by: format!("{}/{}", by.partner, by.system),
    };
    let applied = bus.cities.apply(proposal).await?;
    Ok(Json(json!({ "applied": applied.digest })))
}

/// `PUT /v1/plugins/{partner}/{name}`
pub(super) async fn deploy(
    State(bus): Shared,
    Path((partner, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
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
    let component = decoded(&body.component)?;
    let before = bus.cities.current()?.digest.clone();
    let digest = stadtbus_contracts::component_digest(&component);
    let applied = bus
        .cities
        .deploy(body.manifest, component, &format!("{}/{}", by.partner, by.system))
        .await?;
    let change = if applied.digest == before {
        "unchanged"
    } else {
        "deployed"
    };
    Ok(Json(
        json!({ "plugin": format!("{partner}/{name}@{}", manifest.version), "digest": digest, "change": change }),
    ))
}

fn parsed(body: &[u8]) -> Result<Body, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::new("SB-5002", format!("The city cannot be read: {error}")).into())
}

fn decoded(text: &str) -> Result<Bytes, Problem> {
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|_| Refusal::new("SB-1105", "A component is not base64.").into())
}
