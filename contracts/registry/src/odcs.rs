//! Reads an Open Data Contract Standard 3.1 document into a [`Contract`].
//!
//! The standard's own fields are checked by name; legal terms have no place of their own in it, so
//! they stand in `customProperties`, of which the bus requires those it acts on.

use stadtbus_event::{EventType, PartnerId};

use crate::agreement::{Day, UsageAgreement, iri};
use crate::contract::{Classification, Contract, Property, Status};
use crate::finding::{Finding, Text};
use crate::payload;
use crate::reader::{Fields, Reader};
use crate::rules;
use crate::yaml::{Entry, Kind, Node};

const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "id",
    "name",
    "version",
    "status",
    "tenant",
    "tags",
    "domain",
    "dataProduct",
    "description",
    "schema",
    "servers",
    "team",
    "roles",
    "slaProperties",
    "support",
    "price",
    "customProperties",
    "authoritativeDefinitions",
    "contractCreatedTs",
    "slaDefaultElement",
];
const OBJECT: &[&str] = &[
    "id",
    "name",
    "physicalName",
    "physicalType",
    "logicalType",
    "businessName",
    "description",
    "tags",
    "dataGranularityDescription",
    "authoritativeDefinitions",
    "properties",
    "quality",
    "relationships",
    "customProperties",
];
const PROPERTY: &[&str] = &[
    "id",
    "name",
    "physicalName",
    "physicalType",
    "logicalType",
    "logicalTypeOptions",
    "businessName",
    "description",
    "tags",
    "required",
    "unique",
    "primaryKey",
    "primaryKeyPosition",
    "partitioned",
    "partitionKeyPosition",
    "classification",
    "encryptedName",
    "transformSourceObjects",
    "transformLogic",
    "transformDescription",
    "examples",
    "criticalDataElement",
    "authoritativeDefinitions",
    "relationships",
    "properties",
    "items",
    "quality",
    "customProperties",
];
const STATUS: &[(&str, Status)] = &[
    ("proposed", Status::Proposed),
    ("draft", Status::Draft),
    ("active", Status::Active),
    ("deprecated", Status::Deprecated),
    ("retired", Status::Retired),
];
const CLASSES: &[(&str, Classification)] = &[
    ("public", Classification::Public),
    ("internal", Classification::Internal),
    ("confidential", Classification::Confidential),
    ("restricted", Classification::Restricted),
];

/// Texts that travel with the contract.
pub(crate) struct Attachments {
    pub(crate) document: String,
    pub(crate) schema: String,
    pub(crate) usage: Vec<UsageAgreement>,
}

pub(crate) fn read(reader: &Reader, node: &Node, with: Attachments) -> Option<Contract> {
    let fields = reader.fields(node, FIELDS)?;
    fields.required("apiVersion", |r, n| r.one_of(n, &[("v3.1.0", ())]));
    fields.required("kind", |r, n| r.one_of(n, &[("DataContract", ())]));
    let id = fields.required("id", Reader::text);
    let name = fields.required("name", Reader::text);
    let version = fields.required("version", |r, n| r.parsed(n, rules::VERSION, version));
    let status = fields.required("status", |r, n| r.one_of(n, STATUS));
    let purpose = fields.required("description", |r, n| {
        let names = &[
            "purpose",
            "limitations",
            "usage",
            "authoritativeDefinitions",
            "customProperties",
        ];
        r.fields(n, names)?.required("purpose", Reader::text)
    });
    let object = fields.required("schema", read_schema);
    let retention = fields.or("slaProperties", None, read_retention);
    let terms = fields.required("customProperties", read_terms);
    let (event_type, properties) = object?;
    let terms = terms?;
    Some(Contract {
        id: id?,
        name: name?,
        version: version?,
        status: status?,
        event_type,
        publisher: terms.publisher,
        classification: terms.classification,
        personal_data: terms.personal_data,
        purpose: purpose?,
        extensions: terms.extensions,
        payloads: terms.payloads,
        valid_from: terms.valid_from,
        valid_to: terms.valid_to,
        retention_days: retention?,
        recipients: terms.recipients,
        excluded: terms.excluded,
        properties,
        schema: with.schema,
        usage: with.usage,
        document: with.document,
    })
}

fn version(text: &str) -> Result<String, &'static str> {
    let numbers: Vec<&str> = text.split('.').collect();
    let plain = numbers.len() == 3
        && numbers
            .iter()
            .all(|n| !n.is_empty() && n.len() <= 9 && n.bytes().all(|b| b.is_ascii_digit()));
    if plain {
        Ok(text.to_owned())
    } else {
        Err("a version such as 1.0.0")
    }
}

/// One event type per contract: the standard allows several objects, the bus does not, so that
/// terms and recipients are never mixed up between two kinds of event.
fn read_schema(reader: &Reader, node: &Node) -> Option<(EventType, Vec<Property>)> {
    let Kind::List(objects) = &node.kind else {
        reader.bad(
            node,
            Text::new("Hier wird eine Liste erwartet.", "expected a list"),
        );
        return None;
    };
    let [object] = objects.as_slice() else {
        reader.bad(
            node,
            Text::new(
                "Ein Vertrag beschreibt genau einen Ereignistyp.",
                "a contract describes exactly one event type",
            ),
        );
        return None;
    };
    let fields = reader.fields(object, OBJECT)?;
    fields.required("name", Reader::text);
    fields.required("physicalType", |r, n| r.one_of(n, &[("cloudevent", ())]));
    let event_type = fields.required("physicalName", |r, n| {
        r.parsed(n, rules::EVENT_TYPE, EventType::parse)
    });
    let properties = fields.required("properties", |r, n| r.list(n, read_property));
    Some((event_type?, properties?))
}

fn read_property(reader: &Reader, node: &Node) -> Option<Property> {
    let fields = reader.fields(node, PROPERTY)?;
    let name = fields.required("name", Reader::text);
    let required = fields.or("required", false, Reader::boolean);
    let classification = fields.required("classification", |r, n| r.one_of(n, CLASSES));
    Some(Property {
        name: name?,
        required: required?,
        classification: classification?,
    })
}

fn read_retention(reader: &Reader, node: &Node) -> Option<Option<u32>> {
    let Kind::List(rows) = &node.kind else {
        reader.bad(
            node,
            Text::new("Hier wird eine Liste erwartet.", "expected a list"),
        );
        return None;
    };
    let names = &[
        "id",
        "property",
        "value",
        "valueExt",
        "unit",
        "element",
        "driver",
        "description",
        "scheduler",
        "schedule",
    ];
    let mut days = None;
    for row in rows {
        let Some(fields) = reader.fields(row, names) else {
            continue;
        };
        let Some(property) = fields.required("property", Reader::text) else {
            continue;
        };
        if property == "retention" {
            fields.required("unit", |r, n| r.one_of(n, &[("d", ())]))?;
            days = fields
                .required("value", |r, n| r.number(n, 1..=36_500))
                .and_then(|n| u32::try_from(n).ok());
        }
    }
    Some(days)
}

struct Terms {
    publisher: PartnerId,
    classification: Classification,
    personal_data: bool,
    extensions: Vec<String>,
    payloads: Vec<String>,
    valid_from: Option<Day>,
    valid_to: Option<Day>,
    recipients: Vec<PartnerId>,
    excluded: Vec<PartnerId>,
}

/// `customProperties` is a list of `{property, value}`; read as if it were a mapping.
fn read_terms(reader: &Reader, node: &Node) -> Option<Terms> {
    let Kind::List(rows) = &node.kind else {
        reader.bad(
            node,
            Text::new("Hier wird eine Liste erwartet.", "expected a list"),
        );
        return None;
    };
    let mut entries: Vec<Entry> = Vec::new();
    for row in rows {
        let Some(fields) = reader.fields(row, &["id", "property", "value", "description"]) else {
            continue;
        };
        let Some(key) = fields.required("property", Reader::text) else {
            continue;
        };
        let Some(value) = fields.get("value") else {
            continue;
        };
        if entries.iter().any(|e| e.key == key) {
            let text = Text::new(
                format!("„{key}“ steht zweimal da."),
                format!("`{key}` is given twice"),
            );
            reader.report(Finding::error("SB-5007", reader.file.as_str(), text).at(row.at));
        }
        entries.push(Entry {
            key,
            at: row.at,
            value: value.clone(),
        });
    }
    let mapping = Node {
        kind: Kind::Map(entries),
        at: node.at,
    };
    terms_of(&Fields::of(reader, &mapping))
}

fn terms_of(fields: &Fields<'_>) -> Option<Terms> {
    let publisher = fields.required("publisher", |r, n| r.parsed(n, rules::PARTNER_URN, partner_urn));
    fields.required("controller", Reader::text);
    fields.required("legalBasis", |r, n| r.parsed(n, rules::LEGAL_BASIS, legal_basis));
    fields.required("purposeIri", |r, n| r.parsed(n, rules::IRI, iri));
    let classification = fields.required("dataClassification", |r, n| r.one_of(n, CLASSES));
    let personal_data = fields.required("containsPersonalData", Reader::boolean);
    let extensions = fields.or("extensions", Vec::new(), |r, n| r.list(n, Reader::text));
    let payloads = fields.or("payloads", Vec::new(), |r, n| {
        r.list(n, |r, n| r.parsed(n, rules::PAYLOAD, payload::range))
    });
    let valid_from = fields.optional("validFrom", |r, n| r.parsed(n, rules::DAY, str::parse::<Day>));
    let valid_to = fields.optional("validTo", |r, n| r.parsed(n, rules::DAY, str::parse::<Day>));
    let partners = |name: &str| {
        fields.or(name, Vec::new(), |r, n| {
            r.list(n, |r, n| r.parsed(n, rules::PARTNER_URN, partner_urn))
        })
    };
    let recipients = partners("recipients");
    let excluded = partners("excludedRecipients");
    Some(Terms {
        publisher: publisher?,
        classification: classification?,
        personal_data: personal_data?,
        extensions: extensions?,
        payloads: payloads?,
        valid_from: valid_from?,
        valid_to: valid_to?,
        recipients: recipients?,
        excluded: excluded?,
    })
}

fn partner_urn(text: &str) -> Result<PartnerId, &'static str> {
    let rule = "a partner such as urn:krefeld:partner:ngn";
    let (_, partner) = text
        .strip_prefix("urn:")
        .and_then(|rest| rest.split_once(":partner:"))
        .ok_or(rule)?;
    PartnerId::parse(partner).map_err(|_| rule)
}

pub(crate) fn legal_basis(text: &str) -> Result<String, &'static str> {
    if text == "none-personal-data-free" {
        return Ok(text.to_owned());
    }
    iri(text).map_err(|_| "an IRI of the legal basis, or none-personal-data-free")
}
