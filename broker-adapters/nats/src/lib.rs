//! The broker port on NATS JetStream. The only crate that names `async-nats`.
//!
//! **Purpose.** JetStream has the log, the conditional writes, the schedules and the object store the flow needs. It
//! does not have cheap durable appends: with `sync_interval: always`, which alone makes an acknowledgement mean
//! something, every message costs its own fsync. This adapter buys them together ([`append`]): one at a time while
//! little is going on, in atomic batches when appends queue up behind one another.
//!
//! **Promise.** That of the port, kit-tested against a real server. An append is answered when JetStream has
//! acknowledged it, an answer that got lost is asked for again under the same message id, and what stays open is
//! reported as unknown. Readers ([`ordered`]) check the server's count of every delivery and start anew from the last
//! record given when one is missing.
//!
//! **What it refuses.** To queue while disconnected: calls fail at once, so that the caller can answer "later" instead
//! of waiting. To believe a server about durability: [`proof`] asks the monitor.
//!
//! **Why not more of `async-nats`.** Its consumers, key-value store and publisher are good for applications; here
//! their waiting, buffering and retrying would hide what the flow must know. Connection, protocol and object store are
//! taken from it, the JetStream API is spoken directly.

mod api;
mod append;
mod batch;
mod blobs;
mod broker;
mod cells;
mod errors;
mod link;
mod log;
mod options;
mod ordered;
mod proof;
mod read;
mod soft_limit;
mod watch;
mod wire;

pub use broker::NatsBroker;
pub use options::Options;
