//! The Avro event format (CloudEvents Avro format 1.0; AVRO-1): one datum of the published schema `cloudevents.avsc`,
//! without container or fingerprint. There is no batch.
//!
//! **Why a codec of our own.** The schema is fixed and small. A library that reads any schema builds a tree of the whole
//! event, has one limit for all allocations of the process and no limit on nesting; here every length is held against the
//! bytes that are there, nesting is bounded, and the payload is the slice of the body it is. The Apache library is the
//! witness in the tests.
//!
//! **Data.** The payload goes as `bytes`, or as `string` where it is text, so it comes out as it went in. The specification
//! wants data *without* `datacontenttype` translated into the schema's tree of values, which keeps neither numbers nor
//! spelling; where JSON was implied it is therefore said (CORE-11) and goes as bytes. The tree is read: a record is an object
//! of its `value`, a map is an object, an array is an array.
//!
//! **Types.** Integers and booleans stay what they are; timestamps and URIs are strings here and keep their spelling
//! (CORE-12). `bytes` are read as the base64 string that is their canonical form.

mod read;
mod tree;
mod write;

#[cfg(test)]
mod tests;

pub use read::parse;
pub use write::to_bytes;

/// Media type of one event in this format.
pub const MEDIA_TYPE: &str = "application/cloudevents+avro";

/// Branches of the union of an attribute's value, in the order of the schema.
mod attribute {
    pub(super) const NULL: i64 = 0;
    pub(super) const BOOLEAN: i64 = 1;
    pub(super) const INT: i64 = 2;
    pub(super) const STRING: i64 = 3;
    pub(super) const BYTES: i64 = 4;
}

/// Branches of the union of `data`.
mod data {
    pub(super) const BYTES: i64 = 0;
    pub(super) const NULL: i64 = 1;
    pub(super) const BOOLEAN: i64 = 2;
    pub(super) const MAP: i64 = 3;
    pub(super) const ARRAY: i64 = 4;
    pub(super) const DOUBLE: i64 = 5;
    pub(super) const STRING: i64 = 6;
}
