//! Out of the bus: to receivers that are slow, dead, mistaken or hostile.
//!
//! *Promise*: an event that reaches this room ends as delivered, to be tried again, or dead-lettered with a
//! reason, never silently ([`outcome`]); a receiver delays only itself (P6); and no connection is opened but
//! through one door ([`egress`]) that looks at the very address it connects to. *What it refuses*: redirects,
//! proxies, networks that no zone opens, answers without end. *What it leaves to others*: when to try, and what
//! becomes of the event; that is for the lanes. *Why here*: delivery is where the outside begins, so everything
//! that guards against the outside stands in one place.
//!
//! Four ways out: [`webhook`] (the bus posts), [`pull`] (the receiver fetches, with leases), [`sse`] (the receiver
//! listens; where it was, it says by a [`bookmark`]) and the log itself, which needs nothing from here.

pub mod bookmark;
pub mod conceal;
pub mod consents;
pub mod credential;
pub mod dead_letter;
pub mod egress;
mod followed;
pub mod grant;
pub mod outcome;
pub mod pull;
pub mod retry;
pub mod secrets;
pub mod signature;

pub mod sse;
pub mod webhook;

#[cfg(test)]
mod testing;
