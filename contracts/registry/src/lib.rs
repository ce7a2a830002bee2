//! The city's documents: who is on the bus, what each promises, who may receive it and what for.
//!
//! **Purpose.** A bus that carries other people's data needs one place that knows what was agreed.
//! This crate reads it from a folder that clerks and integrators write ([`load`], [`lint`],
//! [`test_examples`]), keeps it as one document ([`City`]), and makes it fast to ask
//! ([`Registry`]): is this event what its contract says, and may this partner have it.
//!
//! **Promise.** All findings of a folder come at once, each with file, line, code, a sentence in
//! German and English and a hint. The same rules are applied to a folder and to a city that arrives
//! over the network. Asking costs microseconds and never fetches, never writes, never logs.
//!
//! **What it refuses.** Fields it does not know, references to nothing, schemas that reach outside
//! their file, deliveries nobody agreed to. It does not judge identities or tokens, does not
//! deliver and does not run plugins; it only says what the documents say.
//!
//! **Why here.** Between the event and the flow: the flow asks it at both ends (accept and route),
//! the command line uses it without any flow.
//!
//! Findings carry the codes `SB-5001` to `SB-5014`, `SB-5016`, `SB-5017`, `SB-4021` and `SB-3006`, violations `SB-1201` to `SB-1206`,
//! `SB-1116` and `SB-1312`, refusals
//! `SB-1308` to `SB-1310`.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod agreement;
mod check;
mod city;
mod contract;
mod delivery;
mod diff;
mod examples;
mod filter;
mod finding;
mod geo;
mod in_order;
mod load;
mod odcs;
pub mod order;
mod partner;
mod payload;
mod plugin;
mod provenance;
pub mod reach;
mod reader;
mod registry;
mod route;
mod rules;
mod schema;
mod sink;
mod strict_json;
mod subscription;
mod trust;
mod view;
mod yaml;
mod zone;

pub use agreement::{Day, UsageAgreement};
pub use city::{City, component_digest, table_version};
pub use contract::{Classification, Contract, Property, Status};
pub use delivery::Delivery;
pub use diff::{Change, ChangeKind, diff};
pub use examples::{ExampleResult, test_examples};
pub use filter::{
    Attributes, Comparison, DataFilter, FILTER_DEPTH_MAX, Field, Filter, NumberKey, Order, Pointer, Scalar,
};
pub use finding::{Finding, Findings, Severity, Text, nearest};
pub use geo::{Area, Areas, Circle, Envelope, GEOMETRY_POSITIONS_MAX, Geometry};
pub use in_order::{InOrder, KEY_BYTES_MAX, KeyPath, OnFailure};
pub use load::{components, finding_in, lint, load, load_documents};
pub use partner::{Contact, Partner, PartnerKind, Permission, System, covers};
pub use payload::NO_PAYLOAD;
pub use plugin::{PluginName, PluginRef, PluginUse, Role};
pub use provenance::{
    ENVELOPE_BYTES_MAX, EnvelopeSignature, PluginKey, PluginSignature, PluginSigner, SIGSTORE_BYTES_MAX,
    Subjects,
};
pub use registry::{CompiledContract, Grounds, Permit, Refusal, Registry, Violation};
pub use route::Route;
pub use sink::{Handshake, LogSink, Mode, SealedCredential, Sink, Webhook};
pub use subscription::Subscription;
pub use trust::{KeyAlgorithm, SignedType, TrustedKey, TrustedSource};
pub use view::DataView;
pub use zone::{Cidr, PortRange, Zone};
