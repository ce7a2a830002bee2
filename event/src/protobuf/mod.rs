//! The Protobuf event format and its batch (CloudEvents Protobuf format 1.0; PROTO-1).
//!
//! **Data.** What is declared as text or JSON and is UTF-8 goes as `text_data`, a Protobuf message with its schema as
//! `proto_data`, everything else as `binary_data`; the bytes come out as they went in. Nothing in this format means
//! "JSON, because nothing was said", so JSON that was implied is said (CORE-11).
//!
//! **Time.** The format has a type for timestamps that knows an instant but not how it was spelled. `time` and the
//! timestamps of the documented extensions go in that type and come out in UTC (CORE-12: the same instant, the canonical
//! spelling). An instant the type cannot hold (a leap second, more than nine fraction digits, the year 0) goes as a string
//! rather than as another instant.
//!
//! **Types.** Integers and booleans stay what they are. URIs, binaries and timestamps become strings when read, as in
//! every other format; those of documented attributes get their type back when written.
//!
//! **Bounds.** Attributes and members of a batch are counted before anything is allocated for them; nesting is bounded by
//! the schema. The structs follow the published `cloudevents.proto` and differ in one point that is the same on the wire:
//! the map of attributes is read as the list of entries it is, so that a name given twice is noticed (CORE-4).

mod message;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{parse, parse_batch};
pub use write::{batch_to_bytes, to_bytes};

/// Media type of one event in this format.
pub const MEDIA_TYPE: &str = "application/cloudevents+protobuf";
/// Media type of a batch in this format.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+protobuf";

/// Whether a media type declares a Protobuf message (the specification names `application/protobuf`; the others are in use).
fn is_protobuf(media_type: &str) -> bool {
    let essence = crate::media::essence(media_type);
    [
        "application/protobuf",
        "application/x-protobuf",
        "application/vnd.google.protobuf",
    ]
    .iter()
    .any(|known| essence.eq_ignore_ascii_case(known))
}
