//! The messages of `cloudevents.proto`, package `io.cloudevents.v1`.

use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CloudEvent {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) source: String,
    #[prost(string, tag = "3")]
    pub(super) spec_version: String,
    #[prost(string, tag = "4")]
    pub(super) ty: String,
    /// `map<string, CloudEventAttributeValue>` on the wire.
    #[prost(message, repeated, tag = "5")]
    pub(super) attributes: Vec<Entry>,
    #[prost(oneof = "Payload", tags = "6, 7, 8")]
    pub(super) data: Option<Payload>,
}

/// Field numbers of the messages that are counted before they are read.
pub(super) const ATTRIBUTES: u64 = 5;
pub(super) const EVENTS: u64 = 1;
/// The key of one member of `CloudEventBatch.events`: field 1, with a length.
pub(super) const EVENTS_KEY: u8 = 1 << 3 | 2;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(message, optional, tag = "2")]
    pub(super) value: Option<AttributeValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AttributeValue {
    #[prost(oneof = "Attr", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) attr: Option<Attr>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Attr {
    #[prost(bool, tag = "1")]
    Boolean(bool),
    #[prost(int32, tag = "2")]
    Integer(i32),
    #[prost(string, tag = "3")]
    String(String),
    #[prost(bytes = "vec", tag = "4")]
    Bytes(Vec<u8>),
    #[prost(string, tag = "5")]
    Uri(String),
    #[prost(string, tag = "6")]
    UriRef(String),
    #[prost(message, tag = "7")]
    Timestamp(Timestamp),
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Payload {
    #[prost(bytes = "bytes", tag = "6")]
    Binary(Bytes),
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(message, tag = "8")]
    Proto(Any),
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
}
