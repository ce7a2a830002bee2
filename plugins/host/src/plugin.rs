//! A deployed plugin, ready to be called.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use stadtbus_event::Event;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Store};

use crate::bindings::{configured, decoder, encoder, log, lookup, scripting, transformer, types};
use crate::call::{Answer, Call, ConfigFault, Cost, Draft, Input, Reason, StateChange, Verdict};
use crate::engine::{Ticker, mib};
use crate::error::{Failure, PluginError, SHOWN_CHARS_MAX, shown, shown_to};
use crate::guest::Guest;
use crate::limits::{CONFIG_FAULTS_MAX, REASON_TEXT_CHARS_MAX, TICK_MS, hostcall_fuel};
use crate::manifest::{Instances, Manifest, Role, World};
use crate::tables::Tables;
use crate::warm::{Room, Shelf};
use crate::{document, failure, verdict};

/// A plugin whose component is compiled and linked. Each call has an instance to itself, a fresh one or one off the shelf.
pub struct Plugin {
    pub(crate) manifest: Manifest,
    digest: String,
    engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) entry: Entry,
    /// Where instances wait for their next call, if they are warm.
    shelf: Option<Arc<Shelf>>,
    /// How it checks configurations, if it does.
    configured: Option<configured::ConfiguredPre<Guest>>,
}

/// What all plugins of a host share.
#[derive(Clone)]
pub(crate) struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) room: Arc<Room>,
}

/// The linked component, by world.
pub(crate) enum Entry {
    Decode(decoder::DecoderPre<Guest>),
    Transform(transformer::TransformerPre<Guest>),
    Encode(encoder::EncoderPre<Guest>),
    Bytes(scripting::BytesPre<Guest>),
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.manifest.name())
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    pub(crate) fn link(
        manifest: &Manifest,
        digest: String,
        sandbox: &Sandbox,
        component: &Component,
    ) -> Result<Self, PluginError> {
        let (entry, configured) = entry(manifest, &sandbox.engine, component).map_err(|error| {
            PluginError::new(
                "SB-4003",
                format!(
                    "the component does not fit the interface: {}",
                    shown(&format!("{error:#}"))
                ),
            )
            .hint("check `role` and `world` in the manifest, and build against stadtbus:plugin, version 1")
        })?;
        let Sandbox { engine, ticker, room } = sandbox.clone();
        let shelf = (manifest.instances == Instances::Warm).then(|| room.shelf());
        Ok(Self {
            manifest: manifest.clone(),
            digest,
            engine,
            ticker,
            entry,
            shelf,
            configured,
        })
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of its component, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Calls the plugin once, on this thread: in a fresh instance, or where its manifest says so in a warm one.
    ///
    /// It blocks for at most the manifest's deadline plus one tick and one bulk memory instruction. Ordinary guests take some
    /// 20 µs; asynchronous code uses a [`Pool`](crate::Pool).
    ///
    /// # Errors
    /// SB-41xx if the plugin exceeds a limit, fails, or answers what it must not; SB-1405 if more calls run at a time
    /// than the host has instances.
    pub fn run(&self, call: Call<'_>) -> Result<Answer, Failure> {
        match &self.shelf {
            Some(shelf) => self.run_warm(shelf, &call),
            None => self.run_fresh(call),
        }
    }

    /// As [`Plugin::run`], in a fresh instance whatever the manifest says: what an answer is compared with that a warm
    /// instance gave.
    ///
    /// # Errors
    /// As [`Plugin::run`].
    pub fn run_fresh(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let started = Instant::now();
        let mut store = self.store(call.tables);
        let answered = {
            let _running = self.ticker.enter();
            self.enter(&mut store, &call)
        };
        self.settle(started, answered, store.data_mut())
    }

    /// Makes a fresh instance and gives it back: what a call costs before the guest has done anything.
    ///
    /// # Errors
    /// SB-41xx if the instance exceeds a limit or fails while it starts.
    pub fn start(&self) -> Result<(), Failure> {
        let explain = |error: wasmtime::Error| failure::explain(&error, &self.manifest.limits);
        let mut store = self.store(&Tables::none());
        let _running = self.ticker.enter();
        match &self.entry {
            Entry::Decode(pre) => pre.instantiate(&mut store).map(drop),
            Entry::Transform(pre) => pre.instantiate(&mut store).map(drop),
            Entry::Encode(pre) => pre.instantiate(&mut store).map(drop),
            Entry::Bytes(pre) => pre.instantiate(&mut store).map(drop),
        }
        .map_err(explain)
    }

    /// The store of one instance, with the limits of its first call.
    pub(crate) fn store(&self, tables: &Tables) -> Store<Guest> {
        let memory_max = mib(self.manifest.limits.memory_mib);
        let mut store = Store::new(&self.engine, Guest::new(tables.clone(), memory_max));
        store.limiter(|guest| &mut guest.limiter);
        store.epoch_deadline_trap();
        self.limit_call(&mut store);
        store
    }

    /// Gives the next call in this store its time and the host its patience.
    pub(crate) fn limit_call(&self, store: &mut Store<Guest>) {
        store.set_hostcall_fuel(hostcall_fuel(self.manifest.limits.output_bytes_max));
        // One tick more than the deadline holds: the first may be about to strike.
        store.set_epoch_deadline(self.manifest.limits.deadline_ms.div_ceil(TICK_MS) + 1);
    }

    /// Checks what a call came to, and adds what it logged and used.
    pub(crate) fn settle(
        &self,
        started: Instant,
        answered: Result<(Verdict, StateChange), Failure>,
        guest: &mut Guest,
    ) -> Result<Answer, Failure> {
        let (answered, output_bytes) = match answered {
            Ok((mut verdict, mut state)) => match verdict::check(&self.manifest, &mut verdict, &mut state) {
                Ok(bytes) => (Ok((verdict, state)), bytes),
                Err(failure) => (Err(failure), 0),
            },
            Err(failure) => (Err(failure), 0),
        };
        let logs = std::mem::take(&mut guest.logs);
        let cost = Cost {
            micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            memory_bytes: guest.limiter.memory_bytes,
            output_bytes,
            log_lines_dropped: guest.log_lines_dropped,
        };
        match answered {
            Ok((verdict, state)) => Ok(Answer {
                verdict,
                state,
                logs,
                cost,
            }),
            Err(failure) => Err(Failure {
                logs,
                cost,
                ..failure
            }),
        }
    }

    /// What the plugin says is wrong with a configuration (JSON text), the worst [`CONFIG_FAULTS_MAX`]; nothing where it is
    /// good, or where the plugin does not look at it before a call. It blocks as [`Plugin::run`] does.
    ///
    /// # Errors
    /// SB-41xx if the plugin exceeds a limit or fails while it looks.
    pub fn check_config(&self, config: &[u8], tables: &Tables) -> Result<Vec<ConfigFault>, Failure> {
        let Some(configured) = &self.configured else {
            return Ok(Vec::new());
        };
        let explain = |error: wasmtime::Error| failure::explain(&error, &self.manifest.limits);
        let mut store = self.store(tables);
        let _running = self.ticker.enter();
        let guest = configured.instantiate(&mut store).map_err(explain)?;
        let found = guest.stadtbus_plugin_configuration();
        let found = found.call_check(&mut store, config).map_err(explain)?;
        Ok(found
            .into_iter()
            .take(CONFIG_FAULTS_MAX)
            .map(|fault| ConfigFault {
                at: shown_to(&fault.at, SHOWN_CHARS_MAX),
                line: fault.line,
                column: fault.column,
                code: shown_to(&fault.code, 64),
                text: shown_to(&fault.text, REASON_TEXT_CHARS_MAX),
            })
            .collect())
    }

    fn enter(&self, store: &mut Store<Guest>, call: &Call<'_>) -> Result<(Verdict, StateChange), Failure> {
        let explain = |error: wasmtime::Error| failure::explain(&error, &self.manifest.limits);
        match (&self.entry, call.input) {
            (
                Entry::Decode(pre),
                Input::Raw {
                    content_type,
                    bytes,
                    received,
                },
            ) => {
                let input = types::Raw {
                    content_type: content_type.to_owned(),
                    received: received.to_owned(),
                    bytes: bytes.to_vec(),
                };
                let guest = pre.instantiate(&mut *store).map_err(explain)?;
                guest
                    .call_decode(store, &input, &context(call))
                    .map(publishing)
                    .map_err(explain)
            }
            (Entry::Transform(pre), Input::Event(event)) => {
                let guest = pre.instantiate(&mut *store).map_err(explain)?;
                guest
                    .call_transform(store, &record(event), &context(call))
                    .map(publishing)
                    .map_err(explain)
            }
            (Entry::Encode(pre), Input::Event(event)) => {
                let guest = pre.instantiate(&mut *store).map_err(explain)?;
                guest
                    .call_encode(store, &record(event), &context(call))
                    .map(encoding)
                    .map_err(explain)
            }
            (Entry::Bytes(pre), input) if fits(self.manifest.role, input) => {
                let document = document::write(self.manifest.role, call)?;
                let guest = pre.instantiate(&mut *store).map_err(explain)?;
                let answer = guest.call_run(store, &document).map_err(explain)?;
                document::read(&answer, self.manifest.limits.output_bytes_max)
            }
            _ => Err(self.no_such_input()),
        }
    }

    pub(crate) fn no_such_input(&self) -> Failure {
        let role = self.manifest.role.as_str();
        let detail = format!("a plugin of the role {role} does not take this kind of input");
        Failure::new("SB-4107", detail)
    }
}

pub(crate) fn fits(role: Role, input: Input<'_>) -> bool {
    matches!(
        (role, input),
        (Role::Decode, Input::Raw { .. }) | (Role::Transform | Role::Encode, Input::Event(_))
    )
}

/// How a linked component checks configurations, if it does.
type Configured = Option<configured::ConfiguredPre<Guest>>;

fn entry(
    manifest: &Manifest,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<(Entry, Configured)> {
    let mut linker: Linker<Guest> = Linker::new(engine);
    log::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    lookup::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    let pre = linker.instantiate_pre(component)?;
    let configured = configured::ConfiguredPre::new(pre.clone()).ok();
    let entry = match (manifest.world, manifest.role) {
        (World::Bytes, _) => Entry::Bytes(scripting::BytesPre::new(pre)?),
        (World::Records, Role::Decode) => Entry::Decode(decoder::DecoderPre::new(pre)?),
        (World::Records, Role::Transform) => Entry::Transform(transformer::TransformerPre::new(pre)?),
        (World::Records, Role::Encode) => Entry::Encode(encoder::EncoderPre::new(pre)?),
    };
    Ok((entry, configured))
}

fn context(call: &Call<'_>) -> types::Context {
    let config: &[u8] = if call.config.is_empty() {
        b"{}"
    } else {
        call.config
    };
    types::Context {
        config: config.to_vec(),
        state: call.state.map(<[u8]>::to_vec),
    }
}

fn record(event: &Event) -> types::Event {
    let extensions = event.extensions();
    types::Event {
        id: event.id().to_owned(),
        source: event.source().to_owned(),
        type_: event.ty().to_owned(),
        subject: event.subject().map(str::to_owned),
        time: event.time().map(str::to_owned),
        datacontenttype: event.datacontenttype().map(str::to_owned),
        dataschema: event.dataschema().map(str::to_owned),
        extensions: extensions
            .map(|(name, value)| types::Attribute {
                name: name.to_owned(),
                value: value.to_string(),
            })
            .collect(),
        data: event.data().map(|data| data.to_vec()),
    }
}

fn publishing(answer: types::Answer) -> (Verdict, StateChange) {
    let verdict = match answer.verdict {
        types::Verdict::Events(drafts) => Verdict::Events(drafts.into_iter().map(draft).collect()),
        types::Verdict::Drop(reason) => Verdict::Drop(reason_of(reason)),
        types::Verdict::Reject(reason) => Verdict::Reject(reason_of(reason)),
    };
    (verdict, change(answer.state))
}

fn encoding(answer: types::EncodeAnswer) -> (Verdict, StateChange) {
    let verdict = match answer.verdict {
        types::EncodeVerdict::Encoded(message) => Verdict::Encoded {
            content_type: message.content_type,
            body: Bytes::from(message.body),
            headers: pairs(message.headers),
        },
        types::EncodeVerdict::Drop(reason) => Verdict::Drop(reason_of(reason)),
        types::EncodeVerdict::Reject(reason) => Verdict::Reject(reason_of(reason)),
    };
    (verdict, change(answer.state))
}

fn draft(draft: types::Draft) -> Draft {
    Draft {
        key: draft.key,
        ty: draft.type_,
        subject: draft.subject,
        time: draft.time,
        datacontenttype: draft.datacontenttype,
        dataschema: draft.dataschema,
        extensions: pairs(draft.extensions),
        data: draft.data.map(Bytes::from),
    }
}

fn pairs(list: Vec<types::Attribute>) -> Vec<(String, String)> {
    list.into_iter().map(|each| (each.name, each.value)).collect()
}

fn reason_of(reason: types::Reason) -> Reason {
    Reason {
        code: reason.code,
        text: reason.text,
    }
}

fn change(change: types::StateChange) -> StateChange {
    match change {
        types::StateChange::Unchanged => StateChange::Unchanged,
        types::StateChange::Put(bytes) => StateChange::Put(bytes),
        types::StateChange::Clear => StateChange::Clear,
    }
}
