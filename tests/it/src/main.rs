//! # Boundary tests
//!
//! **Purpose.** The promises of the bus, asked of the real thing: `stadtbus serve` on a real nats-server, spoken to over HTTP
//! as partners do, heard by real receivers. **Promise.** No test knows the bus's inside, waits for a clock, or depends on
//! another test. **Refuses.** Mocks. **Why one binary.** It links once; a module per promise keeps it readable.
//!
//! `probe` is a city made for the tests (see [`city`]); `krefeld` is the one the repository ships, with its plugins.
#![cfg(test)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod city;
mod support;

mod accept;
mod apply;
mod authentication;
mod bad_input;
mod balance;
mod breaker;
mod conformance;
mod curl;
mod dead_letters;
mod descriptions;
mod dev;
mod dry_run;
mod handshake;
mod in_order;
mod journey;
mod krefeld;
mod logs;
mod mapping;
mod measuring;
mod overload;
mod plugins;
mod pull;
mod reading;
mod registry;
mod replays;
mod restart;
mod rights;
mod rollouts;
mod signatures;
mod state;
mod statements;
mod storage;
mod stream;
mod subscriptions;
mod supply;
mod telemetry;
mod verifiability;
mod watching;
mod webhook;
mod websocket;
