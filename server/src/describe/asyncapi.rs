//! The AsyncAPI 3.0 document of the contracts in force: a channel for each event type, and who sends and receives.
//!
//! Who sees what: that a contract exists, what it is for and who publishes is no secret among partners. What stands in
//! the events is shown as far as the events themselves may travel ([`shows_schema`]); who receives them is a matter
//! between publisher and recipient ([`shows_recipient`]). Operators see all of it.

use std::time::SystemTime;

use serde_json::{Map, Value, json};
use stadtbus_contracts::{Classification, CompiledContract, PartnerKind, Registry, UsageAgreement};
use stadtbus_event::PartnerId;

/// The media type under which the payload schemas are written.
pub(crate) const SCHEMA_FORMAT: &str = "application/schema+json;version=draft-2020-12";

/// Who asks.
pub(crate) struct Viewer<'a> {
    /// The partner.
    pub(crate) partner: &'a PartnerId,
    /// Whether it may operate the bus.
    pub(crate) operator: bool,
}

/// Where the bus is reached.
pub(crate) struct Server<'a> {
    protocol: &'static str,
    host: &'a str,
    path: &'a str,
}

impl<'a> Server<'a> {
    /// The address the operator gave, else the one the caller used.
    pub(crate) fn of(advertised: &'a str, asked: &'a str) -> Self {
        let (protocol, rest) = match advertised.split_once("://") {
            Some(("https", rest)) => ("https", rest),
            Some((_, rest)) => ("http", rest),
            None => ("http", asked),
        };
        let end = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        Self {
            protocol,
            host,
            path: path.trim_end_matches('/'),
        }
    }
}

/// The document for this viewer.
pub(crate) fn document(
    registry: &Registry,
    viewer: &Viewer<'_>,
    server: &Server<'_>,
    now: SystemTime,
) -> Value {
    let city = registry.city();
    let (mut channels, mut operations, mut messages) = (Map::new(), Map::new(), Map::new());
    let in_force = city
        .contracts
        .iter()
        .filter_map(|contract| registry.contract(contract.event_type.as_str()))
        .filter(|compiled| compiled.in_force(now));
    for compiled in in_force {
        let ty = compiled.contract().event_type.as_str();
        let shown = shows_schema(registry, compiled, viewer, now);
        messages.insert(ty.to_owned(), message(compiled, shown));
        channels.insert(ty.to_owned(), channel(compiled));
        let (key, send) = send(compiled);
        operations.insert(key, send);
        for (recipient, agreements) in by_recipient(compiled, now) {
            if shows_recipient(compiled, viewer, recipient) {
                let (key, receive) = receive(compiled, recipient, &agreements);
                operations.insert(key, receive);
            }
        }
    }
    json!({
        "asyncapi": "3.0.0",
        "id": format!("urn:stadtbus:{}", city.name),
        "info": info(registry),
        "defaultContentType": "application/json",
        "servers": {"bus": described_server(server)},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "securitySchemes": {"bearer": {
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "Token of a system of the partner, with the scope publish to send, subscribe to receive.",
            }},
        },
    })
}

/// Public: everybody on the bus. Internal: the Konzern Stadt, and whoever is party. Else: only who is party.
fn shows_schema(
    registry: &Registry,
    compiled: &CompiledContract,
    viewer: &Viewer<'_>,
    now: SystemTime,
) -> bool {
    let contract = compiled.contract();
    let ours = || {
        registry
            .partner(viewer.partner)
            .is_some_and(|partner| partner.kind != PartnerKind::ThirdParty)
    };
    let party = contract.publisher == *viewer.partner
        || compiled
            .agreements(now)
            .any(|agreement| agreement.recipient == *viewer.partner);
    viewer.operator
        || party
        || match contract.classification {
            Classification::Public => true,
            Classification::Internal => ours(),
            Classification::Confidential | Classification::Restricted => false,
        }
}

fn shows_recipient(compiled: &CompiledContract, viewer: &Viewer<'_>, recipient: &PartnerId) -> bool {
    viewer.operator || compiled.contract().publisher == *viewer.partner || recipient == viewer.partner
}

fn info(registry: &Registry) -> Value {
    let city = registry.city();
    let digest = registry.digest().get(..12).unwrap_or_default();
    let operator = city.partners.values().find(|partner| {
        let may = |system: &stadtbus_contracts::System| system.may(stadtbus_contracts::Permission::Operate);
        partner.systems.iter().any(may)
    });
    let mut info = json!({
        "title": format!("Stadtbus {}", city.title),
        "version": format!("{}+{digest}", env!("CARGO_PKG_VERSION")),
        "description": "Ereignisse, für die ein Vertrag in Kraft ist. Senden: POST /v1/events. Empfangen: ein Abonnement, das \
            per Webhook, Abholung oder Live-Strom zugestellt wird. Die Aufrufe selbst beschreibt /openapi.json.\n\n\
            Events for which a contract is in force. To send: POST /v1/events. To receive: a subscription, delivered by \
            webhook, pull or live stream. The calls themselves are described by /openapi.json.",
        "tags": [{"name": city.name, "description": city.title}],
        "externalDocs": {"url": "https://github.com/cloudevents/spec", "description": "CloudEvents 1.0"},
    });
    if let (Some(members), Some(operator)) = (info.as_object_mut(), operator) {
        let contact = json!({"name": format!("{}, {}", operator.name, operator.contact.role), "email": operator.contact.mail});
        members.insert("contact".to_owned(), contact);
    }
    info
}

fn described_server(server: &Server<'_>) -> Value {
    let mut described = json!({
        "host": server.host,
        "protocol": server.protocol,
        "title": "Stadtbus",
        "description": "Der Bus. / The bus.",
        "security": [{"$ref": "#/components/securitySchemes/bearer"}],
    });
    if let (false, Some(members)) = (server.path.is_empty(), described.as_object_mut()) {
        members.insert("pathname".to_owned(), json!(server.path));
    }
    described
}

fn channel(compiled: &CompiledContract) -> Value {
    let contract = compiled.contract();
    let ty = contract.event_type.as_str();
    json!({
        "address": ty,
        "title": contract.name,
        "description": contract.purpose,
        "servers": [{"$ref": "#/servers/bus"}],
        "messages": {ty: {"$ref": format!("#/components/messages/{ty}")}},
        "tags": [{"name": contract.publisher.as_str()}, {"name": contract.classification.as_str()}],
        "x-stadtbus-contract": {
            "id": contract.id,
            "version": contract.version,
            "status": contract.status,
            "publisher": contract.publisher,
            "classification": contract.classification,
            "personalData": contract.personal_data,
            "validFrom": contract.valid_from,
            "validTo": contract.valid_to,
            "retentionDays": contract.retention_days,
        },
    })
}

fn message(compiled: &CompiledContract, shown: bool) -> Value {
    let contract = compiled.contract();
    let ty = contract.event_type.as_str();
    let mut message = json!({
        "name": ty,
        "title": contract.name,
        "summary": contract.purpose,
        "contentType": "application/json",
        "headers": headers(compiled),
    });
    let Some(members) = message.as_object_mut() else {
        return message;
    };
    if shown {
        let place = format!("#/components/messages/{ty}/payload/schema");
        let payload = json!({"schemaFormat": SCHEMA_FORMAT, "schema": schema(&contract.schema, &place)});
        members.insert("payload".to_owned(), payload);
    } else {
        members.insert(
            "description".to_owned(),
            json!("Das Schema sehen nur die Vertragsparteien. / The schema is shown to parties of the contract only."),
        );
        members.insert("x-stadtbus-schema-withheld".to_owned(), json!(true));
    }
    message
}

/// The attributes as header fields, as in binary mode over HTTP.
fn headers(compiled: &CompiledContract) -> Value {
    let contract = compiled.contract();
    let text = || json!({"type": "string", "minLength": 1});
    let mut properties = json!({
        "ce-specversion": {"const": "1.0"},
        "ce-id": {"type": "string", "minLength": 1, "description": "Unique within the source; the same in every repeat."},
        "ce-source": {"type": "string", "minLength": 1, "format": "uri-reference", "description": "Begins with a prefix that the publishing system was given."},
        "ce-type": {"const": contract.event_type},
        "ce-subject": text(),
        "ce-time": {"type": "string", "format": "date-time"},
        "ce-datacontract": {"const": contract.id},
        "ce-dataclassification": {"const": contract.classification},
    });
    if let Some(members) = properties.as_object_mut() {
        if let Some(id) = compiled.schema_id() {
            members.insert("ce-dataschema".to_owned(), json!({"const": id}));
        }
        for extension in &contract.extensions {
            members.entry(format!("ce-{extension}")).or_insert_with(text);
        }
    }
    json!({
        "type": "object",
        "required": ["ce-specversion", "ce-id", "ce-source", "ce-type"],
        "properties": properties,
    })
}

/// The contract's schema, at home in this document: references into itself are written from the document's root, where
/// readers of AsyncAPI resolve them; so it cannot keep an `$id` of its own, which the header `ce-dataschema` names.
fn schema(text: &str, place: &str) -> Value {
    let mut schema: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(members) = schema.as_object_mut() {
        members.remove("$id");
    }
    rebase(&mut schema, place);
    schema
}

fn rebase(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), value.as_str()) {
                    ("$ref" | "$dynamicRef", Some("#")) => *value = json!(place),
                    ("$ref" | "$dynamicRef", Some(pointer)) if pointer.starts_with("#/") => {
                        *value = json!(format!("{place}{}", pointer.trim_start_matches('#')));
                    }
                    // What only looks like a reference there is a value.
                    ("const" | "enum" | "default" | "examples", _) => {}
                    _ => rebase(value, place),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rebase(item, place)),
        _ => {}
    }
}

fn send(compiled: &CompiledContract) -> (String, Value) {
    let contract = compiled.contract();
    let (ty, publisher) = (contract.event_type.as_str(), &contract.publisher);
    let operation = json!({
        "action": "send",
        "channel": {"$ref": format!("#/channels/{ty}")},
        "title": format!("{publisher} sendet / sends"),
        "summary": contract.name,
        "description": "POST /v1/events",
        "messages": [{"$ref": format!("#/channels/{ty}/messages/{ty}")}],
        "security": [{"$ref": "#/components/securitySchemes/bearer"}],
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
        "tags": [{"name": publisher.as_str()}],
        "x-stadtbus-partner": publisher,
    });
    (format!("{publisher}.send.{ty}"), operation)
}

fn receive(
    compiled: &CompiledContract,
    recipient: &PartnerId,
    agreements: &[&UsageAgreement],
) -> (String, Value) {
    let contract = compiled.contract();
    let ty = contract.event_type.as_str();
    let operation = json!({
        "action": "receive",
        "channel": {"$ref": format!("#/channels/{ty}")},
        "title": format!("{recipient} empfängt / receives"),
        "summary": contract.name,
        "description": "Webhook, GET /v1/subscriptions/{id}/events, POST /v1/subscriptions/{id}/receive, GET /v1/subscriptions/{id}/stream, GET /v1/subscriptions/{id}/websocket",
        "messages": [{"$ref": format!("#/channels/{ty}/messages/{ty}")}],
        "security": [{"$ref": "#/components/securitySchemes/bearer"}],
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
        "tags": [{"name": recipient.as_str()}],
        "x-stadtbus-partner": recipient,
        "x-stadtbus-agreements": agreements,
    });
    (format!("{recipient}.receive.{ty}"), operation)
}

/// Recipients in the order of the contract, each with its agreements in force.
fn by_recipient(compiled: &CompiledContract, now: SystemTime) -> Vec<(&PartnerId, Vec<&UsageAgreement>)> {
    let mut found: Vec<(&PartnerId, Vec<&UsageAgreement>)> = Vec::new();
    for agreement in compiled.agreements(now) {
        match found
            .iter_mut()
            .find(|(recipient, _)| **recipient == agreement.recipient)
        {
            Some((_, agreements)) => agreements.push(agreement),
            None => found.push((&agreement.recipient, vec![agreement])),
        }
    }
    found
}
