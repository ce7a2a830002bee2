//! A broker inside the process: for simulation, tests and trying the bus without installing anything.
//!
//! **Purpose.** Tests of the flow need a broker whose trouble they can order: refusals, lost answers, stalls, a full
//! disk, an outage. Here these are numbers ([`Faults`]) that can be changed while it runs, drawn from a seed, so that a
//! failure can be played again. All waiting is on tokio's clock, so that a test with a paused clock takes no time.
//!
//! **Promise.** The same as any adapter's, proven by the same kit; outages lose nothing that was acknowledged, as long
//! as the [`MemoryBroker`] (or a clone of it) lives. Memory is bounded by [`Options::bytes_max`].
//!
//! **What it refuses.** To call itself durable: [`stadtbus_broker::Proof::durable`] is false, always.

mod blobs;
mod broker;
mod cells;
mod clock;
mod faults;
mod log;
mod read;
mod signal;
mod state;

pub use broker::{MemoryBroker, Options};
pub use faults::Faults;
