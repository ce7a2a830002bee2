//! Which subscriptions get an event, and why the others do not.
//!
//! *Promise*: an event reaches a party only if its filter matched **and** a usage agreement for that contract
//! and purpose is valid at this moment (P4). The evaluator that delivers is the evaluator that explains, so a
//! journey cannot tell another story than the routing did. *Why here*: after the log, so that a refusal to one
//! receiver is a fact about that receiver and never a reason to lose the event.

mod choose;
mod cover;
mod filter;
mod index;
mod matcher;
mod rule;

pub use filter::{decide, decide_in};
pub use matcher::Matcher;
pub use rule::{Decision, Rule};
