//! What a publishing partner promises: one event type, its schema and its terms.
//!
//! The document is an Open Data Contract Standard 3.1 contract; here are the parts the bus acts on.
//! The text itself travels with them, because the register and the record of processing activities
//! show all of it.

use serde::{Deserialize, Serialize};
use stadtbus_event::{EventType, PartnerId};

use crate::agreement::{Day, UsageAgreement};

/// A contract as the bus acts on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// `urn:…:datacontract:…`.
    pub id: String,
    /// Name, in German.
    pub name: String,
    /// Version of the document, `major.minor.patch`; the major one is in the event type, too.
    pub version: String,
    /// Where in its life it is.
    pub status: Status,
    /// The event type it is about.
    pub event_type: EventType,
    /// Who publishes.
    pub publisher: PartnerId,
    /// How far the events may travel at most.
    pub classification: Classification,
    /// Whether they speak of persons.
    pub personal_data: bool,
    /// Purpose in words.
    pub purpose: String,
    /// Extension attributes the events carry beyond the bus's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// What an event may carry instead of JSON that satisfies the schema: [`NO_PAYLOAD`], media types, or ranges
    /// such as `image/*` and `*/*`. Empty: nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payloads: Vec<String>,
    /// First day, where the contract says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Day>,
    /// Last day, where the contract says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Day>,
    /// How long the bus keeps the events, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// Partners the document names as recipients; an agreement with anyone else contradicts it. Empty: not stated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipients: Vec<PartnerId>,
    /// Partners that must never receive, whatever an agreement says (unbundling, EnWG § 6a).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<PartnerId>,
    /// The properties the document lists.
    pub properties: Vec<Property>,
    /// The JSON Schema (2020-12) of the data, as text.
    pub schema: String,
    /// Who may receive, and why.
    pub usage: Vec<UsageAgreement>,
    /// The whole document as text.
    pub document: String,
}

/// One property of the data, as the contract describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Whether it is always there.
    pub required: bool,
    /// How far it may travel.
    pub classification: Classification,
}

/// Where in its life a contract is (ODCS `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Offered.
    Proposed,
    /// Being written.
    Draft,
    /// In force.
    Active,
    /// In force, but on its way out.
    Deprecated,
    /// No longer in force.
    Retired,
}

impl Status {
    /// Whether events are accepted under it.
    pub fn in_force(self) -> bool {
        matches!(self, Self::Active | Self::Deprecated)
    }
}

/// How far data may travel, from widest to narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Classification {
    /// Anybody.
    Public,
    /// Within the Konzern Stadt.
    Internal,
    /// Named recipients.
    Confidential,
    /// Named recipients, each release approved.
    Restricted,
}

impl Classification {
    /// The word, as in the CloudEvents extension `dataclassification`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }
}
