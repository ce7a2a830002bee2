//! The manifest `plugin.yaml`: what a plugin is, what goes in and out, what it may use.
//!
//! It is written by people, so it is read strictly and answered helpfully: an unknown key is refused with the key that
//! was probably meant, a limit outside the host's bounds with the bounds. What it does not say has a default.

mod read;
mod state_key;

use serde::{Deserialize, Serialize};
use stadtbus_event::{EventType, PartnerId};

pub use state_key::state_key;

use crate::limits;

/// What a plugin does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Foreign bytes to events.
    Decode,
    /// One event to events.
    Transform,
    /// One event to foreign bytes.
    Encode,
}

impl Role {
    /// The word of the manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Transform => "transform",
            Self::Encode => "encode",
        }
    }
}

/// Which form of the interface a component speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum World {
    /// Records, one world per role.
    Records,
    /// JSON documents, one world for all roles.
    Bytes,
}

/// How long an instance of the component lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Instances {
    /// For one call.
    #[default]
    Fresh,
    /// For calls of this plugin one after another, until it is recycled: for languages whose start costs more than a
    /// call. Only in the world `bytes`.
    Warm,
}

/// A manifest that has been read and checked ([`Manifest::parse`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name within the partner.
    pub plugin: String,
    /// The partner who owns it, and whose events alone it can fail.
    pub partner: PartnerId,
    /// Version of the plugin, free text such as `1.2.0`.
    pub version: String,
    /// For people; the name if absent.
    #[serde(default)]
    pub title: String,
    /// What it does.
    pub role: Role,
    /// Form of the interface.
    #[serde(default = "default_world")]
    pub world: World,
    /// How long an instance of the component lives.
    #[serde(default)]
    pub instances: Instances,
    /// Language it is written in, which decides how `stadtbus plugin build` builds it.
    #[serde(default = "default_language")]
    pub language: String,
    /// Event types it takes (transform, encode).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumes: Vec<EventType>,
    /// Event types it may publish (decode, transform). Any other is refused with SB-4111.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub produces: Vec<EventType>,
    /// Whether, and under which key, it keeps state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateSpec>,
    /// Names of the lookup tables it reads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Whether it may write lines to the log of the bus.
    #[serde(default = "default_log")]
    pub log: bool,
    /// Its licence, an SPDX expression; if absent, what the package file of its language says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Limits of one call.
    #[serde(default)]
    pub limits: Limits,
}

/// State a plugin keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateSpec {
    /// Where the key is found in the input: a JSON Pointer into its JSON (`/stoerungId`; `` for all of it is not
    /// allowed), `attribute:<name>` for an attribute of the event, or `const` for one state for all inputs. Inputs
    /// with one key are processed one after another.
    pub key: String,
    /// How long it is kept after the last change, in seconds.
    #[serde(default = "default_ttl")]
    pub ttl_s: u64,
    /// Its greatest size, in bytes.
    #[serde(default = "default_state_bytes")]
    pub bytes_max: u64,
}

/// Limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Wall-clock time, in milliseconds ([`limits::DEADLINE_MS`]).
    pub deadline_ms: u64,
    /// Linear memory, in MiB ([`limits::MEMORY_MIB`]).
    pub memory_mib: u64,
    /// All outputs together, in bytes ([`limits::OUTPUT_BYTES`]).
    pub output_bytes_max: u64,
    /// Number of outputs ([`limits::OUTPUTS`]).
    pub outputs_max: u64,
    /// Calls of one warm instance ([`limits::INSTANCE_CALLS`]).
    pub instance_calls_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline_ms: limits::DEADLINE_MS.default,
            memory_mib: limits::MEMORY_MIB.default,
            output_bytes_max: limits::OUTPUT_BYTES.default,
            outputs_max: limits::OUTPUTS.default,
            instance_calls_max: limits::INSTANCE_CALLS.default,
        }
    }
}

impl Manifest {
    /// `partner/plugin`, the name routes and subscriptions use.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.partner, self.plugin)
    }

    /// What it asks to be granted: `state:<key>`, `table:<name>` for each table, `log`. In this order.
    #[must_use]
    pub fn grants(&self) -> Vec<String> {
        let state = self.state.iter().map(|state| format!("state:{}", state.key));
        let mut tables = self.tables.clone();
        tables.sort();
        tables.dedup();
        let tables = tables.into_iter().map(|table| format!("table:{table}"));
        let log = self.log.then(|| "log".to_owned());
        state.chain(tables).chain(log).collect()
    }

    /// The export the component must have.
    #[must_use]
    pub fn export(&self) -> &'static str {
        match self.world {
            World::Records => self.role.as_str(),
            World::Bytes => "run",
        }
    }
}

fn default_world() -> World {
    World::Records
}

fn default_language() -> String {
    "rust".to_owned()
}

fn default_log() -> bool {
    true
}

fn default_ttl() -> u64 {
    limits::STATE_TTL_S.default
}

fn default_state_bytes() -> u64 {
    limits::STATE_BYTES.default
}

#[cfg(test)]
mod tests;
