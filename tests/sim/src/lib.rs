//! The flow on a simulated clock, broker and net.
//!
//! **Purpose.** What goes wrong in delivery goes wrong in an order that no test with real processes meets twice. Here one
//! number, the seed, decides everything: what is published, what fails, what crashes, and when. A seed that finds
//! something finds it again.
//!
//! **Promise.** The flow is the one that ships; only what it stands on is simulated, at the seams that it has for this: the
//! broker (its adapter in memory), the clock and chance ([`stadtbus_flow::clock`]), names and connections
//! ([`stadtbus_flow::deliver::egress::Dial`]). One thread, so the same seed gives the same run, which its hash shows.
//!
//! **What it refuses.** To judge by what the flow says about itself: the oracle ([`verdict`]) compares what publishers were
//! answered and receivers got with what stands in the logs.
//!
//! A run has two phases. In the first anything may fail. Then all is healed, and within [`run::HEALED_WITHIN`] everything
//! that was promised must have come true.

mod broker;
mod bus;
mod city;
pub mod coverage;
mod dice;
mod ledger;
mod net;
mod operator;
mod pace;
mod payload;
pub mod planted;
mod publish;
mod pull;
mod receiver;
mod replayed;
pub mod run;
pub mod seeds;
pub mod stage;
mod trace;
pub mod verdict;
mod world;

pub use run::{Run, run};
pub use stage::Stage;
