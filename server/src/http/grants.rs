//! Operators: what plugins may use, and the second person who says so.

use axum::{Json, extract::State, http::HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stadtbus_contracts::PluginName;
use stadtbus_flow::{Refusal, city::Standing};
use utoipa::{
    ToSchema,
    openapi::{Ref, schema::Array},
};

use super::{
    Problem, Shared,
    extract::{Path, Payload},
    operator,
};
use crate::describe::{
    openapi::schema,
    params::PluginPath,
    refusals::{BODY, BROKER, NOT_YET, PARAMETER, SCOPE, WHO, refusals},
};

/// What is approved, as the approver saw it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    /// SHA-256 of the component of the request.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    digest: String,
    /// All grants of the request.
    #[schema(max_items = 64)]
    grants: Vec<String>,
}

/// How it stands with all plugins.
#[derive(Serialize, ToSchema)]
#[schema(as = PluginGrants)]
pub(super) struct All {
    /// Those that are in force, were granted something or ask for it.
    #[schema(schema_with = standings)]
    plugins: Vec<Standing>,
}

fn standings() -> Array {
    Array::new(schema("PluginStanding"))
}

/// Refers to the schema of one plugin's standing.
#[derive(ToSchema)]
#[schema(as = ApprovedPlugin)]
#[allow(dead_code, reason = "describes what `approve` writes")]
pub(super) struct Approved {
    /// How it stands with the plugin now.
    #[schema(schema_with = one_standing)]
    approved: Value,
}

fn one_standing() -> Ref {
    schema("PluginStanding")
}

refusals! {
    /// Of the list of grants.
    GrantsRefused = &["SB-1402"], WHO, SCOPE, BROKER
}
refusals! {
    /// Of an approval.
    ApproveRefused = &["SB-1402", "SB-1313", "SB-4024"], WHO, SCOPE, NOT_YET, BROKER, BODY, PARAMETER
}

/// `GET /v1/plugin-grants`
#[utoipa::path(
    get, path = "/v1/plugin-grants", tag = "operators", operation_id = "pluginGrants",
    summary = "What may plugins use, and what do they ask for?",
    description = "For each plugin what it uses in force, what was approved by whom and when, and what waits for a second person.",
    responses((status = 200, description = "The grants.", body = All), GrantsRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn list(State(bus): Shared, headers: HeaderMap) -> Result<Json<All>, Problem> {
    operator(&bus, &headers)?;
    let plugins = bus.cities.grants().await?;
    Ok(Json(All { plugins }))
}

/// `POST /v1/plugin-grants/{partner}/{name}/approve`
#[utoipa::path(
    post, path = "/v1/plugin-grants/{partner}/{name}/approve", tag = "operators", operation_id = "approvePlugin",
    summary = "Approve what a plugin asks for",
    description = "As the second person: whoever put the plugin forward cannot approve it. What is approved is named, so that nothing else can slip in. \
        The city does not change by this; the change that was refused can be made again.",
    params(PluginPath),
    request_body(content = Approval, content_type = "application/json"),
    responses((status = 200, description = "It is approved.", body = Approved), ApproveRefused),
    security(("bearer" = ["operate"])),
)]
pub(super) async fn approve(
    State(bus): Shared,
    Path((partner, name)): Path<(String, String)>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Json<Value>, Problem> {
    let by = operator(&bus, &headers)?;
    let plugin: PluginName = format!("{partner}/{name}")
        .parse()
        .map_err(|why: &str| Refusal::new("SB-1119", why))?;
    let body: Approval =
        serde_json::from_slice(&body).map_err(|error| Refusal::new("SB-1102", error.to_string()))?;
    let by = format!("{}/{}", by.partner, by.system);
    let standing = bus
        .cities
        .approve(&plugin, &body.digest, &body.grants, &by)
        .await?;
    Ok(Json(serde_json::json!({ "approved": standing })))
}
