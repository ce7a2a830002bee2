//! The JSON event format and its batch (CloudEvents JSON format 1.0; JSON-1 to JSON-9).
//!
//! Purpose: from body to event without building a tree. `data` stays the slice of the body it is, so that a payload
//! leaves as it came: key order, number spelling, white space inside, duplicate members and all. Strict where silence
//! would change meaning: a member given twice, a number that is no 32-bit integer, a string that is no Unicode.
//! Surrounding white space of `data` is not part of a JSON value and is not kept.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{parse, parse_batch};
pub(crate) use write::string as write_string;
pub use write::{batch_to_bytes, to_bytes};

/// Media type of one event in this format.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
/// Media type of a JSON array of events.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";
