//! # The load rig: a generator and a receiver that cost next to nothing
//!
//! **Purpose.** The bus, its broker and whoever measures them share the same two cores. Every cycle the generator or the
//! receiver takes is missing in the figure, so both speak HTTP/1.1 by hand over keep-alive connections: requests lie
//! ready as bytes and only the digits of the event's number change; answers are read as far as status and length go.
//!
//! **Promise.** Latency counts from the moment an event was *due*, not from when a slow system let it be sent. Every
//! run is bounded in time and in number of events, and goes to loopback only.
//!
//! **Refuses.** To be an HTTP library: it understands what the bus and its receivers really say (a length or no body)
//! and calls everything else an error.
//!
//! **Why here.** The chaos oracle needs the same two ends; nothing of it ships.

mod client;
mod guest;
mod latency;
mod pace;
mod server;
mod template;
mod words;

pub use client::{Answer, Connection, request};
pub use guest::{Guest, copy_folder};
pub use latency::Latencies;
pub use pace::{Due, pace};
pub use server::{BAD_REQUEST, Handler, NO_CONTENT, OK, Receiver, Reply, UNAVAILABLE};
pub use template::{LANE_MARK, NUMBER_MARK, Template};
pub use words::Words;
