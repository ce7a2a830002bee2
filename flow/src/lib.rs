//! The product: the way an event takes through the bus.
//!
//! The flow has two halves that share nothing but the log and the configuration, so they can run in one
//! process or be scaled apart. The seam is the log, because that is where the promise changes hands: an
//! event answered 202 is durable in the log, and from then on it can only be *settled*, never lost.
//!
//! * [`accept`] is half one: ingest → authenticate → validate → log → receipt.
//! * [`dispatch`] is half two: read → route → transform → deliver → settle.
//!
//! The folders beside those two files are the steps, in that order. Steps never call each other; only
//! `accept.rs` and `dispatch.rs` know the order. [`lanes`] is what dispatch runs on (readers, queues,
//! cursors, leases), [`city`] is the configuration both halves share, [`facts`] is what the bus tells about
//! itself, [`journey`] answers "where is my event?" from the log, the facts and the lanes, and [`witness`] stands between
//! the flow and its broker and notices when a log is not what it was.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod accept;

pub mod dispatch;

pub mod ingest;

pub mod authenticate;

pub mod validate;

pub mod log;

pub mod route;

pub mod transform;

pub mod deliver;

pub mod lanes;

pub mod city;

pub mod clock;

pub mod facts;

pub mod journey;

pub mod witness;

pub mod completeness;

pub mod statement;

pub mod rollout;

pub mod limits;

#[cfg(feature = "planted-bugs")]
mod planted;

mod follow;

mod refusal;

mod written;

pub use limits::Limits;
pub use refusal::Refusal;
