//! The OpenAPI document: what all operations share, put around the operations that the router collected.
//!
//! Schemas of bodies that the server itself reads and writes are derived from its types; those of other crates' types
//! stand in `components.json`, and a test holds them against the types.

use serde_json::{Map, Value, json};
use stadtbus_flow::Limits;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, ServerBuilder,
    security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    tag::TagBuilder,
};

/// Schemas of what the bus's other crates read and write.
const COMPONENTS: &str = include_str!("components.json");

/// What stands before the limits.
const PREFACE: &str = "\
The event bus of a city: partners publish CloudEvents under contracts, and receive those they have usage agreements for.\n\n\
Every refusal is a problem document (RFC 9457) whose `code` is stable; `stadtbus explain CODE` tells cause and remedy in \
German and English. No refusal repeats the payload. 429 and 503 carry `Retry-After`; an event is repeated with the same \
`id`, which is never wrong. The events themselves are described by `/asyncapi.json`.\n\n\
Besides the answers of each operation: a path that does not exist is answered 404 (`SB-2009`), a method that a path does \
not take 405 (`SB-2010`) with `Allow`. GET answers HEAD, too.\n\n\
Limits in force:\n\n| limit | value |\n|---|---|\n";

/// (tag, who it is for).
const TAGS: &[(&str, &str)] = &[
    ("publishers", "A partner's system sends events."),
    ("subscribers", "A partner's system takes events."),
    ("integrators", "Plugins are deployed."),
    ("operators", "The bus is run."),
    ("descriptions", "The bus describes itself."),
];

/// The document without operations.
pub(crate) fn frame() -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some(
            "A token of the city's OIDC issuer or of the bus's own, signed with Ed25519 or ES256, with `iss`, `aud`, `sub` \
             (`partner/system`), `exp` and `scope`. The roles named at an operation are scopes: `publish`, `subscribe`, \
             `operate`. A token may do at most what the city allows its system.",
        ))
        .build();
    let mut info = InfoBuilder::new()
        .title("Stadtbus")
        .version(env!("CARGO_PKG_VERSION"))
        .build();
    info.license = Some(
        LicenseBuilder::new()
            .name("EUPL-1.2")
            .identifier(Some("EUPL-1.2"))
            .build(),
    );
    let tags = TAGS
        .iter()
        .map(|(name, who)| TagBuilder::new().name(*name).description(Some(*who)).build());
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new()
            .url("/")
            .description(Some("The bus that serves this document."))
            .build()]))
        .tags(Some(tags))
        .components(Some(
            ComponentsBuilder::new()
                .security_scheme("bearer", SecurityScheme::Http(bearer))
                .build(),
        ))
        .build()
}

/// The whole document: operations, schemas, the limits in force.
pub(crate) fn finish(operations: &OpenApi, limits: &Limits, fixed: &[(&str, u64)]) -> Value {
    let mut document = serde_json::to_value(operations).unwrap_or_default();
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        let operations = paths.values_mut().filter_map(Value::as_object_mut);
        operations.flat_map(Map::values_mut).for_each(absent_not_null);
    }
    let named = named(limits, fixed);
    let rows: String = named
        .iter()
        .map(|(name, value)| format!("| `{name}` | {value} |\n"))
        .collect();
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.insert("description".to_owned(), json!(format!("{PREFACE}{rows}")));
        info.insert("x-stadtbus-limits".to_owned(), Value::Object(named));
    }
    if let Some(schemas) = document
        .pointer_mut("/components/schemas")
        .and_then(Value::as_object_mut)
    {
        schemas.extend(components());
        if let Some(batch) = schemas.get_mut("CloudEventBatch").and_then(Value::as_object_mut) {
            batch.insert("maxItems".to_owned(), json!(limits.batch_events_max));
        }
    }
    document
}

/// A body that may be missing is derived as one that may be `null`, which is something else.
fn absent_not_null(operation: &mut Value) {
    let contents = operation
        .pointer_mut("/requestBody/content")
        .and_then(Value::as_object_mut);
    for content in contents.into_iter().flat_map(Map::values_mut) {
        let some = content
            .pointer("/schema/oneOf")
            .and_then(Value::as_array)
            .filter(|either| either.contains(&json!({"type": "null"})))
            .and_then(|either| either.iter().find(|one| one.get("$ref").is_some()))
            .cloned();
        if let (Some(some), Some(members)) = (some, content.as_object_mut()) {
            members.insert("schema".to_owned(), some);
        }
    }
}

/// Schemas by name.
pub(crate) fn components() -> Map<String, Value> {
    serde_json::from_str(COMPONENTS).unwrap_or_default()
}

/// A reference to one of them.
pub(crate) fn schema(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

/// What a caller may run into, by the name it has in the configuration.
fn named(limits: &Limits, fixed: &[(&str, u64)]) -> Map<String, Value> {
    let mut named = Map::new();
    let configured = [
        ("event_bytes_max", limits.event_bytes_max as u64),
        ("body_bytes_max", limits.body_bytes_max as u64),
        ("batch_events_max", limits.batch_events_max as u64),
        ("accept_inflight_max", limits.accept_inflight_max as u64),
        ("accept_timeout_ms", limits.accept_timeout_ms),
        ("duplicate_window_s", limits.duplicate_window_s),
        ("log_age_days_max", limits.log_age_days_max),
        ("ledger_age_days_max", limits.ledger_age_days_max),
    ];
    for (name, value) in configured.iter().chain(fixed) {
        named.insert((*name).to_owned(), json!(value));
    }
    named
}
