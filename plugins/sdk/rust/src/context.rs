//! What every call is given besides its input: configuration, state, tables.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::decoder::stadtbus::plugin::{lookup, types};
use crate::event::read_json;
use crate::output::{Stop, reject};

/// Configuration, state and lookup tables of this call.
#[derive(Debug)]
pub struct Context {
    config: Vec<u8>,
    state: Option<Vec<u8>>,
    change: types::StateChange,
}

impl Context {
    pub(crate) fn new(given: types::Context) -> Self {
        Self {
            config: given.config,
            state: given.state,
            change: types::StateChange::Unchanged,
        }
    }

    pub(crate) fn into_change(self) -> types::StateChange {
        self.change
    }

    /// The `config` object of the route or subscription.
    ///
    /// # Errors
    /// Rejects the input with `config-unreadable` if the configuration does not have the form of `T`.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        read_json(
            &self.config,
            "config-unreadable",
            "the configuration of the plugin",
        )
    }

    /// What this plugin stored last under the state key of this input; `None` when there is nothing yet.
    ///
    /// # Errors
    /// Rejects the input with `state-unreadable` if what is stored does not have the form of `T`: a new version of a
    /// plugin must be able to read what the old one wrote.
    pub fn state<T: DeserializeOwned>(&self) -> Result<Option<T>, Stop> {
        self.state
            .as_deref()
            .map(|bytes| read_json(bytes, "state-unreadable", "the stored state of the plugin"))
            .transpose()
    }

    /// The stored state as bytes, for plugins that do not keep JSON.
    #[must_use]
    pub fn state_bytes(&self) -> Option<&[u8]> {
        self.state.as_deref()
    }

    /// Stores new state as JSON, in place of the old. Takes effect with events and drops, never with a rejection.
    ///
    /// # Errors
    /// Rejects the input with `state-unwritable` if `value` has no JSON form.
    pub fn put_state<T: Serialize>(&mut self, value: &T) -> Result<(), Stop> {
        let bytes = serde_json::to_vec(value)
            .map_err(|_| reject("state-unwritable", "the new state has no JSON form"))?;
        self.put_state_bytes(bytes);
        Ok(())
    }

    /// Stores new state as bytes.
    pub fn put_state_bytes(&mut self, bytes: Vec<u8>) {
        self.change = types::StateChange::Put(bytes);
    }

    /// Forgets the state.
    pub fn clear_state(&mut self) {
        self.change = types::StateChange::Clear;
    }

    /// The entry of a lookup table; `None` if there is no such table or entry.
    ///
    /// # Errors
    /// Rejects the input with `table-unreadable` if the entry does not have the form of `T`.
    pub fn lookup<T: DeserializeOwned>(&self, table: &str, key: &str) -> Result<Option<T>, Stop> {
        lookup::get(table, key)
            .map(|bytes| read_json(&bytes, "table-unreadable", "the entry of the lookup table"))
            .transpose()
    }
}
