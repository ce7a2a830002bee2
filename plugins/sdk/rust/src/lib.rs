//! Write plugins for the city event bus *Stadtbus* in Rust.
//!
//! A plugin is a pure function: it is given one input, its configuration, lookup tables and its own state, and
//! answers with events (or an encoded message), a drop or a rejection. It has no clock, no randomness, no files and no
//! network; every call runs in a fresh instance. This crate turns the interface `stadtbus:plugin@1.1.0` into three
//! traits, one per role, and one macro.
//!
//! | role | trait | in | out |
//! |---|---|---|---|
//! | `decode` | [`Decode`] | a foreign message ([`Raw`]) | events ([`Draft`]) |
//! | `transform` | [`Transform`] | one [`Event`] | events ([`Draft`]) |
//! | `encode` | [`Encode`] | one [`Event`] | a foreign message ([`Encoded`]) |
//!
//! # A complete plugin
//!
//! ```ignore
//! use serde::{Deserialize, Serialize};
//! use stadtbus_plugin::{Answer, Context, Draft, Event, Transform, drop, export};
//!
//! #[derive(Deserialize)]
//! struct Outage { id: String, revision: u32, customers: u64 }
//!
//! #[derive(Serialize)]
//! struct PublicOutage { id: String, customers: u64 }
//!
//! struct OutageRedact;
//!
//! impl Transform for OutageRedact {
//!     fn transform(event: &Event, context: &mut Context) -> Answer {
//!         let outage: Outage = event.data_json()?;                         // rejects what it cannot read
//!         let last: u32 = context.state()?.unwrap_or(0);
//!         if outage.revision <= last {
//!             return Err(drop("outdated-revision", "a newer revision was already published"));
//!         }
//!         context.put_state(&outage.revision)?;
//!         let public = PublicOutage { id: outage.id, customers: (outage.customers + 500) / 1_000 * 1_000 };
//!         Ok(Draft::new("de.krefeld.swk.outage.public.v1")
//!             .key(format!("{}/{}", public.id, outage.revision))
//!             .subject(&public.id)
//!             .json(&public)?
//!             .into())
//!     }
//! }
//!
//! export!(transform: OutageRedact);
//! ```
//!
//! `Cargo.toml` needs `crate-type = ["cdylib"]`; `stadtbus plugin build` compiles for `wasm32-unknown-unknown` and
//! makes the component. Beside it lie `plugin.yaml`, the manifest, and `*_test.yaml`, the cases for `stadtbus plugin test`.
//!
//! # Errors
//!
//! A role function returns `Result<_, Stop>`. [`drop`] says "nothing to publish, and that is right"; [`reject`] says
//! "this input is unusable". The helpers of this crate return [`Stop`] themselves, so `?` does the right thing: data
//! that cannot be read rejects the input. A panic ends the call with SB-4103; its place in the source is logged, its
//! message is not, since it may contain payload.

extern crate self as stadtbus_plugin;

#[doc(hidden)]
pub mod bindings;

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code)]
mod allocator;
mod context;
mod event;
mod export;
pub mod log;
mod output;

pub use context::Context;
pub use event::{Event, Raw};
#[doc(hidden)]
pub use export::adapter;
pub use output::{Answer, Draft, Drafts, Encoded, EncodedAnswer, Reason, Stop, drop, reject};
pub use serde_json::json;

/// A plugin of the role `decode`: foreign bytes to events.
pub trait Decode {
    /// Reads one foreign message. See [`Stop`] for the two ways not to answer with events.
    fn decode(raw: &Raw, context: &mut Context) -> Answer;
}

/// A plugin of the role `transform`: one event to any number of events.
pub trait Transform {
    /// Derives events from one event.
    fn transform(event: &Event, context: &mut Context) -> Answer;
}

/// A plugin of the role `encode`: one event to a message in the receiver's format.
pub trait Encode {
    /// Encodes one event.
    fn encode(event: &Event, context: &mut Context) -> EncodedAnswer;
}
