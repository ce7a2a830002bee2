//! A partner's plugin between the log and the receiver, or between a partner's own format and the log.
//!
//! *Promise*: a plugin can only fail its own partner's events (P5). It gets the input, its configuration, its
//! tables and the state under its declared key, and nothing else; what it gives back is validated against the
//! contract like any publication, and its identity is ours ([`identity`]). *Why here*: after routing, because
//! only a delivery that is allowed may cost a plugin run.
//!
//! Commit order for plugins with state: outputs (with deterministic ids), then state (which remembers the
//! input it includes), then the cursor. A crash anywhere repeats, and repeats change nothing.

pub mod identity;
mod state;
mod tables;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use stadtbus_contracts::Registry;
use stadtbus_event::Event;
use stadtbus_plugin_host::{
    Answer, Cost, Draft, Failure, OwnedCall, OwnedInput, Plugin, Pool, StateChange, Verdict,
};
pub use state::{Held, STATE, StateStore, after, event_input};
pub use tables::{GivenTables, TableVersions, tables};

/// No instance was to be had: that says something of the host, and nothing of a plugin.
pub(crate) const BUSY: &str = "SB-1405";

/// Why an event could not be transformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransformError {
    /// `SB-41xx`, or `SB-15xx` when the state could not be read.
    pub code: &'static str,
    /// One sentence, without payload.
    pub detail: String,
    /// Whether another attempt can help: only trouble with the broker or want of room in the host, for a plugin is a pure
    /// function.
    pub transient: bool,
    /// What the call cost that failed, if there was one.
    pub cost: Cost,
    /// Where in the plugin it happened, innermost first, with readable names of functions.
    pub backtrace: Option<Box<str>>,
}

impl TransformError {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            transient: false,
            cost: Cost::default(),
            backtrace: None,
        }
    }

    /// There was no room in the host to run it.
    pub(crate) fn busy() -> Self {
        Self {
            transient: true,
            ..Self::new(BUSY, "The plugin pool gave no answer.")
        }
    }

    /// Whether it is the plugin's own fault: neither the broker's or the host's, nor that of an input that it rejects.
    #[must_use]
    pub fn is_fault(&self) -> bool {
        !self.transient && self.code.starts_with("SB-41") && self.code != "SB-4108"
    }
}

impl From<Failure> for TransformError {
    fn from(failure: Failure) -> Self {
        Self {
            cost: failure.cost,
            // No instance was to be had: nothing is known of the event yet.
            transient: failure.code == BUSY,
            backtrace: failure.backtrace.map(Into::into),
            ..Self::new(failure.code, failure.detail)
        }
    }
}

impl From<stadtbus_broker::BrokerError> for TransformError {
    fn from(error: stadtbus_broker::BrokerError) -> Self {
        Self {
            transient: true,
            ..Self::new(error.code(), error.to_string())
        }
    }
}

/// What a plugin made of one input.
#[derive(Debug)]
pub enum Transformed {
    /// Events without identity yet.
    Drafts(Vec<Draft>),
    /// Foreign bytes for the receiver.
    Encoded {
        /// Media type of the body.
        content_type: String,
        /// More header fields.
        headers: Vec<(String, String)>,
        /// The body.
        body: Bytes,
    },
    /// Nothing, and why.
    Dropped {
        /// The plugin's own code.
        code: String,
        /// In words.
        reason: String,
    },
}

/// What a plugin made of one input, and the state that follows from it.
#[derive(Debug)]
pub struct Step {
    /// The outputs.
    pub result: Transformed,
    /// The change of state under the key of the input.
    pub state: StateChange,
    /// What the call cost.
    pub cost: Cost,
}

/// What came of running one version, and what that cost.
#[derive(Debug, Clone)]
pub struct Run<T> {
    /// What came of it.
    pub outcome: T,
    /// What it cost.
    pub cost: Cost,
}

/// One plugin in one place: the component, its configuration, its tables, its state.
#[derive(Clone)]
pub struct Transform {
    plugin: Arc<Plugin>,
    pool: Arc<Pool>,
    config: Bytes,
    tables: GivenTables,
    /// State of this place, if the plugin keeps any.
    pub state: Option<StateStore>,
}

impl Transform {
    /// Puts `plugin` in its place; it runs on the threads of `pool`.
    #[must_use]
    pub fn new(
        plugin: Arc<Plugin>,
        pool: Arc<Pool>,
        config: Bytes,
        tables: GivenTables,
        state: Option<StateStore>,
    ) -> Self {
        Self {
            plugin,
            pool,
            config,
            tables,
            state,
        }
    }

    /// Another version of the plugin in the same place.
    #[must_use]
    pub fn with(&self, plugin: &Arc<Plugin>) -> Self {
        let ttl = plugin.manifest().state.as_ref().map(|state| state.ttl_s);
        let state = self.state.as_ref().zip(ttl);
        Self {
            plugin: Arc::clone(plugin),
            state: state.map(|(state, ttl_s)| state.kept_for(Duration::from_secs(ttl_s))),
            ..self.clone()
        }
    }

    /// `partner/name@version+digest`.
    #[must_use]
    pub fn name(&self) -> String {
        Self::name_of(&self.plugin)
    }

    /// `partner/name@version+digest` of a plugin.
    #[must_use]
    pub fn name_of(plugin: &Plugin) -> String {
        let manifest = plugin.manifest();
        format!(
            "{}/{}@{}+{}",
            manifest.partner,
            manifest.plugin,
            manifest.version,
            plugin.digest()
        )
    }

    /// The tables that it may look up in, as they are now.
    #[must_use]
    pub fn table_versions(&self) -> &TableVersions {
        &self.tables.versions
    }

    /// Whether it is this very plugin.
    pub(crate) fn is_of(&self, plugin: &Arc<Plugin>) -> bool {
        Arc::ptr_eq(&self.plugin, plugin)
    }

    /// `partner/name`.
    #[must_use]
    pub fn plugin_name(&self) -> String {
        self.plugin.manifest().name()
    }

    /// SHA-256 of the component.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.plugin.digest()
    }

    /// The key under which the plugin keeps state for this input, if it keeps any.
    ///
    /// # Errors
    /// When the plugin declares a key that the input does not have.
    pub fn state_key(&self, input: &OwnedInput) -> Result<Option<String>, TransformError> {
        let call = self.call(input.clone(), None);
        Ok(stadtbus_plugin_host::state_key(
            self.plugin.manifest(),
            &call.borrowed().input,
        )?)
    }

    /// Runs the plugin once on each event, without state.
    pub async fn run_events(&self, events: Vec<Arc<Event>>) -> Vec<Result<Step, TransformError>> {
        let calls = events
            .into_iter()
            .map(|event| self.call(OwnedInput::Event(event), None))
            .collect();
        let answers = self.pool.run_batch(&self.plugin, calls).await;
        answers.into_iter().map(step).collect()
    }

    /// Runs the plugin once, with the state that it keeps under the input's key.
    ///
    /// # Errors
    /// What the plugin did wrong, or that it rejected the input.
    pub async fn run_one(&self, input: OwnedInput, state: Option<Bytes>) -> Result<Step, TransformError> {
        step(self.pool.run(&self.plugin, self.call(input, state)).await)
    }

    /// Whether the plugin may publish this type.
    #[must_use]
    pub fn produces(&self, ty: &str) -> bool {
        self.plugin
            .manifest()
            .produces
            .iter()
            .any(|produced| produced.as_str() == ty)
    }

    fn call(&self, input: OwnedInput, state: Option<Bytes>) -> OwnedCall {
        OwnedCall {
            input,
            config: self.config.clone(),
            state,
            tables: self.tables.tables.clone(),
        }
    }
}

fn step(answer: Result<Answer, Failure>) -> Result<Step, TransformError> {
    let answer = answer?;
    let result = match answer.verdict {
        Verdict::Events(drafts) => Transformed::Drafts(drafts),
        Verdict::Encoded {
            content_type,
            headers,
            body,
        } => Transformed::Encoded {
            content_type,
            headers,
            body,
        },
        Verdict::Drop(reason) => Transformed::Dropped {
            code: reason.code,
            reason: reason.text,
        },
        Verdict::Reject(reason) => {
            return Err(TransformError {
                cost: answer.cost,
                ..TransformError::new("SB-4108", format!("{}: {}", reason.code, reason.text))
            });
        }
    };
    Ok(Step {
        result,
        state: answer.state,
        cost: answer.cost,
    })
}

/// Checks what a plugin wants to publish or hand out against the contract of its type.
///
/// # Errors
/// `SB-4106` with the contract's own words.
pub fn check_output(
    registry: &Registry,
    publisher: &stadtbus_event::PartnerId,
    event: &Event,
) -> Result<String, TransformError> {
    match registry.validate(publisher, event, crate::clock::now()) {
        Ok(compiled) => {
            let contract = compiled.contract();
            Ok(format!("{}@{}", contract.id, contract.version))
        }
        Err(violation) => Err(TransformError::new(
            "SB-4106",
            format!("output violates its contract: {violation}"),
        )),
    }
}

impl From<TransformError> for crate::Refusal {
    fn from(error: TransformError) -> Self {
        Self::new(error.code, error.detail)
    }
}
