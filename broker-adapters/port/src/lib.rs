//! What the flow needs of a broker, and nothing else.
//!
//! **Purpose.** The flow's promises rest on a durable, ordered log, on a few small cells that can be written with a
//! condition, and on a place for plugin components. This crate says what exactly is promised there, so that the flow
//! can be written, tested and simulated without a broker product in mind.
//!
//! **Promise of every adapter.** What [`Broker::append`] answered with `Ok` is durable (as far as [`Broker::proof`]
//! says) and is read by every reader, once, in the order of its position. An error says whether the entry can have
//! been stored: only [`BrokerError::Unknown`] leaves that open, and repeating the same entry with the same
//! [`Entry::message_id`] is then safe. Every call ends within the adapter's deadline. No queue grows without bound.
//!
//! **What it refuses.** No consumer groups, acknowledgements or redelivery: cursors, leases and retries belong to the
//! flow, which needs them per subscription and cheaper than a broker can give them. No transactions over several logs.
//!
//! **Why a kit.** A trait only names operations. The promises above are behaviour, so they are kept as named cases in
//! [`kit`], and every adapter runs all of them.

mod blobs;
mod broker;
mod cells;
mod entry;
mod error;
pub mod kit;
mod log;
mod proof;
pub mod subject;

pub use blobs::{Blobs, check_blob_name};
pub use broker::{Broker, RecordStream};
pub use cells::{
    CELL_KEY_BYTES_MAX, Cell, CellChange, CellStream, CellWrite, Cells, Expect, WRITE_ALL_MAX, check_bucket,
    check_cell_key,
};
pub use entry::{Appended, Entry, Position, Record};
pub use error::BrokerError;
pub use log::{LogName, LogSpec, LogState, ReadFrom, ReadOptions};
pub use proof::{Health, Proof};
