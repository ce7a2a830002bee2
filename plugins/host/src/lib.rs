//! The sandbox that runs partners' plugins.
//!
//! **Purpose.** Integrators of many organisations deploy code that reads and writes other people's events. This crate
//! runs that code so that it can do its work, quickly, and nothing else at all.
//!
//! **Promise.** A plugin can only fail its own partner's events. A call is a pure function of input, configuration,
//! tables and state, runs in an instance of its own, and ends: with an [`Answer`] that was checked, or with a [`Failure`] that
//! has a code. Memory, time, stack, tables, outputs and log lines are bounded ([`limits`]); compiling happens in a
//! process of its own.
//!
//! Instances are fresh for each call, unless the manifest asks for warm ones ([`Instances`]); those are never shared between
//! plugins or partners ([`limits::INSTANCE_CALLS`] and the following say how long they live).
//!
//! **What it refuses.** Imports other than `stadtbus:plugin` (no WASI at all), artefacts it did not make, manifests
//! outside the bounds, outputs of types nobody promised, identities set by the guest.
//!
//! **Why here.** This is the only crate that names the WebAssembly engine, so an advisory against it concerns one
//! folder. It knows no broker and no HTTP: where state and tables live and what becomes of an answer is the flow's
//! business.
//!
//! ```text
//! manifest + component ─ check ─ compile (child process) ─ artefact store ─ link ─▶ Plugin
//! Call ─▶ Pool (fair between partners) ─▶ Plugin::run (fresh instance) ─▶ Answer | Failure
//! ```
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod artefacts;
mod bindings;
pub mod build;
mod call;
mod carried;
mod compile;
mod document;
mod engine;
mod error;
mod failure;
mod guest;
mod host;
pub mod limits;
mod manifest;
mod owned;
mod plugin;
mod pool;
mod shape;
mod tables;
mod verdict;
mod warm;

pub use call::{Answer, Call, ConfigFault, Cost, Draft, Input, LogLine, Reason, StateChange, Verdict};
pub use carried::{Carried, SBOM_BYTES_MAX};
pub use compile::{CompilerCommand, compile_child};
pub use error::{Failure, PluginError};
pub use host::{Host, HostConfig};
pub use manifest::{Instances, Limits, Manifest, Role, StateSpec, World, state_key};
pub use owned::{OwnedCall, OwnedInput};
pub use plugin::Plugin;
pub use pool::{Observer, Pool};
pub use shape::{Counts, Report, check};
pub use tables::{Lookup, Table, Tables};
