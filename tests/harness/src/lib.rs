//! # The harness: real processes under a test's control
//!
//! **Purpose.** Boundary tests, the demo, the chaos oracle and the load generator all need the same things: a real
//! `nats-server`, a real `stadtbus serve`, a client that speaks the public HTTP API, and receivers that behave well or
//! badly on command. They are here once.
//!
//! **Promise.** Everything runs on loopback, on ports taken at run time, in a directory that is removed when the value is
//! dropped; every process started here is killed when its value is dropped; every wait has a deadline and watches a
//! condition, never a clock.
//!
//! **Refuses.** Knowledge of the bus's inside. The harness names no crate of the product: it knows the command line and
//! the HTTP API as a partner does, so that a test through it is a test of what is promised.
//!
//! **Why here.** A test support crate that lives beside the tests can be as plain as they are; nothing of it ships.
//!
//! Binaries come from the target directory the calling program was built in (`target/release/stadtbus`,
//! `target/tools/nats-server`); `STADTBUS_BIN` and `STADTBUS_NATS_SERVER` override.

mod bus;
mod client;
mod failure;
mod http_client;
mod nats;
mod otlp;
mod places;
mod ports;
mod process;
mod receiver;
mod sse;
mod token;
mod vouched;
mod wait;
mod websocket;
mod wire;
mod world;

pub use bus::{Bus, BusOptions};
pub use client::{Client, Mode};
pub use failure::{Failure, Outcome};
pub use http_client::{Answer, HttpClient};
pub use nats::{NatsOptions, NatsServer};
pub use otlp::{OtlpReceiver, Span};
pub use places::{nats_server_bin, stadtbus_bin, target_dir, workspace_dir};
pub use ports::free_port;
pub use process::{Finished, Process};
pub use receiver::{Receiver, Reply, Request};
pub use sse::{SseEvent, SseStream};
pub use token::{Issuer, TokenParts};
pub use vouched::vouched_city;
pub use wait::{eventually, eventually_some};
pub use websocket::{Declined, WebSocket};
pub use world::{World, WorldOptions};

#[cfg(test)]
mod tests;
